//! People who come back, and people in several organisations.
//!
//! The host remembers an account when its user leaves. When the user comes back,
//! [`Context::account`] on `create` is this account, with its id and the connector's notes. The
//! connector decides whether to use it again or to create a new one. People nearly always expect to
//! get their account back:
//!
//! ```
//! use muster_connector::testing::{context, person, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, Membership, NoSettings, Outcome,
//!     Request, UserEvent, id_in, path,
//! };
//! use serde::{Deserialize, Serialize};
//! use serde_json::{Value, json};
//!
//! /// The notes of an account.
//! #[derive(Serialize, Deserialize)]
//! struct Notes {
//!     seat: String,
//! }
//!
//! struct Board;
//!
//! impl Connector for Board {
//!     type Settings = NoSettings;
//!
//!     fn create(&self, app: &mut App, context: &Context, event: &UserEvent) -> Decision {
//!         if let Some(account) = &context.account {
//!             let notes: Option<Notes> = account.notes();
//!             let seat = notes.map_or_else(|| "full".to_owned(), |notes| notes.seat);
//!             let path = path(["people", &account.id]);
//!             let body = json!({ "active": true, "seat": seat });
//!             if app.ask(Request::patch("app", path).json(&body))?.found()?.is_some() {
//!                 let account = account.clone().with_membership(Membership::Active);
//!                 return Ok(Outcome::new(account, format!("Welcome back, to a {seat} seat.")));
//!             }
//!             // The account was deleted in the app: create a new one.
//!         }
//!         let body = json!({ "name": event.user.user_name, "seat": "full" });
//!         let made = app.send(Request::post("app", "/people").json(&body))?;
//!         let account = Account::new(id_in(&made.json::<Value>()?, "id")?, Membership::Active);
//!         Ok(Outcome::new(account.with_notes(&Notes { seat: "full".to_owned() }), "Has a full seat."))
//!     }
//!
//!     fn delete(&self, app: &mut App, context: &Context, _: &UserEvent) -> Decision {
//!         let Some(account) = &context.account else {
//!             return Ok(context.unchanged("Never was on the board."));
//!         };
//!         if !context.may_rewrite() {
//!             // Other customers may have the same account.
//!             let account = account.clone().with_membership(Membership::Absent);
//!             return Ok(Outcome::new(account, "Left; the account stays."));
//!         }
//!         let body = json!({ "active": false });
//!         let path = path(["people", &account.id]);
//!         app.ask(Request::patch("app", path).json(&body))?.found()?;
//!         Ok(Outcome::new(account.clone().with_membership(Membership::Absent), "Deactivated."))
//!     }
//! }
//!
//! let before = Account::new("7", Membership::Absent).with_notes(&Notes { seat: "read-only".into() });
//! let outcome = script(
//!     &Board,
//!     &context().account(before),
//!     &person("ann").event(EventKind::Create),
//!     &[(r#"PATCH /people/7 {"active":true,"seat":"read-only"}"#, reply(200, "{}"))],
//! );
//! assert_eq!(outcome.unwrap().note, "Welcome back, to a read-only seat.");
//!
//! let shared = context().account(Account::new("7", Membership::Active)).elsewhere(2);
//! let outcome = script(&Board, &shared, &person("ann").event(EventKind::Delete), &[]);
//! assert_eq!(outcome.unwrap().account.unwrap().membership, Membership::Absent);
//! ```
//!
//! After an outcome without an account, the host keeps no account: a returning user is created as
//! a new one.
//!
//! While a user is absent, muster does not ask about changes of their attributes. When they come
//! back, `activate` lists all attributes in `changes`, so that
//! [`Profile::changed`](crate::Profile::changed) has every field; for `create`, use
//! [`Profile::complete`](crate::Profile::complete). A suspended user's changes arrive as `update`.
//!
//! [`Context::account`]: crate::Context::account
