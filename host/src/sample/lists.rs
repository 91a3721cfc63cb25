//! Mailing lists: a reader is identified by an address, and needs no account.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, put},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Problem, SampleApp};

/// The readers' names, by address.
pub(super) type Readers = BTreeMap<String, Option<String>>;

#[derive(Deserialize)]
struct ListReader {
    name: Option<String>,
}

pub(super) fn routes() -> Router<SampleApp> {
    Router::new()
        .route("/lists/{list}/readers", get(readers))
        .route("/lists/{list}/readers/{address}", put(add).delete(remove))
}

async fn readers(State(app): State<SampleApp>, Path(list): Path<String>) -> Json<Value> {
    let world = app.world();
    let readers = world.lists.get(&list).into_iter().flatten();
    let readers: Vec<Value> =
        readers.map(|(address, name)| json!({"address": address, "name": name})).collect();
    Json(json!({"readers": readers}))
}

async fn add(
    State(app): State<SampleApp>,
    Path((list, address)): Path<(String, String)>,
    Json(reader): Json<ListReader>,
) -> Result<StatusCode, Problem> {
    if !address.contains('@') {
        return Err(Problem::unprocessable(format!("{address} is not an e-mail address")));
    }
    app.world().lists.entry(list).or_default().insert(address, reader.name);
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(
    State(app): State<SampleApp>,
    Path((list, address)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let removed = app.world().lists.get_mut(&list).and_then(|it| it.remove(&address));
    let missing = || Problem::not_found(format!("{address} is not on the list {list}"));
    removed.map(|_| StatusCode::NO_CONTENT).ok_or_else(missing)
}
