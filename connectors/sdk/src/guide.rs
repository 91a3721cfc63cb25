//! The guide: what a connector meets beyond its first five minutes, a chapter each.
//!
//! | | |
//! |---|---|
//! | [`settings`] | what operators may turn, for an app and for each of its tenants |
//! | [`requests`] | endpoints, why there are no secrets, and looking at what the app says |
//! | [`refusing`] | what stops an operation, and who is told |
//! | [`returning`] | people who were here before, and people who are elsewhere too |
//! | [`scanning`] | people whom the app has already: looking through it for one of them |
//! | [`groups`] | group push onto teams, roles, or whatever the app has |
//! | [`passwords`] | passing on what the connector never sees |
//! | [`trying`] | tests, from a table to last month's real decisions |
//!
//! Every example here is compiled and run by the SDK's own tests.

pub mod groups;
pub mod passwords;
pub mod refusing;
pub mod requests;
pub mod returning;
pub mod scanning;
pub mod settings;
pub mod trying;
