//! References by `bulkId`: to what another operation of the same request creates (RFC 7644 §3.7.2).

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::BulkOperation;
use crate::scim::Error;

const MARK: &str = "bulkId:";

/// What became of the operations that others refer to.
#[derive(Clone, Debug, Default)]
pub struct References {
    known: HashMap<String, Fate>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It is created under this id.
    Created(String),
    Failed,
    /// It is still to come.
    Pending,
}

/// An operation whose references are ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The path.
    pub path: String,
    /// The data, without what refers to something that is still to come.
    pub data: Value,
    /// What was left out of it: attributes to be added once the rest is there.
    pub later: Option<Value>,
}

/// What of a value can be kept now, and what is for later.
struct Kept {
    now: Option<Value>,
    later: Option<Value>,
}

impl References {
    /// Everything is still to come.
    pub fn of(operations: &[BulkOperation]) -> Self {
        let creations = operations.iter().filter(|it| it.creates());
        let known = creations.filter_map(|it| Some((it.bulk_id.clone()?, Fate::Pending)));
        Self { known: known.collect() }
    }

    /// An operation has created something.
    pub fn created(&mut self, bulk_id: &str, id: &str) {
        self.known.insert(bulk_id.to_owned(), Fate::Created(id.to_owned()));
    }

    /// An operation has created nothing, and will not.
    pub fn failed(&mut self, bulk_id: &str) {
        self.known.insert(bulk_id.to_owned(), Fate::Failed);
    }

    /// Nothing more will be created.
    pub fn end(&mut self) {
        let pending = self.known.values_mut().filter(|fate| **fate == Fate::Pending);
        pending.for_each(|fate| *fate = Fate::Failed);
    }

    /// The operation with ids in place of references.
    ///
    /// A reference to an operation that failed is 409 (RFC 7644 §3.7.1), one to nothing in the
    /// request is `invalidValue`.
    pub fn resolve(&self, operation: &BulkOperation) -> Result<Resolved, Error> {
        let Some(path) = self.text(&operation.path)? else {
            return Err(unresolved(&operation.path));
        };
        let (data, later) = match operation.data.clone() {
            Value::Object(object) if operation.creates() => {
                let kept = self.object(object)?;
                (kept.now.unwrap_or_else(|| Map::new().into()), kept.later)
            }
            data => match self.value(data)? {
                Kept { now: Some(data), later: None } => (data, None),
                _ => return Err(unresolved(MARK)),
            },
        };
        Ok(Resolved { path, data, later })
    }

    /// Attributes that were left out; none while what they refer to is still to come.
    pub fn complete(&self, later: &Value) -> Result<Option<Value>, Error> {
        let kept = self.value(later.clone())?;
        Ok(kept.now.filter(|_| kept.later.is_none()))
    }

    fn value(&self, value: Value) -> Result<Kept, Error> {
        match value {
            Value::String(text) => Ok(match self.text(&text)? {
                Some(text) => Kept { now: Some(text.into()), later: None },
                None => Kept { now: None, later: Some(text.into()) },
            }),
            Value::Array(items) => {
                let (mut now, mut later) = (Vec::new(), Vec::new());
                for item in items {
                    // A value of a list is there as a whole or not yet at all.
                    let kept = self.value(item.clone())?;
                    match (kept.now, kept.later) {
                        (Some(item), None) => now.push(item),
                        _ => later.push(item),
                    }
                }
                let later = (!later.is_empty()).then(|| later.into());
                Ok(Kept { now: Some(now.into()), later })
            }
            Value::Object(object) => {
                let whole = Value::Object(object.clone());
                let kept = self.object(object)?;
                Ok(match kept.later {
                    None => kept,
                    Some(_) => Kept { now: None, later: Some(whole) },
                })
            }
            other => Ok(Kept { now: Some(other), later: None }),
        }
    }

    /// The attributes of a resource or of an extension: each by itself is now or later.
    fn object(&self, object: Map<String, Value>) -> Result<Kept, Error> {
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
        Ok(Kept { now: Some(now.into()), later })
    }

    /// The text with ids; none if one is still to come.
    fn text(&self, text: &str) -> Result<Option<String>, Error> {
        let Some((before, bulk_id, after)) = split(text) else { return Ok(Some(text.to_owned())) };
        match self.known.get(bulk_id) {
            Some(Fate::Created(id)) => Ok(Some(format!("{before}{id}{after}"))),
            Some(Fate::Pending) => Ok(None),
            Some(Fate::Failed) => Err(unresolved(bulk_id)),
            None => Err(Error::invalid_value(format!(
                "bulkId:{bulk_id} refers to no operation that creates something"
            ))),
        }
    }
}

/// RFC 7644 §3.7.1: 409 where a reference cannot be resolved.
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

/// Takes a text apart where it refers: as a whole (`bulkId:a`), as the end of an address
/// (`/Users/bulkId:a`), or in quotes within a path (`members[value eq "bulkId:a"]`).
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.find(MARK)?;
    let (before, rest) = (&text[..at], &text[at + MARK.len()..]);
    if before.is_empty() || before.ends_with('/') {
        return Some((before, rest, ""));
    }
    let end = rest.find('"').filter(|_| before.ends_with('"'))?;
    Some((before, &rest[..end], &rest[end..]))
}
