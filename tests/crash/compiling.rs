//! Interruptions while a child process compiles a connector: the host is killed, or the caller closes
//! its connection.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::sandbox::modified_modules::slow_to_compile;
use crate::support::guests::guest;
use crate::support::test_host::TestHost;

/// The ids of the running child processes of a process.
fn children(parent: u32) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = processes.filter_map(|it| {
        let stat = std::fs::read_to_string(it.path().join("stat")).ok()?;
        // The process name, in parentheses, may contain any character.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut words = rest.split(' ');
        let (state, of) = (words.next()?, words.next()?);
        let id = it.file_name().into_string().ok()?;
        (state != "Z" && of == parent.to_string()).then_some(id)
    });
    stats.collect()
}

fn is_alive(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits until the condition holds; panics with the message if it does not.
async fn eventually(failure: &str, condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{failure}");
}

#[tokio::test]
async fn a_host_killed_while_it_compiles_takes_the_compiler_with_it() {
    let test_host = TestHost::with_roster().await;
    let (before, host) = (test_host.compiled(), test_host.spawn(None));
    let versions = test_host.versions(&host).await;
    let id = host.child.id();
    let push = test_host.push(&host, slow_to_compile(&guest("misbehaving")));
    let killed = async {
        eventually("no compiler was started", || !children(id).is_empty()).await;
        let compiler = children(id).remove(0);
        kill_process(Pid::from_child(&host.child), Signal::KILL).unwrap();
        eventually("the compiler still runs", || !is_alive(&compiler)).await;
    };
    let (pushed, ()) = tokio::join!(push, killed);
    assert_eq!(pushed, None);
    drop(host);

    let host = test_host.spawn(None);
    assert_eq!(test_host.compiled(), before);
    assert_eq!(test_host.versions(&host).await, versions);
    assert_eq!(test_host.deciding_version(&host, "ada").await, "roster@0.1.0");
    assert_eq!(test_host.push(&host, guest("roster-next")).await.unwrap().0, 201);
}

#[tokio::test]
async fn a_promotion_completes_after_the_operator_closed_the_connection() {
    const NEXT: &str = "roster@0.2.0";
    let test_host = TestHost::with_roster().await;
    let host = test_host.spawn(None);
    assert_eq!(test_host.push(&host, guest("roster-next")).await.unwrap().0, 201);
    drop(host);
    // Without the cache, the promotion has to compile the connector first.
    std::fs::remove_dir_all(test_host.data.path().join("compiled")).unwrap();
    let host = test_host.spawn(None);
    let mut socket = TcpStream::connect(host.url.trim_start_matches("http://")).await.unwrap();
    let (token, body) = (test_host.admin_token(), json!({ "connector": NEXT }).to_string());
    let head = format!(
        "POST /admin/v1/apps/people/promote HTTP/1.1\r\nhost: muster\r\n\
         authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let id = host.child.id();
    eventually("no compiler was started", || !children(id).is_empty()).await;
    drop(socket);
    for _ in 0..500 {
        let app = test_host.admin(&host, "GET", "/apps/people", Value::Null).await;
        if app["version"] == NEXT {
            assert_eq!(test_host.deciding_version(&host, "ada").await, NEXT);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the promotion was interrupted");
}
