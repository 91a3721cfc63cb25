//! Membership with two states: a person is in an organisation, or is not.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, put},
};
use serde_json::{Value, json};

use super::{Problem, SampleApp};

pub(super) fn routes() -> Router<SampleApp> {
    Router::new()
        .route("/organizations/{organization}/members", get(list))
        .route("/organizations/{organization}/members/{user}", put(join).delete(leave))
}

async fn list(State(app): State<SampleApp>, Path(organization): Path<String>) -> Json<Value> {
    Json(json!({"members": app.members(&organization)}))
}

async fn join(
    State(app): State<SampleApp>,
    Path((organization, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut world = app.world();
    world.people.entry_mut(&user)?.organizations.insert(organization.clone());
    world.organization(&organization).members.insert(user);
    Ok(StatusCode::NO_CONTENT)
}

async fn leave(
    State(app): State<SampleApp>,
    Path((organization, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut world = app.world();
    if !world.people.entry_mut(&user)?.organizations.remove(&organization) {
        let message = format!("the user {user} is not in the organization {organization}");
        return Err(Problem::not_found(message));
    }
    let forgetful = world.forgetful;
    let organization = world.organization(&organization);
    organization.members.remove(&user);
    if forgetful {
        organization.forget(&user);
    }
    Ok(StatusCode::NO_CONTENT)
}
