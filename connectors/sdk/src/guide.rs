//! The guide: a chapter for each topic beyond a first connector.
//!
//! | | |
//! |---|---|
//! | [`settings`] | settings of an app and of each of its tenants |
//! | [`requests`] | endpoints, credentials, and responses of the app |
//! | [`refusals`] | why an operation stops, and what the identity provider reads |
//! | [`existing_accounts`] | linking accounts that the app already has |
//! | [`returning_people`] | people who come back, and people in several organisations |
//! | [`asked_again`] | absolute states, and accounts that are not known |
//! | [`groups`] | groups as teams, roles or something else |
//! | [`passwords`] | passwords, which a connector sets without seeing them |
//! | [`testing`] | tests, from tables to the recorded decisions of a host |
//!
//! The SDK's own tests compile and run every example.

pub mod asked_again;
pub mod existing_accounts;
pub mod groups;
pub mod passwords;
pub mod refusals;
pub mod requests;
pub mod returning_people;
pub mod settings;
pub mod testing;
