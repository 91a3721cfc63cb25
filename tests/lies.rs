//! Manifests that lie, pushed to a running host: told when they are pushed where that can be told,
//! and harmless to everybody else where it cannot.

use serde_json::{Map, Value, json};

use crate::support::guests::guest;
use crate::support::{Muster, patch_op};

/// The misbehaving connector with another manifest in its file, which it returns as its own.
fn claiming(manifest: &Value) -> Vec<u8> {
    let mut wasm = guest("misbehaving");
    let begin = b"{\n    \"name\": \"misbehaving\"";
    let at = wasm.windows(begin.len()).position(|found| found == begin).unwrap();
    let text = format!("{:<4096}", manifest.to_string());
    wasm[at..at + 4096].copy_from_slice(text.as_bytes());
    wasm
}

fn manifest() -> Value {
    json!({
        "name": "liar",
        "version": "1.0.0",
        "description": "Says so.",
        "membership": "three-state",
        "lifecycle": { "create": { "membership": "active", "text": "Joins." } },
        "settings": { "type": "object" },
    })
}

/// Each of so many definitions has twice what the next one has.
fn doubling(times: usize) -> Value {
    let definition = |n: usize| {
        let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
        (format!("d{n}"), json!({ "allOf": [next, next] }))
    };
    let mut definitions: Map<String, Value> = (0..times).map(definition).collect();
    definitions.insert(format!("d{times}"), json!({}));
    json!({ "type": "object", "$defs": definitions, "$ref": "#/$defs/d0" })
}

#[tokio::test]
async fn a_manifest_that_cannot_be_true_is_refused_and_says_why() {
    let muster = Muster::start().await;
    let before = muster.admin("GET", "/connectors", None).await.body;
    let object = |more: Value| {
        let mut schema = json!({ "type": "object" });
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    let twice = json!({ "name": "app", "description": "The app." });
    let deep = (0..110).fold(json!({}), |inner, _| json!({ "not": inner }));
    let group = json!({ "group-create": { "membership": "unchanged", "text": "Is noted." } });
    let cases = [
        ("endpoints", json!([twice, twice]), "endpoint `app` is listed twice"),
        ("lifecycle", group, "`features.groups` is not true"),
        ("settings", object(json!({ "properties": 5 })), "`settings` is not a JSON Schema"),
        ("settings", object(json!({ "$ref": "http://127.0.0.1:1/" })), "only references within it"),
        ("settings", object(json!({ "$ref": "#" })), "refers to itself"),
        // There, `id` moves references to where nobody has counted.
        (
            "settings",
            object(json!({ "$schema": "http://json-schema.org/draft-04/schema#" })),
            "in the dialect",
        ),
        ("settings", object(json!({ "properties": { "x": deep } })), "deep"),
        ("settings", doubling(20), "more than 10000 values"),
    ];
    for (member, value, word) in cases {
        let mut lying = manifest();
        lying[member] = value;
        let answer = muster.push(claiming(&lying)).await;
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(answer.status == 422 && detail.contains(word), "{lying}: {answer:?}");
    }
    assert_eq!(muster.admin("GET", "/connectors", None).await.body, before);
    let tenant = muster.tenant("roster").await;
    muster.person(&tenant, "ada").await;
}

#[tokio::test]
async fn a_pattern_that_other_engines_take_for_ever_over_delays_nobody() {
    let muster = Muster::start().await;
    let mut patient = manifest();
    patient["settings"] = json!({
        "type": "object",
        "properties": { "do": { "type": "string", "pattern": "^(a|aa)+$" } },
    });
    muster.push(claiming(&patient)).await.expect(201);
    let app = |what: String| json!({ "connector": "liar", "settings": { "do": what } });
    muster.admin("PUT", "/apps/liar", Some(app("aaa".to_owned()))).await.expect(200);
    muster.plain_tenant("liar", "liar").await;
    let hard = app(format!("{}!", "a".repeat(200)));
    let refused = muster.admin("PUT", "/apps/liar", Some(hard)).await.expect(422).body;
    assert!(refused["detail"].as_str().unwrap().starts_with("settings/do"), "{refused}");
}

#[tokio::test]
async fn a_connector_that_claims_groups_and_traps_on_them_harms_nobody() {
    let muster = Muster::start().await;
    let mut lying = manifest();
    lying["features"] = json!({ "groups": true });
    let text = json!({ "membership": "unchanged", "text": "Is noted." });
    lying["lifecycle"] = json!({ "group-create": text, "group-update": text });
    muster.push(claiming(&lying)).await.expect(201);
    let app = json!({ "connector": "liar", "settings": { "do": "panic" } });
    muster.admin("PUT", "/apps/liar", Some(app)).await.expect(200);
    let tenant = muster.plain_tenant("liar", "liar").await;
    let honest = muster.tenant("roster").await;

    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Crew",
    });
    let refused = muster.post(&tenant, "/Groups", group.clone()).await.expect(500).body;
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("the app's connector failed"), "{detail}");
    assert_eq!(muster.get(&tenant, "/Groups").await.body["totalResults"], 0);
    // Who looks finds what it last said.
    let operation = detail.rsplit(' ').next().unwrap();
    let journal = muster.admin("GET", &format!("/operations/{operation}"), None).await.body;
    assert!(journal.to_string().contains("as I was told"), "{journal}");

    let crew = muster.post(&honest, "/Groups", group).await.expect(201).id();
    let joins = json!([{ "op": "add", "path": "members", "value": [
        { "value": muster.person(&honest, "ada").await },
    ] }]);
    let path = format!("/Groups/{crew}");
    let joined = muster.scim(&honest, "PATCH", &path, Some(patch_op(joins))).await.status;
    assert!(joined < 300);
}
