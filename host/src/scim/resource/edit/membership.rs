//! Membership: what a change of `members` becomes.

use serde_json::Value;

use super::Edit;
use crate::scim::dialect::Leniency;
use crate::scim::reading::Reading;
use crate::scim::resource::assign::How;
use crate::scim::resource::condition::check_selection;
use crate::scim::resource::member::{MemberChange, MemberRef, references, replacement};
use crate::scim::resource::target::Place;
use crate::scim::{Error, Filter, Literal, Operator};

impl Edit<'_> {
    /// Adds or replaces members.
    pub(super) fn write_members(
        &mut self,
        place: Place<'_>,
        filter: Option<&Filter>,
        how: How,
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
        match how {
            How::Replace => self.members.push(replacement(members)),
            How::Add if members.is_empty() => {}
            How::Add => self.members.push(MemberChange::Add(members)),
        }
        Ok(())
    }

    /// Removes members: those of the filter, those of the value, or all.
    pub(super) fn remove_members(
        &mut self,
        place: Place<'_>,
        filter: Option<&Filter>,
        raw: &Value,
        r: &mut Reading,
    ) -> Result<(), Error> {
        if place.sub.is_some() {
            return Err(immutable(place));
        }
        let change = match filter {
            Some(filter) => {
                check_selection(place.attribute, filter)?;
                let mut ids = Vec::new();
                if names_ids(filter, &mut ids) {
                    MemberChange::Remove(ids)
                } else {
                    MemberChange::RemoveWhere(filter.clone())
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
                // By the letter everybody would be removed, which nobody who names some can mean.
                return Err(Error::invalid_value(
                    "a remove takes no value: name the members by a filter in the path",
                ));
            }
        };
        self.members.push(change);
        Ok(())
    }
}

/// The member that `members[value eq "x"]` describes. Whether it is one already is not known here,
/// and does not matter: adding a member twice is adding it once.
fn described(
    place: Place<'_>,
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

/// RFC 7643 §4.2: the sub-attributes of a member are immutable; members come and go as a whole.
fn immutable(place: Place<'_>) -> Error {
    let name = place.leaf().name.as_str();
    Error::mutability(format!(
        "{name} of a member cannot be changed: remove the member and add another"
    ))
}

/// Collects the ids of a filter that is nothing but `value eq "x"`, once or with `or` between;
/// tells whether it is.
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
