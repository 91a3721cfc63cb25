//! Connectors with false manifests, pushed to a running host. The host refuses a manifest that it can
//! recognise as false; any other false manifest harms only the tenants of that connector.

use serde_json::{Map, Value, json};

use crate::support::guests::guest;
use crate::support::{Muster, patch_op};

/// The misbehaving connector with another manifest, which its `describe` returns.
pub(crate) fn with_manifest(manifest: &Value) -> Vec<u8> {
    let mut wasm = guest("misbehaving");
    let begin = b"{\n    \"name\": \"misbehaving\"";
    let at = wasm.windows(begin.len()).position(|found| found == begin).unwrap();
    let text = format!("{:<4096}", manifest.to_string());
    wasm[at..at + 4096].copy_from_slice(text.as_bytes());
    wasm
}

fn manifest() -> Value {
    json!({
        "name": "false",
        "version": "1.0.0",
        "description": "A false manifest.",
        "membership": "three-state",
        "lifecycle": { "create": { "membership": "active", "text": "Joins." } },
        "settings": { "type": "object" },
    })
}

/// A schema with `times` definitions, each of which refers to the next one twice.
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
async fn an_invalid_manifest_is_refused_with_the_reason() {
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
        ("version", json!("1.0"), "manifest is invalid: version: unexpected end of input"),
        ("version", json!("1.0"), " of the manifest"),
        ("membership", json!("four-state"), "membership: unknown variant `four-state`"),
        ("endpoints", json!([twice, twice]), "endpoint `app` is listed twice"),
        ("lifecycle", group, "`features.groups` is not true"),
        ("settings", object(json!({ "properties": 5 })), "`settings` is not a JSON Schema"),
        ("settings", object(json!({ "$ref": "http://127.0.0.1:1/" })), "only references within it"),
        ("settings", object(json!({ "$ref": "#" })), "refers to itself"),
        // In draft 4, `id` changes what references mean, which the size check does not follow.
        (
            "settings",
            object(json!({ "$schema": "http://json-schema.org/draft-04/schema#" })),
            "in the dialect",
        ),
        ("settings", object(json!({ "properties": { "x": deep } })), "deep"),
        ("settings", doubling(20), "more than 10000 values"),
    ];
    for (member, value, reason) in cases {
        let mut invalid = manifest();
        invalid[member] = value;
        let answer = muster.push(with_manifest(&invalid)).await;
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(answer.status == 422 && detail.contains(reason), "{invalid}: {answer:?}");
    }
    assert_eq!(muster.admin("GET", "/connectors", None).await.body, before);
    let tenant = muster.tenant("roster").await;
    muster.person(&tenant, "ada").await;
}

#[tokio::test]
async fn a_pattern_with_catastrophic_backtracking_elsewhere_is_matched_quickly() {
    let muster = Muster::start().await;
    let mut with_pattern = manifest();
    with_pattern["settings"] = json!({
        "type": "object",
        "properties": { "do": { "type": "string", "pattern": "^(a|aa)+$" } },
    });
    muster.push(with_manifest(&with_pattern)).await.expect(201);
    let settings = |value: &str| json!({ "do": value });
    let app = json!({ "name": "false", "connector": "false", "settings": settings("aaa") });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
    muster.plain_tenant("false", "false").await;
    let long = json!({ "settings": settings(&format!("{}!", "a".repeat(200))) });
    let refused = muster.admin("PATCH", "/apps/false", Some(long)).await.expect(422).body;
    assert!(refused["detail"].as_str().unwrap().starts_with("settings/do"), "{refused}");
}

#[tokio::test]
async fn a_connector_that_traps_on_groups_affects_no_other_tenant() {
    let muster = Muster::start().await;
    let mut claims_groups = manifest();
    claims_groups["features"] = json!({ "groups": true });
    let text = json!({ "membership": "unchanged", "text": "Is noted." });
    claims_groups["lifecycle"] = json!({ "group-create": text, "group-update": text });
    muster.push(with_manifest(&claims_groups)).await.expect(201);
    let app = json!({ "name": "false", "connector": "false", "settings": { "do": "panic" } });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
    let tenant = muster.plain_tenant("false", "false").await;
    let other = muster.tenant("roster").await;

    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Crew",
    });
    let refused = muster.post(&tenant, "/Groups", group.clone()).await.expect(500).body;
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("the app's connector failed"), "{detail}");
    assert_eq!(muster.get(&tenant, "/Groups").await.body["totalResults"], 0);
    // The operation's log holds the last message of the connector.
    let operation = detail.split("operation ").nth(1).unwrap().split(' ').next().unwrap();
    let journal = muster.admin("GET", &format!("/operations/{operation}"), None).await.body;
    assert!(journal.to_string().contains("as I was told"), "{journal}");

    let crew = muster.post(&other, "/Groups", group).await.expect(201).id();
    let add = json!([{ "op": "add", "path": "members", "value": [
        { "value": muster.person(&other, "ada").await },
    ] }]);
    let path = format!("/Groups/{crew}");
    let status = muster.scim(&other, "PATCH", &path, Some(patch_op(add))).await.status;
    assert!(status < 300);
}
