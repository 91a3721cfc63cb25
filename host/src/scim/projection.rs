//! Projections: the attributes of a resource that an answer contains (RFC 7644 §3.4.2.5 and §3.9).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::scim::path::AttributePath;
use crate::scim::{Attribute, Error, ResourceType, Returned};

#[cfg(test)]
mod tests;

/// The attributes selected by `attributes` and `excludedAttributes`.
///
/// Attributes returned `always` are always shown, `never` never, and `request` only if they are
/// named.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    selection: Selection,
    /// Whether a stored document may hold attributes that are only returned on request.
    hides_by_default: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Selection {
    Default,
    Only(Vec<SelectedPath>),
    Except(Vec<SelectedPath>),
}

/// A path in the schema's spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SelectedPath {
    extension: Option<String>,
    /// `None` means the whole extension.
    attribute: Option<String>,
    sub_attribute: Option<String>,
}

/// How much of an attribute the selected paths cover.
enum Reach<'p> {
    Whole,
    Part(Vec<&'p str>),
    Not,
}

impl Projection {
    /// Parses both query parameters: paths separated by commas, as in filters.
    ///
    /// An empty parameter counts as absent, and an attribute that the type does not define selects
    /// nothing. Both parameters at once are `invalidValue`: RFC 7644 §3.9 has them exclude each
    /// other.
    pub fn parse(
        attributes: Option<&str>,
        excluded: Option<&str>,
        resource_type: &ResourceType,
    ) -> Result<Self, Error> {
        let only = names(attributes, "attributes", resource_type)?;
        let except = names(excluded, "excludedAttributes", resource_type)?;
        let selection = match (only, except) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid_value(
                    "attributes and excludedAttributes exclude each other: use one of them",
                ));
            }
            (Some(only), None) => Selection::Only(only),
            (None, Some(except)) => Selection::Except(except),
            (None, None) => Selection::Default,
        };
        Ok(Self { selection, hides_by_default: hides_by_default(resource_type) })
    }

    /// Whether nothing is selected, so that the default attributes are shown.
    pub fn is_default(&self) -> bool {
        self.selection == Selection::Default
    }

    /// Whether the answer shows this attribute of the type's own schema, or part of it, as far as
    /// the client may choose.
    ///
    /// A host that stores `groups` or `members` elsewhere need not load them otherwise.
    pub fn wants(&self, attribute: &str) -> bool {
        match self.reach(None, attribute) {
            Reach::Whole => !matches!(self.selection, Selection::Except(_)),
            Reach::Part(_) => true,
            Reach::Not => !matches!(self.selection, Selection::Only(_)),
        }
    }

    /// Whether a sub-attribute that is only returned on request is selected, itself or with its
    /// whole attribute.
    pub fn names(&self, attribute: &str, sub_attribute: &str) -> bool {
        let reach = self.reach(None, attribute);
        self.shows(Returned::Request, &reach.part(sub_attribute))
    }

    /// Whether documents are shown as they are stored: the projection excludes at most attributes
    /// that the host stores elsewhere.
    pub(in crate::scim) fn keeps_documents(&self) -> bool {
        let elsewhere = |name: &SelectedPath| {
            let attribute = name.attribute.as_deref().unwrap_or_default();
            let whole = name.extension.is_none() && name.sub_attribute.is_none();
            whole && (attribute == "meta" || is_elsewhere(attribute))
        };
        !self.hides_by_default
            && match &self.selection {
                Selection::Default => true,
                Selection::Only(_) => false,
                Selection::Except(names) => names.iter().all(elsewhere),
            }
    }

    /// Removes from a complete document the attributes that the answer does not show.
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

    /// Whether a value is shown; parts of it that are not shown are removed.
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

    /// Whether an attribute covered to this extent is shown.
    fn shows(&self, returned: Returned, reach: &Reach<'_>) -> bool {
        match returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Request => {
                matches!(self.selection, Selection::Only(_)) && !matches!(reach, Reach::Not)
            }
            Returned::Default => match self.selection {
                Selection::Default => true,
                Selection::Only(_) => !matches!(reach, Reach::Not),
                Selection::Except(_) => !matches!(reach, Reach::Whole),
            },
        }
    }

    fn reach(&self, extension: Option<&str>, attribute: &str) -> Reach<'_> {
        let (Selection::Only(names) | Selection::Except(names)) = &self.selection else {
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
    /// How much of a sub-attribute is covered.
    fn part(&self, sub_attribute: &str) -> Self {
        match self {
            Self::Part(parts) if !parts.contains(&sub_attribute) => Self::Not,
            Self::Part(_) | Self::Whole => Self::Whole,
            Self::Not => Self::Not,
        }
    }
}

/// Filters parts of a complex value, or of each of several; false if nothing is left.
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
) -> Result<Option<Vec<SelectedPath>>, Error> {
    let Some(list) = parameter.filter(|list| !list.trim_matches([' ', ',']).is_empty()) else {
        return Ok(None);
    };
    // A name that is given again selects nothing more, so there are no more than the type has.
    let mut names = BTreeSet::new();
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let path = AttributePath::parse(text)
            .map_err(|error| Error::invalid_value(format!("{what}: {}", error.detail)))?;
        names.extend(path.resolve(resource_type).map(|target| SelectedPath {
            extension: target.extension.map(|schema| schema.id.clone()),
            attribute: target.attribute.map(|attribute| attribute.name.clone()),
            sub_attribute: target.sub_attribute.map(|sub| sub.name.clone()),
        }));
    }
    Ok(Some(names.into_iter().collect()))
}

/// Whether the type has attributes that are only returned on request.
///
/// Documents do not hold attributes that are never returned or are stored elsewhere, so those are
/// not considered.
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

/// Whether the host stores this attribute beside the documents.
fn is_elsewhere(attribute: &str) -> bool {
    matches!(attribute, "groups" | "members")
}
