//! References by `bulkId` to resources that other operations of the same request create (RFC 7644
//! §3.7.2).

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::BulkOperation;
use crate::scim::Error;

const MARK: &str = "bulkId:";

/// The results of the operations that others may refer to.
#[derive(Clone, Debug, Default)]
pub struct References {
    known: HashMap<String, Creation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Creation {
    /// The resource was created with this id.
    Created(String),
    Failed,
    /// The operation is not done yet.
    Pending,
}

/// An operation whose references are replaced by ids.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedOperation {
    /// The path.
    pub path: String,
    /// The data, without references to resources that are not created yet.
    pub data: Value,
    /// The attributes that were left out, to be added once those resources exist.
    pub later: Option<Value>,
}

/// A value, split into what is resolved now and what has to wait.
struct PartlyResolved {
    now: Option<Value>,
    later: Option<Value>,
}

impl References {
    /// All creations are pending.
    pub fn of(operations: &[BulkOperation]) -> Self {
        let creations = operations.iter().filter(|it| it.creates());
        let known = creations.filter_map(|it| Some((it.bulk_id.clone()?, Creation::Pending)));
        Self { known: known.collect() }
    }

    /// Records that an operation created a resource.
    pub fn created(&mut self, bulk_id: &str, id: &str) {
        self.known.insert(bulk_id.to_owned(), Creation::Created(id.to_owned()));
    }

    /// Records that an operation failed.
    pub fn failed(&mut self, bulk_id: &str) {
        self.known.insert(bulk_id.to_owned(), Creation::Failed);
    }

    /// Records that no further resource will be created.
    pub fn end(&mut self) {
        let pending = self.known.values_mut().filter(|fate| **fate == Creation::Pending);
        pending.for_each(|fate| *fate = Creation::Failed);
    }

    /// The operation with ids in place of references.
    ///
    /// A reference to an operation that failed is 409 (RFC 7644 §3.7.1). A reference to no
    /// operation of the request is `invalidValue`.
    pub fn resolve(&self, operation: &BulkOperation) -> Result<ResolvedOperation, Error> {
        let Some(path) = self.text(&operation.path)? else {
            return Err(unresolved(&operation.path));
        };
        let (data, later) = match operation.data.clone() {
            Value::Object(object) if operation.creates() => {
                let kept = self.object(object)?;
                (kept.now.unwrap_or_else(|| Map::new().into()), kept.later)
            }
            data => match self.value(data)? {
                PartlyResolved { now: Some(data), later: None } => (data, None),
                _ => return Err(unresolved(MARK)),
            },
        };
        Ok(ResolvedOperation { path, data, later })
    }

    /// The attributes that were left out; `None` while their references are pending.
    pub fn complete(&self, later: &Value) -> Result<Option<Value>, Error> {
        let kept = self.value(later.clone())?;
        Ok(kept.now.filter(|_| kept.later.is_none()))
    }

    fn value(&self, value: Value) -> Result<PartlyResolved, Error> {
        match value {
            Value::String(text) => Ok(match self.text(&text)? {
                Some(text) => PartlyResolved { now: Some(text.into()), later: None },
                None => PartlyResolved { now: None, later: Some(text.into()) },
            }),
            Value::Array(items) => {
                let (mut now, mut later) = (Vec::new(), Vec::new());
                for item in items {
                    // An element of a list is kept or delayed as a whole.
                    let kept = self.value(item.clone())?;
                    match (kept.now, kept.later) {
                        (Some(item), None) => now.push(item),
                        _ => later.push(item),
                    }
                }
                let later = (!later.is_empty()).then(|| later.into());
                Ok(PartlyResolved { now: Some(now.into()), later })
            }
            Value::Object(object) => {
                let whole = Value::Object(object.clone());
                let kept = self.object(object)?;
                Ok(match kept.later {
                    None => kept,
                    Some(_) => PartlyResolved { now: None, later: Some(whole) },
                })
            }
            other => Ok(PartlyResolved { now: Some(other), later: None }),
        }
    }

    /// The attributes of a resource or of an extension, each kept or delayed by itself.
    fn object(&self, object: Map<String, Value>) -> Result<PartlyResolved, Error> {
        let (mut now, mut later) = (Map::new(), Map::new());
        for (key, value) in object {
            let kept = match value {
                Value::Object(extension) if key.contains(':') => self.object(extension)?,
                value => self.value(value)?,
            };
            now.extend(kept.now.map(|value| (key.clone(), value)));
            later.extend(kept.later.map(|value| (key, value)));
        }
        let later = (!later.is_empty()).then(|| later.into());
        Ok(PartlyResolved { now: Some(now.into()), later })
    }

    /// The text with ids; `None` while a reference is pending.
    fn text(&self, text: &str) -> Result<Option<String>, Error> {
        let Some((before, bulk_id, after)) = split(text) else { return Ok(Some(text.to_owned())) };
        match self.known.get(bulk_id) {
            Some(Creation::Created(id)) => Ok(Some(format!("{before}{id}{after}"))),
            Some(Creation::Pending) => Ok(None),
            Some(Creation::Failed) => Err(unresolved(bulk_id)),
            None => Err(Error::invalid_value(format!(
                "bulkId:{bulk_id} refers to no operation that creates something"
            ))),
        }
    }
}

/// RFC 7644 §3.7.1: 409 for a reference that cannot be resolved.
fn unresolved(bulk_id: &str) -> Error {
    Error::new(409, format!("bulkId:{bulk_id} could not be resolved: nothing was created under it"))
}

/// The bulkIds that an operation refers to.
pub(super) fn of(operation: &BulkOperation) -> Vec<String> {
    let mut found = Vec::new();
    collect(&Value::from(operation.path.as_str()), &mut found);
    collect(&operation.data, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(split(text).map(|(_, bulk_id, _)| bulk_id.to_owned())),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(object) => object.values().for_each(|value| collect(value, found)),
        _ => {}
    }
}

/// Splits a text around its reference, which is the whole text (`bulkId:a`), the end of a path
/// (`/Users/bulkId:a`), or quoted in a filter (`members[value eq "bulkId:a"]`).
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.find(MARK)?;
    let (before, rest) = (&text[..at], &text[at + MARK.len()..]);
    if before.is_empty() || before.ends_with('/') {
        return Some((before, rest, ""));
    }
    let end = rest.find('"').filter(|_| before.ends_with('"'))?;
    Some((before, &rest[..end], &rest[end..]))
}
