//! The definition of an attribute: its name, type and characteristics (RFC 7643 §2 and §7).

use serde::{Deserialize, Serialize};

/// The definition of an attribute (RFC 7643 §7). Characteristics that are left out have the
/// defaults of §2.2.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// The name, in the schema's spelling.
    pub name: String,
    /// The data type of the value, or of each value if there are several.
    #[serde(rename = "type", default)]
    pub kind: AttributeType,
    /// Whether it holds a list of values.
    #[serde(default)]
    pub multi_valued: bool,
    /// A description for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether a resource without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Suggested values, such as `work` and `home`; others are not refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether upper and lower case differ when values are compared.
    #[serde(default)]
    pub case_exact: bool,
    /// Whether and when clients may write it.
    #[serde(default)]
    pub mutability: Mutability,
    /// When an answer contains it.
    #[serde(default)]
    pub returned: Returned,
    /// The scope within which its values are unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// What a reference may point to: `User`, `Group`, `external`, `uri`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// The most bytes of a value, as it is sent; see `resource::size` for the default. The RFCs have no such
    /// member, so only a connector's schema that needs it is served with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<usize>,
    /// The sub-attributes, if the type is complex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Self>,
}

impl Attribute {
    /// The sub-attribute of this name, in any case.
    pub fn sub_attribute(&self, name: &str) -> Option<&Self> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// Whether its values are objects with sub-attributes.
    pub fn is_complex(&self) -> bool {
        self.kind == AttributeType::Complex
    }

    /// Whether this sub-attribute is false in values that do not have it: `primary` of a
    /// multi-valued attribute (RFC 7643 §2.4).
    pub fn assumes_false(&self, sub: &Self) -> bool {
        self.multi_valued && sub.kind == AttributeType::Boolean && sub.name == "primary"
    }
}

/// The data types of RFC 7643 §2.3, in its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are the RFC's own")]
pub enum AttributeType {
    #[default]
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

/// Whether and when clients may write an attribute (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// Only the server writes it.
    ReadOnly,
    /// Clients write it at any time.
    #[default]
    ReadWrite,
    /// Clients write it once; then it never changes.
    Immutable,
    /// Clients write it and never read it.
    WriteOnly,
}

/// When an answer contains an attribute (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// In every answer.
    Always,
    /// In no answer.
    Never,
    /// Unless the request excludes it, or asks for other attributes.
    #[default]
    Default,
    /// Only if the request asks for it.
    Request,
}

/// The scope within which the values of an attribute are unique (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Values may repeat.
    #[default]
    None,
    /// Unique among the resources of one tenant and type.
    Server,
    /// Unique everywhere.
    Global,
}
