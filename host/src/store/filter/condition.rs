//! A condition while it is written, from left to right, so that values are bound in their order.

use crate::scim::ResourceType;
use crate::store::value::Bound;

/// A condition, and the values for its question marks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::store) struct Condition {
    pub(in crate::store) sql: String,
    pub(in crate::store) values: Vec<Bound>,
    /// Whether an index leads to the matching resources.
    pub(in crate::store) is_narrow: bool,
}

/// What a query is not charged for: almost all documents have no more bytes.
const FREE_BYTES: usize = 2048;

/// The condition by which a read counts the bytes of the document that this expression looks at, each time that it
/// looks into it; none if it does not.
pub(in crate::store) fn counting(sql: &str) -> Option<String> {
    let times = sql.matches("json_").count();
    let bytes = format!("look_at((octet_length(r.document) - {FREE_BYTES}) * {times})");
    (times > 0).then_some(bytes)
}

/// Writes a condition on resources of one type and tenant.
///
/// NULL counts as false. Only below `not` it has to become false.
pub(super) struct ConditionWriter<'t> {
    pub(super) resource_type: &'t ResourceType,
    /// The number of the tenant.
    pub(super) tenant: i64,
    pub(super) condition: Condition,
    /// How many tables of values have a name already.
    pub(super) elements: usize,
}

impl<'t> ConditionWriter<'t> {
    pub(super) fn new(resource_type: &'t ResourceType, tenant: i64) -> Self {
        Self { resource_type, tenant, condition: Condition::default(), elements: 0 }
    }

    pub(super) fn sql(&mut self, sql: &str) {
        self.condition.sql.push_str(sql);
    }

    pub(super) fn bind(&mut self, value: impl Into<Bound>) {
        self.sql("?");
        self.condition.values.push(value.into());
    }
}
