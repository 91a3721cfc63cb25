//! Bulk requests: many operations in one, which may refer to resources that other operations create
//! (RFC 7644 §3.7).

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::Error;
use super::reading::Reading;
use super::resource::{check_message_schema, refuse_stray};

mod reference;
#[cfg(test)]
mod tests;

pub use reference::{References, ResolvedOperation};

/// The schema of a bulk request.
pub const BULK_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The schema of its answer.
pub const BULK_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// The most operations of one request.
pub const MAX_BULK_OPERATIONS: usize = 1000;

/// A bulk request, parsed but not yet carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkRequest {
    /// The number of errors after which no further operation is begun; `None` tries all.
    pub fail_on_errors: Option<u64>,
    /// The operations, in the client's order.
    pub operations: Vec<BulkOperation>,
}

/// One operation of a bulk request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BulkOperation {
    /// The method, as it was sent.
    pub method: String,
    /// The client's name for the resource that the operation creates.
    pub bulk_id: Option<String>,
    /// The version that the resource must have.
    pub version: Option<String>,
    /// The path below the base URL: `/Users` or `/Users/{id}`.
    pub path: String,
    /// The body of the operation; null if there is none.
    pub data: Value,
}

impl BulkRequest {
    /// Parses the envelope. An invalid operation fails by itself, not here.
    pub fn parse(body: &Value, r: &mut Reading) -> Result<Self, Error> {
        let body = body.as_object().ok_or_else(|| {
            Error::invalid_syntax("The body must be a JSON object: a BulkRequest")
        })?;
        check_message_schema(body, BULK_REQUEST_SCHEMA, r)?;
        refuse_stray(body, &["schemas", "failOnErrors", "Operations"])?;
        let Some(Value::Array(list)) = member(body, "Operations") else {
            return Err(Error::invalid_syntax("Operations must be a list of operations"));
        };
        if list.len() > MAX_BULK_OPERATIONS {
            // RFC 7644 §3.7.4: the error names the limit.
            let count = list.len();
            return Err(Error::new(
                413,
                format!(
                    "the number of operations, {count}, exceeds maxOperations \
                     ({MAX_BULK_OPERATIONS})"
                ),
            ));
        }
        let operations = list.iter().map(BulkOperation::parse).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        for id in operations.iter().filter_map(|it| it.bulk_id.as_deref()) {
            if !seen.insert(id) {
                // RFC 7644 §3.7.2: a bulkId is unique within the request.
                return Err(Error::invalid_value(format!("the bulkId {id} is given twice")));
            }
        }
        Ok(Self { fail_on_errors: fail_on_errors(body)?, operations })
    }

    /// The order of execution: the client's, except that a resource is created before operations
    /// that refer to it. Operations that refer to each other in a circle keep the client's order.
    pub fn order(&self) -> Vec<usize> {
        let creations = self.operations.iter().enumerate().filter(|(_, it)| it.creates());
        let creations: HashMap<&str, usize> =
            creations.filter_map(|(at, it)| Some((it.bulk_id.as_deref()?, at))).collect();
        let mut order =
            CreationOrder { request: self, creations, seen: HashSet::new(), sorted: Vec::new() };
        (0..self.operations.len()).for_each(|at| order.visit(at));
        order.sorted
    }
}

struct CreationOrder<'a> {
    request: &'a BulkRequest,
    creations: HashMap<&'a str, usize>,
    seen: HashSet<usize>,
    sorted: Vec<usize>,
}

impl CreationOrder<'_> {
    fn visit(&mut self, at: usize) {
        // An operation that was seen and is not sorted yet closes a circle, which is resolved
        // later.
        if !self.seen.insert(at) {
            return;
        }
        let operation = &self.request.operations[at];
        for id in reference::of(operation) {
            if let Some(creation) = self.creations.get(id.as_str()).copied() {
                self.visit(creation);
            }
        }
        self.sorted.push(at);
    }
}

impl BulkOperation {
    /// Whether it creates a resource that others can refer to.
    pub fn creates(&self) -> bool {
        self.method == "POST"
    }

    fn parse(raw: &Value) -> Result<Self, Error> {
        let object = raw.as_object().ok_or_else(|| {
            Error::invalid_syntax("each of the Operations must be an object with method and path")
        })?;
        refuse_stray(object, &["method", "bulkId", "version", "path", "data"])?;
        let text = |name: &str| match member(object, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Error::invalid_syntax(format!("{name} must be a string"))),
        };
        Ok(Self {
            method: text("method")?.unwrap_or_default(),
            bulk_id: text("bulkId")?,
            version: text("version")?,
            path: text("path")?.unwrap_or_default(),
            data: member(object, "data").cloned().unwrap_or_default(),
        })
    }
}

/// RFC 7644 §3.7.3: the number of errors that are accepted before the rest is skipped.
fn fail_on_errors(body: &Map<String, Value>) -> Result<Option<u64>, Error> {
    match member(body, "failOnErrors") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let count = value.as_u64().filter(|count| *count > 0);
            let wrong = || Error::invalid_value("failOnErrors must be a whole number above zero");
            count.map(Some).ok_or_else(wrong)
        }
    }
}

fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object
        .get(name)
        .or_else(|| Some(object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1))
}
