//! Invalid files that are pushed to a running host: the response says why, and the other connectors
//! continue. Also machine code that was changed on the host's disk.

use std::fs;

use serde_json::Value;

use crate::sandbox::describing;
use crate::support::Muster;
use crate::support::guests::guest;
use crate::support::test_host::TestHost;

#[tokio::test]
async fn an_invalid_file_is_refused_with_the_reason_and_changes_nothing() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let before = muster.admin("GET", "/connectors", None).await.body;
    let half = guest("misbehaving");
    let half = half[..half.len() / 2].to_vec();
    let cases = [
        (b"#!/bin/sh\necho hello\n".to_vec(), "WebAssembly"),
        (Vec::new(), "WebAssembly"),
        (half, "the file is damaged WebAssembly"),
        (guest("other-world"), "it exports `greet`"),
        (guest("other-version"), "built for interface 0.3.0"),
        (guest("other-shape"), "its types are not the interface's"),
        (guest("foreign-interface"), "imports `test:foreign/clock`"),
        (describing("describe:....loop"), "exceeded its time limit"),
        (describing("describe:....trap"), "the connector crashed"),
        (describing("describe:....lies"), "`name` is \"Misbehaving!\""),
    ];
    for (n, (file, word)) in cases.into_iter().enumerate() {
        let answer = muster.push(file).await;
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(answer.status == 422 && detail.contains(word), "{word}: {answer:?}");
        assert_eq!(muster.admin("GET", "/connectors", None).await.body, before, "{word}");
        muster.person(&tenant, &format!("person-{n}")).await;
    }
}

#[tokio::test]
async fn a_host_whose_machine_code_was_changed_compiles_it_again_and_serves() {
    let house = TestHost::with_roster().await;
    let files = house.compiled();
    let path = |name: &String| house.data.path().join("compiled").join(name);
    let whole: Vec<Vec<u8>> = files.iter().map(|name| fs::read(path(name)).unwrap()).collect();
    for (name, bytes) in files.iter().zip(&whole) {
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 1;
        fs::write(path(name), changed).unwrap();
    }
    let host = house.spawn(None);
    assert_eq!(house.deciding_version(&host, "ada").await, "roster@0.1.0");
    for (name, bytes) in files.iter().zip(&whole) {
        assert!(fs::read(path(name)).unwrap() == *bytes, "{name} is as it was");
    }
    // The app's version did not change.
    let shown = house.admin(&host, "GET", "/apps/people", Value::Null).await;
    assert!(shown["version"] == "roster@0.1.0" && shown["previous_version"].is_null(), "{shown}");
}
