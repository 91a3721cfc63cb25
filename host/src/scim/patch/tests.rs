//! PATCH, case by case, with requests of real clients if there are any.

use serde_json::{Value, json};

use crate::scim::{
    Dialect, Error, Leniency, PatchRequest, Patched, Reading, Resource, Schemas, create, patch,
};

mod members;
mod properties;
mod refusals;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn person() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": "babs", "active": true,
        "name": { "givenName": "Barbara", "familyName": "Jensen" },
        "emails": [{ "value": "b@work", "type": "work", "primary": true },
                   { "value": "b@home", "type": "home" }],
        ENTERPRISE: { "department": "Tours", "manager": { "value": "m1", "$ref": "../Users/m1" } },
    })
}

fn schemas() -> Schemas {
    Schemas::standard()
}

fn resource(kind: &str, body: &Value) -> Resource {
    let schemas = schemas();
    let t = schemas.by_name(kind).unwrap();
    let mut reading = Reading::new(Dialect::Generic);
    create(t, body, &mut reading).unwrap().resource.with_id("42")
}

fn run(
    kind: &str,
    before: &Resource,
    operations: &Value,
    r: &mut Reading,
) -> Result<Patched, Error> {
    let schemas = schemas();
    let t = schemas.by_name(kind).unwrap();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations,
    });
    patch(t, before, &PatchRequest::parse(&body, r)?, r)
}

/// The operation on `person()` makes this change, and needs these leniencies.
#[track_caller]
fn check(operation: &Value, fired: &[Leniency], change: impl FnOnce(&mut Value)) {
    let before = resource("User", &person());
    let mut reading = Reading::new(Dialect::Generic);
    let after = run("User", &before, &json!([operation]), &mut reading);
    let mut expected = person();
    change(&mut expected);
    assert_eq!(after.map(|it| it.resource), Ok(resource("User", &expected)), "{operation}");
    assert_eq!(reading.fired().collect::<Vec<_>>(), fired, "{operation}");
    let strictly = run("User", &before, &json!([operation]), &mut Reading::new(Dialect::Strict));
    assert_eq!(strictly.is_ok(), fired.is_empty(), "{operation} strictly: {strictly:?}");
}

#[test]
fn plain_operations_need_no_leniency() {
    check(&json!({"op":"replace","path":"displayName","value":"Babs"}), &[], |it| {
        it["displayName"] = "Babs".into();
    });
    check(&json!({"op":"replace","path":"NAME.familyname","value":"J"}), &[], |it| {
        it["name"]["familyName"] = "J".into();
    });
    check(
        &json!({"op":"replace","path":"name","value":{"givenName":null,"middleName":"M"}}),
        &[],
        |it| {
            it["name"] = json!({ "familyName": "Jensen", "middleName": "M" });
        },
    );
    check(&json!({"op":"remove","path":"name.givenName"}), &[], |it| {
        it["name"] = json!({ "familyName": "Jensen" });
    });
    check(&json!({"op":"remove","path":"name"}), &[], |it| it["name"] = Value::Null);
    check(&json!({"op":"replace","path":"nickName","value":null}), &[], |_| {});
    check(&json!({"op":"replace","path":"emails","value":[]}), &[], |it| {
        it["emails"] = Value::Null;
    });
    check(&json!({"op":"replace","path":"externalId","value":"x"}), &[], |it| {
        it["externalId"] = "x".into();
    });
}

#[test]
fn paths_reach_into_extensions() {
    let path = |name: &str| format!("{}:{name}", ENTERPRISE.to_uppercase());
    check(&json!({"op":"replace","path":path("Department"),"value":"T"}), &[], |it| {
        it[ENTERPRISE]["department"] = "T".into();
    });
    check(&json!({"op":"add","path":path("manager.value"),"value":"m2"}), &[], |it| {
        // The reference to the previous manager is removed.
        it[ENTERPRISE]["manager"] = json!({ "value": "m2" });
    });
    check(&json!({"op":"remove","path":path("manager")}), &[], |it| {
        it[ENTERPRISE] = json!({ "department": "Tours" });
    });
    check(&json!({"op":"remove","path":ENTERPRISE}), &[], |it| {
        it[ENTERPRISE] = Value::Null;
    });
    check(&json!({"op":"replace","path":ENTERPRISE,"value":{"costCenter":"1"}}), &[], |it| {
        it[ENTERPRISE]["costCenter"] = "1".into();
    });
}

#[test]
fn schemas_follow_the_attributes_of_the_resource() {
    let before = resource("User", &json!({ "userName": "x" }));
    let operation = json!([{"op":"add","path":format!("{ENTERPRISE}:division"),"value":"D"}]);
    let after = run("User", &before, &operation, &mut Reading::new(Dialect::Strict)).unwrap();
    let expected = json!(["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]);
    assert_eq!(after.resource.document()["schemas"], expected);
    assert_eq!(Resource::changes(&before, &after.resource), [format!("{ENTERPRISE}:division")]);
}

#[test]
fn filters_choose_values() {
    check(
        &json!({"op":"replace","path":"emails[type eq \"work\"].value","value":"n"}),
        &[],
        |it| {
            it["emails"][0]["value"] = "n".into();
        },
    );
    check(&json!({"op":"remove","path":"emails[type eq \"work\"]"}), &[], |it| {
        it["emails"] = json!([{ "value": "b@home", "type": "home" }]);
    });
    check(&json!({"op":"remove","path":"emails[value co \"@\"]"}), &[], |it| {
        it["emails"] = Value::Null;
    });
    check(&json!({"op":"remove","path":"emails[type eq \"other\"]"}), &[], |_| {});
    check(&json!({"op":"remove","path":"emails[primary eq true].type"}), &[], |it| {
        it["emails"][0] = json!({ "value": "b@work", "primary": true });
    });
    check(
        &json!({"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"n"}}),
        &[],
        |it| {
            it["emails"][1] = json!({ "value": "n" });
        },
    );
    check(
        &json!({"op":"add","path":"emails[type eq \"home\"]","value":{"display":"n"}}),
        &[],
        |it| {
            it["emails"][1]["display"] = "n".into();
        },
    );
}

#[test]
fn a_new_primary_demotes_the_old_one() {
    let demoted = |it: &mut Value| {
        it["emails"][0]["primary"] = false.into();
        it["emails"][1]["primary"] = true.into();
    };
    check(
        &json!({"op":"add","path":"emails[type eq \"home\"].primary","value":true}),
        &[],
        demoted,
    );
    check(
        &json!({"op":"add","path":"emails","value":[{"value":"b@home","type":"home","primary":true}]}),
        &[],
        demoted,
    );
}

#[test]
fn an_existing_value_is_not_added_again() {
    check(
        &json!({"op":"add","path":"emails","value":{"value":"B@work","type":"WORK"}}),
        &[],
        |it| {
            it["emails"][0]["value"] = "B@work".into();
            it["emails"][0]["type"] = "WORK".into();
        },
    );
    check(
        &json!({"op":"add","path":"emails","value":[{"value":"b@home","type":"home"}]}),
        &[],
        |_| {},
    );
    check(&json!({"op":"add","path":"active","value":true}), &[], |_| {});
}

#[test]
fn active_without_a_value_stays_as_it_is() {
    let unassigned = &[Leniency::UnassignedActive];
    for value in [json!(null), json!(""), json!([]), json!([null]), json!([""])] {
        check(&json!({"op":"replace","path":"active","value":value}), unassigned, |_| {});
        check(&json!({"op":"add","path":"Active","value":value}), unassigned, |_| {});
        check(&json!({"op":"replace","value":{"active":value}}), unassigned, |_| {});
        check(&json!({"op":"replace","value":{"active":value,"title":"T"}}), unassigned, |it| {
            it["title"] = "T".into();
        });
    }
    check(&json!({"op":"remove","path":"active"}), unassigned, |_| {});
    let long = "urn:ietf:params:scim:schemas:core:2.0:User:active";
    check(&json!({"op":"remove","path":long,"value":false}), unassigned, |_| {});
    let strictly = Reading::new(Dialect::Strict);
    let removal = json!([{"op":"remove","path":"active"}]);
    let error = run("User", &resource("User", &person()), &removal, &mut strictly.clone());
    let detail = "active must be true or false; it cannot be unassigned";
    assert_eq!(error, Err(Error::invalid_value(detail)));
}

#[test]
fn operations_of_okta_are_applied() {
    check(&json!({"op":"replace","value":{"active":false}}), &[], |it| {
        it["active"] = false.into();
    });
    check(
        &json!({"op":"replace","value":{"id":"42","displayName":"B"}}),
        &[Leniency::ReadOnlyInValue],
        |it| it["displayName"] = "B".into(),
    );
    let before = resource("User", &person());
    let operation = json!([{"op":"replace","value":{"password":"NewPassw0rd!"}}]);
    let after = run("User", &before, &operation, &mut Reading::new(Dialect::Okta)).unwrap();
    assert_eq!(after.password.as_deref(), Some("NewPassw0rd!"));
    assert_eq!(after.resource, before);
}

#[test]
fn operations_of_entra_are_applied() {
    check(
        &json!({"op":"Replace","path":"active","value":"False"}),
        &[Leniency::OperationCase, Leniency::StringForBoolean],
        |it| it["active"] = false.into(),
    );
    check(
        &json!({"op":"replace","value":{"displayName":"B","name.givenName":"K",
            format!("{ENTERPRISE}:employeeNumber"): "Aklq", ENTERPRISE: {"division":"D"}}}),
        &[Leniency::ExpandedKeys],
        |it| {
            it["displayName"] = "B".into();
            it["name"]["givenName"] = "K".into();
            it[ENTERPRISE]["employeeNumber"] = "Aklq".into();
            it[ENTERPRISE]["division"] = "D".into();
        },
    );
    check(
        &json!({"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}),
        &[Leniency::CreateByFilter],
        |it| it["phoneNumbers"] = json!([{ "type": "mobile", "value": "1" }]),
    );
    check(
        &json!({"op":"add","path":"roles[primary eq \"True\"].value","value":"admin"}),
        &[Leniency::CreateByFilter, Leniency::StringForBoolean],
        |it| it["roles"] = json!([{ "primary": true, "value": "admin" }]),
    );
    check(
        &json!({"op":"remove","path":"emails","value":[{"type":"home"}]}),
        &[Leniency::RemoveByValue],
        |it| it["emails"] = json!([it["emails"][0].clone()]),
    );
}

#[test]
fn a_manager_is_set_by_each_form_that_clients_send() {
    let manager =
        |value: Value| json!({"op":"add","path":format!("{ENTERPRISE}:manager"),"value":value});
    let becomes = |manager: Value| move |it: &mut Value| it[ENTERPRISE]["manager"] = manager;
    let m2 = json!({ "value": "m2" });
    let with_ref = json!({ "value": "m2", "$ref": "http://h/Users/m2" });
    check(&manager(m2.clone()), &[], becomes(m2.clone()));
    check(&manager(with_ref.clone()), &[], becomes(with_ref.clone()));
    check(&manager(json!([with_ref])), &[Leniency::ListForSingle], becomes(with_ref));
    check(&manager("m2".into()), &[Leniency::BareValue], becomes(m2.clone()));
    check(&manager("".into()), &[Leniency::EmptyForUnassigned], becomes(Value::Null));
    check(&manager(json!({ "value": "" })), &[Leniency::EmptyForUnassigned], becomes(Value::Null));
    check(&manager(json!([])), &[], becomes(Value::Null));
    check(
        &json!({"op":"add","path":"manager","value":m2}),
        &[Leniency::UnqualifiedExtension],
        becomes(json!({ "value": "m2" })),
    );
}

#[test]
fn a_filter_chooses_a_single_value_that_matches() {
    let path = |filter: &str| format!("{ENTERPRISE}:manager[{filter}]");
    let fired = &[Leniency::FilterOnSingle];
    let gone = |it: &mut Value| it[ENTERPRISE] = json!({ "department": "Tours" });
    check(&json!({"op":"remove","path":path("value eq \"m1\"")}), fired, gone);
    check(
        &json!({"op":"remove","path":"manager[value eq \"m1\"]"}),
        &[Leniency::FilterOnSingle, Leniency::UnqualifiedExtension],
        gone,
    );
    check(&json!({"op":"remove","path":path("value eq \"m2\"")}), fired, |_| {});
    check(&json!({"op":"remove","path":"name[givenName sw \"b\"].givenName"}), fired, |it| {
        it["name"] = json!({ "familyName": "Jensen" });
    });
    let m2 = json!({ "value": "m2" });
    check(&json!({"op":"replace","path":path("value eq \"m1\""),"value":m2}), fired, |it| {
        it[ENTERPRISE]["manager"] = m2.clone();
    });
    check(
        &json!({"op":"add","path":path("value eq \"m1\"") + ".value","value":"m2"}),
        fired,
        |it| {
            it[ENTERPRISE]["manager"] = m2.clone();
        },
    );
    check(
        &json!({"op":"replace","path":"name[familyName eq \"jensen\"].givenName","value":"B"}),
        fired,
        |it| it["name"]["givenName"] = "B".into(),
    );
}

#[test]
fn a_filter_without_a_single_value_creates_it_as_in_a_list() {
    let before = resource("User", &json!({ "userName": "x" }));
    let run = |operation: &Value| {
        run("User", &before, &json!([operation]), &mut Reading::new(Dialect::Entra))
    };
    let add = |filter: &str, value: Value| {
        let path = format!("{ENTERPRISE}:manager[{filter}]");
        run(&json!({"op":"add","path":path,"value":value}))
    };
    let after = add("value eq \"m1\"", json!({ "$ref": "../Users/m1" })).unwrap().resource;
    let manager = json!({ "value": "m1", "$ref": "../Users/m1" });
    assert_eq!(after.document()[ENTERPRISE]["manager"], manager);
    for (filter, value) in [("value eq \"m1\"", "m2"), ("value ne \"m1\"", "m2")] {
        let detail = format!("no value of {ENTERPRISE}:manager matches {filter}");
        let after = add(filter, json!({ "value": value }));
        assert_eq!(after, Err(Error::no_target(detail)));
    }
    let remove = json!({"op":"remove","path":format!("{ENTERPRISE}:manager[value eq \"m1\"]")});
    assert_eq!(run(&remove).unwrap().resource, before);
}

#[test]
fn a_dot_after_the_urn_of_a_schema_stands_for_the_colon() {
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    let fired = &[Leniency::DotAfterUrn];
    let number = format!("{ENTERPRISE}.employeeNumber");
    check(&json!({"op":"replace","path":number,"value":"7"}), fired, |it| {
        it[ENTERPRISE]["employeeNumber"] = "7".into();
    });
    check(
        &json!({"op":"add","value":{number.as_str():"7","title":"T"}}),
        &[Leniency::DotAfterUrn, Leniency::ExpandedKeys],
        |it| {
            it[ENTERPRISE]["employeeNumber"] = "7".into();
            it["title"] = "T".into();
        },
    );
    check(&json!({"op":"remove","path":format!("{ENTERPRISE}.MANAGER")}), fired, |it| {
        it[ENTERPRISE] = json!({ "department": "Tours" });
    });
    check(&json!({"op":"replace","path":format!("{core}.title"),"value":"T"}), fired, |it| {
        it["title"] = "T".into();
    });
    // Of other schemas, and other names, nothing is known.
    for name in [format!("{ENTERPRISE}.title"), format!("{core}.employeeNumber")] {
        check(
            &json!({"op":"add","value":{name:"7","title":"T"}}),
            &[Leniency::UnknownAttribute],
            |it| it["title"] = "T".into(),
        );
    }
}
