//! Queries, from the parameters of a URL or from the body of a search (RFC 7644 §3.4.2 and §3.4.3,
//! RFC 9865 §2).

use serde_json::Value;

use crate::scim::path::AttributePath;
use crate::scim::resource::check_message_schema;
use crate::scim::{Error, Filter, Projection, Reading, ResourceType, ScimType};

#[cfg(test)]
mod tests;

/// The schema of a search.
pub const SEARCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// The default page size.
pub const PAGE: u64 = 100;
/// The largest page size.
pub const LONGEST_PAGE: u64 = 500;

/// The parameters of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest {
    /// The filter.
    pub filter: Option<Filter>,
    /// The order.
    pub sort: Option<Sort>,
    /// The start of the page.
    pub page: PageStart,
    /// The largest number of resources to return.
    pub count: u64,
    pub(in crate::scim) attributes: Option<String>,
    pub(in crate::scim) excluded_attributes: Option<String>,
}

/// The start of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// The number of its first resource, counted from 1.
    Index(u64),
    /// A cursor; empty for the first page (RFC 9865 §2).
    Cursor(String),
}

/// An order of resources (RFC 7644 §3.4.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The attribute.
    pub by: AttributePath,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

impl SearchRequest {
    /// Parses the parameters of a URL. Names match in any case, and unknown ones are ignored (RFC
    /// 7644 §3.4.2).
    pub fn of_parameters<N: AsRef<str>, V: AsRef<str>>(
        parameters: impl IntoIterator<Item = (N, V)>,
        reading: &mut Reading,
    ) -> Result<Self, Error> {
        let mut given = RawParameters::default();
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
        given.request(reading)
    }

    /// Parses the body of a search.
    pub fn of_body(body: &Value, reading: &mut Reading) -> Result<Self, Error> {
        let body = body.as_object().ok_or_else(|| {
            Error::invalid_syntax("the body must be a JSON object: a SearchRequest")
        })?;
        check_message_schema(body, SEARCH_SCHEMA, reading)?;
        let mut given = RawParameters::default();
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
        given.request(reading)
    }

    /// The same search with the quotes that its filter lacks, for resources of these types.
    pub fn quoted(self, types: &[&ResourceType], reading: &mut Reading) -> Self {
        Self { filter: self.filter.map(|it| it.quoted(types, reading)), ..self }
    }

    /// The projection for resources of this type.
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

/// The parameters as texts, before they are checked.
#[derive(Default)]
struct RawParameters {
    texts: [Option<String>; 8],
    start_index: Option<i64>,
    count: Option<i64>,
}

impl RawParameters {
    fn text(&mut self, parameter: Parameter) -> &mut Option<String> {
        &mut self.texts[parameter as usize]
    }

    fn request(mut self, reading: &mut Reading) -> Result<SearchRequest, Error> {
        let cursor = self.text(Parameter::Cursor).take();
        let count = self.count(cursor.is_some())?;
        let filter = self.text(Parameter::Filter).take();
        Ok(SearchRequest {
            filter: filter.map(|it| Filter::parse_in(&it, reading)).transpose()?,
            sort: self.sort()?,
            page: self.wanted(cursor)?,
            count,
            attributes: self.text(Parameter::Attributes).take(),
            excluded_attributes: self.text(Parameter::ExcludedAttributes).take(),
        })
    }

    /// RFC 7644 §3.4.2.4: a negative count is zero. A count above the largest page size is reduced;
    /// with a cursor it is `invalidCount` (RFC 9865 §2.1).
    fn count(&self, by_cursor: bool) -> Result<u64, Error> {
        let count = self.count.map_or(PAGE, |count| count.max(0).cast_unsigned());
        if by_cursor && count > LONGEST_PAGE {
            let detail = format!("count must be at most {LONGEST_PAGE}");
            return Err(Error::bad_request(ScimType::InvalidCount, detail));
        }
        Ok(count.min(LONGEST_PAGE))
    }

    fn wanted(&self, cursor: Option<String>) -> Result<PageStart, Error> {
        match (cursor, self.start_index) {
            (Some(_), Some(_)) => Err(Error::invalid_value(
                "cursor and startIndex exclude each other: use one of them",
            )),
            (Some(cursor), None) => Ok(PageStart::Cursor(cursor)),
            // RFC 7644 §3.4.2.4: a start index below one is one.
            (None, start) => Ok(PageStart::Index(start.unwrap_or(1).max(1).cast_unsigned())),
        }
    }

    fn sort(&mut self) -> Result<Option<Sort>, Error> {
        let order = self.text(Parameter::SortOrder).take().unwrap_or_default();
        let descending = match order.trim() {
            "" => false,
            order if order.eq_ignore_ascii_case("ascending") => false,
            order if order.eq_ignore_ascii_case("descending") => true,
            _ => return Err(Error::invalid_value("sortOrder must be ascending or descending")),
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
        .map_err(|_| Error::invalid_value(format!("{name}: {value:?} is not a whole number")))
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
