//! A small SCIM server in memory that is correct, or has exactly one fault.
//!
//! It uses nothing of muster. `muster conformance` is tested against it, so that a pass is known to
//! mean something.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// The token that it accepts.
pub(crate) const TOKEN: &str = "s3cret";

/// The faults, each of which a real server was found to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// No fault.
    Nowhere,
    /// An inactive user is answered with 404, and no filter matches it.
    GoneAfterDeactivation,
    /// `userName` is stored in lower case.
    LowerCaseUserNames,
    /// The numbers of a list are strings.
    TextForNumbers,
    /// Creating an existing user is answered with 200.
    OkForDuplicates,
    /// Every token is accepted.
    OkForTheUnauthorised,
    /// Errors are plain text.
    PlainTextErrors,
    /// A reactivated user gets a new id.
    NewIdOnReturn,
    /// An invalid filter matches all users.
    AnythingForFilter,
    /// Answers of SCIM 1.1 name the schemas of SCIM 2.0.
    ModernSchemas,
    /// There are no discovery endpoints.
    NoDiscovery,
}

#[derive(Clone)]
struct Server {
    wrong: Wrong,
    legacy: bool,
    users: Arc<Mutex<Vec<Value>>>,
    groups: Arc<Mutex<Vec<Value>>>,
}

/// Serves SCIM 2.0 on a free port until the runtime ends, and returns the SCIM base URL.
pub(crate) async fn start(wrong: Wrong) -> String {
    serve(wrong, false).await
}

/// The same for SCIM 1.1.
pub(crate) async fn start_v1(wrong: Wrong) -> String {
    serve(wrong, true).await
}

async fn serve(wrong: Wrong, legacy: bool) -> String {
    let server = Server { wrong, legacy, users: Arc::default(), groups: Arc::default() };
    let mut routes = Router::new()
        .route("/Users", get(list).post(create))
        .route("/Users/{id}", get(read).put(replace).patch(patch))
        .route("/Groups", get(groups).post(create_group));
    if wrong != Wrong::NoDiscovery {
        routes = routes
            .route("/ServiceProviderConfigs", get(config))
            .route("/ResourceTypes", get(resource_types))
            .route("/Schemas", get(schemas));
    }
    let base = if legacy { "/scim/v1" } else { "/scim/v2" };
    let router = Router::new()
        .nest(base, routes)
        .layer(middleware::from_fn_with_state(server.clone(), authenticate))
        .with_state(server);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}{base}")
}

async fn authenticate(
    State(server): State<Server>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let known = given == Some(format!("Bearer {TOKEN}").as_str());
    if known || server.wrong == Wrong::OkForTheUnauthorised {
        return next.run(request).await;
    }
    server.error(StatusCode::UNAUTHORIZED, "The token is unknown.")
}

async fn list(
    State(server): State<Server>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let filter = query.get("filter");
    let wanted = filter.and_then(|filter| filter.split('"').nth(1));
    if filter.is_some() && wanted.is_none() && server.wrong != Wrong::AnythingForFilter {
        return server.error(StatusCode::BAD_REQUEST, "The filter is invalid.");
    }
    let count = query.get("count").map_or(100, |count| count.parse().unwrap());
    let users = server.users.lock().unwrap();
    let found: Vec<&Value> = users
        .iter()
        .filter(|user| server.shows(user))
        .filter(|user| wanted.is_none_or(|wanted| has_name(user, wanted)))
        .collect();
    let page: Vec<&Value> = found.iter().copied().take(count).collect();
    server.list(found.len(), &page)
}

async fn groups(State(server): State<Server>) -> Response {
    let groups = server.groups.lock().unwrap();
    server.list(groups.len(), &groups.iter().collect::<Vec<_>>())
}

async fn create_group(State(server): State<Server>, Json(mut group): Json<Value>) -> Response {
    let mut groups = server.groups.lock().unwrap();
    group["id"] = format!("group-{}", groups.len()).into();
    groups.push(group.clone());
    (StatusCode::CREATED, Json(group)).into_response()
}

/// The configuration of SCIM 1.1, draft-scim-core-schema-01 §9.
async fn config(State(server): State<Server>) -> Response {
    let no = json!({ "supported": false });
    Json(json!({
        "schemas": [server.schema("Config")],
        "patch": no, "changePassword": no, "sort": no, "etag": no,
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": 100 },
        "authenticationSchemes": [{ "type": "oauthbearertoken", "description": "A token" }],
    }))
    .into_response()
}

async fn resource_types(State(server): State<Server>) -> Response {
    let user = json!({ "name": "User", "endpoint": "/Users", "schema": server.schema("User") });
    server.list_of(&server.schema("ListResponse"), 1, &[&user])
}

async fn schemas(State(server): State<Server>) -> Response {
    let user = json!({ "id": server.schema("User"), "attributes": [{ "name": "userName" }] });
    let schema = match server.wrong {
        Wrong::ModernSchemas => server.schema("ListResponse"),
        _ => "urn:scim:schemas:core:1.0:ListResponse".to_owned(),
    };
    server.list_of(&schema, 1, &[&user])
}

async fn create(State(server): State<Server>, Json(mut user): Json<Value>) -> Response {
    let mut users = server.users.lock().unwrap();
    let name = user["userName"].as_str().unwrap().to_owned();
    if let Some(there) = users.iter().find(|there| has_name(there, &name)) {
        return match server.wrong {
            Wrong::OkForDuplicates => Json(there).into_response(),
            _ => server.error(StatusCode::CONFLICT, "userName is taken."),
        };
    }
    if server.wrong == Wrong::LowerCaseUserNames {
        user["userName"] = name.to_lowercase().into();
    }
    user["id"] = format!("user-{}", users.len()).into();
    user.as_object_mut().unwrap().shift_remove("password");
    users.push(user.clone());
    (StatusCode::CREATED, Json(user)).into_response()
}

async fn read(State(server): State<Server>, Path(id): Path<String>) -> Response {
    let users = server.users.lock().unwrap();
    match users.iter().find(|user| user["id"] == *id).filter(|user| server.shows(user)) {
        Some(user) => Json(user).into_response(),
        None => server.error(StatusCode::NOT_FOUND, "There is no such user."),
    }
}

async fn replace(
    State(server): State<Server>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    server.change(&id, |user| *user = body)
}

/// Applies the PATCH that Okta sends: one `replace` without a path.
async fn patch(
    State(server): State<Server>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let active = body["Operations"][0]["value"]["active"].clone();
    server.change(&id, |user| user["active"] = active)
}

impl Server {
    fn change(&self, id: &str, change: impl FnOnce(&mut Value)) -> Response {
        let mut users = self.users.lock().unwrap();
        let Some(user) = users.iter_mut().find(|user| user["id"] == *id) else {
            return self.error(StatusCode::NOT_FOUND, "There is no such user.");
        };
        let was_active = user["active"] == true;
        change(user);
        if self.wrong == Wrong::NewIdOnReturn && !was_active && user["active"] == true {
            user["id"] = format!("{id}-again").into();
        }
        Json(&*user).into_response()
    }

    fn shows(&self, user: &Value) -> bool {
        self.wrong != Wrong::GoneAfterDeactivation || user["active"] == true
    }

    /// The schema of an answer.
    fn schema(&self, name: &str) -> String {
        match name {
            _ if self.legacy && self.wrong != Wrong::ModernSchemas => {
                "urn:scim:schemas:core:1.0".to_owned()
            }
            "ListResponse" | "Error" => format!("urn:ietf:params:scim:api:messages:2.0:{name}"),
            _ => format!("urn:ietf:params:scim:schemas:core:2.0:{name}"),
        }
    }

    fn list(&self, total: usize, page: &[&Value]) -> Response {
        self.list_of(&self.schema("ListResponse"), total, page)
    }

    fn list_of(&self, schema: &str, total: usize, page: &[&Value]) -> Response {
        let number = |number: usize| match self.wrong {
            Wrong::TextForNumbers => json!(number.to_string()),
            _ => json!(number),
        };
        Json(json!({
            "schemas": [schema],
            "totalResults": number(total),
            "startIndex": number(1),
            "itemsPerPage": number(page.len()),
            "Resources": page,
        }))
        .into_response()
    }

    fn error(&self, status: StatusCode, detail: &str) -> Response {
        if self.wrong == Wrong::PlainTextErrors {
            return (status, detail.to_owned()).into_response();
        }
        let body = json!({
            "schemas": [self.schema("Error")],
            "status": status.as_str(),
            "detail": detail,
        });
        (status, Json(body)).into_response()
    }
}

fn has_name(user: &Value, name: &str) -> bool {
    user["userName"].as_str().is_some_and(|there| there.eq_ignore_ascii_case(name))
}
