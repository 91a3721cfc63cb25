//! What a query asks for, in the parameters of a URL or in the body of a search (RFC 7644 §3.4.2
//! and §3.4.3, RFC 9865 §2).

use serde_json::Value;

use crate::scim::path::AttributePath;
use crate::scim::resource::check_message_schema;
use crate::scim::{Error, Filter, Projection, Reading, ResourceType, ScimType};

#[cfg(test)]
mod tests;

/// The schema of a search.
pub const SEARCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// How many resources a page has where nobody says.
pub const PAGE: u64 = 100;
/// No page is longer.
pub const LONGEST_PAGE: u64 = 500;

/// The parameters of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest {
    /// Only what matches.
    pub filter: Option<Filter>,
    /// In which order.
    pub sort: Option<Sort>,
    /// Which page.
    pub page: Wanted,
    /// No more than so many.
    pub count: u64,
    pub(in crate::scim) attributes: Option<String>,
    pub(in crate::scim) excluded_attributes: Option<String>,
}

/// Which page is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The one that begins with the resource of this number, counted from 1.
    Index(u64),
    /// The one that this cursor is for; the first one where it is empty (RFC 9865 §2).
    Cursor(String),
}

/// An order of resources (RFC 7644 §3.4.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: AttributePath,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl SearchRequest {
    /// Reads the parameters of a URL. Names are known in any case, and unknown ones are passed
    /// over (RFC 7644 §3.4.2).
    pub fn of_parameters<N: AsRef<str>, V: AsRef<str>>(
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Error> {
        let mut given = Given::default();
        for (name, value) in parameters {
            let (name, value) = (name.as_ref(), value.as_ref());
            match Parameter::named(name) {
                Some(Parameter::StartIndex) => {
                    given.start_index = Some(whole("startIndex", value)?);
                }
                Some(Parameter::Count) => given.count = Some(whole("count", value)?),
                Some(parameter) => *given.text(parameter) = Some(value.to_owned()),
                None => {}
            }
        }
        given.request()
    }

    /// Reads the body of a search.
    pub fn of_body(body: &Value, reading: &mut Reading) -> Result<Self, Error> {
        let body = body.as_object().ok_or_else(|| {
            Error::invalid_syntax("the body must be a JSON object: a SearchRequest")
        })?;
        check_message_schema(body, SEARCH_SCHEMA, reading)?;
        let mut given = Given::default();
        for (name, value) in body.iter().filter(|(_, value)| !value.is_null()) {
            match Parameter::named(name) {
                Some(Parameter::StartIndex) => given.start_index = Some(integer(name, value)?),
                Some(Parameter::Count) => given.count = Some(integer(name, value)?),
                Some(it @ (Parameter::Attributes | Parameter::ExcludedAttributes)) => {
                    *given.text(it) = Some(names(name, value)?);
                }
                Some(parameter) => {
                    let text = value.as_str().ok_or_else(|| wrong(name, "a string"))?;
                    *given.text(parameter) = Some(text.to_owned());
                }
                None => {}
            }
        }
        given.request()
    }

    /// What is shown of resources of this type.
    pub fn projection(&self, resource_type: &ResourceType) -> Result<Projection, Error> {
        let (only, except) = (self.attributes.as_deref(), self.excluded_attributes.as_deref());
        Projection::parse(only, except, resource_type)
    }
}

/// The names of RFC 7644 §3.4.3, table 8, and of RFC 9865.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parameter {
    Attributes,
    ExcludedAttributes,
    Filter,
    SortBy,
    SortOrder,
    StartIndex,
    Count,
    Cursor,
}

impl Parameter {
    fn named(name: &str) -> Option<Self> {
        let all = [
            ("attributes", Self::Attributes),
            ("excludedAttributes", Self::ExcludedAttributes),
            ("filter", Self::Filter),
            ("sortBy", Self::SortBy),
            ("sortOrder", Self::SortOrder),
            ("startIndex", Self::StartIndex),
            ("count", Self::Count),
            ("cursor", Self::Cursor),
        ];
        all.into_iter().find(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1)
    }
}

/// What is given, not yet understood.
#[derive(Default)]
struct Given {
    texts: [Option<String>; 8],
    start_index: Option<i64>,
    count: Option<i64>,
}

impl Given {
    fn text(&mut self, parameter: Parameter) -> &mut Option<String> {
        &mut self.texts[parameter as usize]
    }

    fn request(mut self) -> Result<SearchRequest, Error> {
        let cursor = self.text(Parameter::Cursor).take();
        let count = self.count(cursor.is_some())?;
        let filter = self.text(Parameter::Filter).take();
        Ok(SearchRequest {
            filter: filter.map(|it| Filter::parse(&it)).transpose()?,
            sort: self.sort()?,
            page: self.wanted(cursor)?,
            count,
            attributes: self.text(Parameter::Attributes).take(),
            excluded_attributes: self.text(Parameter::ExcludedAttributes).take(),
        })
    }

    /// RFC 7644 §3.4.2.4: a negative count is zero. More than there are on a page is cut short;
    /// by cursor it is `invalidCount` (RFC 9865 §2.1).
    fn count(&self, by_cursor: bool) -> Result<u64, Error> {
        let count = self.count.map_or(PAGE, |count| count.max(0).cast_unsigned());
        if by_cursor && count > LONGEST_PAGE {
            let detail = format!("count: a page has at most {LONGEST_PAGE} resources");
            return Err(Error::bad_request(ScimType::InvalidCount, detail));
        }
        Ok(count.min(LONGEST_PAGE))
    }

    fn wanted(&self, cursor: Option<String>) -> Result<Wanted, Error> {
        match (cursor, self.start_index) {
            (Some(_), Some(_)) => Err(Error::invalid_value(
                "cursor and startIndex exclude each other: walk by one of them",
            )),
            (Some(cursor), None) => Ok(Wanted::Cursor(cursor)),
            // RFC 7644 §3.4.2.4: less than one is one.
            (None, start) => Ok(Wanted::Index(start.unwrap_or(1).max(1).cast_unsigned())),
        }
    }

    fn sort(&mut self) -> Result<Option<Sort>, Error> {
        let order = self.text(Parameter::SortOrder).take().unwrap_or_default();
        let descending = match order.trim() {
            "" => false,
            order if order.eq_ignore_ascii_case("ascending") => false,
            order if order.eq_ignore_ascii_case("descending") => true,
            _ => return Err(Error::invalid_value("sortOrder is ascending or descending")),
        };
        let by = self.text(Parameter::SortBy).take().unwrap_or_default();
        if by.trim().is_empty() {
            return Ok(None);
        }
        let by = AttributePath::parse(&by)
            .map_err(|error| Error::invalid_path(format!("sortBy: {}", error.detail)))?;
        Ok(Some(Sort { by, descending }))
    }
}

fn whole(name: &str, value: &str) -> Result<i64, Error> {
    value
        .trim()
        .parse()
        .map_err(|_| Error::invalid_value(format!("{name}: {value:?} is no whole number")))
}

fn integer(name: &str, value: &Value) -> Result<i64, Error> {
    value.as_i64().ok_or_else(|| wrong(name, "a whole number"))
}

fn names(name: &str, value: &Value) -> Result<String, Error> {
    let names = value.as_array().into_iter().flatten().map(Value::as_str);
    let names: Option<Vec<&str>> = names.collect();
    match names {
        Some(names) if value.is_array() => Ok(names.join(",")),
        _ => Err(wrong(name, "a list of strings")),
    }
}

fn wrong(name: &str, what: &str) -> Error {
    Error::invalid_value(format!("{name} must be {what}"))
}
