//! Keys: a whole object is written into the document, each key naming an attribute or a path.

use std::cell::LazyCell;

use serde_json::{Map, Value};

use super::{Edit, Origin, is_read_only};
use crate::scim::Error;
use crate::scim::dialect::Leniency;
use crate::scim::path::PatchPath;
use crate::scim::reading::Reading;
use crate::scim::resource::assign::WriteMode;
use crate::scim::resource::resemblance::{meant, refuse_within, said};
use crate::scim::resource::target::{AttributePlace, PathTarget, excerpt};
use crate::scim::schema::Extension;

/// What a key names.
enum ObjectKey<'t> {
    Name(PathTarget<'t>),
    /// A path with dot, bracket or URN.
    Path(PathTarget<'t>, PatchPath),
}

impl<'t> Edit<'t> {
    /// Writes each attribute of an object. Returns whether any of its names is known.
    pub(in crate::scim) fn write_object(
        &mut self,
        object: &Map<String, Value>,
        mode: WriteMode,
        r: &mut Reading,
    ) -> Result<bool, Error> {
        let mut understood = object.is_empty();
        let said = LazyCell::new(|| said(object));
        for (key, raw) in object {
            let named = self.key(key, None, r);
            let known = self.write_key(key, named, mode, raw, r)?;
            // An unknown name that seems to mean who has access, unless the object says that too.
            if !known
                && let Some(meant) = meant(self.resource_type, key, raw)
                && !said.contains(&meant)
            {
                return Err(Error::invalid_syntax(format!(
                    "{} is not an attribute of {}; is {meant} meant?",
                    excerpt(key),
                    self.resource_type.name
                )));
            }
            understood |= known;
        }
        Ok(understood)
    }

    /// Writes each attribute of an extension's object; null unassigns all of them. Returns whether
    /// any of its names is known.
    pub(super) fn write_extension(
        &mut self,
        extension: &'t Extension,
        mode: WriteMode,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<bool, Error> {
        let id = &extension.schema.id;
        match raw {
            Value::Object(object) => {
                // RFC 7643 §3: `schemas` is allowed in any JSON structure. Some clients write it
                // into extensions too, such as python-scim/scim2-models.
                let named = |(key, _): &(&String, &Value)| !key.eq_ignore_ascii_case("schemas");
                let mut understood = !object.iter().any(|it| named(&it));
                for (key, raw) in object.iter().filter(named) {
                    let named = self.key(key, Some(extension), r);
                    let known = self.write_key(key, named, mode, raw, r)?;
                    if !known && meant(self.resource_type, key, raw).is_some() {
                        return Err(Error::invalid_syntax(format!(
                            "{} is not an attribute of {id}",
                            excerpt(key)
                        )));
                    }
                    understood |= known;
                }
                Ok(understood)
            }
            Value::Null if self.origin == Origin::Whole || mode == WriteMode::Add => Ok(true),
            Value::Null => self.remove_extension(extension).map(|()| true),
            _ => Err(Error::invalid_value(format!("{id} must be an object"))),
        }
    }

    fn write_key(
        &mut self,
        key: &str,
        named: Option<ObjectKey<'t>>,
        mode: WriteMode,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<bool, Error> {
        match named {
            Some(ObjectKey::Name(PathTarget::Attribute(place))) => {
                self.write_named(place, mode, raw, r)
            }
            Some(ObjectKey::Name(PathTarget::Extension(it))) => {
                self.write_extension(it, mode, raw, r)
            }
            Some(ObjectKey::Name(PathTarget::Core)) => match raw {
                Value::Object(object) => self.write_object(object, mode, r),
                _ => Err(Error::invalid_value(format!("{key} must be an object"))),
            },
            Some(ObjectKey::Path(PathTarget::Attribute(place), path))
                if r.allows(Leniency::ExpandedKeys) =>
            {
                match &path.filter {
                    None if place.sub.is_none() => self.write_named(place, mode, raw, r),
                    _ if is_read_only(place) => self.pass_over(place, raw, r).map(|()| true),
                    filter => self.write(place, filter.as_ref(), mode, raw, r),
                }
            }
            _ if r.allows(Leniency::UnknownAttribute) => Ok(false),
            _ => {
                let name = &self.resource_type.name;
                Err(Error::invalid_syntax(format!(
                    "{} is not an attribute of {name}",
                    excerpt(key)
                )))
            }
        }
    }

    fn write_named(
        &mut self,
        place: AttributePlace<'t>,
        mode: WriteMode,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<bool, Error> {
        if is_read_only(place) {
            return self.pass_over(place, raw, r).map(|()| true);
        }
        let twice = match self.origin {
            Origin::Whole => self.is_assigned(place),
            Origin::Part => self.was_given(place),
        };
        if twice {
            // RFC 7643 §2.1: names are equal in any case, and it is not defined which value counts.
            return Err(Error::invalid_syntax(format!("{place} is given twice")));
        }
        self.write(place, None, mode, raw, r)
    }

    /// Whether the present operation has named the attribute before; it has now.
    fn was_given(&mut self, place: AttributePlace<'_>) -> bool {
        let name = place.to_string();
        let known = self.given.contains(&name);
        if !known {
            self.given.push(name);
        }
        known
    }

    fn is_assigned(&self, place: AttributePlace<'_>) -> bool {
        let holder = match place.extension {
            None => Some(&self.document),
            Some(schema) => self.document.get(&schema.id).and_then(Value::as_object),
        };
        holder.is_some_and(|holder| holder.contains_key(&place.attribute.name))
    }

    /// RFC 7644 §3.3 and §3.5.1: readOnly attributes of a whole resource are ignored. In a PATCH
    /// they are an error, unless the dialect allows them.
    fn pass_over(
        &self,
        place: AttributePlace<'_>,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<(), Error> {
        refuse_within(self.resource_type, place, raw)?;
        if self.origin == Origin::Whole || r.allows(Leniency::ReadOnlyInValue) {
            return Ok(());
        }
        Err(Error::mutability(format!("{place} is readOnly")))
    }

    fn key(
        &self,
        key: &str,
        extension: Option<&'t Extension>,
        r: &mut Reading,
    ) -> Option<ObjectKey<'t>> {
        let t = self.resource_type;
        if !key.contains([':', '.', '[']) {
            let Some(extension) = extension else {
                return Some(ObjectKey::Name(PathTarget::of_name(t, key, r)));
            };
            let attribute = extension.schema.attribute(key)?;
            let place = AttributePlace { extension: Some(&extension.schema), attribute, sub: None };
            return Some(ObjectKey::Name(PathTarget::Attribute(place)));
        }
        if let Some(target) = PathTarget::of_urn(t, key) {
            return Some(ObjectKey::Name(target));
        }
        let mut path = PatchPath::parse_in(key, r).ok()?;
        if let (Some(extension), None) = (extension, &path.attribute.schema) {
            path.attribute.schema = Some(extension.schema.id.clone());
        }
        Some(ObjectKey::Path(PathTarget::of_path(t, &path.attribute, r), path))
    }
}
