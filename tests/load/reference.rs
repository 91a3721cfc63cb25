//! The reference server: a minimal program with the durability of muster, tuned as well as is
//! reasonable.
//!
//! axum and SQLite through direct bindings: WAL, `synchronous = FULL`, group commit in one writer
//! thread, and a read connection for each of axum's threads. Documents are stored as they are
//! served, `userName` is indexed, members are rows. It understands only the requests of this
//! benchmark: no SCIM, no sandbox, no journal, no tokens, no tenants.
//!
//! It runs in two configurations. As the *limit* it only stores, which shows how fast a durable
//! server can be on this machine. As the *baseline* it also decides each write with the same
//! connector as muster and writes an account and a journal row (`decision.rs`), which shows how much
//! of the distance between muster and the limit is work that muster must do.

mod decision;
mod reader;
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
use muster::decision::{Account, EventKind, Member, Membership};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::form_urlencoded;

use decision::{ChangedResource, Decider, JournalRecord};
use reader::Reader;
use writer::{NewMember, Write, Writer};

/// The state that all requests share.
struct Reference {
    database: PathBuf,
    writer: Writer,
    clock: Clock,
    users: AtomicU64,
    /// `None` in the configuration *limit*.
    decider: Option<Decider>,
}

/// A new user in a request.
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

/// Serves until standard input is closed, with the database in this folder.
pub(crate) fn serve(folder: &Path, with_decisions: bool) -> anyhow::Result<()> {
    std::thread::spawn(|| {
        // The benchmark holds the other end: when it closes, the benchmark has ended.
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        std::process::exit(0);
    });
    let database = folder.join("reference.db");
    let writer = Writer::start(&database)?;
    let decider = with_decisions.then(Decider::new).transpose()?;
    let users = AtomicU64::new(0);
    let server = Reference { database, writer, clock: Clock::system(), users, decider };
    let router = Router::new()
        .route("/Users", get(list).post(create))
        .route("/Users/{id}", get(read).patch(activate))
        .route("/Groups", post(create_group))
        .route("/Groups/{id}", patch(add_members))
        .with_state(Arc::new(server));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        anstream::println!("reference server on {}", listener.local_addr()?);
        let listener = axum::serve::ListenerExt::tap_io(listener, |connection| {
            connection.set_nodelay(true).ok();
        });
        Ok(axum::serve(listener, router).await?)
    })
}

async fn read(
    State(server): State<Arc<Reference>>,
    extract::Path(id): extract::Path<String>,
) -> Response {
    found(Reader::with(&server.database, |reader| reader.by_id(&id)))
}

async fn list(State(server): State<Arc<Reference>>, RawQuery(query): RawQuery) -> Response {
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
    let page = Reader::with(&server.database, |reader| match name {
        Some(name) => reader.by_name(&name),
        None => reader.page(server.users.load(Ordering::Relaxed), start, count),
    });
    found(page.map(Some))
}

async fn create(State(server): State<Arc<Reference>>, body: Bytes) -> Response {
    let Ok(new) = serde_json::from_slice::<NewUser<'_>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (id, now) = (server.clock.new_id(), rfc3339(server.clock.now()));
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
    let record = server.decide(|| {
        Ok(ChangedResource {
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
        Err(error) => return internal_error(&error),
    };
    let user_name = user_name.to_lowercase();
    let user = Write::User { id: id.to_owned(), user_name, document: document.clone() };
    match server.writer.write(user, record).await {
        Ok(_) => {
            server.users.fetch_add(1, Ordering::Relaxed);
            json(StatusCode::CREATED, document)
        }
        Err(_) => StatusCode::CONFLICT.into_response(),
    }
}

async fn activate(
    State(server): State<Arc<Reference>>,
    extract::Path(id): extract::Path<String>,
    body: Bytes,
) -> Response {
    let Ok(Patch { operations }) = serde_json::from_slice::<Patch<Active>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Some(Change { value: Active { active } }) = operations.into_iter().next() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let record = server.decide(|| {
        let before = Reader::with(&server.database, |reader| reader.by_id(&id))?;
        decision::activation(before.unwrap_or_default(), active)
    });
    let record = match record {
        Ok(record) => record,
        Err(error) => return internal_error(&error),
    };
    let now = rfc3339(server.clock.now());
    found(server.writer.write(Write::Active { id, active, now }, record).await)
}

async fn create_group(State(server): State<Arc<Reference>>) -> Response {
    let id = server.clock.new_id();
    match server.writer.write(Write::Group { id: id.clone() }, None).await {
        Ok(_) => json(StatusCode::CREATED, format!(r#"{{"id":"{id}"}}"#)),
        Err(error) => internal_error(&error.into()),
    }
}

async fn add_members(
    State(server): State<Arc<Reference>>,
    extract::Path(group): extract::Path<String>,
    body: Bytes,
) -> Response {
    let Ok(Patch { operations }) = serde_json::from_slice::<Patch<Vec<NewMember>>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let members: Vec<NewMember> = operations.into_iter().flat_map(|change| change.value).collect();
    let record = match members.as_slice() {
        [member] => {
            server.decide(|| Ok(decision::membership_change(&group, vec![server.member(member)?])))
        }
        // Many members at once fill a group before the measurement.
        _ => Ok(None),
    };
    let record = match record {
        Ok(record) => record,
        Err(error) => return internal_error(&error),
    };
    match server.writer.write(Write::Members { group, members }, record).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => internal_error(&error.into()),
    }
}

impl Reference {
    /// Decides about a change; `None` in the configuration *limit*, which then does not load the
    /// resource either.
    fn decide(
        &self,
        change: impl FnOnce() -> anyhow::Result<ChangedResource>,
    ) -> anyhow::Result<Option<JournalRecord>> {
        let Some(decider) = &self.decider else { return Ok(None) };
        decider.decide(change()?).map(Some)
    }

    /// A new member for the connector, with its account. The user must exist.
    fn member(&self, NewMember { value, display }: &NewMember) -> anyhow::Result<Member> {
        let known = Reader::with(&self.database, |reader| reader.by_id(value))?;
        known.context("no user has this id")?;
        let (id, membership) = (value.clone(), Membership::Active);
        let account = Account { id: id.clone(), membership, data: "null".to_owned() };
        Ok(Member { id, name: display.clone().unwrap_or_default(), account: Some(account) })
    }
}

fn found(document: rusqlite::Result<Option<String>>) -> Response {
    match document {
        Ok(Some(document)) => json(StatusCode::OK, document),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => internal_error(&error.into()),
    }
}

fn internal_error(error: &anyhow::Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response()
}

fn json(status: StatusCode, document: String) -> Response {
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/scim+json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}
