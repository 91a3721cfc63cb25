//! Who is in the app already: looking through it for one person.
//!
//! Before muster came, somebody made accounts by hand. Whoever `create`s without looking makes
//! second ones, so look first, by what the app holds to be one person: mostly the address. An app
//! that can be asked for an address is asked once. One that only lists is looked through, page by
//! page; each page is a call like any other, so a host that is killed in the middle goes on with the
//! page after.
//!
//! ```
//! use muster_connector::testing::{context, person, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, Membership, NoSettings, Outcome,
//!     Refusal, Request, Stop, UserEvent, id_in,
//! };
//! use serde_json::{Value, json};
//!
//! /// More pages than this are not looked through: the limit of calls would end it as well, and say
//! /// less.
//! const PAGES: u32 = 100;
//!
//! struct Board;
//!
//! /// The account with this address, among all that the app lists.
//! fn find(app: &mut App, address: &str) -> Result<Option<String>, Stop> {
//!     let mut found = None;
//!     for page in 1..=PAGES {
//!         let request = Request::get("app", "/people").query("page", page.to_string());
//!         let people = app.send(request)?.entries("people")?;
//!         let theirs = |it: &&Value| {
//!             it["mail"].as_str().is_some_and(|mail| mail.eq_ignore_ascii_case(address))
//!         };
//!         for one in people.iter().filter(theirs) {
//!             if found.replace(id_in(one, "id")?).is_some() {
//!                 // Which of them it is, is not for a connector to guess.
//!                 return Err(Refusal::Conflict(format!("two accounts have {address}")).into());
//!             }
//!         }
//!         if people.is_empty() {
//!             return Ok(found);
//!         }
//!     }
//!     Err(Refusal::Misconfigured(format!("the app lists more than {PAGES} pages")).into())
//! }
//!
//! impl Connector for Board {
//!     type Settings = NoSettings;
//!
//!     fn create(&self, app: &mut App, _: &Context, event: &UserEvent) -> Decision {
//!         let address = event.user.email.as_deref().unwrap_or(&event.user.user_name);
//!         if let Some(id) = find(app, address)? {
//!             let account = Account::new(id, Membership::Active);
//!             return Ok(Outcome::new(account, "Was there already; linked."));
//!         }
//!         let request = Request::post("app", "/people").json(&json!({ "mail": address }));
//!         let made = app.send(request)?.json::<Value>()?;
//!         let account = Account::new(id_in(&made, "id")?, Membership::Active);
//!         Ok(Outcome::new(account, "Made an account."))
//!     }
//! }
//!
//! let outcome = script(
//!     &Board,
//!     &context(),
//!     &person("ann@example.com").event(EventKind::Create),
//!     &[
//!         ("GET /people?page=1", reply(200, r#"{"people":[{"id":1,"mail":"bob@example.com"}]}"#)),
//!         ("GET /people?page=2", reply(200, r#"{"people":[{"id":2,"mail":"Ann@Example.com"}]}"#)),
//!         ("GET /people?page=3", reply(200, r#"{"people":[]}"#)),
//!     ],
//! );
//! assert_eq!(outcome.unwrap().account.unwrap().id, "2");
//! ```
//!
//! Look to the end where the app does not promise that an address is one person's. Keep no list
//! between operations: there is nothing to keep it in, and tomorrow it is wrong.
//!
//! What this is not: a connector is asked about one person at a time, and interface 0.1 has no
//! question for a list of all accounts.
