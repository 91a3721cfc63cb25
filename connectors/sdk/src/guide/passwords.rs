//! Passing on what the connector never sees.
//!
//! Where the manifest's `features.password` is true, a password that an identity provider sets comes
//! as a stand-in: put it where the password belongs, and the host puts the password there as the
//! request leaves. The stand-in is worth nothing to anybody else, and the journal has nothing more.
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
//!             return Ok(context.unchanged("Nobody is there to have a password."));
//!         };
//!         let place = path(["people", &account.id, "password"]);
//!         app.send(Request::put("app", place).json(&json!({ "password": password })))?;
//!         Ok(context.unchanged("Set the password."))
//!     }
//! }
//!
//! let given = context().account(Account::new("7", Membership::Active));
//! let outcome = script(
//!     &Board,
//!     &given,
//!     &person("ann").event(EventKind::Password),
//!     &[(r#"PUT /people/7/password {"password":"stand-in"}"#, reply(204, ""))],
//! );
//! assert_eq!(outcome.unwrap().note, "Set the password.");
//! ```
//!
//! A new person's password comes with `create`, in the same field. Only JSON and forms can carry it,
//! and only in a body: in a path or a header it would end in somebody's log.
