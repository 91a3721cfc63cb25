//! People who were here before, and people who are elsewhere too.
//!
//! The host remembers an account when its person leaves: [`Context::account`] is given on `create`
//! to a person who comes back, with the id and the notes that the connector left there. Whether that
//! means a new account or the old one is the connector's to decide; the old one is nearly always
//! what people expect:
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
//! /// What is kept with each account.
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
//!             let place = path(["people", &account.id]);
//!             let body = json!({ "active": true, "seat": seat });
//!             if app.ask(Request::patch("app", place).json(&body))?.found()?.is_some() {
//!                 let account = account.clone().with(Membership::Active);
//!                 return Ok(Outcome::new(account, format!("Welcome back, to a {seat} seat.")));
//!             }
//!             // Somebody has deleted the account by hand: they begin anew.
//!         }
//!         let body = json!({ "name": event.user.user_name, "seat": "full" });
//!         let made = app.send(Request::post("app", "/people").json(&body))?;
//!         let account = Account::new(id_in(&made.json::<Value>()?, "id")?, Membership::Active);
//!         Ok(Outcome::new(account.noting(&Notes { seat: "full".to_owned() }), "Has a full seat."))
//!     }
//!
//!     fn delete(&self, app: &mut App, context: &Context, _: &UserEvent) -> Decision {
//!         let Some(account) = &context.account else {
//!             return Ok(context.unchanged("Never was on the board."));
//!         };
//!         if context.elsewhere > 0 {
//!             // Other customers have the same account: it is theirs too.
//!             let account = account.clone().with(Membership::Absent);
//!             return Ok(Outcome::new(account, "Left; the account is in other organisations too."));
//!         }
//!         let body = json!({ "active": false });
//!         let place = path(["people", &account.id]);
//!         app.ask(Request::patch("app", place).json(&body))?.found()?;
//!         Ok(Outcome::new(account.clone().with(Membership::Absent), "Switched the account off."))
//!     }
//! }
//!
//! let before = Account::new("7", Membership::Absent).noting(&Notes { seat: "read-only".into() });
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
//! An outcome without an account says that the app knows nobody: the trace is gone, and whoever
//! comes back is new.
//!
//! [`Context::account`]: crate::Context::account
