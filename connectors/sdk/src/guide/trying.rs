//! Tests, from a table to last month's real decisions.
//!
//! 1. **Tables, natively.** [`testing::script`](crate::testing::script) plays an operation: what is
//!    given, what happens, what the app is asked and answers, what comes of it. It asks again from
//!    every point of the journal, so that a decision that depends on anything else fails there.
//!    `cargo test` needs no WebAssembly for it.
//! 2. **Scenarios, in the sandbox.** `muster connector test` plays files that say the same in YAML,
//!    against the very `.wasm` that a host loads. They are the same for connectors in every language,
//!    and `--record` writes one from an operation of a running host.
//! 3. **Everything that apps do.** `muster connector check` asks about every event in every state,
//!    with every answer that an app may give, from 200 to a cut line, and reports what the connector
//!    made of it and where it breaks its word.
//! 4. **A host of one's own.** `muster dev --connector FILE.wasm` serves it to an identity provider,
//!    or to curl, with a sample app behind it.
//! 5. **The past.** `muster connector replay NAME@VERSION --app APP` runs it on the decisions that a
//!    host has recorded, and tells how it would have decided otherwise. Nothing is touched.
//!
//! What a connector logs ([`log`](crate::log)) stands with the operation, bounded, and so does the
//! message of a panic, with its place.
//!
//! ```
//! use muster_connector::testing::{context, person, play, reply_with};
//! use muster_connector::{
//!     App, Connector, Context, Decision, EventKind, NoSettings, Outcome, Request, UserEvent, log,
//! };
//!
//! struct Board;
//!
//! impl Connector for Board {
//!     type Settings = NoSettings;
//!
//!     fn create(&self, app: &mut App, _: &Context, event: &UserEvent) -> Decision {
//!         let answer = app.send(Request::post("app", "/people").json(&event.user.user_name))?;
//!         if answer.header("x-deprecated").is_some() {
//!             log::warn("The app will not have this call for ever.");
//!         }
//!         Ok(Outcome::new(None, "Told."))
//!     }
//! }
//!
//! // `play` makes the app's answers up as it goes; `script` has them in a table.
//! let ann = person("ann").event(EventKind::Create);
//! let played = play(&Board, &context(), &ann, |_| reply_with(200, "x-deprecated", "2027"));
//! assert_eq!(played.log.len(), 1);
//! ```
