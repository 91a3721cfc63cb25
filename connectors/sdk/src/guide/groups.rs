//! Groups as teams, roles or something else.
//!
//! muster calls the methods for groups if the manifest's `features.groups` is true and its
//! `lifecycle` lists the events. A group has an account, whose id is the team's id. Each event has
//! the members that joined and left, at most 100 of each, with their accounts in the app.
//!
//! If the app's teams are a plain REST collection, use [`Teams`](crate::Teams):
//!
//! ```
//! use muster_connector::testing::{context, group, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, GroupEvent, Membership, NoSettings,
//!     Organization, Teams,
//! };
//!
//! struct Board;
//!
//! impl Connector for Board {
//!     type Settings = NoSettings;
//!
//!     fn group_create(&self, app: &mut App, context: &Context, event: &GroupEvent) -> Decision {
//!         self.group_update(app, context, event) // Asked again, it has the team's account.
//!     }
//!
//!     fn group_update(&self, app: &mut App, context: &Context, event: &GroupEvent) -> Decision {
//!         let organization = Organization { endpoint: "app", id: &context.tenant };
//!         Teams::default().update(app, organization, context.account.as_ref(), event)
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
//! If the app no longer has a team, `Teams` creates it again with the members of the event. muster
//! sees the new id, and tells the other members with further events. A member whose account the app
//! no longer has is left out, with a line in the log, and the others join. Do the same in a
//! connector of your own: a refusal would keep the other members out.
//!
//! The manifest's `groups_lost` says in which membership an account loses its teams in the app:
//! `absent` (the default), `suspended` or `never`. When the person is active again, they are in
//! `joined` of the groups that they lost.
//!
//! Otherwise write the methods yourself. Here a group is a role, which need not be created:
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
//!             // A user without an account gets the role later, when they join.
//!             let Some(account) = &member.account else { continue };
//!             app.send(Request::put("app", path(["people", &account.id, "roles", role])))?;
//!         }
//!         for member in &event.left {
//!             let Some(account) = &member.account else { continue };
//!             app.ask(Request::delete("app", path(["people", &account.id, "roles", role])))?.found()?;
//!         }
//!         Ok(Outcome::new(Account::new(role, Membership::Active), "Assigned the role."))
//!     }
//! }
//! # let event = group("editor").left("ann", Account::new("7", Membership::Active));
//! # let event = event.event(EventKind::GroupUpdate);
//! # let calls = [("DELETE /people/7/roles/editor", reply(404, ""))];
//! # assert!(script(&Board, &context(), &event, &calls).is_ok());
//! ```
