//! Lists: one page of a kind of resource, filtered, with the exact total.

mod select;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::filter::{self, Condition};
use super::frame::Documents;
use super::resource::{Related, StoredResource};
use super::walk::{List, Place};
use super::{Store, frame};
use crate::scim::{self, Filter, Literal, Operator, ResourceType};
pub(super) use select::Select;

/// Which page of which list.
#[derive(Clone, Debug)]
pub struct Query {
    /// The tenant.
    pub tenant: String,
    /// What is listed.
    pub resource_type: Arc<ResourceType>,
    /// Only what matches.
    pub filter: Option<Filter>,
    /// The first of the page, counted from 1; 0 is 1 (RFC 7644 §3.4.2.4).
    pub start_index: u64,
    /// No more than so many; 0 asks for the total only.
    pub count: u64,
    /// What is read along with each.
    pub related: Related,
}

/// A page.
///
/// Its resources share one text, since a hundred of them would be five hundred strings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// How many match, on all pages.
    pub total: u64,
    text: String,
    rows: Vec<StoredResource<Range<usize>>>,
}

impl Page {
    /// Those of this page, in the order of their creation.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = StoredResource<&str>> {
        self.rows.iter().map(|row| row.map(|range| &self.text[range.clone()]))
    }

    fn of_one(resource: &StoredResource) -> Self {
        let mut text = String::new();
        let row = resource.map(|part| {
            let start = text.len();
            text.push_str(part);
            start..text.len()
        });
        Self { total: 1, text, rows: vec![row] }
    }
}

/// Why there is no page.
#[derive(Debug)]
pub enum QueryError {
    /// The filter cannot be answered, and why.
    Unsupported(scim::Error),
    /// The database could not do it.
    Accident(anyhow::Error),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(error) => error.fmt(f),
            Self::Accident(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<anyhow::Error> for QueryError {
    fn from(error: anyhow::Error) -> Self {
        Self::Accident(error)
    }
}

impl Store {
    /// A page of a list.
    pub async fn page(&self, query: &Query) -> Result<Page, QueryError> {
        if let Some(filter) = &query.filter {
            filter.check(&query.resource_type).map_err(QueryError::Unsupported)?;
            if let Some(user_name) = user_name(filter, &query.resource_type) {
                return Ok(self.page_of_one(query, user_name).await?);
            }
        }
        let condition = query
            .filter
            .as_ref()
            .map(|it| filter::condition(it, &query.resource_type, &query.tenant))
            .transpose()
            .map_err(QueryError::Unsupported)?;
        Ok(self.walk(query, condition).await?)
    }

    /// What identity providers ask before every create, together with whoever asks the same.
    async fn page_of_one(&self, query: &Query, user_name: &str) -> Result<Page> {
        let kind = &query.resource_type.name;
        let found = self.of_user_name(&query.tenant, kind, user_name, query.related).await?;
        Ok(match found {
            Some(found) if query.start_index <= 1 && query.count > 0 => Page::of_one(&found),
            found => Page { total: u64::from(found.is_some()), ..Page::default() },
        })
    }

    async fn walk(&self, query: &Query, condition: Option<Condition>) -> Result<Page> {
        let list = List {
            tenant: query.tenant.clone(),
            kind: query.resource_type.name.clone(),
            filter: query.filter.as_ref().map(Filter::to_string),
        };
        let start = query.start_index.max(1);
        let (moment, place) = self.walks.find(&list, start);
        let select = Select::of(query, condition.as_ref(), start, place);
        let row = sqlx::query_with(AssertSqlSafe(select.sql), select.arguments)
            .fetch_one(&mut *self.pool.take().await?)
            .await
            .context("reading a page")?;
        let (page, last) = read(&row, query.related)?;
        let next = start.saturating_add(page.rows.len() as u64);
        if let Some(after) = last.filter(|_| next <= page.total) {
            self.walks.remember(list, next, moment, Place { after, total: page.total });
        }
        Ok(page)
    }
}

/// The page in a row, and the place of its last resource.
fn read(row: &SqliteRow, related: Related) -> Result<(Page, Option<i64>)> {
    let total = u64::try_from(row.try_get::<i64, _>(0)?).context("a count")?;
    let Some(heads) = row.try_get::<Option<&str>, _>(1)? else {
        return Ok((Page { total, ..Page::default() }, None));
    };
    let documents = std::str::from_utf8(row.try_get(2)?)?;
    let beside: &str = if related == Related::None { "" } else { row.try_get(3)? };
    let text = [documents, heads, beside].concat();
    let (documents, rest) = text.split_at(documents.len());
    let (heads, beside) = rest.split_at(heads.len());
    let mut documents =
        Documents::new(documents, Some(beside).filter(|_| related != Related::None));
    let mut last = None;
    let mut rows = Vec::new();
    for head in frame::split(heads) {
        let (seq, resource) = documents.next(head)?;
        last = Some(seq);
        rows.push(resource.map(|part| range(&text, part)));
    }
    Ok((Page { total, text, rows }, last))
}

/// Where a part of the text is in it.
fn range(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// The name, where the filter is nothing but `userName eq`.
fn user_name<'f>(filter: &'f Filter, resource_type: &ResourceType) -> Option<&'f str> {
    let Filter::Compare(path, Operator::Eq, Literal::String(name)) = filter else { return None };
    let target = path.resolve(resource_type)?;
    let plain = target.extension.is_none() && target.sub_attribute.is_none();
    let attribute = target.attribute.filter(|it| plain && it.name == "userName")?;
    (!attribute.case_exact).then_some(name)
}
