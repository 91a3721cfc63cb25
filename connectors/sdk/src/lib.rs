//! The Rust SDK for muster connectors.
//!
//! A connector decides what a change of a user means in an app. It is a pure function: muster gives
//! it an event (a user joined, changed or left) with its context, and the connector returns the
//! next request to the app, or the outcome. muster keeps the addresses, the credentials, the
//! retries and the journal. A connector keeps no state, so it can be stopped, replaced and asked
//! again at any time, and nothing is lost or done twice.
//!
//! # A first connector
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! muster-connector = "0.1"
//! serde = { version = "1", features = ["derive"] }
//! serde_json = "1"
//! ```
//!
//! The app is a newsletter. A user is on its list or not, so the app has two states:
//!
//! ```
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, Membership, Outcome, Request, UserEvent, path,
//! };
//! use serde::Deserialize;
//!
//! struct Newsletter;
//!
//! #[derive(Deserialize)]
//! struct Settings {
//!     list: String,
//! }
//!
//! impl Connector for Newsletter {
//!     type Settings = Settings;
//!
//!     fn create(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
//!         if !event.user.active {
//!             return Ok(Outcome::new(None, "Not active yet: not put on the list."));
//!         }
//!         let email = address(event);
//!         let body = serde_json::json!({ "name": event.user.display_name });
//!         let reader = path(["lists", &context.settings.list, "readers", email]);
//!         app.send(Request::put("app", reader).json(&body))?;
//!         Ok(Outcome::new(Account::new(email, Membership::Active), "Put on the list."))
//!     }
//!
//!     fn activate(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
//!         self.create(app, context, event)
//!     }
//!
//!     fn deactivate(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
//!         // Without an account if the answer to an earlier request was lost.
//!         let id = context.account.as_ref().map_or_else(|| address(event), |it| it.id.as_str());
//!         let reader = path(["lists", &context.settings.list, "readers", id]);
//!         app.ask(Request::delete("app", reader))?.found()?; // 404: already off the list
//!         Ok(Outcome::new(Account::new(id, Membership::Absent), "Taken off the list."))
//!     }
//!
//!     fn delete(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
//!         self.deactivate(app, context, event)
//!     }
//! }
//!
//! fn address(event: &UserEvent) -> &str {
//!     event.user.email.as_deref().unwrap_or(&event.user.user_name)
//! }
//!
//! muster_connector::export!(Newsletter, manifest: "manifest.json");
//! #
//! # use muster_connector::{EventKind, testing};
//! # testing::manifest::<Newsletter>();
//! # let context = testing::context().settings(serde_json::json!({ "list": "7" }));
//! # let outcome = testing::script(
//! #     &Newsletter,
//! #     &context,
//! #     &testing::person("ann@example.com").named("Ann").event(EventKind::Create),
//! #     &[(r#"PUT /lists/7/readers/ann%40example.com {"name":"Ann"}"#, testing::reply(204, ""))],
//! # )
//! # .unwrap();
//! # let outcome = testing::script(
//! #     &Newsletter,
//! #     &context.account(outcome.account.unwrap()),
//! #     &testing::person("ann@example.com").inactive().event(EventKind::Deactivate),
//! #     &[("DELETE /lists/7/readers/ann%40example.com", testing::reply(404, ""))],
//! # )
//! # .unwrap();
//! # assert_eq!(outcome.account.unwrap().membership, Membership::Absent);
//! ```
//!
//! The file `manifest.json`, next to `Cargo.toml`, describes the connector: its name, the effect of
//! each event in words for the customer, its settings, and the endpoints that it calls:
//!
//! ```json
#![doc = include_str!("../manifest.json")]
//! ```
//!
//! `cargo test` tests it natively (see [`testing`]).
//! `cargo build --release --target wasm32-unknown-unknown` builds the file that a host loads.
//!
//! `muster connector new` creates such a project, with the SDK in it.
//!
//! # Next steps
//!
//! The [`guide`] has a chapter on each of settings, requests, refusals, existing accounts, people who
//! come back, events that are asked again, groups, passwords and testing. In short:
//!
//! - **Straight-line code.** [`App::send`] returns a response that the journal already has, or ends
//!   the method there. A method must do the same each time: the only clock is [`Context::now`], the
//!   only randomness is [`Context::seed`], and a body must not contain a `HashMap`.
//! - **Errors of the app.** `?` turns a response into the refusal that fits it; see the table of
//!   [`App::send`]. [`App::ask`] returns the response instead. `Err(Refusal::…)?` refuses.
//! - **Asked again.** Every event may arrive twice, and `deactivate` and `delete` without a known
//!   account: it then means "make sure that the user is out".
//! - **Notes.** [`Account::with_notes`] keeps data of the connector for later events about the same
//!   user.
//! - **Users in several organisations.** [`Context::elsewhere`] counts the other tenants in which
//!   the same account is a member. Removing a user here must not lock them out there.
//! - **The app's own attributes.** The manifest's `scim` adds schemas. muster validates them, shows
//!   them to identity providers, and includes their attributes in `event.resource`.
//! - **Panics** fail one operation. Their message and place are logged.

mod account;
mod app;
#[doc(hidden)]
pub mod bindings;
mod connector;
mod context;
#[doc(hidden)]
pub mod decide;
mod event;
#[cfg(not(target_arch = "wasm32"))]
pub mod guide;
pub mod log;
mod profile;
mod request;
mod response;
mod stop;
mod teams;
mod template;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use account::{Account, Membership, Outcome, Visibility};
pub use app::App;
pub use bindings::muster::connector::types::{Group, Member, Refusal, User};
pub use connector::{Connector, Decision, Manifest, NoSettings};
pub use context::Context;
pub use event::{EventKind, GroupEvent, UserEvent};
pub use profile::Profile;
pub use request::{Request, path};
pub use response::{Response, id_in};
pub use stop::Stop;
pub use teams::{Organization, Teams};
pub use template::Template;

/// Runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;

/// Exports a [`Connector`] for a host to load: `export!(MyConnector, manifest: "manifest.json");`
///
/// The connector is a unit struct. The manifest's path is relative to the crate's `Cargo.toml`. The
/// functions are exported only for WebAssembly targets, so that the crate can also be built and
/// tested natively.
#[macro_export]
macro_rules! export {
    ($connector:ident, manifest: $manifest:literal) => {
        impl $crate::Manifest for $connector {
            const MANIFEST: &'static str =
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::bindings::exports::muster::connector::lifecycle;

            struct Exported;

            impl lifecycle::Guest for Exported {
                fn describe() -> String {
                    <$connector as $crate::Manifest>::MANIFEST.to_owned()
                }

                fn decide(
                    context: lifecycle::Context,
                    event: lifecycle::Event,
                    exchanges: Vec<lifecycle::Exchange>,
                ) -> Result<lifecycle::Step, lifecycle::Refusal> {
                    $crate::decide::decide(&$connector, context, event, exchanges)
                }
            }

    $crate::bindings::export!(Exported with_types_in $crate::bindings);
        };
    };
}
