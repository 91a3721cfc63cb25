//! Passwords, which a connector sets without seeing them.
//!
//! If the manifest's `features.password` is true, an event with a password contains a placeholder
//! for it. Use the placeholder in a request in place of the password, and the host replaces it when
//! it sends the request. The placeholder has no other use, and only the placeholder is in the
//! journal.
//!
//! ```
//! use muster_connector::testing::{context, person, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, Membership, NoSettings, Request,
//!     UserEvent, path,
//! };
//! use serde_json::json;
//!
//! struct Board;
//!
//! impl Connector for Board {
//!     type Settings = NoSettings;
//!
//!     fn password(&self, app: &mut App, context: &Context, event: &UserEvent) -> Decision {
//!         let (Some(account), Some(password)) = (&context.account, &event.password) else {
//!             return Ok(context.unchanged("Has no account."));
//!         };
//!         let path = path(["people", &account.id, "password"]);
//!         app.send(Request::put("app", path).json(&json!({ "password": password })))?;
//!         Ok(context.unchanged("Set the password."))
//!     }
//! }
//!
//! let given = context().account(Account::new("7", Membership::Active));
//! let outcome = script(
//!     &Board,
//!     &given,
//!     &person("ann").event(EventKind::Password),
//!     &[(r#"PUT /people/7/password {"password":"placeholder"}"#, reply(204, ""))],
//! );
//! assert_eq!(outcome.unwrap().note, "Set the password.");
//! ```
//!
//! The password of a new user comes with `create`, in the same field. The host replaces a
//! placeholder only in JSON and form bodies, since paths and headers end up in logs.
