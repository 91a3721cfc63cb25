//! Existing accounts: linking accounts that the app already has.
//!
//! An app usually has accounts that were created before muster managed it. To avoid a second
//! account, look for the user in the app first, by what identifies a user there, usually the e-mail
//! address. If the app has a look-up by address, make one request and use
//! [`Response::entry_with`](crate::Response::entry_with). If it only lists accounts, read the list
//! page by page. Each page is a call, so a host that is killed in between continues with the next
//! page.
//!
//! The account may belong to another user of the tenant. muster does not make a call whose path has the id
//! of another user's account as a segment, but answers 409 `uniqueness`; so write ids into the path.
//!
//! ```
//! use muster_connector::testing::{context, person, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, Membership, NoSettings, Outcome,
//!     Refusal, Request, Stop, UserEvent, id_in,
//! };
//! use serde_json::{Value, json};
//!
//! /// The most pages to read. Without this limit, the limit of calls would end the operation with a
//! /// less helpful message.
//! const PAGES: u32 = 100;
//!
//! struct Board;
//!
//! /// The id of the only account with this address.
//! fn find(app: &mut App, address: &str) -> Result<Option<String>, Stop> {
//!     let mut found = None;
//!     for page in 1..=PAGES {
//!         let request = Request::get("app", "/people").query("page", page.to_string());
//!         let people = app.send(request)?.entries("people")?;
//!         let same = |person: &&Value| {
//!             person["mail"].as_str().is_some_and(|mail| mail.eq_ignore_ascii_case(address))
//!         };
//!         for person in people.iter().filter(same) {
//!             if found.replace(id_in(person, "id")?).is_some() {
//!                 // A connector should not guess which of them is the user's.
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
//!         let address = event.required_address()?;
//!         if let Some(id) = find(app, address)? {
//!             let account = Account::new(id, Membership::Active).linked();
//!             return Ok(Outcome::new(account, "Linked the existing account."));
//!         }
//!         let request = Request::post("app", "/people").json(&json!({ "mail": address }));
//!         let made = app.send(request)?.json::<Value>()?;
//!         let account = Account::new(id_in(&made, "id")?, Membership::Active);
//!         Ok(Outcome::new(account, "Created an account."))
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
//! A linked account was there before, and the same address does not make it the tenant's: another
//! customer's users may have it. [`Account::linked`](crate::Account::linked) notes it with the account.
//! muster asks for no `update` and no `password` of an account that is not the tenant's own, and for
//! `deactivate` in place of `delete`. When such a person joins or returns, change neither profile nor
//! password: [`Context::may_rewrite`](crate::Context::may_rewrite) says whether you may. Access and groups
//! are managed as for any other account.
//!
//! Read all pages unless the app guarantees that an address is unique. A connector has no state, so
//! it cannot keep the list for the next operation, which might need a newer one anyway.
//!
//! A connector is asked about one user at a time. Interface 0.1 has no function that lists all
//! accounts of an app.
