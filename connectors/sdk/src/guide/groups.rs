//! Group push onto teams, roles, or whatever the app has.
//!
//! A group is asked about where the manifest's `features.groups` is true and its `lifecycle` has the
//! events. It has an account of its own, whose id is the team's; who joined and who left comes with
//! each event, at most a hundred at a time, each with the account that the person has in the app.
//!
//! Where teams are a plain collection, [`Teams`](crate::Teams) does it all:
//!
//! ```
//! use muster_connector::testing::{context, group, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, GroupEvent, Membership, NoSettings,
//!     Outcome, Request, Teams, Place, path,
//! };
//!
//! struct Board;
//!
//! impl Connector for Board {
//!     type Settings = NoSettings;
//!
//!     fn group_create(&self, app: &mut App, context: &Context, event: &GroupEvent) -> Decision {
//!         let place = Place { endpoint: "app", organization: &context.tenant };
//!         Teams::default().create(app, place, event)
//!     }
//!
//!     fn group_update(&self, app: &mut App, context: &Context, event: &GroupEvent) -> Decision {
//!         let place = Place { endpoint: "app", organization: &context.tenant };
//!         Teams::default().update(app, place, context.account.as_ref(), event)
//!     }
//! }
//!
//! let engineers = group("Engineers").joined("ann", Account::new("7", Membership::Active));
//! let outcome = script(
//!     &Board,
//!     &context(),
//!     &engineers.event(EventKind::GroupCreate),
//!     &[
//!         (r#"POST /organizations/acme/teams {"name":"Engineers"}"#, reply(201, r#"{"id":"t1"}"#)),
//!         ("PUT /organizations/acme/teams/t1/members/7", reply(204, "")),
//!     ],
//! );
//! assert_eq!(outcome.unwrap().account.unwrap().id, "t1");
//! ```
//!
//! Where they are something else, it is a method like any other. Here a group is a role, and nobody
//! has to make it:
//!
//! ```
//! # use muster_connector::testing::{context, group, reply, script};
//! # use muster_connector::{
//! #     Account, App, Connector, Context, Decision, EventKind, GroupEvent, Membership, NoSettings,
//! #     Outcome, Request, path,
//! # };
//! # struct Board;
//! impl Connector for Board {
//!     # type Settings = NoSettings;
//!     fn group_update(&self, app: &mut App, _: &Context, event: &GroupEvent) -> Decision {
//!         let role = &event.group.display_name;
//!         for member in &event.joined {
//!             // Whoever has no account yet gets the role when they join.
//!             let Some(account) = &member.account else { continue };
//!             app.send(Request::put("app", path(["people", &account.id, "roles", role])))?;
//!         }
//!         for member in &event.left {
//!             let Some(account) = &member.account else { continue };
//!             app.ask(Request::delete("app", path(["people", &account.id, "roles", role])))?.found()?;
//!         }
//!         Ok(Outcome::new(Account::new(role, Membership::Active), "Everybody has their role."))
//!     }
//! }
//! # let event = group("editor").left("ann", Account::new("7", Membership::Active));
//! # let event = event.event(EventKind::GroupUpdate);
//! # let calls = [("DELETE /people/7/roles/editor", reply(404, ""))];
//! # assert!(script(&Board, &context(), &event, &calls).is_ok());
//! ```
