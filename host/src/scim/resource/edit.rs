//! Edits: a document under change, with the members and password that are taken out of it.

use serde_json::{Map, Value};

use super::assign::{WriteMode, erase, write, write_sub};
use super::member::{MEMBERS, MemberChange};
use super::resemblance::{is_within, refuse_within};
use super::select::{erase_listed, erase_selected, write_selected};
use super::target::{AttributePlace, PathTarget};
use super::value::{canonical, is_foreign};
use super::{Resource, schemas, size, whole};
use crate::scim::dialect::Leniency;
use crate::scim::path::PatchPath;
use crate::scim::reading::Reading;
use crate::scim::schema::{AttributeType, Extension, Mutability, ResourceType, Returned};
use crate::scim::{Error, Filter};

mod keys;
mod membership;

/// The kind of request that an edit belongs to, because their rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scim) enum Origin {
    /// A whole resource: POST and PUT.
    Whole,
    /// A PATCH.
    Part,
}

/// How much of a PATCH operation was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scim) enum Understanding {
    Understood,
    /// The path is known, or there is none, and all of the value's names are unknown.
    UnknownValue,
    /// The path names no attribute of the type.
    UnknownPath,
}

impl Understanding {
    /// That of a value, under a known path or under none.
    pub(in crate::scim) fn of_value(understood: bool) -> Self {
        if understood { Self::Understood } else { Self::UnknownValue }
    }
}

/// A document under change.
pub(in crate::scim) struct Edit<'t> {
    resource_type: &'t ResourceType,
    origin: Origin,
    document: Map<String, Value>,
    /// The attributes that the keys of the present operation have named.
    given: Vec<String>,
    /// The changes of members, in order.
    pub(in crate::scim) members: Vec<MemberChange>,
    /// The new password.
    pub(in crate::scim) password: Option<String>,
}

impl<'t> Edit<'t> {
    /// An edit of an empty document.
    pub(in crate::scim) fn new(resource_type: &'t ResourceType) -> Self {
        Self {
            resource_type,
            origin: Origin::Whole,
            document: Map::new(),
            given: Vec::new(),
            members: Vec::new(),
            password: None,
        }
    }

    /// An edit of an existing resource.
    pub(in crate::scim) fn of(resource_type: &'t ResourceType, before: &Resource) -> Self {
        let document = before.document.clone();
        Self { origin: Origin::Part, document, ..Self::new(resource_type) }
    }

    /// Begins the next operation of a PATCH.
    pub(in crate::scim) fn begin_operation(&mut self) {
        self.given.clear();
    }

    /// What the path names in this type of resource; `None` if it names nothing.
    fn target(&self, path: &PatchPath, r: &mut Reading) -> Option<PathTarget<'t>> {
        match PathTarget::of_path(self.resource_type, &path.attribute, r) {
            PathTarget::Unknown => None,
            target => Some(target),
        }
    }

    /// Writes a value at a path. Returns what of it was not understood.
    pub(in crate::scim) fn write_at(
        &mut self,
        path: &PatchPath,
        mode: WriteMode,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<Understanding, Error> {
        let Some(target) = self.target(path, r) else { return Ok(Understanding::UnknownPath) };
        let understood = match (target, raw) {
            (PathTarget::Attribute(place), _) => {
                refuse_read_only(place)?;
                self.write(place, path.filter.as_ref(), mode, raw, r)?
            }
            (PathTarget::Extension(extension), _) => {
                self.write_extension(extension, mode, raw, r)?
            }
            (_, Value::Object(object)) => self.write_object(object, mode, r)?,
            _ => return Err(Error::invalid_path(format!("{path} names a whole schema"))),
        };
        Ok(Understanding::of_value(understood))
    }

    /// Removes what a path names. Returns whether it names something.
    pub(in crate::scim) fn remove_at(
        &mut self,
        path: &PatchPath,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<Understanding, Error> {
        match self.target(path, r) {
            None | Some(PathTarget::Unknown) => return Ok(Understanding::UnknownPath),
            Some(PathTarget::Core) => {
                return Err(Error::invalid_path(format!("{path} names a whole schema")));
            }
            Some(PathTarget::Extension(_)) if is_within(self.resource_type, raw) => {
                return Err(Error::invalid_value("remove takes no value"));
            }
            Some(PathTarget::Extension(extension)) => self.remove_extension(extension)?,
            Some(PathTarget::Attribute(place)) => {
                self.remove(place, path.filter.as_ref(), raw, r)?;
            }
        }
        Ok(Understanding::Understood)
    }

    /// Writes a value into an attribute or sub-attribute. Returns whether anything of it is known.
    fn write(
        &mut self,
        place: AttributePlace<'t>,
        filter: Option<&Filter>,
        mode: WriteMode,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<bool, Error> {
        let part = self.origin == Origin::Part;
        if part && filter.is_none() && is_active(place) && is_unassigned(raw) {
            return keep_active(r).map(|()| true);
        }
        if is_members(place) {
            self.write_members(place, filter, mode, raw, r)?;
            return Ok(true);
        }
        refuse_within(self.resource_type, place, raw)?;
        if place.attribute.returned == Returned::Never {
            self.withhold(place, raw, r)?;
        } else if is_schemas(place) {
            // `schemas` is computed from the document.
        } else if part && is_foreign(place, raw) && r.allows(Leniency::UnknownAttribute) {
            return Ok(false);
        } else {
            let holder = self.holder(place);
            match filter {
                Some(filter) => write_selected(holder, place, filter, mode, raw, r)?,
                None if place.sub.is_some() => write_sub(holder, place, mode, raw, r)?,
                None => write(holder, place, mode, raw, r)?,
            }
        }
        Ok(true)
    }

    /// Removes an attribute, some of its values, or a sub-attribute.
    fn remove(
        &mut self,
        place: AttributePlace<'t>,
        filter: Option<&Filter>,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<(), Error> {
        refuse_read_only(place)?;
        if is_members(place) {
            return self.remove_members(place, filter, raw, r);
        }
        refuse_within(self.resource_type, place, raw)?;
        if is_active(place) && filter.is_none() {
            return keep_active(r);
        }
        if place.attribute.returned == Returned::Never {
            // The document does not hold the password, so there is nothing to remove.
            return Err(Error::mutability(format!("{place} can be set, not removed")));
        }
        // RFC 7644 §3.5.2.2: a required attribute cannot be removed.
        let needed = self.resource_type.needed.contains(&place.attribute.name);
        let whole = filter.is_none() || place.sub.is_some() || !place.attribute.multi_valued;
        if place.leaf().required && !needed && whole {
            return Err(Error::mutability(format!("{place} is required and cannot be removed")));
        }
        let named = !raw.is_null() && place.leaf().multi_valued && filter.is_none();
        if named && !r.allows(Leniency::RemoveByValue) {
            return Err(Error::invalid_value(format!(
                "remove takes no value: name the values of {place} by a filter in the path"
            )));
        }
        let holder = self.holder(place);
        match filter {
            Some(filter) => erase_selected(holder, place, filter, r),
            None if named => erase_listed(holder, place, raw, r),
            None => {
                erase(holder, place);
                Ok(())
            }
        }
    }

    fn remove_extension(&mut self, extension: &Extension) -> Result<(), Error> {
        let id = &extension.schema.id;
        let required = extension.schema.attributes.iter().any(|attribute| attribute.required);
        if extension.required || (required && self.document.contains_key(id)) {
            return Err(Error::mutability(format!("{id} is required and cannot be removed")));
        }
        self.document.shift_remove(id);
        Ok(())
    }

    /// Takes the password out. Other attributes that are never returned are dropped, because they
    /// could never be read.
    fn withhold(
        &mut self,
        place: AttributePlace<'t>,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<(), Error> {
        let value = canonical(place, raw, r)?;
        size::check_beside(place, value.as_ref(), r)?;
        if let (None, "password", Some(Value::String(password))) =
            (place.extension, place.attribute.name.as_str(), value)
        {
            self.password = Some(password).filter(|it| !it.is_empty());
        }
        Ok(())
    }

    /// The object that holds an attribute: the document, or that of an extension.
    fn holder(&mut self, place: AttributePlace<'_>) -> &mut Map<String, Value> {
        let Some(schema) = place.extension else { return &mut self.document };
        if !self.document.get(&schema.id).is_some_and(Value::is_object) {
            self.document.insert(schema.id.clone(), Map::new().into());
        }
        let object = self.document.get_mut(&schema.id).and_then(Value::as_object_mut);
        object.expect("an extension's object was just put there")
    }

    /// The resource, checked as a whole, and against the one before if there was one.
    pub(in crate::scim) fn finish(
        mut self,
        before: Option<&Resource>,
        r: &Reading,
    ) -> Result<(Resource, Vec<MemberChange>, Option<String>), Error> {
        let t = self.resource_type;
        if let Some(before) = before {
            whole::keep_immutable(t, &before.document, &mut self.document, self.origin)?;
        }
        whole::drop_empty_extensions(t, &mut self.document);
        if let Err(error) = size::check(t, before.map(|it| &it.document), &self.document, r) {
            self.document = before.and_then(|it| it.left_by(&self.document)).ok_or(error)?;
        }
        whole::check_required(t, before.map(|it| &it.document), &self.document)?;
        schemas::write(t, &mut self.document);
        Ok((Resource { document: self.document }, self.members, self.password))
    }

    /// The document as it is now.
    pub(super) fn document_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.document
    }
}

/// RFC 7644 §3.5.2: clients cannot change readOnly attributes.
fn refuse_read_only(place: AttributePlace<'_>) -> Result<(), Error> {
    if is_read_only(place) {
        return Err(Error::mutability(format!("{place} is readOnly")));
    }
    Ok(())
}

fn is_read_only(place: AttributePlace<'_>) -> bool {
    [Some(place.attribute), place.sub]
        .into_iter()
        .flatten()
        .any(|it| it.mutability == Mutability::ReadOnly)
}

fn is_members(place: AttributePlace<'_>) -> bool {
    place.extension.is_none() && place.attribute.multi_valued && place.attribute.name == MEMBERS
}

fn is_active(place: AttributePlace<'_>) -> bool {
    place.extension.is_none()
        && place.attribute.name == "active"
        && place.attribute.kind == AttributeType::Boolean
}

/// Whether a value stands for none (RFC 7643 §2.5), as clients write it.
fn is_unassigned(raw: &Value) -> bool {
    match raw {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_unassigned),
        _ => false,
    }
}

/// A person is active or not. A request that unassigns the state says neither, so it stays as it is.
fn keep_active(r: &mut Reading) -> Result<(), Error> {
    if r.allows(Leniency::UnassignedActive) {
        return Ok(());
    }
    Err(Error::invalid_value("active must be true or false; it cannot be unassigned"))
}

fn is_schemas(place: AttributePlace<'_>) -> bool {
    place.extension.is_none() && place.attribute.name == "schemas"
}
