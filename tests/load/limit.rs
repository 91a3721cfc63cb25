//! The limit: the smallest program that does the same, written as well as one reasonably can.
//!
//! axum and SQLite by direct bindings: WAL, synchronous FULL, group commit by one writing thread, a
//! reading connection for each of axum's threads. Documents are stored as they are served, what is
//! looked for is indexed, members are rows. No SCIM, no sandbox, no journal, no tokens, no tenants.
//! Told to work, it asks a sandbox and keeps a journal as well.

mod reader;
mod working;
mod writer;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{self, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use muster::clock::{Clock, rfc3339};
use muster::decision::{Account, EventKind, Member as Joined, Membership};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::form_urlencoded;

use reader::Reader;
use working::{Happened, Record, Working};
use writer::{Member, Write, Writer};

/// What every request needs.
struct Limit {
    database: PathBuf,
    writer: Writer,
    clock: Clock,
    users: AtomicU64,
    /// None where it only does what cannot be left out.
    working: Option<Working>,
}

/// A new user, as sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewUser<'b> {
    #[serde(borrow)]
    schemas: &'b RawValue,
    user_name: &'b str,
    #[serde(borrow)]
    name: &'b RawValue,
    #[serde(borrow)]
    emails: &'b RawValue,
    display_name: &'b str,
    locale: &'b str,
    external_id: &'b str,
    active: bool,
}

/// A user as stored and served.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'b> {
    schemas: &'b RawValue,
    id: &'b str,
    external_id: &'b str,
    user_name: &'b str,
    name: &'b RawValue,
    display_name: &'b str,
    locale: &'b str,
    active: bool,
    emails: &'b RawValue,
    meta: Meta<'b>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'b> {
    resource_type: &'static str,
    created: &'b str,
    last_modified: &'b str,
    version: &'static str,
    location: String,
}

#[derive(Deserialize)]
struct Patch<V> {
    #[serde(rename = "Operations")]
    operations: Vec<Change<V>>,
}

#[derive(Deserialize)]
struct Change<V> {
    value: V,
}

#[derive(Deserialize)]
struct Active {
    active: bool,
}

/// Serves until standard input ends, with the database in this folder.
pub(crate) fn serve(folder: &Path, work: bool) -> anyhow::Result<()> {
    std::thread::spawn(|| {
        // Whoever started this holds the other end, and is gone when it closes.
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        std::process::exit(0);
    });
    let database = folder.join("limit.db");
    let writer = Writer::start(&database)?;
    let working = work.then(Working::new).transpose()?;
    let users = AtomicU64::new(0);
    let limit = Limit { database, writer, clock: Clock::system(), users, working };
    let router = Router::new()
        .route("/Users", get(list).post(create))
        .route("/Users/{id}", get(read).patch(activate))
        .route("/Groups", post(create_group))
        .route("/Groups/{id}", patch(join))
        .with_state(Arc::new(limit));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        anstream::println!("limit serves on {}", listener.local_addr()?);
        let listener = axum::serve::ListenerExt::tap_io(listener, |connection| {
            connection.set_nodelay(true).ok();
        });
        Ok(axum::serve(listener, router).await?)
    })
}

async fn read(
    State(limit): State<Arc<Limit>>,
    extract::Path(id): extract::Path<String>,
) -> Response {
    found(Reader::with(&limit.database, |reader| reader.by_id(&id)))
}

async fn list(State(limit): State<Arc<Limit>>, RawQuery(query): RawQuery) -> Response {
    let (mut start, mut count, mut name) = (1, 100, None);
    for (key, value) in form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()) {
        match &*key {
            "startIndex" => start = value.parse().unwrap_or(1),
            "count" => count = value.parse().unwrap_or(100),
            "filter" => {
                let value = value.strip_prefix("userName eq \"");
                name = value.and_then(|value| value.strip_suffix('"')).map(str::to_lowercase);
            }
            _ => {}
        }
    }
    let page = Reader::with(&limit.database, |reader| match name {
        Some(name) => reader.by_name(&name),
        None => reader.page(limit.users.load(Ordering::Relaxed), start, count),
    });
    found(page.map(Some))
}

async fn create(State(limit): State<Arc<Limit>>, body: Bytes) -> Response {
    let Ok(new) = serde_json::from_slice::<NewUser<'_>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (id, now) = (limit.clock.new_id(), rfc3339(limit.clock.now()));
    let meta = Meta {
        resource_type: "User",
        created: &now,
        last_modified: &now,
        version: "W/\"1\"",
        location: format!("http://127.0.0.1/Users/{id}"),
    };
    let NewUser { schemas, user_name, name, emails, display_name, locale, external_id, active } =
        new;
    let id = &*id;
    #[rustfmt::skip]
    let user = User {
        schemas, id, external_id, user_name, name, display_name, locale, active, emails, meta,
    };
    let Ok(document) = serde_json::to_string(&user) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let record = limit.decided(|| {
        Ok(Happened {
            kind: EventKind::Create,
            before: None,
            after: document.clone(),
            changes: "userName",
            joined: Vec::new(),
            account: None,
        })
    });
    let record = match record {
        Ok(record) => record,
        Err(error) => return accident(&error),
    };
    let user_name = user_name.to_lowercase();
    let user = Write::User { id: id.to_owned(), user_name, document: document.clone() };
    match limit.writer.write(user, record).await {
        Ok(_) => {
            limit.users.fetch_add(1, Ordering::Relaxed);
            json(StatusCode::CREATED, document)
        }
        Err(_) => StatusCode::CONFLICT.into_response(),
    }
}

async fn activate(
    State(limit): State<Arc<Limit>>,
    extract::Path(id): extract::Path<String>,
    body: Bytes,
) -> Response {
    let Ok(Patch { operations }) = serde_json::from_slice::<Patch<Active>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Some(Change { value: Active { active } }) = operations.into_iter().next() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let record = limit.decided(|| {
        let before = Reader::with(&limit.database, |reader| reader.by_id(&id))?;
        working::activation(before.unwrap_or_default(), active)
    });
    let record = match record {
        Ok(record) => record,
        Err(error) => return accident(&error),
    };
    let now = rfc3339(limit.clock.now());
    found(limit.writer.write(Write::Active { id, active, now }, record).await)
}

async fn create_group(State(limit): State<Arc<Limit>>) -> Response {
    let id = limit.clock.new_id();
    match limit.writer.write(Write::Group { id: id.clone() }, None).await {
        Ok(_) => json(StatusCode::CREATED, format!(r#"{{"id":"{id}"}}"#)),
        Err(error) => accident(&error.into()),
    }
}

async fn join(
    State(limit): State<Arc<Limit>>,
    extract::Path(group): extract::Path<String>,
    body: Bytes,
) -> Response {
    let Ok(Patch { operations }) = serde_json::from_slice::<Patch<Vec<Member>>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let members: Vec<Member> = operations.into_iter().flat_map(|change| change.value).collect();
    let record = match members.as_slice() {
        [member] => limit.decided(|| Ok(working::joining(&group, vec![limit.joined(member)?]))),
        // A group is filled before it is measured.
        _ => Ok(None),
    };
    let record = match record {
        Ok(record) => record,
        Err(error) => return accident(&error),
    };
    match limit.writer.write(Write::Members { group, members }, record).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => accident(&error.into()),
    }
}

impl Limit {
    /// The decision on what happened, where anybody is asked.
    fn decided(
        &self,
        happened: impl FnOnce() -> anyhow::Result<Happened>,
    ) -> anyhow::Result<Option<Record>> {
        let Some(working) = &self.working else { return Ok(None) };
        working.decide(happened()?).map(Some)
    }

    /// Somebody who joins, who must be there.
    fn joined(&self, Member { value, display }: &Member) -> anyhow::Result<Joined> {
        let known = Reader::with(&self.database, |reader| reader.by_id(value))?;
        known.context("nobody of this id")?;
        let (id, membership) = (value.clone(), Membership::Active);
        let account = Account { id: id.clone(), membership, data: "null".to_owned() };
        Ok(Joined { id, name: display.clone().unwrap_or_default(), account: Some(account) })
    }
}

fn found(document: rusqlite::Result<Option<String>>) -> Response {
    match document {
        Ok(Some(document)) => json(StatusCode::OK, document),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => accident(&error.into()),
    }
}

fn accident(error: &anyhow::Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response()
}

fn json(status: StatusCode, document: String) -> Response {
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/scim+json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}
