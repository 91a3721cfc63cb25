//! Lists have pages, and the host filters them.

use serde_json::{Value, json};

use super::{create_app, create_tenant, detail};
use crate::support::Muster;

/// What a member of each item of all pages is, and how many pages there are.
async fn walk(muster: &Muster, path: &str, member: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut cursor = String::new();
    loop {
        let page = muster.admin("GET", &format!("{path}{cursor}"), None).await.expect(200).body;
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|it| it[member].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["next"].as_str() else { return (found, pages) };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn a_list_is_walked_page_by_page() {
    let muster = Muster::start().await;
    for name in ["e", "b", "d", "a", "c"] {
        create_app(&muster, name, json!({})).await;
        create_tenant(&muster, name, name).await;
    }
    let expected = ["a", "b", "c", "d", "e", "roster", "three-state", "two-state"];
    let (names, pages) = walk(&muster, "/apps?limit=3", "name").await;
    assert_eq!((names.as_slice(), pages), (expected.map(str::to_owned).as_slice(), 3));
    let (ids, pages) = walk(&muster, "/tenants?limit=5", "id").await;
    assert_eq!((ids.join(" "), pages), ("a b c d e".to_owned(), 1));
    let (connectors, pages) = walk(&muster, "/connectors?limit=1", "name").await;
    assert_eq!((connectors.join(" "), pages), ("roster two-state three-state".to_owned(), 3));
    for _ in 0..2 {
        muster.admin("POST", "/tenants/a/tokens", Some(json!({}))).await.expect(201);
    }
    let (tokens, pages) = walk(&muster, "/tenants/a/tokens?limit=1", "id").await;
    assert_eq!((tokens.len(), pages), (2, 2));
    assert_ne!(tokens[0], tokens[1]);

    let tenant = muster.tenant("roster").await;
    for name in ["ada", "bob", "cleo"] {
        muster.person(&tenant, name).await;
    }
    let path = format!("/operations?tenant={}&limit=2", tenant.name);
    let (subjects, pages) = walk(&muster, &path, "subject").await;
    let newest_first = "cleo@acme.example bob@acme.example ada@acme.example";
    assert_eq!((subjects.join(" ").as_str(), pages), (newest_first, 2));
    let (status, said) = muster.command(&["app", "list", "--limit", "2"]).await;
    assert!(status == Some(0) && said.contains("there are more"), "{said}");
}

#[tokio::test]
async fn the_host_filters() {
    let muster = Muster::start().await;
    create_app(&muster, "crm", json!({})).await;
    for (tenant, app) in
        [("acme-eu", "crm"), ("acme-us", "crm"), ("other", "crm"), ("acme", "roster")]
    {
        create_tenant(&muster, tenant, app).await;
    }
    muster.admin("POST", "/tenants/acme-us/pause", None).await.expect(200);
    let ids = async |query: &str| walk(&muster, &format!("/tenants?limit=9{query}"), "id").await.0;
    assert_eq!(ids("&app=crm").await, ["acme-eu", "acme-us", "other"]);
    assert_eq!(ids("&app=crm&prefix=acme").await, ["acme-eu", "acme-us"]);
    assert_eq!(ids("&state=paused").await, ["acme-us"]);
    let of =
        async |query: &str| walk(&muster, &format!("/connectors?limit=9{query}"), "name").await.0;
    assert_eq!(of("&name=roster&retired=false").await, ["roster"]);
    assert!(of("&retired=true").await.is_empty());

    let tenant = muster.tenant("roster").await;
    let id = muster.person(&tenant, "ada").await;
    muster.set_active(&tenant, &id, false).await.expect(200);
    let kinds =
        async |query: &str| walk(&muster, &format!("/operations?limit=9{query}"), "kind").await.0;
    assert_eq!(kinds(&format!("&resource={id}")).await, ["deactivate", "create"]);
    assert_eq!(kinds("&kind=create&state=done").await, ["create"]);
    assert_eq!(kinds("&since=2020-01-01T00:00:00Z").await.len(), 2);
    assert!(kinds("&since=2100-01-01T00:00:00Z").await.is_empty());
    let (status, said) =
        muster.command(&["operation", "list", "--since", "1h", "--kind", "deactivate"]).await;
    assert!(status == Some(0) && said.contains("deactivate") && !said.contains("create"), "{said}");
}

#[tokio::test]
async fn a_wrong_parameter_of_a_list_is_refused() {
    let muster = Muster::start().await;
    let apps = muster.admin("GET", "/apps?limit=1", None).await.body;
    let other = format!("/tenants?cursor={}", apps["next"].as_str().unwrap());
    for (path, keyword, reason) in [
        ("/apps?limit=0", "invalidCount", "a number from 1 to 1000"),
        ("/apps?limit=1001", "invalidCount", "a number from 1 to 1000"),
        ("/apps?limit=many", "invalidCount", "a number from 1 to 1000"),
        ("/apps?limit=1&limit=2", "invalidSyntax", "given twice"),
        ("/apps?colour=red", "invalidSyntax", "unknown parameter `colour`"),
        ("/apps?colour=red", "invalidSyntax", "the parameters of this list are limit, cursor"),
        ("/jobs?colour=red", "invalidSyntax", "are limit, cursor, tenant, kind, state"),
        ("/jobs?tenant=a&tenant=b", "invalidSyntax", "the parameter tenant is given twice"),
        ("/tenants?state=happy", "invalidSyntax", "the parameter state: unknown variant `happy`"),
        ("/operations?since=yesterday", "invalidSyntax", "the parameter since: "),
        ("/connectors?retired=maybe", "invalidSyntax", "the parameter retired: "),
    ] {
        let refused = muster.admin("GET", path, None).await.expect(400);
        assert_eq!(refused.body["scimType"], Value::from(keyword), "{path}: {refused:?}");
        assert!(detail(&refused).contains(reason), "{path}: {refused:?}");
    }
    for path in ["/apps?cursor=here", other.as_str()] {
        let refused = muster.admin("GET", path, None).await.expect(422);
        assert_eq!(refused.body["scimType"], "invalidCursor", "{path}");
        assert!(detail(&refused).contains("begin without it"), "{path}: {refused:?}");
    }
}
