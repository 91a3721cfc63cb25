//! Valid manifests, and the messages about invalid ones.

use serde_json::{Value, json};

use super::{Features, GroupsLost, Manifest, MatchedBy, MembershipModel, Reached};
use crate::decision::{EventKind, Membership};

fn good() -> Value {
    json!({
        "name": "roster",
        "version": "1.2.0",
        "description": "Adds people to an organisation.",
        "membership": "two-state",
        "lifecycle": {
            "create": { "membership": "active", "text": "Joins the organisation." },
            "delete": { "membership": "absent", "text": "Leaves the organisation." },
        },
        "settings": { "type": "object" },
        "endpoints": [{ "name": "app", "description": "The app's API." }],
        "features": { "groups": false },
    })
}

/// Parses the good manifest with one value replaced.
fn changed(pointer: &str, value: Value) -> Result<Manifest, String> {
    let mut manifest = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    manifest.pointer_mut(parent).unwrap()[key] = value;
    Manifest::parse(&manifest.to_string())
}

#[track_caller]
fn check(pointer: &str, value: Value, said: &str) {
    let error = changed(pointer, value).unwrap_err();
    assert!(error.contains(said), "{error}");
}

#[test]
fn a_good_manifest_is_read() {
    let manifest = Manifest::parse(&good().to_string()).unwrap();
    assert_eq!(manifest.membership, MembershipModel::TwoState);
    assert_eq!(manifest.lifecycle[&EventKind::Delete].membership, Reached::Absent);
    assert_eq!(manifest.features, Features::default());
    assert_eq!(manifest.groups_lost, GroupsLost::Absent);
    assert_eq!(manifest.accounts_matched_by, MatchedBy::Name);
    assert!(manifest.calls("app") && !manifest.calls("internet"));
    let again = serde_json::to_string(&manifest).unwrap();
    assert_eq!(Manifest::parse(&again).unwrap(), manifest);
}

#[test]
fn settings_endpoints_and_features_may_be_left_out() {
    let mut manifest = good();
    for key in ["settings", "endpoints", "features"] {
        manifest.as_object_mut().unwrap().remove(key);
    }
    let manifest = Manifest::parse(&manifest.to_string()).unwrap();
    assert_eq!(manifest.settings["additionalProperties"], json!(false));
    assert!(manifest.endpoints.is_empty());
}

#[test]
fn the_manifest_names_the_membership_in_which_groups_are_lost() {
    let mut manifest = good();
    manifest["membership"] = json!("three-state");
    for (key, active, suspended, absent) in [
        ("absent", false, false, true),
        ("suspended", false, true, true),
        ("never", false, false, false),
    ] {
        manifest["groups_lost"] = json!(key);
        let lost = Manifest::parse(&manifest.to_string()).unwrap().groups_lost;
        let at = |membership| lost.at(membership);
        let all = [Membership::Active, Membership::Suspended, Membership::Absent].map(at);
        assert_eq!(all, [active, suspended, absent], "{key}");
    }
}

#[test]
fn the_error_about_a_bad_manifest_says_what_is_wrong() {
    check("/name", json!("Roster"), "lower-case letters");
    check("/name", json!(""), "lower-case letters");
    check("/name", json!("a".repeat(65)), "1 to 64");
    check("/version", json!("1.2"), "unexpected end of input");
    check("/description", json!(" "), "`description` has no text");
    check("/membership", json!("four-state"), "unknown variant `four-state`");
    check("/lifecycle", json!({}), "lists no event");
    check("/lifecycle/promote", json!({}), "unknown variant `promote`");
    check("/endpoints/0/name", json!("App"), "an endpoint's `name`");
    let twice = json!([{ "name": "a", "description": "A." }, { "name": "a", "description": "B." }]);
    check("/endpoints", twice, "`a` is listed twice");
    check("/settings", json!(true), "`settings` is not a JSON Schema");
    check("/settings", json!({ "type": "array" }), "`settings` is not a JSON Schema");
    check("/groups_lost", json!("deleted"), "unknown variant `deleted`");
    check("/groups_lost", json!("suspended"), "a two-state app lacks");
    check("/accounts_matched_by", json!("badge"), "unknown variant `badge`");
    check("/feature", json!({}), "unknown field `feature`");
    check("/description", json!("x".repeat(2000)), "2000 bytes");
}

#[test]
fn a_lifecycle_that_contradicts_itself_is_refused() {
    let to = |membership: &str| json!({ "membership": membership, "text": "So it is." });
    check("/lifecycle/deactivate", to("suspended"), "a two-state app lacks");
    check("/lifecycle/deactivate", to("active"), "contradicts the event");
    check("/lifecycle/delete", to("active"), "contradicts the event");
    check("/lifecycle/activate", to("absent"), "contradicts the event");
    check("/lifecycle/release", to("absent"), "contradicts the event");
    check("/lifecycle/password", to("unchanged"), "`features.password` is not true");
    check("/lifecycle/group-create", to("unchanged"), "`features.groups` is not true");
}
