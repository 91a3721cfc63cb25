//! Events that are asked again: absolute states, and accounts that are not known.
//!
//! muster compares the directory with what it knows of the app, and asks for what differs. A call
//! may have had its effect although its response was lost, so a connector may be asked about
//! something that the app already did. Each event therefore asserts a state, and can arrive twice:
//!
//! | event | the state that it asserts |
//! |---|---|
//! | `create`, `activate` | the user is in, with these attributes, whatever the app has of them already |
//! | `update` | the changed attributes have these values |
//! | `deactivate`, `delete` | the user is out, whatever the app has of them still |
//! | `group-create`, `group-update` | the team exists with this name, `joined` are in it, `left` are not |
//! | `group-delete` | there is no such team |
//!
//! - **The app says "already so".** A 409 for a person who is in, or a 404 for one who is out, is a
//!   success: check it as in the chapter on [requests](super::requests).
//! - **The account is not known.** `deactivate`, `delete` and `group-delete` come without an account
//!   if an earlier call may have created one. Look it up, by [all addresses] of the user. Take
//!   nothing away from an account that is not found exactly; if there is none, the user is out.
//! - **Returning.** While a user is absent, muster does not ask about their attributes. `activate`
//!   lists all attributes in `changes`, and the user is in `joined` of their groups again if the
//!   manifest's `groups_lost` says that the app has forgotten them.
//! - **Leaving first.** An event that takes away access makes no other change before: if the app
//!   refused it, the user would stay. Attributes that changed with `deactivate` come again with
//!   `activate`.
//! - **Leavers may lack what the app needs.** muster requires what the manifest's `scim.required`
//!   names of active users only. Do not remove it from the app for the others; [`Profile`] leaves
//!   an address out that they lack.
//!
//! ```
//! use muster_connector::testing::{context, person, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, Membership, NoSettings, Outcome,
//!     Request, Stop, UserEvent, id_in, path,
//! };
//!
//! struct Board;
//!
//! /// The known account, or the one with an address of the user.
//! fn account(
//!     app: &mut App,
//!     context: &Context,
//!     event: &UserEvent,
//! ) -> Result<Option<Account>, Stop> {
//!     if let Some(known) = &context.account {
//!         return Ok(Some(known.clone()));
//!     }
//!     for address in event.addresses(context) {
//!         let people = app.send(Request::get("app", "/people").query("mail", &address))?;
//!         if let Some(person) = people.entry_with("people", "mail", &address)? {
//!             return Ok(Some(Account::new(id_in(&person, "id")?, Membership::Active)));
//!         }
//!     }
//!     Ok(None)
//! }
//!
//! impl Connector for Board {
//!     type Settings = NoSettings;
//!
//!     fn deactivate(&self, app: &mut App, context: &Context, event: &UserEvent) -> Decision {
//!         let Some(account) = account(app, context, event)? else {
//!             return Ok(Outcome::new(None, "Is not on the board."));
//!         };
//!         app.ask(Request::delete("app", path(["people", &account.id])))?.found()?;
//!         Ok(Outcome::new(account.with_membership(Membership::Absent), "Left the board."))
//!     }
//! }
//!
//! let leaver = person("ann@example.com").inactive().event(EventKind::Deactivate);
//! let found = r#"{"people":[{"id":7,"mail":"ann@example.com"}]}"#;
//! let outcome = script(
//!     &Board,
//!     &context(),
//!     &leaver,
//!     &[
//!         ("GET /people?mail=ann@example.com", reply(200, found)),
//!         ("DELETE /people/7", reply(204, "")),
//!     ],
//! );
//! assert_eq!(outcome.unwrap().account.unwrap().id, "7");
//! ```
//!
//! `muster connector check` asks every event twice, with the account of the first outcome and with
//! the one from before it.
//!
//! [`Profile`]: crate::Profile
//! [all addresses]: crate::UserEvent::addresses
