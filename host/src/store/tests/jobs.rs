//! Jobs: one unfinished job of a kind for a tenant, written together with the tenant.

use super::configuration::{apps_and_tenants, tenant};
use super::*;

fn job(id: &str, tenant: Option<&str>) -> JobRow {
    JobRow {
        id: id.to_owned(),
        kind: JobKind::Disconnect,
        tenant: tenant.map(str::to_owned),
        app: Some("crm".to_owned()),
        state: JobState::Running,
        parameters: r#"{"people":"release"}"#.to_owned(),
        preview: Some(r#"{"total":2}"#.to_owned()),
        progress: JobProgress { total: 2, ..JobProgress::default() },
        note: None,
        last_error: None,
        result: None,
        requested_by: Some("ann".to_owned()),
        created: "2026-11-22T08:00:00.000Z".to_owned(),
        updated: "2026-11-22T08:00:00.000Z".to_owned(),
        finished: None,
    }
}

fn finished(row: JobRow, state: JobState) -> JobRow {
    JobRow { state, finished: Some("2026-11-23T08:00:00.000Z".to_owned()), ..row }
}

fn ids(jobs: &[JobRow]) -> Vec<&str> {
    jobs.iter().map(|job| job.id.as_str()).collect()
}

#[tokio::test]
async fn a_job_and_its_tenant_are_written_together() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let disconnecting = TenantRow { state: TenantState::Disconnecting, ..tenant("acme", "crm") };
    let row = job("j1", Some("acme"));
    bench.store.insert_job(&row, Some(&disconnecting)).await.unwrap();
    let bench = bench.reopen().await;
    assert_eq!(bench.store.job("j1").await.unwrap(), Some(row.clone()));
    assert_eq!(ids(&bench.store.unfinished_jobs().await.unwrap()), ["j1"]);
    assert_eq!(bench.store.tenants().await.unwrap()[0], disconnecting);

    let done = finished(
        JobRow {
            progress: JobProgress {
                total: 2,
                failed: 1,
                cursor: Some("u2".to_owned()),
                ..JobProgress::default()
            },
            last_error: Some("no".to_owned()),
            note: Some("2 people".to_owned()),
            result: Some("{}".to_owned()),
            updated: "2026-11-23T08:00:00.000Z".to_owned(),
            ..row
        },
        JobState::Succeeded,
    );
    let disconnected = TenantRow { state: TenantState::Disconnected, ..disconnecting };
    assert!(bench.store.update_job(&done, Some(&disconnected)).await.unwrap());
    assert_eq!(bench.store.job("j1").await.unwrap(), Some(done));
    assert_eq!(bench.store.unfinished_jobs().await.unwrap(), []);
    assert_eq!(bench.store.tenants().await.unwrap()[0], disconnected);
}

#[tokio::test]
async fn a_tenant_has_one_unfinished_job_of_a_kind() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let first = job("j1", Some("acme"));
    bench.store.insert_job(&first, None).await.unwrap();
    bench.store.insert_job(&job("j2", Some("globex")), None).await.unwrap();
    let paused = TenantRow { state: TenantState::Paused, ..tenant("acme", "crm") };
    let second = job("j3", Some("acme"));
    let refused = bench.store.insert_job(&second, Some(&paused)).await;
    assert!(
        matches!(&refused, Err(InsertJobError::Unfinished { job }) if job == "j1"),
        "{refused:?}"
    );
    assert_eq!(bench.store.job("j3").await.unwrap(), None);
    assert_eq!(bench.store.tenants().await.unwrap()[0].state, TenantState::Connected);

    let blocked = JobRow { state: JobState::Blocked, ..first.clone() };
    assert!(bench.store.update_job(&blocked, None).await.unwrap());
    bench.store.insert_job(&second, None).await.unwrap_err();
    assert!(bench.store.update_job(&finished(first, JobState::Cancelled), None).await.unwrap());
    bench.store.insert_job(&second, None).await.unwrap();
    // Jobs that are about no single tenant do not stand in each other's way.
    for id in ["j4", "j5"] {
        bench.store.insert_job(&job(id, None), None).await.unwrap();
    }
}

#[tokio::test]
async fn a_finished_job_does_not_change() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let row = job("j1", Some("acme"));
    bench.store.insert_job(&row, None).await.unwrap();
    let cursor = Some("u1".to_owned());
    let progress = JobProgress { total: 2, waiting: 1, cursor, ..JobProgress::default() };
    assert!(bench.store.advance_job("j1", &progress, Some("no")).await.unwrap());
    let last_error = Some("no".to_owned());
    let advanced = JobRow { progress: progress.clone(), last_error, ..row.clone() };
    assert_eq!(bench.store.job("j1").await.unwrap(), Some(advanced.clone()));

    let cancelled = finished(advanced, JobState::Cancelled);
    assert!(bench.store.update_job(&cancelled, None).await.unwrap());
    let paused = TenantRow { state: TenantState::Paused, ..tenant("acme", "crm") };
    assert!(!bench.store.update_job(&row, Some(&paused)).await.unwrap());
    assert!(!bench.store.advance_job("j1", &JobProgress::default(), None).await.unwrap());
    assert_eq!(bench.store.job("j1").await.unwrap(), Some(cancelled));
    assert_eq!(bench.store.tenants().await.unwrap()[0].state, TenantState::Connected);
    assert!(!bench.store.update_job(&job("unknown", None), None).await.unwrap());
    assert!(!bench.store.advance_job("unknown", &progress, None).await.unwrap());
}

#[tokio::test]
async fn jobs_are_listed_newest_first_page_by_page() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    for n in 1..=5 {
        let tenant = if n % 2 == 0 { "acme" } else { "globex" };
        let row = job(&format!("j{n}"), Some(tenant));
        let row = if n < 4 { finished(row, JobState::Succeeded) } else { row };
        bench.store.insert_job(&row, None).await.unwrap();
    }
    let all = JobFilter::default();
    let page = bench.store.job_page(&all, None, 2).await.unwrap();
    assert_eq!(ids(&page), ["j5", "j4"]);
    let page = bench.store.job_page(&all, Some("j4"), 2).await.unwrap();
    assert_eq!(ids(&page), ["j3", "j2"]);
    let filter = JobFilter {
        tenant: Some("globex".to_owned()),
        kind: Some(JobKind::Disconnect),
        state: Some(JobState::Succeeded),
    };
    let page = bench.store.job_page(&filter, None, 10).await.unwrap();
    assert_eq!(ids(&page), ["j3", "j1"]);
    assert_eq!(ids(&bench.store.unfinished_jobs().await.unwrap()), ["j4", "j5"]);
}

#[tokio::test]
async fn the_jobs_of_a_removed_tenant_stay_and_none_is_unfinished() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let done = finished(job("j0", Some("acme")), JobState::Succeeded);
    bench.store.insert_job(&done, None).await.unwrap();
    for (id, tenant) in [("j1", "acme"), ("j2", "globex")] {
        bench.store.insert_job(&job(id, Some(tenant)), None).await.unwrap();
    }
    assert!(bench.remove_tenant("acme").await);
    assert_eq!(ids(&bench.store.unfinished_jobs().await.unwrap()), ["j2"]);
    assert_eq!(bench.store.job("j0").await.unwrap(), Some(done));
    let cancelled = bench.store.job("j1").await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(cancelled.note.as_deref(), Some("the tenant was removed"));
}

#[tokio::test]
async fn a_job_counts_a_person_when_the_operation_is_done_also_after_its_own_end() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let row = job("j1", Some("acme"));
    bench.store.insert_job(&row, None).await.unwrap();
    let count = async |id: &str, state, supersedes: &[&str]| {
        let operation = OperationRow {
            state,
            job: Some("j1".to_owned()),
            finished: Some("2026-11-23T08:00:00.000Z".to_owned()),
            ..operation(id, "acme", id)
        };
        let supersedes = supersedes.iter().map(|&it| it.to_owned()).collect();
        let commit = Commit { operation: Some(operation), supersedes, ..Commit::default() };
        bench.store.commit(commit).await.unwrap();
        bench.store.job("j1").await.unwrap().unwrap().progress.done
    };
    assert_eq!(count("o1", OperationState::Done, &[]).await, 1);
    assert_eq!(count("o2", OperationState::Open, &[]).await, 1);
    assert!(bench.store.advance_job("j1", &row.progress, None).await.unwrap());
    assert!(bench.store.update_job(&finished(row, JobState::Cancelled), None).await.unwrap());
    assert_eq!(count("o2", OperationState::Done, &[]).await, 2);
    assert_eq!(count("o3", OperationState::Done, &["o9"]).await, 3);
    assert_eq!(count("o4", OperationState::Dropped, &[]).await, 3);
}

#[test]
fn job_states_and_kinds_are_read_by_their_names() {
    for state in JobState::ALL {
        assert_eq!(state.name().parse::<JobState>().unwrap(), state);
        assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{}\"", state.name()));
    }
    for kind in JobKind::ALL {
        assert_eq!(kind.name().parse::<JobKind>().unwrap(), kind);
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
    }
    let error = "lost".parse::<JobState>().unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no state of a job \"lost\": choose one of running, blocked, succeeded, \
         cancelled, failed"
    );
}
