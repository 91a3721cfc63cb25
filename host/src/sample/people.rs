//! People: one account for each in the whole app, in any number of organisations.

use std::{collections::BTreeSet, fmt};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{App, Problem, Profile, register::Entry};

/// Somebody with an account in the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The app's id.
    pub id: String,
    /// What is known about them.
    #[serde(flatten)]
    pub profile: Profile,
    /// The organisations that they are in.
    pub organizations: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Search {
    email: Option<String>,
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/users", get(list).post(create))
        .route("/users/{user}", get(read).patch(change).delete(remove))
}

async fn list(State(app): State<App>, Query(search): Query<Search>) -> Json<Value> {
    Json(json!({"users": app.world().people.named(search.email.as_deref())}))
}

async fn create(
    State(app): State<App>,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Person>), Problem> {
    let profile = Profile::read(body)?;
    let mut world = app.world();
    let id = world.new_id("usr");
    let person = Person { id, profile, organizations: BTreeSet::new() };
    Ok((StatusCode::CREATED, Json(world.people.add(person)?.clone())))
}

async fn read(State(app): State<App>, Path(user): Path<String>) -> Result<Json<Person>, Problem> {
    Ok(Json(app.world().people.entry(&user)?.clone()))
}

async fn change(
    State(app): State<App>,
    Path(user): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Person>, Problem> {
    let mut world = app.world();
    let before = world.people.entry(&user)?;
    let person = Person { profile: before.profile.changed(body)?, ..before.clone() };
    Ok(Json(world.people.replace(person)?.clone()))
}

async fn remove(State(app): State<App>, Path(user): Path<String>) -> Result<StatusCode, Problem> {
    let mut world = app.world();
    world.people.remove(&user)?;
    world.organizations().for_each(|organization| organization.forget(&user));
    Ok(StatusCode::NO_CONTENT)
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.profile.fmt(f)
    }
}

impl Entry for Person {
    const KIND: &'static str = "user";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.profile.email
    }
}
