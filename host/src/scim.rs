//! SCIM itself: resources, schemas, paths, filters, PATCH, projection, dialects. Pure, no I/O.

pub mod error;

pub use error::{Error, ScimType};
