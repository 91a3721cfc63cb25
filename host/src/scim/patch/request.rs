//! The body of a PATCH: its envelope and its operations.

use serde_json::{Map, Value};

use crate::scim::dialect::Leniency;
use crate::scim::path::PatchPath;
use crate::scim::reading::Reading;
use crate::scim::resource::{
    Understanding, check_message_schema, has, meant, refuse_more, refuse_stray, value_size,
};
use crate::scim::schema::ResourceType;
use crate::scim::{Error, Filter};

/// The schema of a PATCH.
pub const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The most operations of one PATCH.
pub const MAX_OPERATIONS: usize = 1000;

/// A PATCH, parsed but not yet applied.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchRequest {
    pub(in crate::scim) operations: Vec<PatchOperation>,
    /// Whether the operations are the attributes of one object, and no list of the client's.
    pub(in crate::scim) is_resource: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::scim) struct PatchOperation {
    pub(in crate::scim) op: Op,
    pub(in crate::scim) path: Option<PatchPath>,
    /// Null if there is none.
    pub(in crate::scim) value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scim) enum Op {
    Add,
    Remove,
    Replace,
}

impl PatchRequest {
    /// Parses the envelope, paths and filters. Values are checked later, when they are applied.
    pub fn parse(body: &Value, r: &mut Reading) -> Result<Self, Error> {
        let body = body
            .as_object()
            .ok_or_else(|| Error::invalid_syntax("The body must be a JSON object: a PatchOp"))?;
        check_message_schema(body, PATCH_SCHEMA, r)?;
        refuse_stray(body, &["schemas", "Operations"])?;
        let Some(Value::Array(list)) = member(body, "Operations") else {
            return Err(Error::invalid_syntax("Operations must be a list of operations"));
        };
        if list.is_empty() && !r.allows(Leniency::EmptyOperations) {
            return Err(Error::invalid_syntax("Operations must not be empty"));
        }
        if list.len() > MAX_OPERATIONS {
            let count = list.len();
            return Err(Error::new(
                413,
                format!("a PATCH has at most {MAX_OPERATIONS} operations, this one has {count}"),
            ));
        }
        let operations =
            list.iter().map(|it| PatchOperation::parse(it, r)).collect::<Result<_, _>>()?;
        Ok(Self { operations, is_resource: false })
    }

    /// A PATCH that adds these attributes.
    pub fn addition(attributes: Value) -> Self {
        let operations = vec![PatchOperation { op: Op::Add, path: None, value: attributes }];
        Self { operations, is_resource: false }
    }

    /// How often its operations go through the values of a resource at most: once for each operation, each
    /// condition, and each value of a list to remove.
    pub fn passes(&self) -> usize {
        self.operations.iter().map(PatchOperation::passes).sum()
    }

    /// Bytes of its values.
    pub fn bytes(&self) -> usize {
        self.operations.iter().map(|it| value_size(&it.value)).sum()
    }

    /// The error for an operation that was not understood, and whether it may be ignored beside
    /// others: what is about an unknown attribute may, unless it seems to mean who has access and no
    /// other operation says that. An operation that has nothing but unknown names in its value may not.
    pub(super) fn unknown(
        &self,
        t: &ResourceType,
        operation: &PatchOperation,
        understanding: Understanding,
    ) -> (Error, bool) {
        let name = &t.name;
        let path = operation.path.as_ref().map(PatchPath::to_string).unwrap_or_default();
        if understanding == Understanding::UnknownPath {
            let says = |it: &&str| self.operations.iter().any(|operation| operation.says(t, it));
            let meant = meant(t, &path, &operation.value).filter(|it| !says(it));
            let hint = meant.map(|it| format!("; is {it} meant?")).unwrap_or_default();
            let error = Error::invalid_path(format!("{path} names no attribute of {name}{hint}"));
            return (error, meant.is_none());
        }
        let of = if operation.path.is_some() { &path } else { name };
        let error = Error::invalid_value(format!("the value names no attribute of {of}"));
        (error, self.is_resource)
    }
}

impl PatchOperation {
    fn parse(raw: &Value, r: &mut Reading) -> Result<Self, Error> {
        let object = raw.as_object().ok_or_else(|| {
            Error::invalid_syntax("each of the Operations must be an object with op and path")
        })?;
        refuse_stray(object, &["op", "path", "value"])?;
        let op = Op::parse(member(object, "op"), r)?;
        let path = match member(object, "path") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(PatchPath::parse_in(text, r)?),
            Some(_) => return Err(Error::invalid_path("path must be a string")),
        };
        let value = member(object, "value").filter(|it| op != Op::Remove || !it.is_null());
        if op == Op::Remove
            && value.is_none()
            && path.as_ref().is_some_and(|it| it.filter.is_none())
        {
            // RFC 7644 §3.5.2.2: it removes all values, which a client that names some cannot mean.
            refuse_more(object, &["op", "path", "value"])?;
        }
        if op != Op::Remove {
            if value.is_none() {
                return Err(Error::invalid_syntax(format!("{} needs a value", op.name())));
            }
            if path.is_none() && r.dialect().needs_paths() {
                return Err(Error::invalid_path(format!("{} needs a path here", op.name())));
            }
        }
        Ok(Self { op, path, value: value.cloned().unwrap_or_default() })
    }

    fn passes(&self) -> usize {
        let filter = self.path.as_ref().and_then(|path| path.filter.as_ref());
        let conditions = filter.map_or(0, Filter::conditions);
        let values = match (&self.value, self.op) {
            (Value::Array(values), Op::Remove) => values.len(),
            (Value::Object(object), _) => object.keys().map(|key| passes_of_key(key)).sum(),
            _ => 0,
        };
        1 + conditions + values
    }

    /// Whether it gives an attribute of the type's own schema a value.
    fn says(&self, t: &ResourceType, attribute: &str) -> bool {
        let within = || self.value.as_object().is_some_and(|object| has(object, attribute));
        let Some(PatchPath { attribute: path, .. }) = &self.path else { return within() };
        let own = path.schema.as_ref().is_none_or(|urn| t.schema.id.eq_ignore_ascii_case(urn));
        let named = own
            && path.sub_attribute.is_none()
            && path.attribute.eq_ignore_ascii_case(attribute)
            && !self.value.is_null();
        named || (path.is_urn(&t.schema.id) && within())
    }
}

impl Op {
    const ALL: [Self; 3] = [Self::Add, Self::Remove, Self::Replace];

    fn parse(raw: Option<&Value>, r: &mut Reading) -> Result<Self, Error> {
        let name = raw.and_then(Value::as_str).unwrap_or_default();
        let op = Self::ALL.into_iter().find(|op| op.name().eq_ignore_ascii_case(name));
        // RFC 7644 §3.5.2: the values are "add", "remove" and "replace".
        op.filter(|op| op.name() == name || r.allows(Leniency::OperationCase))
            .ok_or_else(|| Error::invalid_syntax("op must be add, remove or replace"))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

/// How often a key goes through the values: it may be a path with a filter.
fn passes_of_key(key: &str) -> usize {
    const SHORTEST_CONDITION: usize = "a pr".len();
    if key.contains('[') { 1 + key.len() / SHORTEST_CONDITION } else { 0 }
}

/// The member of this name, in any case (RFC 7643 §2.1).
fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object
        .get(name)
        .or_else(|| Some(object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1))
}
