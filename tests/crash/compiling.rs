//! `kill -9` while a connector is compiled, in a process of its own.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::surgery::armed;
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
    let push = house.push(&host, armed(&guest("misbehaving")));
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
