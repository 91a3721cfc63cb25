//! The admin API at an address of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::command_line::{KilledOnDrop, muster};
use crate::support::client;

async fn status(url: &str) -> u16 {
    client().get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_admin_api_is_served_at_its_own_address_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = muster(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(&data).env("MUSTER_ADMIN_LISTEN", "127.0.0.1:0");
    let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut host = KilledOnDrop(command.spawn().unwrap());
    let mut output = BufReader::new(host.0.stdout.take().unwrap());
    let mut urls = Vec::new();
    while urls.len() < 2 {
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "{urls:?}");
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        urls.extend(url.map(str::to_owned));
    }
    let [main, admin] = [&urls[0], &urls[1]];
    for url in [main, admin] {
        assert_eq!(status(&format!("{url}/health/ready")).await, 200);
    }
    let (apps, users) = ("/admin/v1/apps", "/t/acme/scim/v2/Users");
    assert_eq!(status(&format!("{admin}{apps}")).await, 401);
    assert_eq!(status(&format!("{main}{apps}")).await, 404);
    assert_eq!(status(&format!("{main}/admin/v1/openapi.json")).await, 404);
    assert_eq!(status(&format!("{main}{users}")).await, 401);
    assert_eq!(status(&format!("{admin}{users}")).await, 404);
    let listed = muster(&["app", "list", "--url", admin, "--data"]).arg(&data).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));

    // Both stop together.
    let pid = rustix::process::Pid::from_child(&host.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let begun = Instant::now();
    while host.0.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the host does not stop");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(host.0.wait().unwrap().success());
    drop(output.read_to_string(&mut String::new()));
}
