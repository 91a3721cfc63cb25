//! Resources: canonical documents by their schema, and how requests become them.

use std::sync::LazyLock;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

mod assign;
mod condition;
mod create;
mod edit;
mod list;
mod member;
mod replace;
mod resemblance;
mod schemas;
mod select;
mod size;
mod target;
mod value;
mod whole;

#[cfg(test)]
mod tests;

pub use create::{Draft, create};
pub use member::{MemberChange, MemberRef, sends_member_display};
pub use replace::replace;
pub(super) use value::spelt_boolean;

pub(in crate::scim) use assign::WriteMode;
pub(in crate::scim) use edit::{Edit, Understanding};
pub(in crate::scim) use member::asks_for_removal;
pub(in crate::scim) use resemblance::{has, is_within, meant, refuse_more, refuse_stray, said};
pub(in crate::scim) use schemas::check_message_schema;
pub(in crate::scim) use size::value_size;
pub(in crate::scim) use target::excerpt;

/// A resource as a canonical document, with the spelling and types of the schema, without
/// unassigned attributes.
///
/// It holds `schemas`, `id` once it is assigned, `externalId`, the attributes, and each extension
/// under its URN. It never holds `meta`, `groups` and `members`, which are stored elsewhere, nor
/// attributes that are never returned, such as `password`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    document: Map<String, Value>,
}

impl Resource {
    /// Parses the output of [`Resource::to_json`]. The text is trusted and not checked.
    pub fn from_json(text: &str) -> Result<Self> {
        let document = serde_json::from_str(text).context("reading a stored resource")?;
        Ok(Self { document })
    }

    /// The document as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.document).expect("a JSON document always serialises")
    }

    /// The document.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// The same resource with this id.
    pub fn with_id(mut self, id: &str) -> Self {
        if let Some(known) = self.document.get_mut("id") {
            *known = id.into();
        } else {
            let place = usize::from(self.document.contains_key("schemas"));
            self.document.shift_insert(place, "id".to_owned(), id.into());
        }
        self
    }

    /// The id; empty before it is assigned.
    pub fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    /// The `userName`, as it was sent.
    pub fn user_name(&self) -> Option<&str> {
        self.text("userName")
    }

    /// The `externalId`, which is the client's name for the resource.
    pub fn external_id(&self) -> Option<&str> {
        self.text("externalId")
    }

    /// The `displayName`.
    pub fn display_name(&self) -> Option<&str> {
        self.text("displayName")
    }

    /// Whether it is active, which is the default.
    pub fn active(&self) -> bool {
        self.document.get("active").and_then(Value::as_bool).unwrap_or(true)
    }

    /// Sets `active`.
    pub fn set_active(&mut self, active: bool) {
        self.document.insert("active".to_owned(), active.into());
    }

    /// The e-mail addresses, in order.
    pub fn emails(&self) -> Vec<&str> {
        let emails = self.document.get("emails").and_then(Value::as_array);
        emails.into_iter().flatten().filter_map(|email| email.get("value")?.as_str()).collect()
    }

    /// The names of the attributes that differ, in the schema's spelling; those of an extension as
    /// `urn:attribute`. `id` and `schemas` are left out.
    pub fn changes(before: &Self, after: &Self) -> Vec<String> {
        let mut names = Vec::new();
        differences(&before.document, &after.document, |name| match name {
            "id" | "schemas" => {}
            // A name has no colon (RFC 7643 §2.1), so a key with a colon is an extension.
            urn if urn.contains(':') => {
                let [before, after] = [before, after].map(|it| extension(&it.document, urn));
                differences(before, after, |name| names.push(format!("{urn}:{name}")));
            }
            name => names.push(name.to_owned()),
        });
        names
    }

    /// The document of this active person as it is, but inactive, if that is what a request makes of the person
    /// that is too large: what the request has beside it must not keep a leaver in.
    fn left_by(&self, request: &Map<String, Value>) -> Option<Map<String, Value>> {
        let inactive = Some(&Value::Bool(false));
        let leaves = self.active() && request.get("active") == inactive;
        let mut left = leaves.then(|| self.document.clone())?;
        left.insert("active".to_owned(), false.into());
        Some(left)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.document.get(name)?.as_str()
    }
}

fn differences(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    mut tell: impl FnMut(&str),
) {
    for (name, value) in before {
        if after.get(name) != Some(value) {
            tell(name);
        }
    }
    after.keys().filter(|name| !before.contains_key(*name)).for_each(|name| tell(name));
}

fn extension<'a>(document: &'a Map<String, Value>, urn: &str) -> &'a Map<String, Value> {
    static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    document.get(urn).and_then(Value::as_object).unwrap_or(&NOTHING)
}
