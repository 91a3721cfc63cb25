//! muster, a SCIM server that hosts provisioning connectors.
//!
//! `ARCHITECTURE.md` describes the modules, and the dependencies allowed between them.

pub mod admin_api;
mod backup;
pub mod cli;
pub mod clock;
pub mod conformance;
pub mod connector;
pub mod decision;
pub mod delivery;
pub mod embedded;
mod http;
pub mod kit;
pub mod lifecycle;
pub mod limits;
mod member_error;
mod panics;
mod partial;
mod request_id;
pub mod sample;
pub mod scim;
pub mod store;
mod terminal;

pub use http::router;
