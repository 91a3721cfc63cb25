//! Endpoints, why there are no secrets, and looking at what the app says.
//!
//! A request names an **endpoint**, and has a path. Where the endpoint is, and what signs in there,
//! is the operator's: the host adds the address and the credentials as the request leaves, so a
//! connector can neither lose a secret nor call anybody else. An app with two APIs has two
//! endpoints, each named in the manifest:
//!
//! ```json
//! "endpoints": [
//!   { "name": "app", "description": "The app's API." },
//!   { "name": "billing", "description": "The API that counts seats." }
//! ]
//! ```
//!
//! [`App::send`](crate::App::send) returns an answer of the 200s, and stops the operation with the
//! refusal that fits where the app says anything else. Where one of those answers is no failure, ask
//! with [`App::ask`](crate::App::ask) and look:
//!
//! ```
//! use muster_connector::testing::{context, person, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, Membership, NoSettings, Outcome,
//!     Request, UserEvent, id_in, path,
//! };
//! use serde_json::{Value, json};
//!
//! struct Board;
//!
//! impl Connector for Board {
//!     type Settings = NoSettings;
//!
//!     fn create(&self, app: &mut App, _: &Context, event: &UserEvent) -> Decision {
//!         let name = &event.user.user_name;
//!         let answer = app.ask(Request::post("app", "/people").json(&json!({ "name": name })))?;
//!         let id = if answer.status == 409 {
//!             // They are there already: link them, and leave them as they are.
//!             let found = app.send(Request::get("app", "/people").query("name", name))?;
//!             id_in(&found.json::<Value>()?, "id")?
//!         } else {
//!             id_in(&answer.success()?.json::<Value>()?, "id")?
//!         };
//!         let seat = path(["seats", &id]);
//!         app.send(Request::put("billing", seat))?;
//!         Ok(Outcome::new(Account::new(id, Membership::Active), "Has a seat."))
//!     }
//! }
//!
//! let outcome = script(
//!     &Board,
//!     &context(),
//!     &person("ann").event(EventKind::Create),
//!     &[
//!         (r#"POST /people {"name":"ann"}"#, reply(409, "")),
//!         ("GET /people?name=ann", reply(200, r#"{"id":7}"#)),
//!         ("PUT /seats/7", reply(204, "")),
//!     ],
//! );
//! assert_eq!(outcome.unwrap().account.unwrap().id, "7");
//! ```
//!
//! - [`path`](crate::path) encodes its segments; what a person's name holds cannot lead elsewhere.
//! - A request may reach the app twice, where the host was killed at the wrong moment. Each carries
//!   an `Idempotency-Key`; where the app has none, prefer `PUT`, or look before you `POST`.
//! - An operation makes at most 256 calls, and a decision takes at most 100 ms of computing and 32 MiB
//!   of memory, unless an operator sets other limits for an app. Waiting for the app is not counted,
//!   since nobody waits in the sandbox.
//! - Between two calls a method begins anew: do the same each time. There is no clock but
//!   [`Context::now`](crate::Context::now) and no randomness but
//!   [`Context::seed`](crate::Context::seed); a `HashMap` in a body has no order.
