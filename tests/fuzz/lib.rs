//! Shared by the fuzz targets: the host's `scim` module (linked, because it calls itself
//! `crate::scim`) and sample resources.

pub mod sample;
pub mod scim;
