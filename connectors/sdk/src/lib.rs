//! Write a muster connector: what a change in a person's life means in your app.
//!
//! A connector is a pure function. muster gives it an event (somebody joined, changed, left) and
//! everything that is known about it; the connector answers with the next request to the app, or
//! with what came of it. muster holds the addresses, the credentials, the retries and the journal;
//! the connector holds nothing, so it can crash, be killed, be replaced and be asked again at any
//! moment without anything being lost or done twice.
//!
//! # A first connector in five minutes
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
//! The app is a newsletter. People are on its list or not, so it has two states:
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
//!         let email = event.user.email.as_deref().unwrap_or(&event.user.user_name);
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
//!     fn deactivate(&self, app: &mut App, context: &Context<Settings>, _: &UserEvent) -> Decision {
//!         let Some(account) = &context.account else {
//!             return Ok(Outcome::new(None, "Never was on the list."));
//!         };
//!         let reader = path(["lists", &context.settings.list, "readers", &account.id]);
//!         app.ask(Request::delete("app", reader))?.found()?; // 404 is fine: off the list already
//!         Ok(Outcome::new(account.clone().with(Membership::Absent), "Taken off the list."))
//!     }
//!
//!     fn delete(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
//!         self.deactivate(app, context, event)
//!     }
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
//! Beside `Cargo.toml` stands `manifest.json`. It says what the connector is, what each event comes
//! to in words for the customer, which settings an operator may give, and what it calls:
//!
//! ```json
#![doc = include_str!("../manifest.json")]
//! ```
//!
//! `cargo test` tests it natively (see [`testing`]), and
//! `cargo build --release --target wasm32-unknown-unknown` builds what a host loads.
//!
//! `muster connector new` makes such a project, with the SDK in it.
//!
//! # What to know beyond that
//!
//! The [`guide`] has a chapter for each of settings, requests, refusing, people who come back,
//! groups, passwords, and trying it all. In short:
//!
//! - **Straight-line code.** [`App::send`] returns an answer that the journal already has, or ends
//!   the method there. Do the same each time: no clock but [`Context::now`], no randomness but
//!   [`Context::seed`], no `HashMap` in a body.
//! - **Failures.** `?` turns what the app says into the refusal that fits ([`App::send`] has the
//!   table). Look at a status yourself with [`App::ask`]; refuse with `Err(Refusal::…)?`.
//! - **Notes.** [`Account::noting`] keeps what the connector wants to know again with every later
//!   event about the same person.
//! - **People in several organisations.** [`Context::elsewhere`] counts the other tenants in which
//!   the same account is a member. Removing somebody here must not lock them out there.
//! - **Attributes of the app's own.** The manifest's `scim` adds schemas: muster checks them, shows
//!   them to identity providers, and passes them on in `event.resource`.
//! - **Panics** end one operation. Their message and place are logged.

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
pub use teams::{Place, Teams};
pub use template::Template;

/// Makes a [`Connector`] what a host can load: `export!(MyConnector, manifest: "manifest.json");`
///
/// The connector is a unit struct, the manifest's path is relative to the crate's `Cargo.toml`.
/// Nothing is exported unless the target is WebAssembly, so that the crate also builds, tests and
/// links natively.
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
