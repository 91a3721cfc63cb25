//! Which attributes of a resource an answer shows (RFC 7644 §3.4.2.5 and §3.9).

use serde_json::{Map, Value};

use crate::scim::path::AttributePath;
use crate::scim::{Attribute, Error, ResourceType, Returned};

#[cfg(test)]
mod tests;

/// What `attributes` and `excludedAttributes` ask for.
///
/// What is returned `always` is shown whatever they say, `never` is never shown, and `request` is
/// shown only by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    asked: Asked,
    /// Whether a stored document may hold what is only returned on request.
    hides_by_default: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Default,
    Only(Vec<Name>),
    Except(Vec<Name>),
}

/// A path in the schema's spelling.
#[derive(Clone, Debug, PartialEq)]
struct Name {
    extension: Option<String>,
    /// None for all of the extension.
    attribute: Option<String>,
    sub_attribute: Option<String>,
}

/// How far the names reach an attribute.
enum Reach<'p> {
    Whole,
    Part(Vec<&'p str>),
    Not,
}

impl Projection {
    /// Reads both query parameters: names separated by commas, as in filters.
    ///
    /// An empty parameter counts as absent, and an attribute that the type does not define is
    /// asked for in vain. Both at once are `invalidValue`: RFC 7644 §3.9 has them exclude each
    /// other.
    pub fn parse(
        attributes: Option<&str>,
        excluded: Option<&str>,
        resource_type: &ResourceType,
    ) -> Result<Self, Error> {
        let only = names(attributes, "attributes", resource_type)?;
        let except = names(excluded, "excludedAttributes", resource_type)?;
        let asked = match (only, except) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid_value(
                    "attributes and excludedAttributes exclude each other: use one of them",
                ));
            }
            (Some(only), None) => Asked::Only(only),
            (None, Some(except)) => Asked::Except(except),
            (None, None) => Asked::Default,
        };
        Ok(Self { asked, hides_by_default: hides_by_default(resource_type) })
    }

    /// Whether nothing is asked for: what is returned by default is shown.
    pub fn is_default(&self) -> bool {
        self.asked == Asked::Default
    }

    /// Whether the answer shows this attribute of the type's own schema, or part of it, as far as
    /// the client may choose.
    ///
    /// A host that keeps `groups` or `members` elsewhere need not load what is not wanted.
    pub fn wants(&self, attribute: &str) -> bool {
        match self.reach(None, attribute) {
            Reach::Whole => !matches!(self.asked, Asked::Except(_)),
            Reach::Part(_) => true,
            Reach::Not => !matches!(self.asked, Asked::Only(_)),
        }
    }

    /// Whether a sub-attribute that is only returned on request is asked for, itself or with all
    /// of its attribute.
    pub fn names(&self, attribute: &str, sub_attribute: &str) -> bool {
        let reach = self.reach(None, attribute);
        self.shows(Returned::Request, &reach.part(sub_attribute))
    }

    /// Whether documents are shown as they are stored: all that is left out, if anything, is what
    /// the host keeps elsewhere.
    pub(in crate::scim) fn keeps_documents(&self) -> bool {
        let elsewhere = |name: &Name| {
            let attribute = name.attribute.as_deref().unwrap_or_default();
            let whole = name.extension.is_none() && name.sub_attribute.is_none();
            whole && (attribute == "meta" || is_elsewhere(attribute))
        };
        !self.hides_by_default
            && match &self.asked {
                Asked::Default => true,
                Asked::Only(_) => false,
                Asked::Except(names) => names.iter().all(elsewhere),
            }
    }

    /// Takes out of a document, with all its parts, what the answer does not show.
    pub fn apply(&self, resource_type: &ResourceType, document: &mut Map<String, Value>) {
        document.retain(|key, value| match (resource_type.extension(key), value) {
            (Some(extension), Value::Object(object)) => {
                let schema = &extension.schema;
                object.retain(|key, value| {
                    self.keep(Some(&schema.id), schema.attribute(key), key, value)
                });
                !object.is_empty()
            }
            (_, value) => self.keep(None, resource_type.attribute(None, key), key, value),
        });
    }

    /// Whether a value stays, without those of its parts that do not.
    fn keep(
        &self,
        extension: Option<&str>,
        attribute: Option<&Attribute>,
        key: &str,
        value: &mut Value,
    ) -> bool {
        let reach = self.reach(extension, key);
        let returned = attribute.map_or(Returned::Default, |it| it.returned);
        if !self.shows(returned, &reach) {
            return false;
        }
        let Some(attribute) = attribute.filter(|it| it.is_complex()) else {
            return true;
        };
        keep_parts(value, &|key| {
            let returned = attribute.sub_attribute(key).map_or(Returned::Default, |it| it.returned);
            self.shows(returned, &reach.part(key))
        })
    }

    /// Whether something is shown that the names reach so far.
    fn shows(&self, returned: Returned, reach: &Reach<'_>) -> bool {
        match returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Request => {
                matches!(self.asked, Asked::Only(_)) && !matches!(reach, Reach::Not)
            }
            Returned::Default => match self.asked {
                Asked::Default => true,
                Asked::Only(_) => !matches!(reach, Reach::Not),
                Asked::Except(_) => !matches!(reach, Reach::Whole),
            },
        }
    }

    fn reach(&self, extension: Option<&str>, attribute: &str) -> Reach<'_> {
        let (Asked::Only(names) | Asked::Except(names)) = &self.asked else {
            return Reach::Not;
        };
        let mut parts = Vec::new();
        for name in names.iter().filter(|name| name.extension.as_deref() == extension) {
            match (&name.attribute, &name.sub_attribute) {
                (None, _) => return Reach::Whole,
                (Some(named), _) if !named.eq_ignore_ascii_case(attribute) => {}
                (Some(_), None) => return Reach::Whole,
                (Some(_), Some(sub)) => parts.push(sub.as_str()),
            }
        }
        if parts.is_empty() { Reach::Not } else { Reach::Part(parts) }
    }
}

impl Reach<'_> {
    /// How far the names reach a sub-attribute.
    fn part(&self, sub_attribute: &str) -> Self {
        match self {
            Self::Part(parts) if !parts.contains(&sub_attribute) => Self::Not,
            Self::Part(_) | Self::Whole => Self::Whole,
            Self::Not => Self::Not,
        }
    }
}

/// Retains parts of a complex value, or of each of several; false if nothing is left.
fn keep_parts(value: &mut Value, keep: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Object(object) => {
            object.retain(|key, _| keep(key));
            !object.is_empty()
        }
        Value::Array(values) => {
            let was_empty = values.is_empty();
            values.retain_mut(|value| keep_parts(value, keep));
            was_empty || !values.is_empty()
        }
        _ => true,
    }
}

fn names(
    parameter: Option<&str>,
    what: &str,
    resource_type: &ResourceType,
) -> Result<Option<Vec<Name>>, Error> {
    let Some(list) = parameter.filter(|list| !list.trim_matches([' ', ',']).is_empty()) else {
        return Ok(None);
    };
    let mut names = Vec::new();
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let path = AttributePath::parse(text)
            .map_err(|error| Error::invalid_value(format!("{what}: {}", error.detail)))?;
        names.extend(path.resolve(resource_type).map(|target| Name {
            extension: target.extension.map(|schema| schema.id.clone()),
            attribute: target.attribute.map(|attribute| attribute.name.clone()),
            sub_attribute: target.sub_attribute.map(|sub| sub.name.clone()),
        }));
    }
    Ok(Some(names))
}

/// Whether the type has what is only returned on request.
///
/// What is never returned needs no look, nor what is kept elsewhere: documents do not hold it.
fn hides_by_default(resource_type: &ResourceType) -> bool {
    let schemas = resource_type.extensions.iter().map(|it| &it.schema);
    let mut attributes =
        schemas.chain([&resource_type.schema]).flat_map(|schema| &schema.attributes);
    attributes.any(|attribute| {
        let on_request =
            |it: &Attribute| it.returned == Returned::Request && !is_elsewhere(&attribute.name);
        on_request(attribute) || attribute.sub_attributes.iter().any(on_request)
    })
}

/// Whether the host keeps this attribute beside the documents.
fn is_elsewhere(attribute: &str) -> bool {
    matches!(attribute, "groups" | "members")
}
