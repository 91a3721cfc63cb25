//! Requests: endpoints, credentials, and responses of the app.
//!
//! A request has an **endpoint** and a path. An operator configures the endpoint's address and
//! credentials, and the host adds both when it sends the request. So a connector can neither leak a
//! secret nor call any other server. An app with two APIs has two endpoints, which the manifest
//! lists:
//!
//! ```json
//! "endpoints": [
//!   { "name": "app", "description": "The app's API." },
//!   { "name": "billing", "description": "The API that counts seats." }
//! ]
//! ```
//!
//! [`App::send`](crate::App::send) returns a 2xx response, and stops the operation with a fitting
//! refusal for any other. If another status is expected, use [`App::ask`](crate::App::ask) and
//! check it:
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
//!             // The user has an account already: link it and leave it as it is.
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
//! - [`path`](crate::path) encodes its segments, so that a user's name cannot change the path.
//! - A request may reach the app twice if the host is killed while the request is sent. Each
//!   request has an `Idempotency-Key` header; if the app does not support it, prefer `PUT`, or look
//!   for the resource before `POST`.
//! - An operation makes at most 256 calls, and a decision has 100 ms of computing time and 32 MiB
//!   of memory, unless an operator sets other limits for an app. Waiting for the app does not
//!   count: the sandbox does not exist in the meantime.
//! - A request has at most 64 headers with 16 KiB, 256 pairs in its query, and 8 KiB of path and query. A
//!   header beginning with `x-` needs the operator's leave (`connector_headers` of the endpoint).
//! - A method is called from its beginning after each call and must do the same each time. The only
//!   clock is [`Context::now`](crate::Context::now), and the only randomness is
//!   [`Context::seed`](crate::Context::seed). A body must not contain a `HashMap`, which has no
//!   order.
