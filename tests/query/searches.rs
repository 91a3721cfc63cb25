//! Queries of one type and of all types, by GET and by search (RFC 7644 §3.4.2 and §3.4.3).

use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant};

/// Three people and two groups; the first person is a member of the first group.
async fn directory(muster: &Muster) -> (Tenant, String) {
    let tenant = muster.tenant_with("roster", "generic").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.person(&tenant, "ben").await;
    muster.person(&tenant, "cleo").await;
    let staff = json!({ "displayName": "Staff", "members": [{ "value": ada }] });
    muster.post(&tenant, "/Groups", staff).await.expect(201);
    muster.post(&tenant, "/Groups", json!({ "displayName": "adages" })).await.expect(201);
    (tenant, ada)
}

fn search(members: &Value) -> Value {
    let mut body = members.clone();
    body["schemas"] = json!(["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]);
    body
}

fn names(answer: &Answer) -> Vec<&str> {
    let resources = answer.body["Resources"].as_array().unwrap();
    let name = |it: &'_ Value| it["displayName"].as_str().map(str::len).is_some();
    assert!(resources.iter().all(name), "{}", answer.body);
    resources.iter().map(|it| it["displayName"].as_str().unwrap()).collect()
}

/// Assertion 61: a search has the same result as a GET.
#[tokio::test]
async fn rfc7644_3_4_3_a_search_answers_as_get_does() {
    let muster = Muster::start().await;
    let (tenant, _) = directory(&muster).await;
    for (parameters, members) in [
        ("", json!({})),
        ("filter=userName+sw+%22b%22", json!({ "filter": "userName sw \"b\"" })),
        ("startIndex=2&count=1", json!({ "startIndex": 2, "count": 1 })),
        ("attributes=userName,groups", json!({ "attributes": ["userName", "groups"] })),
        ("excludedAttributes=emails", json!({ "excludedAttributes": ["emails"] })),
        (
            "sortBy=userName&sortOrder=descending&count=2",
            json!({ "sortBy": "userName", "sortOrder": "descending", "count": 2 }),
        ),
    ] {
        let read = muster.get(&tenant, &format!("/Users?{parameters}")).await.expect(200);
        let found = muster.post(&tenant, "/Users/.search", search(&members)).await.expect(200);
        assert_eq!(found.body, read.body, "{parameters}");
        let read = match parameters.contains("sortBy") {
            true => continue,
            false => muster.get(&tenant, &format!("/?{parameters}")).await.expect(200),
        };
        let found = muster.post(&tenant, "/.search", search(&members)).await.expect(200);
        assert_eq!(found.body, read.body, "{parameters}");
    }
}

/// Assertions 55 and 61.
#[tokio::test]
async fn rfc7644_3_4_2_1_the_base_url_lists_every_type() {
    let muster = Muster::start().await;
    let (tenant, ada) = directory(&muster).await;
    let all = muster.get(&tenant, "").await.expect(200);
    assert_eq!(all.body["totalResults"], 5);
    assert_eq!(names(&all), ["ada Doe", "ben Doe", "cleo Doe", "Staff", "adages"]);
    assert_eq!(all.body["Resources"][0]["groups"][0]["display"], "Staff");
    assert_eq!(all.body["Resources"][3]["members"][0]["value"], ada);
    let location = all.body["Resources"][4]["meta"]["location"].as_str().unwrap();
    assert!(location.starts_with(&format!("{}/Groups/", tenant.base_url)));
    for (filter, expected) in [
        ("displayName sw \"ada\"", &["ada Doe", "adages"][..]),
        // A condition on an attribute that a type does not have is false for its resources.
        ("userName sw \"ada\"", &["ada Doe"]),
        ("not (userName pr)", &["Staff", "adages"]),
        ("meta.resourceType eq \"Group\" or userName sw \"c\"", &["cleo Doe", "Staff", "adages"]),
        ("members.value pr", &["Staff"]),
        ("shoeSize eq 42", &[]),
    ] {
        let found = muster.post(&tenant, "/.search", search(&json!({ "filter": filter }))).await;
        assert_eq!(names(&found), expected, "{filter}");
        assert_eq!(found.expect(200).body["totalResults"], expected.len(), "{filter}");
    }
}

#[tokio::test]
async fn rfc7644_3_4_2_4_pages_continue_from_one_type_to_the_next() {
    let muster = Muster::start().await;
    let (tenant, _) = directory(&muster).await;
    let all = ["ada Doe", "ben Doe", "cleo Doe", "Staff", "adages"];
    for step in 1..=6 {
        for start in 1..=7 {
            let path = format!("?startIndex={start}&count={step}");
            let page = muster.get(&tenant, &path).await.expect(200);
            let expected: Vec<_> = all.iter().skip(start - 1).take(step).collect();
            assert_eq!(names(&page).iter().collect::<Vec<_>>(), expected, "{path}");
            assert_eq!(page.body["totalResults"], 5);
            assert_eq!(page.body["startIndex"], start);
            assert_eq!(page.body["itemsPerPage"], expected.len());
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("?cursor={cursor}&count={step}");
            let page = muster.get(&tenant, &path).await.expect(200);
            assert_eq!(page.body["totalResults"], 5);
            seen.extend(names(&page).into_iter().map(str::to_owned));
            match page.body["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, all, "by {step}");
    }
}

#[tokio::test]
async fn an_invalid_search_is_refused() {
    let muster = Muster::start().await;
    let (tenant, _) = directory(&muster).await;
    for (path, members, scim_type) in [
        ("/.search", json!({ "filter": "userName eq" }), "invalidFilter"),
        ("/.search", json!({ "count": "many" }), "invalidValue"),
        ("/.search", json!({ "sortBy": "userName" }), "invalidPath"),
        ("/Users/.search", json!({ "attributes": "userName" }), "invalidValue"),
        ("/Users/.search", json!({ "sortBy": "shoeSize" }), "invalidPath"),
        (
            "/Users/.search",
            json!({ "attributes": ["userName"], "excludedAttributes": ["id"] }),
            "invalidValue",
        ),
    ] {
        let refused = muster.post(&tenant, path, search(&members)).await.expect(400);
        assert_eq!(refused.body["scimType"], scim_type, "{members}");
    }
    muster.post(&tenant, "/Devices/.search", search(&json!({}))).await.expect(404);
    muster.get(&tenant, "/.search").await.expect(405);
}
