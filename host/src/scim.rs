//! SCIM itself: resources, schemas, paths, filters, PATCH, projection, dialects. Pure, no I/O.

pub mod additions;
pub mod attribute;
pub mod bulk;
pub mod dialect;
pub mod discovery;
pub mod error;
pub mod evaluate;
pub mod filter;
pub mod group_rules;
pub mod json;
pub mod leaving;
pub mod leniency;
pub mod name;
pub mod patch;
pub mod path;
pub mod precondition;
pub mod projection;
pub mod reading;
pub mod render;
pub mod resource;
pub mod schema;
pub mod search;
pub mod v1;
pub mod version;

pub use additions::Additions;
pub use dialect::Dialect;
pub use error::{Error, ScimType};
pub use filter::{Filter, Literal, Operator};
pub use group_rules::{GroupNames, UnknownMembers};
pub use json::{parse_json, parse_plain_json};
pub use leaving::takes_access_away;
pub use leniency::Leniency;
pub use patch::{MemberChange, MemberRef, PatchRequest, Patched, patch};
pub use path::{AttributePath, PatchPath};
pub use precondition::Precondition;
pub use projection::Projection;
pub use reading::{LeniencyCounts, Reading};
pub use render::Stored;
pub use resource::{Draft, Resource, create, replace, sends_member_display};
pub use schema::{
    Attribute, AttributeType, Extension, Mutability, ResourceType, Returned, Schema, Schemas,
    Uniqueness, Writes,
};
pub use search::{SearchRequest, Sort};
pub use version::Version;
