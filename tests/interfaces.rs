//! Compatibility with connectors that were built for earlier versions of the interface:
//! `tests/fixtures/interfaces` has a component for each version.

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::support::{Muster, user};

/// The components, by the name of their file.
fn components() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/interfaces");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut components: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|it| it == "wasm"))
        .map(|file| (file.file_stem().unwrap().to_str().unwrap().to_owned(), file))
        .map(|(name, file)| (name, fs::read(file).unwrap()))
        .collect();
    components.sort();
    components
}

#[tokio::test]
async fn connectors_for_every_version_of_the_interface_still_decide() {
    let muster = Muster::start().await;
    let components = components();
    let first = components.first().map(|(name, _)| name.as_str());
    assert_eq!(first, Some("0.1.0-newsletter"), "the first version of the interface is tested");
    for (n, (name, wasm)) in components.into_iter().enumerate() {
        let digest = muster.push(wasm).await.expect(201).body["digest"].clone();
        let (app, list) = (format!("letters-{n}"), format!("list-{n}"));
        let settings = Map::from_iter([("list".to_owned(), Value::from(list.as_str()))]);
        let connector = digest.as_str().unwrap();
        muster.stage.app_with(&app, connector, settings, ["app"]).await.unwrap();
        let tenant = muster.plain_tenant(&app, &app).await;
        let id = muster.post(&tenant, "/Users", user("ann")).await.expect(201).id();
        muster.set_active(&tenant, &id, false).await.expect(200);
        let (calls, path) = (muster.app_calls(&tenant).await, format!("/lists/{list}/readers/"));
        let calls: Vec<_> = calls.iter().filter(|call| call.path.starts_with(&path)).collect();
        let methods: Vec<_> = calls.iter().map(|call| call.method.as_str()).collect();
        assert_eq!(methods, ["PUT", "DELETE"], "{name}");
        let newest = format!("/operations?tenant={app}&limit=1");
        let newest = muster.admin("GET", &newest, None).await.expect(200).body;
        let outcome = &newest["items"][0];
        assert_eq!(outcome["note"], json!("Taken off the list."), "{name}: {outcome}");
    }
}
