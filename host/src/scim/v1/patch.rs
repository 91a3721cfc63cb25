//! PATCH by a partial resource (API §3.3.2), translated into operations of SCIM 2.0.

use std::cell::LazyCell;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{CORE_SCHEMA, names, request};
use crate::scim::leniency::Leniency;
use crate::scim::patch::{Op, PatchOperation, PatchRequest};
use crate::scim::path::PatchPath;
use crate::scim::reading::Reading;
use crate::scim::resource::{asks_for_removal, excerpt, is_within, meant, said};
use crate::scim::schema::{Attribute, Mutability, ResourceType};
use crate::scim::{AttributePath, Error, Filter, Literal, Operator};

/// The member that says whether a value of a multi-valued attribute is added or deleted.
const OPERATION: &str = "operation";

/// The most members of one removal; this bounds the depth of its filter.
const SLICE: usize = 100;

/// Parses a partial resource.
///
/// Attributes in `meta.attributes` are cleared first, then the rest is merged into the resource.
/// Read-only attributes are ignored: Okta sends `id` in every body.
pub fn patch(t: &ResourceType, body: &Value, r: &mut Reading) -> Result<PatchRequest, Error> {
    let body = body.as_object().ok_or_else(|| {
        Error::invalid_syntax(format!("The body must be a JSON object: a part of a {}", t.name))
    })?;
    check_schema(body, r)?;
    let mut merge = Merge { cleared: cleared(body)?, operations: Vec::new() };
    let mut unknown = None;
    let modern = request(t, Value::Object(body.clone()));
    let attributes = attributes(t, &modern)?;
    let said = LazyCell::new(|| said(attributes.iter().copied()));
    for (key, raw) in &attributes {
        if let Err(error) = merge.key(t, key, raw, r)? {
            if !r.allows(Leniency::UnknownAttribute) {
                return Err(error);
            }
            if let Some(meant) = meant(t, key, raw).filter(|it| !said.contains(it)) {
                let detail = format!("{}; is {meant} meant?", error.detail);
                return Err(Error { detail, ..error });
            }
            // An extension with another URN need not be stored, such as a group's description:
            // `tests/fixtures/conversations/okta-oin-v1/group-description.json`.
            unknown = unknown.or_else(|| (!key.contains(':')).then_some(error));
        }
    }
    let operations = merge.finish()?;
    match unknown.filter(|_| operations.is_empty()) {
        Some(error) => Err(error),
        None => Ok(PatchRequest { operations, is_resource: true }),
    }
}

/// The members of a body in the form of SCIM 2.0. Those of the core schema may stand under its URN.
fn attributes<'b>(
    t: &ResourceType,
    body: &'b Value,
) -> Result<Vec<(&'b String, &'b Value)>, Error> {
    let (mut attributes, mut names) = (Vec::new(), HashSet::new());
    for (key, raw) in body.as_object().into_iter().flatten() {
        if !key.eq_ignore_ascii_case(&t.schema.id) {
            attributes.push((key, raw));
            continue;
        }
        let within = raw.as_object();
        let wrong = || Error::invalid_value(format!("{CORE_SCHEMA} must be an object"));
        attributes.extend(within.ok_or_else(wrong)?);
    }
    let plain = |key: &str| match key.rsplit_once(':') {
        Some((urn, name)) if urn.eq_ignore_ascii_case(&t.schema.id) => name.to_lowercase(),
        _ => key.to_lowercase(),
    };
    match attributes.iter().find(|(key, _)| !names.insert(plain(key))) {
        // RFC 7643 §2.1: it is not defined which of both counts.
        Some((key, _)) => Err(Error::invalid_syntax(format!("{key} is given twice"))),
        None => Ok(attributes),
    }
}

fn check_schema(body: &Map<String, Value>, r: &mut Reading) -> Result<(), Error> {
    let said = member(body, "schemas").and_then(Value::as_array).into_iter().flatten();
    let core = |urn: &Value| urn.as_str().is_some_and(|it| it.eq_ignore_ascii_case(CORE_SCHEMA));
    if said.into_iter().any(core) || r.allows(Leniency::MissingSchemas) {
        return Ok(());
    }
    Err(Error::invalid_syntax(format!("schemas must contain {CORE_SCHEMA}")))
}

/// The names in `meta.attributes`.
fn cleared(body: &Map<String, Value>) -> Result<Vec<String>, Error> {
    let meta = member(body, "meta").and_then(Value::as_object);
    let known = |name: &String| {
        let names =
            ["attributes", "created", "lastModified", "location", "resourceType", "version"];
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    // Only this member says what to clear, so a misspelt one would change nothing.
    if let Some(other) = meta.into_iter().flat_map(Map::keys).find(|name| !known(name)) {
        let detail = format!("meta has no {other}: meta.attributes names what to clear");
        return Err(Error::invalid_syntax(detail));
    }
    let attributes =
        meta.and_then(|meta| member(meta, "attributes")).filter(|attributes| !attributes.is_null());
    let Some(attributes) = attributes else { return Ok(Vec::new()) };
    let not_names = || Error::invalid_value("meta.attributes must be a list of names");
    let list = attributes.as_array().ok_or_else(not_names)?.iter();
    list.map(|name| Ok(names(name.as_str().ok_or_else(not_names)?).into_owned())).collect()
}

struct Merge {
    /// The attributes that are still to be cleared.
    cleared: Vec<String>,
    operations: Vec<PatchOperation>,
}

impl Merge {
    /// Adds one attribute of the body. The inner error says that the type has no such attribute.
    fn key(
        &mut self,
        t: &ResourceType,
        key: &str,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<Result<(), Error>, Error> {
        if t.extension(key).is_some() {
            self.push(Op::Replace, AttributePath::parse(key)?, None, raw.clone());
            return Ok(Ok(()));
        }
        if let Some(path) = AttributePath::split(key)
            && let Some(urn) = path.schema.as_deref()
            && t.attribute(Some(urn), &path.attribute).is_some()
            && r.allows(Leniency::ExpandedKeys)
        {
            if path.sub_attribute.is_none() && urn.eq_ignore_ascii_case(&t.schema.id) {
                return self.key(t, &path.attribute, raw, r);
            }
            self.push(Op::Replace, path, None, raw.clone());
            return Ok(Ok(()));
        }
        let Some(attribute) = t.attribute(None, key) else {
            let name = &t.name;
            let detail = format!(
                "{key} is not an attribute of {name}; the body of a PATCH is a part of a {name}"
            );
            return Ok(Err(Error::invalid_syntax(detail)));
        };
        if attribute.mutability == Mutability::ReadOnly || attribute.name == "schemas" {
            let stray = is_within(t, raw).then(|| {
                Error::invalid_syntax(format!("{key} is not read here; it says who has access"))
            });
            return stray.map_or(Ok(Ok(())), Err);
        }
        let path = AttributePath::new(&attribute.name);
        if attribute.multi_valued {
            self.values(attribute, raw)?;
        } else {
            // A required attribute that is cleared and given is replaced.
            if !attribute.is_complex() {
                self.takes_back(&attribute.name);
            }
            self.push(Op::Replace, path, None, raw.clone());
        }
        Ok(Ok(()))
    }

    /// Reads the values of a list. Each is added, or removed if its `operation` says so.
    fn values(&mut self, attribute: &Attribute, raw: &Value) -> Result<(), Error> {
        let items = match raw {
            Value::Null => &[],
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let (mut added, mut deleted) = (Vec::new(), Vec::new());
        for item in items {
            match listed_value(attribute, item)? {
                ListedValue::Add(item) => added.push(item),
                ListedValue::Delete(filter) => deleted.push(filter),
            }
        }
        let path = AttributePath::new(&attribute.name);
        if self.takes_back(&attribute.name) {
            // The attribute is cleared, so its values need not be removed one by one.
            self.push(Op::Replace, path, None, added.into());
            return Ok(());
        }
        for filter in joined(deleted) {
            self.push(Op::Remove, path.clone(), Some(filter), Value::Null);
        }
        if !added.is_empty() {
            self.push(Op::Add, path, None, added.into());
        }
        Ok(())
    }

    /// Takes the attribute off the list of those to be cleared. Returns whether it was there.
    fn takes_back(&mut self, name: &str) -> bool {
        let before = self.cleared.len();
        self.cleared.retain(|it| !it.eq_ignore_ascii_case(name));
        self.cleared.len() < before
    }

    fn push(&mut self, op: Op, attribute: AttributePath, filter: Option<Filter>, value: Value) {
        let path = Some(PatchPath { attribute, filter });
        self.operations.push(PatchOperation { op, path, value });
    }

    /// API §3.3.2: attributes are cleared first.
    fn finish(self) -> Result<Vec<PatchOperation>, Error> {
        let clear = |name: String| {
            let path = Some(PatchPath::parse(&name)?);
            Ok(PatchOperation { op: Op::Remove, path, value: Value::Null })
        };
        let mut operations =
            self.cleared.into_iter().map(clear).collect::<Result<Vec<_>, Error>>()?;
        operations.extend(self.operations);
        Ok(operations)
    }
}

/// A value of a list, by its operation.
enum ListedValue {
    Add(Value),
    Delete(Filter),
}

fn listed_value(attribute: &Attribute, item: &Value) -> Result<ListedValue, Error> {
    let Some(object) = item.as_object() else { return Ok(ListedValue::Add(item.clone())) };
    let unknown = object.iter().filter(|(key, _)| {
        attribute.sub_attribute(key).is_none() && !key.eq_ignore_ascii_case(OPERATION)
    });
    if let Some(key) = asks_for_removal(unknown) {
        return Err(Error::invalid_value(format!(
            "{}: {} is named operation here",
            attribute.name,
            excerpt(key)
        )));
    }
    let Some(operation) = member(object, OPERATION) else {
        return Ok(ListedValue::Add(item.clone()));
    };
    let rest = object.iter().filter(|(key, _)| !key.eq_ignore_ascii_case(OPERATION));
    let rest: Map<String, Value> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
    match operation.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("delete") => same(attribute, &rest).map(ListedValue::Delete),
        // OneLogin sends this with every member that joins:
        // `tests/fixtures/conversations/onelogin-v1/group.json`.
        Some("add") => Ok(ListedValue::Add(rest.into())),
        _ => Err(Error::invalid_value(format!(
            "{}: operation must be delete, or left out",
            attribute.name
        ))),
    }
}

/// A filter for the value to delete: the one with the same `value`, and the same `type` if one is
/// given, because the same address may be there for work and for home. Without `value` all given
/// sub-attributes count, except that members are named by their ids alone.
fn same(attribute: &Attribute, given: &Map<String, Value>) -> Result<Filter, Error> {
    let counts = |name: &str| match name {
        "value" => true,
        "type" => attribute.name != "members",
        _ => attribute.name != "members" && member(given, "value").is_none(),
    };
    let subs = attribute.sub_attributes.iter().filter(|sub| counts(&sub.name));
    let conditions = subs.filter_map(|sub| {
        let literal = literal(member(given, &sub.name)?)?;
        Some(Filter::Compare(AttributePath::new(&sub.name), Operator::Eq, literal))
    });
    conditions.reduce(Filter::and).ok_or_else(|| {
        Error::invalid_value(format!("{}: the value to delete is not named", attribute.name))
    })
}

fn literal(value: &Value) -> Option<Literal> {
    match value {
        Value::String(text) => Some(Literal::String(text.clone())),
        Value::Number(number) => Some(Literal::Number(number.clone().into())),
        Value::Bool(true) => Some(Literal::Boolean(true)),
        _ => None,
    }
}

/// As few removals as possible, so that a group is changed once for many members that leave.
fn joined(filters: Vec<Filter>) -> Vec<Filter> {
    let mut left = filters.into_iter();
    std::iter::from_fn(|| left.by_ref().take(SLICE).reduce(Filter::or)).collect()
}

fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object
        .get(name)
        .or_else(|| Some(object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1))
}
