//! Accounts with three states: each organisation has accounts of its own, active, suspended or
//! absent.

use std::fmt;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Problem, Profile, SampleApp, register::Entry};

/// An account in one organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrganizationAccount {
    /// The app's id.
    pub id: String,
    /// The account's attributes.
    #[serde(flatten)]
    pub profile: Profile,
    /// Whether the account may sign in.
    pub status: Status,
}

/// Whether an account may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The account may sign in.
    Active,
    /// The account may not sign in.
    Suspended,
}

#[derive(Deserialize)]
struct AccountQuery {
    email: Option<String>,
}

pub(super) fn routes() -> Router<SampleApp> {
    let account = get(read).patch(change).delete(remove);
    Router::new()
        .route("/organizations/{organization}/accounts", get(list).post(create))
        .route("/organizations/{organization}/accounts/{account}", account)
        .route("/organizations/{organization}/accounts/{account}/suspend", post(suspend))
        .route("/organizations/{organization}/accounts/{account}/resume", post(resume))
}

async fn list(
    State(app): State<SampleApp>,
    Path(organization): Path<String>,
    Query(search): Query<AccountQuery>,
) -> Json<Value> {
    let mut world = app.world();
    let accounts = world.organization(&organization).accounts.named(search.email.as_deref());
    Json(json!({"accounts": accounts}))
}

async fn create(
    State(app): State<SampleApp>,
    Path(organization): Path<String>,
    Json(mut body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<OrganizationAccount>), Problem> {
    let status = read_status(&mut body)?.unwrap_or(Status::Active);
    let profile = Profile::read(body)?;
    let mut world = app.world();
    let id = world.new_id("acc");
    let account = OrganizationAccount { id, profile, status };
    let account = world.organization(&organization).accounts.add(account)?;
    Ok((StatusCode::CREATED, Json(account.clone())))
}

async fn read(
    State(app): State<SampleApp>,
    Path((organization, account)): Path<(String, String)>,
) -> Result<Json<OrganizationAccount>, Problem> {
    Ok(Json(app.world().organization(&organization).accounts.entry(&account)?.clone()))
}

async fn change(
    State(app): State<SampleApp>,
    Path((organization, account)): Path<(String, String)>,
    Json(mut body): Json<Map<String, Value>>,
) -> Result<Json<OrganizationAccount>, Problem> {
    let status = read_status(&mut body)?;
    let mut world = app.world();
    let accounts = &mut world.organization(&organization).accounts;
    let before = accounts.entry(&account)?.clone();
    let (profile, status) = (before.profile.changed(body)?, status.unwrap_or(before.status));
    Ok(Json(accounts.replace(OrganizationAccount { profile, status, ..before })?.clone()))
}

async fn remove(
    State(app): State<SampleApp>,
    Path((organization, account)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut world = app.world();
    let organization = world.organization(&organization);
    organization.accounts.remove(&account)?;
    organization.forget(&account);
    Ok(StatusCode::NO_CONTENT)
}

async fn suspend(
    state: State<SampleApp>,
    path: Path<(String, String)>,
) -> Result<Json<OrganizationAccount>, Problem> {
    set(&state, &path, Status::Suspended)
}

async fn resume(
    state: State<SampleApp>,
    path: Path<(String, String)>,
) -> Result<Json<OrganizationAccount>, Problem> {
    set(&state, &path, Status::Active)
}

fn set(
    app: &SampleApp,
    (organization, account): &(String, String),
    status: Status,
) -> Result<Json<OrganizationAccount>, Problem> {
    let mut world = app.world();
    let account = world.organization(organization).accounts.entry_mut(account)?;
    account.status = status;
    Ok(Json(account.clone()))
}

fn read_status(body: &mut Map<String, Value>) -> Result<Option<Status>, Problem> {
    let status = body.remove("status").map(serde_json::from_value).transpose();
    status.map_err(|_| Problem::unprocessable("status is \"active\" or \"suspended\""))
}

impl fmt::Display for OrganizationAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.profile.fmt(f)?;
        if self.status == Status::Suspended { f.write_str(", suspended") } else { Ok(()) }
    }
}

impl Entry for OrganizationAccount {
    const KIND: &'static str = "account";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.profile.email
    }
}
