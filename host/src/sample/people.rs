//! People: each has one account in the whole app, and is a member of any number of organisations.

use std::{collections::BTreeSet, fmt};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Problem, Profile, SampleApp, register::Entry};

/// A person with an account in the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SamplePerson {
    /// The app's id.
    pub id: String,
    /// The person's attributes.
    #[serde(flatten)]
    pub profile: Profile,
    /// The organisations of which the person is a member.
    pub organizations: BTreeSet<String>,
}

#[derive(Deserialize)]
struct PersonQuery {
    email: Option<String>,
}

pub(super) fn routes() -> Router<SampleApp> {
    Router::new()
        .route("/users", get(list).post(create))
        .route("/users/{user}", get(read).patch(change).delete(remove))
}

async fn list(State(app): State<SampleApp>, Query(search): Query<PersonQuery>) -> Json<Value> {
    Json(json!({"users": app.world().people.named(search.email.as_deref())}))
}

async fn create(
    State(app): State<SampleApp>,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<SamplePerson>), Problem> {
    let profile = Profile::read(body)?;
    let mut world = app.world();
    let id = world.new_id("usr");
    let person = SamplePerson { id, profile, organizations: BTreeSet::new() };
    Ok((StatusCode::CREATED, Json(world.people.add(person)?.clone())))
}

async fn read(
    State(app): State<SampleApp>,
    Path(user): Path<String>,
) -> Result<Json<SamplePerson>, Problem> {
    Ok(Json(app.world().people.entry(&user)?.clone()))
}

async fn change(
    State(app): State<SampleApp>,
    Path(user): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<SamplePerson>, Problem> {
    let mut world = app.world();
    let before = world.people.entry(&user)?;
    let person = SamplePerson { profile: before.profile.changed(body)?, ..before.clone() };
    Ok(Json(world.people.replace(person)?.clone()))
}

async fn remove(
    State(app): State<SampleApp>,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut world = app.world();
    world.people.remove(&user)?;
    world.organizations().for_each(|organization| organization.forget(&user));
    Ok(StatusCode::NO_CONTENT)
}

impl fmt::Display for SamplePerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.profile.fmt(f)
    }
}

impl Entry for SamplePerson {
    const KIND: &'static str = "user";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.profile.email
    }
}
