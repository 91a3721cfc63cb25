//! A host killed with `kill -9` at each step of a job: after a restart the job goes on, ends once, and
//! has taken its step once for each person.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::test_host::{HostProcess, TestHost};

const PEOPLE: [&str; 3] = ["ada", "bob", "eve"];

/// The newest disconnect of the tenant; none if there is none.
async fn job(test_host: &TestHost, host: &HostProcess) -> Option<Value> {
    let (status, jobs) =
        test_host.try_admin(host, "GET", "/jobs?tenant=people&limit=1", Value::Null).await?;
    assert_eq!(status, 200, "{jobs}");
    jobs["items"].as_array().unwrap().first().cloned()
}

/// Waits until the job has ended or the host has died. True if it died.
async fn dies(test_host: &TestHost, host: &mut HostProcess) -> bool {
    for _ in 0..400 {
        if host.child.try_wait().unwrap().is_some() {
            return true;
        }
        let job = job(test_host, host).await;
        if job.is_some_and(|job| job["finished"].is_string()) {
            // The fail point may be behind the last write.
            tokio::time::sleep(Duration::from_millis(100)).await;
            return host.child.try_wait().unwrap().is_some();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the job neither ends nor does the host die");
}

/// Kills the host at this point of a disconnect. False if the job ended before it.
async fn killed_at(point: &str) -> bool {
    let test_host = TestHost::with_roster().await;
    let host = test_host.spawn(None);
    for name in PEOPLE {
        let (status, created) =
            test_host.scim(&host, "POST", "/Users", crate::support::user(name)).await.unwrap();
        assert_eq!(status, 201, "{created}");
    }
    drop(host);

    let mut dying = test_host.spawn(Some(point));
    let request = json!({ "people": "release" });
    let path = "/tenants/people/disconnect";
    test_host.try_admin(&dying, "POST", path, request.clone()).await;
    let died = dies(&test_host, &mut dying).await;
    drop(dying);

    let mut host = test_host.spawn(None);
    if job(&test_host, &host).await.is_none() {
        assert_eq!(point, "journal:1", "a job that was written is lost");
        test_host.admin(&host, "POST", path, request).await;
    }
    assert!(!dies(&test_host, &mut host).await, "{point}");
    let job = job(&test_host, &host).await.unwrap();
    assert_eq!(
        (&job["state"], &job["done"], &job["total"]),
        (&json!("succeeded"), &json!(3), &json!(3)),
        "{point}: {job}"
    );
    let tenant = test_host.admin(&host, "GET", "/tenants/people", Value::Null).await;
    assert_eq!(tenant["state"], "disconnected", "{point}");
    let operations =
        test_host.admin(&host, "GET", "/operations?tenant=people&limit=100", Value::Null).await;
    let operations = operations["items"].as_array().unwrap();
    let mut released: Vec<&str> = operations
        .iter()
        .filter(|it| it["kind"] == "release" && it["state"] == "done" && it["job"] == job["id"])
        .map(|it| it["resource"].as_str().unwrap())
        .collect();
    released.sort_unstable();
    released.dedup();
    assert_eq!(released.len(), PEOPLE.len(), "{point}");
    let all = operations.iter().filter(|it| it["kind"] == "release").count();
    assert_eq!(all, PEOPLE.len(), "{point}: a person was let go twice");
    died
}

#[tokio::test]
async fn a_job_survives_a_kill_at_each_of_its_steps() {
    for point in ["journal", "journal-done"] {
        let mut steps = 0;
        while killed_at(&format!("{point}:{}", steps + 1)).await {
            steps += 1;
        }
        // The job's row five times, the tenant's, and a commit for the people.
        assert!(steps >= 6, "a job has {steps} writes");
    }
}
