//! Tests, from tables to the recorded decisions of a host.
//!
//! 1. **Tables, natively.** [`testing::script`](crate::testing::script) plays an operation with a
//!    context, an event, and the app's responses, and returns the outcome. It repeats the decisions
//!    at every point of the journal, and fails if one differs. `cargo test` needs no WebAssembly
//!    for it.
//! 2. **Scenarios, in the sandbox.** `muster connector test` plays YAML files with the same content
//!    on the `.wasm` file that a host loads. They work for connectors in every language, and
//!    `--record` writes one from an operation of a running host.
//! 3. **Every response of an app.** `muster connector check` plays every event in every state, with
//!    every kind of response, from 200 to a timeout. It shows the results, and reports decisions
//!    that break the rules.
//! 4. **A development host.** `muster dev --connector FILE.wasm` serves the connector to an
//!    identity provider, or to curl, with a sample app.
//! 5. **Recorded decisions.** `muster connector replay NAME@VERSION --app APP` runs a version on
//!    the decisions that a host has recorded, and shows the differences. It changes nothing.
//!
//! A connector's log lines ([`log`](crate::log)) are kept with the operation, up to a limit. So is
//! the message of a panic, with its place.
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
//!             log::warn("The app has deprecated this call.");
//!         }
//!         Ok(Outcome::new(None, "Notified."))
//!     }
//! }
//!
//! // `play` takes a function for the app's responses, `script` a table.
//! let ann = person("ann").event(EventKind::Create);
//! let played = play(&Board, &context(), &ann, |_| reply_with(200, "x-deprecated", "2027"));
//! assert_eq!(played.log.len(), 1);
//! ```
