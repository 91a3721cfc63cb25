//! Membership: how writes to `members` become changes.

use serde_json::Value;

use super::Edit;
use crate::scim::dialect::Leniency;
use crate::scim::reading::Reading;
use crate::scim::resource::assign::WriteMode;
use crate::scim::resource::condition::check_selection;
use crate::scim::resource::member::{MemberChange, MemberRef, references, replacement};
use crate::scim::resource::target::AttributePlace;
use crate::scim::{Error, Filter, Literal, Operator};

impl Edit<'_> {
    /// Adds or replaces members.
    pub(super) fn write_members(
        &mut self,
        place: AttributePlace<'_>,
        filter: Option<&Filter>,
        mode: WriteMode,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<(), Error> {
        let members = match filter {
            Some(filter) => {
                let described = described(place, filter, raw, r)?;
                self.members.push(MemberChange::Add(described));
                return Ok(());
            }
            None if place.sub.is_some() => return Err(immutable(place)),
            None => references(raw, r)?,
        };
        match mode {
            WriteMode::Replace => self.members.push(replacement(members)),
            WriteMode::Add if members.is_empty() => {}
            WriteMode::Add => self.members.push(MemberChange::Add(members)),
        }
        Ok(())
    }

    /// Removes members: those of the filter, those of the value, or all.
    pub(super) fn remove_members(
        &mut self,
        place: AttributePlace<'_>,
        filter: Option<&Filter>,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<(), Error> {
        if place.sub.is_some() {
            return Err(immutable(place));
        }
        let change = match filter {
            Some(filter) => {
                let filter = filter.clone().quoted_in(place.attribute, r);
                check_selection(place.attribute, &filter)?;
                refuse_vain(&filter)?;
                let mut ids = Vec::new();
                if names_ids(&filter, &mut ids) {
                    MemberChange::Remove(ids)
                } else {
                    MemberChange::RemoveWhere(filter)
                }
            }
            None if raw.is_null() => MemberChange::Clear,
            None if r.allows(Leniency::RemoveByValue) => {
                let ids: Vec<String> =
                    references(raw, r)?.into_iter().map(|member| member.value).collect();
                if ids.is_empty() {
                    return Ok(());
                }
                MemberChange::Remove(ids)
            }
            None => {
                // RFC 7644 §3.5.2.2: the operation would remove all members, which cannot be meant
                // by a client that names some.
                return Err(Error::invalid_value(
                    "remove takes no value: name the members by a filter in the path",
                ));
            }
        };
        self.members.push(change);
        Ok(())
    }
}

/// The member that `members[value eq "x"]` describes. Adding an existing member changes nothing, so
/// it does not matter whether it is one already.
fn described(
    place: AttributePlace<'_>,
    filter: &Filter,
    raw: &Value,
    r: &mut Reading,
) -> Result<Vec<MemberRef>, Error> {
    let mut ids = Vec::new();
    if place.sub.is_some() || !names_ids(filter, &mut ids) || !r.allows(Leniency::CreateByFilter) {
        return Err(immutable(place));
    }
    let same = |member: &MemberRef| ids.iter().all(|id| *id == member.value);
    match references(raw, r) {
        Ok(members) if members.iter().all(same) && !members.is_empty() => Ok(members),
        Ok(_) => Err(immutable(place)),
        Err(error) => Err(error),
    }
}

/// RFC 7643 §4.2: the sub-attributes of a member are immutable; a member is added or removed as a
/// whole.
fn immutable(place: AttributePlace<'_>) -> Error {
    let name = place.leaf().name.as_str();
    Error::mutability(format!(
        "{name} of a member cannot be changed: remove the member and add another"
    ))
}

/// Refuses a comparison that no member fulfils, since its sender would believe that a member has left:
/// an id that is no text or empty, and an address that is not absolute, as `$ref` has it.
fn refuse_vain(filter: &Filter) -> Result<(), Error> {
    match filter {
        Filter::Compare(path, Operator::Eq, literal) if path.sub_attribute.is_none() => {
            let named = |name: &str| path.attribute.eq_ignore_ascii_case(name);
            let text = match literal {
                Literal::String(text) => text.as_str(),
                _ => "",
            };
            if named("value") && text.is_empty() {
                return Err(Error::invalid_filter(
                    "the id of a member is a text that is not empty",
                ));
            }
            if named("$ref") && !text.contains("://") {
                let why = "$ref of a member is its whole address; give that, or the id as `value`";
                return Err(Error::invalid_filter(why));
            }
            Ok(())
        }
        Filter::And(left, right) | Filter::Or(left, right) => {
            refuse_vain(left)?;
            refuse_vain(right)
        }
        Filter::Not(inner) | Filter::ValuePath(_, inner) => refuse_vain(inner),
        Filter::Present(_) | Filter::Compare(..) => Ok(()),
    }
}

/// Collects the ids of a filter that consists of `value eq "x"`, once or joined by `or`. Returns
/// whether it does.
fn names_ids(filter: &Filter, ids: &mut Vec<String>) -> bool {
    match filter {
        Filter::Or(left, right) => names_ids(left, ids) && names_ids(right, ids),
        Filter::Compare(path, Operator::Eq, Literal::String(id)) => {
            let value = path.schema.is_none() && path.attribute.eq_ignore_ascii_case("value");
            ids.push(id.clone());
            value && path.sub_attribute.is_none()
        }
        _ => false,
    }
}
