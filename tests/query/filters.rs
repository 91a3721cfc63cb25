//! Filters over HTTP (RFC 7644 §3.4.2.2), and the list answers around the matches (§3.4.2).

use serde_json::{Value, json};

use crate::support::{Muster, Tenant};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// Three people, of whom the third is inactive, and a group of the first two.
async fn directory(muster: &Muster) -> Tenant {
    let tenant = muster.tenant_with("roster", "generic").await;
    let mut members = Vec::new();
    for body in [
        json!({
            "schemas": [USER, ENTERPRISE],
            "userName": "Ada@Example.com", "externalId": "A1", "title": "Boss",
            "name": { "familyName": "Lovelace" },
            "emails": [
                { "value": "ada@example.com", "type": "work", "primary": true },
                { "value": "ada@home.org", "type": "home" },
            ],
            ENTERPRISE: { "employeeNumber": "701984", "department": "R&D" },
        }),
        json!({
            "schemas": [USER],
            "userName": "ben@example.com", "externalId": "a1",
            "emails": [{ "value": "ben@home.org", "type": "work" }],
        }),
        json!({ "schemas": [USER], "userName": "\"cleo\\", "active": false }),
    ] {
        let id = muster.post(&tenant, "/Users", body).await.expect(201).id();
        members.push(json!({ "value": id }));
    }
    members.pop();
    let group = json!({ "displayName": "Staff", "members": members });
    muster.post(&tenant, "/Groups", group).await.expect(201);
    tenant
}

async fn list(muster: &Muster, tenant: &Tenant, endpoint: &str, filter: &str) -> Value {
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
    muster.get(tenant, &format!("{endpoint}?{query}")).await.expect(200).body
}

/// Compares the initials of the users that match.
async fn check(muster: &Muster, tenant: &Tenant, filter: &str, initials: &str) {
    let found = list(muster, tenant, "/Users", filter).await;
    let names = found["Resources"].as_array().unwrap().iter().map(|it| it["userName"].as_str());
    let letter = |name: Option<&str>| name.unwrap().trim_matches('"').chars().next().unwrap();
    let found: String = names.map(letter).collect();
    assert_eq!(found.to_lowercase(), initials, "{filter}");
}

async fn refuse(muster: &Muster, tenant: &Tenant, filter: &str) {
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
    let refused = muster.get(tenant, &format!("/Users?{query}")).await.expect(400).body;
    assert_eq!(refused["scimType"], "invalidFilter", "{filter}");
    assert!(!refused["detail"].as_str().unwrap().is_empty());
}

/// Assertions 46 and 47.
#[tokio::test]
async fn rfc7644_3_4_2_a_query_without_a_match_is_answered_with_an_empty_list() {
    let muster = Muster::start().await;
    let tenant = directory(&muster).await;
    let found = list(&muster, &tenant, "/Users", "userName eq \"missing\"").await;
    let empty = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": [],
    });
    assert_eq!(found, empty);
    let part = muster.get(&tenant, "/Users?startIndex=2&count=1").await.expect(200).body;
    assert_eq!(part["schemas"], empty["schemas"]);
    assert_eq!(
        (&part["totalResults"], &part["startIndex"], &part["itemsPerPage"]),
        (&json!(3), &json!(2), &json!(1))
    );
}

/// Assertion 48.
#[tokio::test]
async fn rfc7643_7_case_matters_for_case_exact_attributes() {
    let muster = Muster::start().await;
    let tenant = directory(&muster).await;
    for (filter, initials) in [
        ("userName eq \"ADA@example.COM\"", "a"),
        ("externalId eq \"A1\"", "a"),
        ("externalId eq \"a1\"", "b"),
        ("title eq \"BOSS\"", "a"),
        ("title ne \"BOSS\"", "bc"),
    ] {
        check(&muster, &tenant, filter, initials).await;
    }
    let id = list(&muster, &tenant, "/Users", "externalId eq \"A1\"").await;
    let id = id["Resources"][0]["id"].as_str().unwrap().to_owned();
    check(&muster, &tenant, &format!("id eq \"{id}\""), "a").await;
    if id != id.to_uppercase() {
        check(&muster, &tenant, &format!("id eq \"{}\"", id.to_uppercase()), "").await;
    }
}

/// Assertion 49.
#[tokio::test]
async fn rfc7644_3_4_2_2_all_operators_and_their_precedence() {
    let muster = Muster::start().await;
    let tenant = directory(&muster).await;
    for (filter, initials) in [
        ("userName ne \"ben@example.com\"", "ac"),
        ("userName co \"EXAMPLE\"", "ab"),
        ("userName sw \"ADA\"", "a"),
        ("userName ew \".COM\"", "ab"),
        ("title pr", "a"),
        ("userName gt \"ada@example.com\"", "b"),
        ("userName ge \"ada@example.com\"", "ab"),
        ("userName lt \"ada@example.com\"", "c"),
        ("userName le \"ada@example.com\"", "ac"),
        ("meta.lastModified gt \"2011-05-13T04:42:34Z\"", "abc"),
        ("meta.lastModified lt \"2011-05-13T04:42:34Z\"", ""),
        ("active eq false and meta.lastModified gt \"2011-05-13T04:42:34Z\"", "c"),
        // `not` binds more tightly than `and`, and `and` than `or`.
        ("userName sw \"a\" or userName sw \"b\" and active eq false", "a"),
        ("(userName sw \"a\" or userName sw \"b\") and active eq true", "ab"),
        ("not (userName sw \"a\") and active eq true", "b"),
        ("not (userName sw \"a\" or active eq false)", "b"),
        ("USERNAME Sw \"a\" OR Not (TITLE Pr) AND Active EQ true", "ab"),
        ("title eq null and active eq true", "b"),
        ("userName eq \"\\\"cleo\\\\\"", "c"),
    ] {
        check(&muster, &tenant, filter, initials).await;
    }
}

/// Assertions 50 and 53.
#[tokio::test]
async fn rfc7644_3_4_2_2_a_filter_that_makes_no_sense_is_invalid() {
    let muster = Muster::start().await;
    let tenant = directory(&muster).await;
    for filter in [
        "active gt true",
        "active ge true",
        "active lt false",
        "active le false",
        "x509Certificates.value gt \"a\"",
        "userName is \"a\"",
        "userName eq",
        "userName",
        "userName eq \"a",
        "userName eq 'a'",
        "userName eq a b",
        "active eq 1",
        "(userName pr",
        "userName pr and",
        "not userName pr",
        "emails[type eq \"work\"",
        "name eq \"Lovelace\"",
        "",
    ] {
        refuse(&muster, &tenant, filter).await;
    }
}

/// Assertions 51 and 52.
#[tokio::test]
async fn rfc7644_3_4_2_2_one_value_matches_all_of_a_value_path() {
    let muster = Muster::start().await;
    let tenant = directory(&muster).await;
    for (filter, initials) in [
        ("emails[type eq \"work\" and value ew \"@home.org\"]", "b"),
        ("emails.type eq \"work\" and emails.value ew \"@home.org\"", "ab"),
        ("emails[type eq \"home\" and primary ne true]", "a"),
        ("not (emails[type eq \"home\"])", "bc"),
        ("emails co \"example\"", "a"),
        ("emails eq \"BEN@home.org\"", "b"),
        ("emails[value eq \"BEN@home.org\" and type eq \"work\"]", "b"),
        // `tests/fixtures/conversations/entra/look-up.json`
        ("emails[type eq \"work\"].value eq \"ada@example.com\"", "a"),
        ("emails pr", "ab"),
        ("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"", "a"),
        ("groups.display eq \"staff\"", "ab"),
        ("groups pr and title pr", "a"),
    ] {
        check(&muster, &tenant, filter, initials).await;
    }
    let ben = list(&muster, &tenant, "/Users", "userName sw \"ben\"").await;
    let ben = ben["Resources"][0]["id"].as_str().unwrap();
    for (filter, total) in [
        (format!("members.value eq \"{ben}\""), 1),
        (format!("members[value eq \"{ben}\"] and displayName eq \"STAFF\""), 1),
        (format!("not (members eq \"{ben}\")"), 0),
        ("members.value eq \"missing\"".to_owned(), 0),
    ] {
        let found = list(&muster, &tenant, "/Groups", &filter).await;
        assert_eq!(found["totalResults"], total, "{filter}");
    }
}

/// Assertions 54 and 55.
#[tokio::test]
async fn rfc7644_3_10_qualified_names_and_unknown_names() {
    let muster = Muster::start().await;
    let tenant = directory(&muster).await;
    for (filter, initials) in [
        (&*format!("{USER}:userName sw \"a\""), "a"),
        (&*format!("{}:USERNAME sw \"a\"", USER.to_uppercase()), "a"),
        (&*format!("{USER}:name.familyName eq \"lovelace\""), "a"),
        (&*format!("{ENTERPRISE}:employeeNumber eq \"701984\""), "a"),
        (&*format!("{ENTERPRISE}:department co \"&\" and active eq true"), "a"),
        (&*format!("{ENTERPRISE} pr"), "a"),
        ("meta.resourceType eq \"User\"", "abc"),
        ("meta.resourceType eq \"Group\"", ""),
        ("shoeSize eq 42", ""),
        ("shoeSize pr or title pr", "a"),
        ("urn:example:User:shoeSize gt 3 or userName sw \"b\"", "b"),
    ] {
        check(&muster, &tenant, filter, initials).await;
    }
}
