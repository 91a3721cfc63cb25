//! What stops an operation, and who is told.
//!
//! A [`Refusal`](crate::Refusal) becomes a SCIM error with its text as `detail`, and the directory
//! stays as it was. `app.send` and `?` choose the fitting one by themselves; a connector that knows
//! better says so:
//!
//! ```
//! use muster_connector::testing::{context, person, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, Membership, NoSettings, Outcome,
//!     Refusal, Request, UserEvent, path,
//! };
//!
//! struct Board;
//!
//! impl Connector for Board {
//!     type Settings = NoSettings;
//!
//!     fn create(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
//!         let Some(address) = event.address() else {
//!             let why = "The board sends invitations: a person needs an e-mail address.";
//!             return Err(Refusal::Rejected(why.to_owned()).into());
//!         };
//!         Ok(Outcome::new(Account::new(address, Membership::Active), "Invited."))
//!     }
//!
//!     fn deactivate(&self, app: &mut App, context: &Context, _: &UserEvent) -> Decision {
//!         let Some(account) = &context.account else {
//!             return Ok(context.unchanged("Never was on the board."));
//!         };
//!         let answer = app.ask(Request::delete("app", path(["people", &account.id])))?;
//!         if answer.status == 403 {
//!             let why = "The last owner of a board cannot leave it; name another one first.";
//!             return Err(Refusal::Forbidden(why.to_owned()).into());
//!         }
//!         answer.found()?; // 404 is fine: they are gone.
//!         Ok(Outcome::new(account.clone().with(Membership::Absent), "Left the board."))
//!     }
//! }
//!
//! let nobody = person("ann").without_email().event(EventKind::Create);
//! assert!(matches!(script(&Board, &context(), &nobody, &[]), Err(Refusal::Rejected(_))));
//!
//! let owner = context().account(Account::new("7", Membership::Active));
//! let leaver = person("ann").inactive().event(EventKind::Deactivate);
//! let call = |status| [("DELETE /people/7", reply(status, ""))];
//! assert!(matches!(script(&Board, &owner, &leaver, &call(403)), Err(Refusal::Forbidden(_))));
//! assert!(script(&Board, &owner, &leaver, &call(404)).is_ok());
//! ```
//!
//! | refusal | the identity provider is told | and then |
//! |---|---|---|
//! | `Rejected` | 400 `invalidValue` | its admin mends the person |
//! | `Conflict` | 409 `uniqueness` | it looks for a match |
//! | `Forbidden` | 403 | nobody may, for a reason |
//! | `Unsupported` | 501 | the app has no such thing |
//! | `RetryLater` | to come back, in the form that it understands | the host tries again by itself |
//! | `Misconfigured` | 500 | the operation waits for the operator, and then goes on |
//!
//! Somebody who leaves is never given up: whatever takes access away stays open until it is done or
//! an operator decides, also where the app says no. So say `Ok` only where the person is out, and
//! never because the app did not answer.
