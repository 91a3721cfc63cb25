//! Keys: a whole object written into the document, each key naming an attribute in its own way.

use serde_json::{Map, Value};

use super::{Edit, Origin, is_read_only};
use crate::scim::Error;
use crate::scim::dialect::Leniency;
use crate::scim::path::PatchPath;
use crate::scim::reading::Reading;
use crate::scim::resource::assign::How;
use crate::scim::resource::target::{Place, Target, excerpt};
use crate::scim::schema::Extension;

/// What a key names.
enum Key<'t> {
    Target(Target<'t>),
    /// A path with dot, bracket or URN.
    Path(Target<'t>, PatchPath),
}

impl<'t> Edit<'t> {
    /// Writes each attribute of an object.
    pub(in crate::scim) fn write_object(
        &mut self,
        object: &Map<String, Value>,
        how: How,
        r: &mut Reading,
    ) -> Result<(), Error> {
        for (key, raw) in object {
            let named = self.key(key, None, r);
            self.write_key(key, named, how, raw, r)?;
        }
        Ok(())
    }

    /// Writes each attribute of an extension's object; null unassigns all of them.
    pub(super) fn write_extension(
        &mut self,
        extension: &'t Extension,
        how: How,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<(), Error> {
        let id = &extension.schema.id;
        match raw {
            Value::Object(object) => {
                // RFC 7643 §3: `schemas` may stand in any JSON structure, and says what it is made
                // of. Some clients write it into extensions too (scim2-models).
                let named = |(key, _): &(&String, &Value)| !key.eq_ignore_ascii_case("schemas");
                for (key, raw) in object.iter().filter(named) {
                    let named = self.key(key, Some(extension), r);
                    self.write_key(key, named, how, raw, r)?;
                }
                Ok(())
            }
            Value::Null if self.origin == Origin::Whole || how == How::Add => Ok(()),
            Value::Null => self.remove_extension(extension),
            _ => Err(Error::invalid_value(format!("{id} must be an object"))),
        }
    }

    fn write_key(
        &mut self,
        key: &str,
        named: Option<Key<'t>>,
        how: How,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<(), Error> {
        match named {
            Some(Key::Target(Target::Place(place))) => self.write_named(place, how, raw, r),
            Some(Key::Target(Target::Extension(it))) => self.write_extension(it, how, raw, r),
            Some(Key::Target(Target::Core)) => match raw {
                Value::Object(object) => self.write_object(object, how, r),
                _ => Err(Error::invalid_value(format!("{key} must be an object"))),
            },
            Some(Key::Path(Target::Place(place), path)) if r.allows(Leniency::ExpandedKeys) => {
                match &path.filter {
                    None if place.sub.is_none() => self.write_named(place, how, raw, r),
                    _ if is_read_only(place) => self.pass_over(place, r),
                    filter => self.write(place, filter.as_ref(), how, raw, r),
                }
            }
            _ if r.allows(Leniency::UnknownAttribute) => Ok(()),
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
        place: Place<'t>,
        how: How,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<(), Error> {
        if is_read_only(place) {
            return self.pass_over(place, r);
        }
        if self.origin == Origin::Whole && self.is_assigned(place) {
            // RFC 7643 §2.1: names that differ in case are one name; which value would count?
            return Err(Error::invalid_syntax(format!("{place} is given twice")));
        }
        self.write(place, None, how, raw, r)
    }

    fn is_assigned(&self, place: Place<'_>) -> bool {
        let holder = match place.extension {
            None => Some(&self.document),
            Some(schema) => self.document.get(&schema.id).and_then(Value::as_object),
        };
        holder.is_some_and(|holder| holder.contains_key(&place.attribute.name))
    }

    /// RFC 7644 §3.3 and §3.5.1: readOnly attributes of a whole resource are ignored. In a PATCH
    /// they are an error, unless the dialect puts them there.
    fn pass_over(&self, place: Place<'_>, r: &mut Reading) -> Result<(), Error> {
        if self.origin == Origin::Whole || r.allows(Leniency::ReadOnlyInValue) {
            return Ok(());
        }
        Err(Error::mutability(format!("{place} is readOnly")))
    }

    fn key(&self, key: &str, extension: Option<&'t Extension>, r: &mut Reading) -> Option<Key<'t>> {
        let t = self.resource_type;
        if !key.contains([':', '.', '[']) {
            let Some(extension) = extension else {
                return Some(Key::Target(Target::of_name(t, key, r)));
            };
            let attribute = extension.schema.attribute(key)?;
            let place = Place { extension: Some(&extension.schema), attribute, sub: None };
            return Some(Key::Target(Target::Place(place)));
        }
        if let Some(target) = Target::of_urn(t, key) {
            return Some(Key::Target(target));
        }
        let mut path = PatchPath::parse(key).ok()?;
        if let (Some(extension), None) = (extension, &path.attribute.schema) {
            path.attribute.schema = Some(extension.schema.id.clone());
        }
        Some(Key::Path(Target::of_path(t, &path.attribute, r), path))
    }
}
