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
//! The password of a new user comes with `create`, in the same field of the event.
//!
//! The host replaces a placeholder only where it is the whole value of a field that the manifest lists. If
//! the app's field is not `password` at the top of a JSON or form body, list it:
//!
//! ```json
//! "features": { "groups": false, "password": true },
//! "passwords": [
//!   { "endpoint": "app", "method": "POST", "fields": ["/user/credentials/secret"] },
//!   { "endpoint": "app", "method": "PUT", "fields": ["new_password"] }
//! ]
//! ```
//!
//! A field that begins with `/` is a JSON Pointer (RFC 6901), any other the name of a form field. List no
//! field that the app shows to anyone: what it returns in a later event is the password itself. With the
//! placeholder anywhere else (another field, a path, a note, a log line), the decision fails and nothing is
//! sent; `muster connector check` finds such places.
