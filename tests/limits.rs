//! The limits of an app: calls, memory, response size, and how long exchanges are kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster::clock::Clock;
use muster::lifecycle::{Host, ReplayReport, ReplaySpec, ReplayUpdate};
use muster::store::{OperationFilter, OperationState};
use serde_json::{Value, json};

use crate::support::{Muster, Tenant, user};

/// A tenant of an app on the two-state connector with these limits.
async fn limited(muster: &Muster, limits: Value) -> Tenant {
    let endpoint = json!({
        "base_url": muster.stage.app_url,
        "auth": { "bearer": { "value": "sample-app-token" } },
        "private_addresses": true,
    });
    let app = json!({
        "name": "crm",
        "connector": "two-state",
        "endpoints": { "app": endpoint },
        "limits": limits,
    });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
    muster.tenant_named("acme", "crm", "okta", "acme").await
}

async fn set(muster: &Muster, limits: Value) {
    let change = json!({ "limits": limits });
    muster.admin("PATCH", "/apps/crm", Some(change)).await.expect(200);
}

/// The note of the only operation that failed or was refused.
async fn note(muster: &Muster) -> String {
    let mut notes = Vec::new();
    for state in [OperationState::Failed, OperationState::Refused] {
        notes.extend(muster.operations(state).await);
    }
    assert_eq!(notes.len(), 1, "{notes:?}");
    notes.remove(0).2
}

#[tokio::test]
async fn an_operation_makes_no_more_calls_than_the_limit_of_its_app() {
    let muster = Muster::start().await;
    let tenant = limited(&muster, json!({ "calls": 1 })).await;
    let answer = muster.post(&tenant, "/Users", user("ann")).await;
    assert!(answer.status >= 400, "{answer:?}");
    assert!(note(&muster).await.contains("more calls than app crm allows (1)"));
    assert_eq!(muster.app_calls(&tenant).await.len(), 1);
    set(&muster, json!({ "calls": null })).await;
    muster.person(&tenant, "ann").await;
}

#[tokio::test]
async fn a_decision_uses_no_more_memory_than_the_limit_of_its_app() {
    let muster = Muster::start().await;
    let tenant = limited(&muster, json!({ "memory": "1MiB" })).await;
    let answer = muster.post(&tenant, "/Users", user("ann")).await;
    assert!(answer.status >= 500, "{answer:?}");
    assert!(note(&muster).await.contains("exceeded its memory limit"));
    set(&muster, json!({ "memory": "2MiB" })).await;
    muster.person(&tenant, "ann").await;
}

#[tokio::test]
async fn a_response_over_the_limit_of_its_app_is_not_passed_to_the_connector() {
    let muster = Muster::start().await;
    let tenant = limited(&muster, json!({ "response": "1KiB" })).await;
    // An empty list, padded to 4 KiB.
    let pad_response = || muster.stage.sample.fail(padded_list());
    pad_response();
    let answer = muster.post(&tenant, "/Users", user("ann")).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.body.to_string().contains("is larger than muster takes"), "{answer:?}");
    set(&muster, json!({ "response": "8KiB" })).await;
    pad_response();
    muster.person(&tenant, "bob").await;
    muster.person(&tenant, "ann").await;
}

fn padded_list() -> muster::sample::Fault {
    let body = format!("{}{}", json!({ "users": [] }), " ".repeat(4096));
    serde_json::from_value(json!({ "match": "GET /users", "status": 200, "body": body })).unwrap()
}

#[tokio::test]
async fn limits_are_shown_and_invalid_limits_are_refused() {
    let muster = Muster::start().await;
    let (status, printed) = muster
        .command(&["app", "create", "people", "--connector", "roster", "--limit", "time=250ms"])
        .await;
    assert_eq!(status, Some(0), "{printed}");
    let shown = muster.admin("GET", "/apps/people", None).await.body;
    let limits = json!({
        "time": "250ms", "memory": "32 MiB", "calls": 256, "response": "1 MiB",
        "exchanges": "400d",
    });
    assert_eq!(shown["limits"], limits);
    for (limit, reason) in [
        ("time=1h", "the limit `time` must be 10ms to 5s"),
        (
            "time=250",
            "--limit time: invalid type: integer `250`, expected a duration such as 250ms",
        ),
        ("exchanges=90", "expected a duration such as 90d"),
        (
            "memory=much",
            "--limit memory: invalid value: string \"much\", expected a number of bytes",
        ),
        ("calls=many", "calls: invalid type: string \"many\", expected a number of calls"),
        ("patience=1s", "--limit unknown field `patience`"),
        ("time", "a name and a value, such as time=250ms"),
    ] {
        let args = ["app", "set", "people", "--limit", limit];
        let (status, printed) = muster.command(&args).await;
        assert_eq!(status, Some(1), "{printed}");
        assert!(printed.contains(reason), "{printed}");
    }
    let wrong = json!({ "limits": { "calls": 0 } });
    let refused = muster.admin("PATCH", "/apps/people", Some(wrong)).await.expect(422);
    assert!(refused.body.to_string().contains("`calls` must be 1 to 1024"), "{:?}", refused.body);
    let unchanged = muster.admin("GET", "/apps/people", None).await.body;
    assert_eq!(unchanged, shown);
}

#[tokio::test]
async fn exchanges_are_deleted_after_the_time_of_their_app_and_operations_are_kept() {
    let muster = Muster::start().await;
    let short = limited(&muster, json!({ "exchanges": "30d" })).await;
    let default = muster.tenant("two-state").await;
    for tenant in [&short, &default] {
        muster.person(tenant, "ann").await;
    }
    let later = in_days(&muster, 31).await;
    let kept = async |tenant: &Tenant| {
        let filter = OperationFilter { tenant: Some(tenant.name.clone()), ..Default::default() };
        let id = later.store.operations(&filter).await.unwrap().remove(0).id;
        later.store.operation(&id).await.unwrap().unwrap().1.len()
    };
    for _ in 0..300 {
        if kept(&short).await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(kept(&short).await, 0);
    assert!(kept(&default).await > 0);
    // A decision without its exchanges cannot be replayed, and is not a difference.
    let report = replayed(&later, "crm").await;
    assert_eq!((report.decisions, report.forgotten, report.alike), (0, 1, true));
    let report = replayed(&later, "two-state").await;
    assert_eq!((report.decisions, report.forgotten, report.alike), (1, 0, true));
    later.close(tokio::time::Instant::now() + Duration::from_secs(10)).await;
}

/// A host on a copy of the data, with a clock that is `days` days ahead.
async fn in_days(muster: &Muster, days: i64) -> Arc<Host> {
    let config = (*muster.stage.host.options).clone();
    let data = config.data.join("later");
    std::fs::create_dir(&data).unwrap();
    for file in ["host.key", "muster.db", "muster.db-wal"] {
        let from: &Path = &config.data;
        std::fs::copy(from.join(file), data.join(file)).unwrap();
    }
    let now = Clock::system().now() + jiff::SignedDuration::from_hours(24 * days);
    let config = muster::lifecycle::HostOptions { data, ..config };
    Host::open(config, Clock::held_at(now)).await.unwrap()
}

async fn replayed(host: &Arc<Host>, app: &str) -> ReplayReport {
    let spec = ReplaySpec { connector: "two-state".to_owned(), ..ReplaySpec::default() };
    let Ok(mut messages) = host.versions.replay(app, spec).await else {
        panic!("the replay did not start")
    };
    while let Some(message) = messages.recv().await {
        if let ReplayUpdate::Report(report) = message {
            return *report;
        }
    }
    panic!("the replay ended without a report");
}
