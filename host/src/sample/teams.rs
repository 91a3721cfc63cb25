//! Teams: named sets of an organisation's members and accounts.

use std::collections::BTreeSet;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::{get, put},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Problem, SampleApp, register::Entry};

/// A team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Team {
    /// The app's id.
    pub id: String,
    /// Its name, unique in the organisation.
    pub name: String,
    /// The ids of its members: people or accounts.
    pub members: BTreeSet<String>,
}

#[derive(Deserialize)]
struct TeamQuery {
    name: Option<String>,
}

#[derive(Deserialize)]
struct TeamBody {
    name: String,
}

pub(super) fn routes() -> Router<SampleApp> {
    let team = get(read).patch(rename).delete(remove);
    Router::new()
        .route("/organizations/{organization}/teams", get(list).post(create))
        .route("/organizations/{organization}/teams/{team}", team)
        .route("/organizations/{organization}/teams/{team}/members/{id}", put(join).delete(leave))
}

async fn list(
    State(app): State<SampleApp>,
    Path(organization): Path<String>,
    Query(search): Query<TeamQuery>,
) -> Json<Value> {
    let mut world = app.world();
    let organization = world.organization(&organization);
    let teams = organization.teams.named(search.name.as_deref());
    let teams: Vec<Team> = teams.into_iter().map(|team| organization.view(team)).collect();
    Json(json!({"teams": teams}))
}

async fn create(
    State(app): State<SampleApp>,
    Path(organization): Path<String>,
    Json(draft): Json<TeamBody>,
) -> Result<(StatusCode, Json<Team>), Problem> {
    let name = checked(draft)?;
    let mut world = app.world();
    let team = Team { id: world.new_id("team"), name, members: BTreeSet::new() };
    let team = world.organization(&organization).teams.add(team)?;
    Ok((StatusCode::CREATED, Json(team.clone())))
}

async fn read(
    State(app): State<SampleApp>,
    Path((organization, team)): Path<(String, String)>,
) -> Result<Json<Team>, Problem> {
    app.world().organization(&organization).team(&team).map(Json)
}

async fn rename(
    State(app): State<SampleApp>,
    Path((organization, team)): Path<(String, String)>,
    Json(draft): Json<TeamBody>,
) -> Result<Json<Team>, Problem> {
    let name = checked(draft)?;
    let mut world = app.world();
    let organization = world.organization(&organization);
    let renamed = Team { name, ..organization.teams.entry(&team)?.clone() };
    organization.teams.replace(renamed)?;
    organization.team(&team).map(Json)
}

async fn remove(
    State(app): State<SampleApp>,
    Path((organization, team)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.world().organization(&organization).teams.remove(&team)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn join(
    State(app): State<SampleApp>,
    Path((organization, team, id)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let mut world = app.world();
    let here = world.organization(&organization);
    if !here.has(&id) {
        let message = format!("{id} is not an id in the organization {organization}");
        return Err(Problem::not_found(message));
    }
    here.teams.entry_mut(&team)?.members.insert(id);
    Ok(StatusCode::NO_CONTENT)
}

async fn leave(
    State(app): State<SampleApp>,
    Path((organization, team, id)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    app.world().organization(&organization).teams.entry_mut(&team)?.members.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

fn checked(draft: TeamBody) -> Result<String, Problem> {
    if draft.name.trim().is_empty() {
        return Err(Problem::unprocessable("name is empty"));
    }
    Ok(draft.name)
}

impl Entry for Team {
    const KIND: &'static str = "team";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}
