//! muster, a SCIM server that hosts provisioning connectors.
//!
//! `ARCHITECTURE.md` is the map.

pub mod clock;
pub mod decision;
pub mod scim;
