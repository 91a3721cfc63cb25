//! SCIM itself: resources, schemas, paths, filters, PATCH, projection, dialects. Pure, no I/O.

pub mod attribute;
pub mod error;
pub mod schema;

pub use error::{Error, ScimType};
pub use schema::{
    Attribute, AttributeType, Extension, Mutability, ResourceType, Returned, Schema, Schemas,
    Uniqueness,
};
