//! What the fuzz targets share: `scim` as the host has it (linked, since it calls itself
//! `crate::scim`), and something to try it on.

pub mod sample;
pub mod scim;
