//! Bulk requests: many operations in one, which may refer to what others create (RFC 7644 §3.7).

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::Error;
use super::reading::Reading;
use super::resource::check_message_schema;

mod reference;
#[cfg(test)]
mod tests;

pub use reference::{References, Resolved};

/// The schema of a bulk request.
pub const BULK_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The schema of the answer to it.
pub const BULK_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// How many operations one request may have.
pub const MAX_BULK_OPERATIONS: usize = 1000;

/// A bulk request, read but not yet carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkRequest {
    /// After so many errors nothing more is begun; without it everything is tried.
    pub fail_on_errors: Option<u64>,
    /// What is asked for, in the client's order.
    pub operations: Vec<BulkOperation>,
}

/// One operation of a bulk request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BulkOperation {
    /// The method, as it was sent.
    pub method: String,
    /// The client's own name for what it creates.
    pub bulk_id: Option<String>,
    /// The version that the resource must have.
    pub version: Option<String>,
    /// Where, below the base URL: `/Users` or `/Users/{id}`.
    pub path: String,
    /// What a request by itself would have as its body; null where there is none.
    pub data: Value,
}

impl BulkRequest {
    /// Reads the envelope. What is wrong with one operation is that operation's affair.
    pub fn parse(body: &Value, r: &mut Reading) -> Result<Self, Error> {
        let body = body.as_object().ok_or_else(|| {
            Error::invalid_syntax("The body must be a JSON object: a BulkRequest")
        })?;
        check_message_schema(body, BULK_REQUEST_SCHEMA, r)?;
        let Some(Value::Array(list)) = member(body, "Operations") else {
            return Err(Error::invalid_syntax("Operations must be a list of operations"));
        };
        if list.len() > MAX_BULK_OPERATIONS {
            // RFC 7644 §3.7.4: the limit is named.
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
                // RFC 7644 §3.7.2: it is unique within the request.
                return Err(Error::invalid_value(format!("the bulkId {id} is given twice")));
            }
        }
        Ok(Self { fail_on_errors: fail_on_errors(body)?, operations })
    }

    /// In which order the operations are carried out: the client's, but what others refer to is
    /// created before them. Those that refer to each other in a circle are in the client's order.
    pub fn order(&self) -> Vec<usize> {
        let creations = self.operations.iter().enumerate().filter(|(_, it)| it.creates());
        let creations: HashMap<&str, usize> =
            creations.filter_map(|(at, it)| Some((it.bulk_id.as_deref()?, at))).collect();
        let mut order =
            Order { request: self, creations, seen: HashSet::new(), sorted: Vec::new() };
        (0..self.operations.len()).for_each(|at| order.visit(at));
        order.sorted
    }
}

struct Order<'a> {
    request: &'a BulkRequest,
    creations: HashMap<&'a str, usize>,
    seen: HashSet<usize>,
    sorted: Vec<usize>,
}

impl Order<'_> {
    fn visit(&mut self, at: usize) {
        // Whoever is seen and not yet sorted is on the way here: the circle is closed later.
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
    /// Whether it creates something that others can refer to.
    pub fn creates(&self) -> bool {
        self.method == "POST"
    }

    fn parse(raw: &Value) -> Result<Self, Error> {
        let object = raw.as_object().ok_or_else(|| {
            Error::invalid_syntax("each of the Operations must be an object with method and path")
        })?;
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

/// RFC 7644 §3.7.3: a number of errors that is accepted before the rest is left undone.
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
