//! Refusals: why an operation stops, and what the identity provider reads.
//!
//! A [`Refusal`](crate::Refusal) becomes a SCIM error with its text as `detail`, and the directory
//! does not change. `app.send` and `?` choose the refusal by the response's status. A connector can
//! refuse more specifically:
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
//!         answer.found()?; // 404: the user has already left.
//!         Ok(Outcome::new(account.clone().with_membership(Membership::Absent), "Left the board."))
//!     }
//! }
//!
//! let unreachable = person("ann").without_email().event(EventKind::Create);
//! assert!(matches!(script(&Board, &context(), &unreachable, &[]), Err(Refusal::Rejected(_))));
//!
//! let owner = context().account(Account::new("7", Membership::Active));
//! let leaver = person("ann").inactive().event(EventKind::Deactivate);
//! let call = |status| [("DELETE /people/7", reply(status, ""))];
//! assert!(matches!(script(&Board, &owner, &leaver, &call(403)), Err(Refusal::Forbidden(_))));
//! assert!(script(&Board, &owner, &leaver, &call(404)).is_ok());
//! ```
//!
//! | refusal | response to the identity provider | what happens next |
//! |---|---|---|
//! | `Rejected` | 400 `invalidValue` | its admin corrects the user |
//! | `Conflict` | 409 `uniqueness` | it looks for a matching user |
//! | `Forbidden` | 403 | its admin reads the reason |
//! | `Unsupported` | 501 | its admin reads the reason |
//! | `RetryLater` | retry later, in the form that it understands | the host also retries by itself |
//! | `Misconfigured` | 500 | the operation stays open until an operator corrects the settings |
//!
//! The host never gives up an event that removes access: the operation stays open until it is done
//! or an operator decides, even if the app rejects it. So return `Ok` only if the user no longer
//! has access, and never because the app did not answer.
