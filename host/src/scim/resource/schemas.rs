//! The `schemas` of resources and messages: checked in requests, computed for answers.

use serde_json::{Map, Value};

use super::target::excerpt;
use crate::scim::Error;
use crate::scim::dialect::Leniency;
use crate::scim::reading::Reading;
use crate::scim::schema::ResourceType;

/// Checks that a message names its schema (RFC 7643 §3).
pub(in crate::scim) fn check_message_schema(
    body: &Map<String, Value>,
    urn: &str,
    r: &mut Reading,
) -> Result<(), Error> {
    let said = said(body).any(|it| it.as_str().is_some_and(|it| it.eq_ignore_ascii_case(urn)));
    if said || r.allows(Leniency::MissingSchemas) {
        return Ok(());
    }
    Err(Error::invalid_syntax(format!("schemas must contain {urn}")))
}

/// Checks the `schemas` of a resource: the type's own is there, and no unknown one.
pub(super) fn check_resource_schemas(
    t: &ResourceType,
    body: &Map<String, Value>,
    r: &mut Reading,
) -> Result<(), Error> {
    check_message_schema(body, &t.schema.id, r)?;
    for urn in said(body) {
        let known = urn
            .as_str()
            .is_some_and(|urn| t.schema.id.eq_ignore_ascii_case(urn) || t.extension(urn).is_some());
        if !known && !r.allows(Leniency::UnknownSchema) {
            let (urn, name) =
                (excerpt(urn.as_str().unwrap_or("a value that is not a string")), &t.name);
            return Err(Error::invalid_syntax(format!("{urn} is not a schema of {name}")));
        }
    }
    Ok(())
}

/// Writes into the document the schemas that it has.
///
/// RFC 7643 §3: the type's own, and that of each extension with attributes.
pub(super) fn write(t: &ResourceType, document: &mut Map<String, Value>) {
    let extensions = t.extensions.iter().map(|it| &it.schema.id);
    let present = extensions.filter(|id| document.contains_key(*id));
    let true_ones = std::iter::once(&t.schema.id).chain(present);
    let written: Value = true_ones.map(|id| Value::from(id.as_str())).collect();
    if let Some(schemas) = document.get_mut("schemas") {
        *schemas = written;
    } else {
        document.shift_insert(0, "schemas".to_owned(), written);
    }
}

fn said(body: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let schemas = body.iter().find(|(key, _)| key.eq_ignore_ascii_case("schemas"));
    let schemas = schemas.map(|(_, value)| value).and_then(Value::as_array);
    schemas.into_iter().flatten()
}
