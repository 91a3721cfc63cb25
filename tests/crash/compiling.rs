//! While a connector is compiled, in a process of its own: the host is killed, or whoever waits for
//! it goes away.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::sandbox::modified_modules::slow_to_compile;
use crate::support::guests::guest;
use crate::support::house::House;

/// The processes that this one started and that have not ended.
fn children(parent: u32) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = processes.filter_map(|it| {
        let stat = std::fs::read_to_string(it.path().join("stat")).ok()?;
        // The name, in parentheses, may hold anything.
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

/// Waits until it is so.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}");
}

#[tokio::test]
async fn a_host_killed_while_it_compiles_takes_the_compiler_with_it() {
    let house = House::of_roster().await;
    let (before, host) = (house.compiled(), house.start(None));
    let versions = house.versions(&host).await;
    let id = host.child.id();
    let push = house.push(&host, slow_to_compile(&guest("misbehaving")));
    let killed = async {
        eventually("nothing is compiled", || !children(id).is_empty()).await;
        let compiler = children(id).remove(0);
        kill_process(Pid::from_child(&host.child), Signal::KILL).unwrap();
        eventually("the compiler goes on", || !is_alive(&compiler)).await;
    };
    let (pushed, ()) = tokio::join!(push, killed);
    assert_eq!(pushed, None);
    drop(host);

    let host = house.start(None);
    assert_eq!(house.compiled(), before);
    assert_eq!(house.versions(&host).await, versions);
    assert_eq!(house.decides(&host, "ada").await, "roster@0.1.0");
    assert_eq!(house.push(&host, guest("roster-next")).await.unwrap().0, 201);
}

#[tokio::test]
async fn an_operator_who_hangs_up_interrupts_no_promotion() {
    const NEXT: &str = "roster@0.2.0";
    let house = House::of_roster().await;
    let host = house.start(None);
    assert_eq!(house.push(&host, guest("roster-next")).await.unwrap().0, 201);
    drop(host);
    // It has to be compiled anew, and the operator does not wait for it.
    std::fs::remove_dir_all(house.data.path().join("compiled")).unwrap();
    let host = house.start(None);
    let mut socket = TcpStream::connect(host.url.trim_start_matches("http://")).await.unwrap();
    let (token, body) = (house.admin_token(), json!({ "connector": NEXT }).to_string());
    let head = format!(
        "POST /admin/v1/apps/people/promote HTTP/1.1\r\nhost: muster\r\n\
         authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let id = host.child.id();
    eventually("nothing is compiled", || !children(id).is_empty()).await;
    drop(socket);
    for _ in 0..500 {
        let app = house.admin(&host, "GET", "/apps/people", Value::Null).await;
        if app["version"] == NEXT {
            assert_eq!(house.decides(&host, "ada").await, NEXT);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the promotion was interrupted");
}
