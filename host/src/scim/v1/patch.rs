//! PATCH by a partial resource (API §3.3.2), as the operations that it means in SCIM 2.0.

use serde_json::{Map, Value};

use super::{CORE_SCHEMA, extension, names, schema_of};
use crate::scim::leniency::Leniency;
use crate::scim::patch::{Op, Operation, PatchRequest};
use crate::scim::path::PatchPath;
use crate::scim::reading::Reading;
use crate::scim::schema::{Attribute, Mutability, ResourceType};
use crate::scim::{AttributePath, Error, Filter, Literal, Operator};

/// The word that says what becomes of one value of a multi-valued attribute.
const OPERATION: &str = "operation";

/// How many members one removal names; it bounds the depth of its filter.
const SLICE: usize = 100;

/// Reads a partial resource.
///
/// Attributes in `meta.attributes` are cleared first, then the rest is merged into what is there.
/// What is read-only is passed over: Okta puts `id` into every body.
pub fn patch(t: &ResourceType, body: &Value, r: &mut Reading) -> Result<PatchRequest, Error> {
    let body = body.as_object().ok_or_else(|| {
        Error::invalid_syntax(format!("The body must be a JSON object: a part of a {}", t.name))
    })?;
    check_schema(body, r)?;
    let mut merge = Merge { cleared: cleared(body)?, operations: Vec::new() };
    let mut unknown = None;
    for (key, raw) in body {
        if let Err(error) = merge.key(t, key, raw)? {
            if !r.allows(Leniency::UnknownAttribute) {
                return Err(error);
            }
            // What has an URN of its own need not be kept (clients.md §2).
            unknown = unknown.or_else(|| (!key.contains(':')).then_some(error));
        }
    }
    let operations = merge.finish()?;
    match unknown.filter(|_| operations.is_empty()) {
        Some(error) => Err(error),
        None => Ok(PatchRequest { operations }),
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
    let attributes = member(body, "meta")
        .and_then(Value::as_object)
        .and_then(|meta| member(meta, "attributes"))
        .filter(|attributes| !attributes.is_null());
    let Some(attributes) = attributes else { return Ok(Vec::new()) };
    let not_names = || Error::invalid_value("meta.attributes must be a list of names");
    let list = attributes.as_array().ok_or_else(not_names)?.iter();
    list.map(|name| Ok(names(name.as_str().ok_or_else(not_names)?).into_owned())).collect()
}

struct Merge {
    /// What is still to be cleared.
    cleared: Vec<String>,
    operations: Vec<Operation>,
}

impl Merge {
    /// Takes one attribute of the body. The inner error is that there is no such attribute.
    fn key(
        &mut self,
        t: &ResourceType,
        key: &str,
        raw: &Value,
    ) -> Result<Result<(), Error>, Error> {
        if let Some(urn) = schema_of(t, key) {
            let path = AttributePath::parse(urn)?;
            self.push(Op::Replace, path, None, extension(raw.clone()));
            return Ok(Ok(()));
        }
        let Some(attribute) = t.attribute(None, key) else {
            let name = &t.name;
            let detail = format!("{key} is not an attribute of {name}; a PATCH is a part of one");
            return Ok(Err(Error::invalid_syntax(detail)));
        };
        if attribute.mutability == Mutability::ReadOnly || attribute.name == "schemas" {
            return Ok(Ok(()));
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

    /// Takes the values of a list: each is added, or taken out where it says so.
    fn values(&mut self, attribute: &Attribute, raw: &Value) -> Result<(), Error> {
        let items = match raw {
            Value::Null => &[],
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let (mut added, mut deleted) = (Vec::new(), Vec::new());
        for item in items {
            match said(attribute, item)? {
                Said::Add(item) => added.push(item),
                Said::Delete(filter) => deleted.push(filter),
            }
        }
        let path = AttributePath::new(&attribute.name);
        if self.takes_back(&attribute.name) {
            // What is cleared in any case is not taken out one by one.
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

    /// Whether the attribute was to be cleared, which then happens in another way.
    fn takes_back(&mut self, name: &str) -> bool {
        let before = self.cleared.len();
        self.cleared.retain(|it| !it.eq_ignore_ascii_case(name));
        self.cleared.len() < before
    }

    fn push(&mut self, op: Op, attribute: AttributePath, filter: Option<Filter>, value: Value) {
        let path = Some(PatchPath { attribute, filter });
        self.operations.push(Operation { op, path, value });
    }

    /// API §3.3.2: what is cleared is cleared first.
    fn finish(self) -> Result<Vec<Operation>, Error> {
        let clear = |name: String| {
            let path = Some(PatchPath::parse(&name)?);
            Ok(Operation { op: Op::Remove, path, value: Value::Null })
        };
        let mut operations =
            self.cleared.into_iter().map(clear).collect::<Result<Vec<_>, Error>>()?;
        operations.extend(self.operations);
        Ok(operations)
    }
}

/// What one value of a list says.
enum Said {
    Add(Value),
    Delete(Filter),
}

fn said(attribute: &Attribute, item: &Value) -> Result<Said, Error> {
    let Some(object) = item.as_object() else { return Ok(Said::Add(item.clone())) };
    let Some(operation) = member(object, OPERATION) else { return Ok(Said::Add(item.clone())) };
    let rest = object.iter().filter(|(key, _)| !key.eq_ignore_ascii_case(OPERATION));
    let rest: Map<String, Value> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
    match operation.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("delete") => same(attribute, &rest).map(Said::Delete),
        // OneLogin says so with every member that joins (clients.md §8).
        Some("add") => Ok(Said::Add(rest.into())),
        _ => Err(Error::invalid_value(format!(
            "{}: operation must be delete, or left out",
            attribute.name
        ))),
    }
}

/// The value that is meant: that of the same `value`, and of the same `type` where one is given,
/// since the same address may be there for work and for home. Without `value` all that is given
/// counts.
fn same(attribute: &Attribute, given: &Map<String, Value>) -> Result<Filter, Error> {
    let counts = |name: &str| match name {
        "value" => true,
        "type" => attribute.name != "members",
        _ => member(given, "value").is_none(),
    };
    let subs = attribute.sub_attributes.iter().filter(|sub| counts(&sub.name));
    let conditions = subs.filter_map(|sub| {
        let literal = literal(member(given, &sub.name)?)?;
        Some(Filter::Compare(AttributePath::new(&sub.name), Operator::Eq, literal))
    });
    conditions.reduce(Filter::and).ok_or_else(|| {
        Error::invalid_value(format!("{}: what is to be deleted is not named", attribute.name))
    })
}

fn literal(value: &Value) -> Option<Literal> {
    match value {
        Value::String(text) => Some(Literal::String(text.clone())),
        Value::Number(number) => Some(Literal::Number(number.clone())),
        Value::Bool(true) => Some(Literal::Boolean(true)),
        _ => None,
    }
}

/// As few removals as may be: a group is changed once for many who leave.
fn joined(filters: Vec<Filter>) -> Vec<Filter> {
    let mut left = filters.into_iter();
    std::iter::from_fn(|| left.by_ref().take(SLICE).reduce(Filter::or)).collect()
}

fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object
        .get(name)
        .or_else(|| Some(object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1))
}
