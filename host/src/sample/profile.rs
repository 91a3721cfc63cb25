//! The attributes of people and accounts.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Problem;

/// Attributes: those that the app knows, and further ones that a client stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// The e-mail address, unique among people, or among the accounts of an organisation.
    pub email: String,
    /// The display name.
    pub name: Option<String>,
    /// The job title.
    pub title: Option<String>,
    /// Further attributes.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Profile {
    /// Reads a profile. A password is accepted and not kept.
    pub(super) fn read(mut body: Map<String, Value>) -> Result<Self, Problem> {
        for read_only in ["id", "organizations"] {
            if body.contains_key(read_only) {
                return Err(Problem::unprocessable(format!("{read_only} is read-only")));
            }
        }
        let email = text(&mut body, "email")?;
        let email = email.filter(|email| email.len() <= 254 && email.contains('@'));
        let email =
            email.ok_or_else(|| Problem::unprocessable("email must be an e-mail address"))?;
        let (name, title) = (text(&mut body, "name")?, text(&mut body, "title")?);
        if text(&mut body, "password")?.is_some_and(|password| password.is_empty()) {
            return Err(Problem::unprocessable("password is empty"));
        }
        Ok(Self { email, name, title, other: body })
    }

    /// The profile with the body's attributes merged into it; null removes one.
    pub(super) fn changed(&self, body: Map<String, Value>) -> Result<Self, Problem> {
        let mut merged = self.other.clone();
        merged.insert("email".to_owned(), self.email.clone().into());
        merged.insert("name".to_owned(), self.name.clone().into());
        merged.insert("title".to_owned(), self.title.clone().into());
        merged.extend(body);
        merged.retain(|_, value| !value.is_null());
        Self::read(merged)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.email),
            None => f.write_str(&self.email),
        }
    }
}

fn text(body: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match body.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::unprocessable(format!("{name} must be a text"))),
    }
}
