//! Sort keys of a list (RFC 7644 §3.4.2.3): the value of an attribute, or of its primary or first
//! element.
//!
//! `userName` and `meta.lastModified` are ordered by an index, for any number of resources. Any other
//! attribute orders up to 20,000 matches; beyond, the query is refused with `tooMany`, since a tenant
//! is not put in memory for it. Texts are compared by their first 256 characters.

use super::condition::{Condition, ConditionWriter};
use super::folding::FOLDED;
use super::values::{Scope, ValueLocation, Values};
use crate::scim::path::AttributePath;
use crate::scim::{Attribute, AttributeType, Error, ResourceType};
use crate::store::value::Bound;

/// What resources are sorted by: an expression over a row `r` that is never NULL.
///
/// RFC 7644 §3.4.2.3: a resource without a value is last if ascending and first if descending. So a
/// missing value is the empty BLOB, which SQLite puts behind all texts and numbers.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct SortKey {
    pub(in crate::store) sql: String,
    pub(in crate::store) values: Vec<Bound>,
    /// How texts are compared, unless byte by byte.
    pub(in crate::store) collation: Option<&'static str>,
    /// Whether an index has this order.
    pub(in crate::store) is_indexed: bool,
}

/// The column of names as they are compared.
pub(in crate::store) const USER_NAME: &str = "r.user_name_key";

/// Columns that an index has in order, for every resource of a kind.
const INDEXED: [(&str, &str); 2] = [("userName", USER_NAME), ("lastModified", "r.last_modified")];

/// What resources of this type are sorted by; `invalidPath` where there is no such attribute, or
/// none that has an order.
pub(in crate::store) fn sort_key(
    path: &AttributePath,
    resource_type: &ResourceType,
    tenant: i64,
) -> Result<SortKey, Error> {
    let mut writer = ConditionWriter::new(resource_type, tenant);
    let compared = writer.compared(path, &Scope::Resource);
    let (values, attribute) = compared
        .map_err(|_| refused(path, "is made for each answer, and nothing can be sorted by it"))?
        .ok_or_else(|| match path.resolve(resource_type) {
            Some(_) => refused(path, "is complex: sort by one of its sub-attributes"),
            None => refused(path, &format!("is no attribute of a {}", resource_type.name)),
        })?;
    if values.are_related() {
        return Err(refused(path, "says who is in which group, and nothing can be sorted by it"));
    }
    let ignores_case = ignores_case(attribute);
    if let Some((_, column)) = INDEXED.iter().find(|it| it.0 == attribute.name)
        && values.are_column(column)
    {
        return Ok(key_of(column, Vec::new(), None, true));
    }
    writer.sql("coalesce(");
    let is_folded = writer.sort_value(&values, attribute);
    writer.sql(", x'')");
    let Condition { sql, values, .. } = writer.condition;
    Ok(key_of(&sql, values, (ignores_case && !is_folded).then_some(FOLDED), false))
}

fn key_of(
    sql: &str,
    values: Vec<Bound>,
    collation: Option<&'static str>,
    is_indexed: bool,
) -> SortKey {
    SortKey { sql: sql.to_owned(), values, collation, is_indexed }
}

fn ignores_case(attribute: &Attribute) -> bool {
    use AttributeType::{Reference, String};
    matches!(attribute.kind, String | Reference) && !attribute.case_exact
}

fn refused(path: &AttributePath, why: &str) -> Error {
    Error::invalid_path(format!("sortBy: {path} {why}"))
}

impl<'t> ConditionWriter<'t> {
    /// Writes the value of the attribute; whether upper and lower case are one in it already.
    fn sort_value(&mut self, values: &Values<'t>, attribute: &Attribute) -> bool {
        use AttributeType::{Binary, Reference, String};
        let is_text = matches!(attribute.kind, String | Reference | Binary);
        if is_text {
            self.sql("substr(");
        }
        let is_folded = self.sort_whole_value(values, attribute);
        if is_text {
            // A cursor has it in it, and has to go into a URL.
            self.sql(", 1, 256)");
        }
        is_folded
    }

    fn sort_whole_value(&mut self, values: &Values<'t>, attribute: &Attribute) -> bool {
        let lists = values.lists().to_vec();
        if let (ValueLocation::Column { folded: Some(folded), .. }, true) =
            (&values.location, ignores_case(attribute))
        {
            self.sql(folded);
            return true;
        }
        if !lists.is_empty() {
            self.sql("(SELECT ");
        }
        self.moment(values, attribute);
        for (n, (text, path, name)) in lists.iter().enumerate() {
            self.sql(if n == 0 { " FROM json_each(" } else { ", json_each(" });
            self.sql(text);
            self.sql(", ");
            self.bind(path.as_str());
            self.sql(&format!(") AS {name}"));
        }
        for (n, (_, _, name)) in lists.iter().enumerate() {
            self.sql(if n == 0 { " ORDER BY " } else { ", " });
            // RFC 7644 §3.4.2.3: the primary value, else the first.
            self.sql(&format!(
                "CASE {name}.type WHEN 'object' \
                 THEN json_extract({name}.value, '$.\"primary\"') IS TRUE END DESC, {name}.key"
            ));
        }
        if !lists.is_empty() {
            self.sql(" LIMIT 1)");
        }
        false
    }

    /// Moments are compared as such, whatever their offset; columns are in their order already.
    fn moment(&mut self, values: &Values<'t>, attribute: &Attribute) {
        let is_written = matches!(values.location, ValueLocation::Json { .. });
        if attribute.kind == AttributeType::DateTime && is_written {
            self.sql("round(unixepoch(");
            self.value(&values.location);
            self.sql(", 'subsec') * 1000)");
        } else {
            self.value(&values.location);
        }
    }
}
