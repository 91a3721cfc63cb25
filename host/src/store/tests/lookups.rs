//! Single rows and pages of apps, tenants, credentials and connectors.

use super::configuration::{app, apps_and_tenants, credential, tenant};
use super::*;

fn connector(digest: &str, name: &str, version: &str, created: &str) -> ConnectorRow {
    ConnectorRow {
        digest: digest.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        manifest: "{}".to_owned(),
        component: Vec::new(),
        signer: None,
        created: created.to_owned(),
        retired: None,
        size: 0,
    }
}

fn ids(tenants: &[TenantRow]) -> Vec<&str> {
    tenants.iter().map(|tenant| tenant.id.as_str()).collect()
}

fn digests(connectors: &[ConnectorRow]) -> Vec<&str> {
    connectors.iter().map(|connector| connector.digest.as_str()).collect()
}

#[tokio::test]
async fn an_app_and_a_tenant_are_read_by_name() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let store = &bench.store;
    assert_eq!(store.app("crm").await.unwrap(), Some(app("crm")));
    assert_eq!(store.app("unknown").await.unwrap(), None);
    assert_eq!(store.tenant("acme").await.unwrap(), Some(tenant("acme", "crm")));
    assert_eq!(store.tenant("unknown").await.unwrap(), None);
    assert_eq!(store.app_page(None, 1).await.unwrap(), [app("crm")]);
    assert_eq!(store.app_page(Some("crm"), 10).await.unwrap(), [app("wiki")]);
}

#[tokio::test]
async fn tenants_are_listed_page_by_page() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let store = &bench.store;
    let paused = TenantRow { state: TenantState::Paused, ..tenant("globex", "crm") };
    store.put_tenant(&paused).await.unwrap();

    let all = TenantFilter::default();
    let page = store.tenant_page(&all, None, 2).await.unwrap();
    assert_eq!(ids(&page), ["acme", "globex"]);
    let page = store.tenant_page(&all, Some("globex"), 10).await.unwrap();
    assert_eq!(ids(&page), ["initech", "other"]);

    let connected = TenantFilter {
        app: Some("crm".to_owned()),
        state: Some(TenantState::Connected),
        ..TenantFilter::default()
    };
    let page = store.tenant_page(&connected, None, 10).await.unwrap();
    assert_eq!(ids(&page), ["acme", "initech"]);

    for (prefix, found) in [("a", vec!["acme"]), ("acme", vec!["acme"]), ("acmes", vec![])] {
        let filter = TenantFilter { prefix: Some(prefix.to_owned()), ..TenantFilter::default() };
        let page = store.tenant_page(&filter, None, 10).await.unwrap();
        assert_eq!(ids(&page), found, "{prefix}");
        let page = store.tenant_page(&filter, Some("acme"), 10).await.unwrap();
        assert_eq!(page, [], "{prefix}");
    }
}

#[tokio::test]
async fn the_tenants_of_an_app_are_listed_and_counted() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let store = &bench.store;
    assert_eq!(ids(&store.tenants_of("crm", None, 2).await.unwrap()), ["acme", "globex"]);
    assert_eq!(ids(&store.tenants_of("crm", Some("globex"), 2).await.unwrap()), ["initech"]);
    for (app, count) in [("crm", 3), ("wiki", 1), ("unknown", 0)] {
        assert_eq!(store.count_tenants_of(app).await.unwrap(), count, "{app}");
        assert_eq!(store.has_several_tenants(app).await.unwrap(), count > 1, "{app}");
    }
    let own = TenantRow { connector: Some("d1".to_owned()), ..tenant("globex", "crm") };
    store.assign(std::slice::from_ref(&own)).await.unwrap();
    assert_eq!(store.tenants_with_own_connector("crm").await.unwrap(), [own]);
    assert_eq!(store.tenants_with_own_connector("wiki").await.unwrap(), []);
}

#[tokio::test]
async fn credentials_are_read_by_id_and_by_tenant() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let store = &bench.store;
    let later = "2026-11-23T08:00:00.000Z".to_owned();
    let rows = [
        credential("c1", None),
        CredentialRow { created: later, ..credential("c2", Some("acme")) },
        credential("c3", Some("acme")),
    ];
    for row in &rows {
        store.add_credential(row).await.unwrap();
    }
    let [c1, c2, c3] = rows;
    assert_eq!(store.credential("c2").await.unwrap(), Some(c2.clone()));
    assert_eq!(store.credential("unknown").await.unwrap(), None);
    let of_acme = store.credentials_of(Some("acme")).await.unwrap();
    assert_eq!(of_acme, [c3.clone(), c2.clone()], "oldest first");
    assert_eq!(store.credentials_of(Some("globex")).await.unwrap(), []);
    assert_eq!(store.credentials_of(None).await.unwrap(), std::slice::from_ref(&c1));
    assert_eq!(store.credential_page(None, 2).await.unwrap(), [c1, c2]);
    assert_eq!(store.credential_page(Some("c2"), 2).await.unwrap(), [c3]);
}

#[tokio::test]
async fn connectors_are_found_by_digest_prefix_and_name() {
    let bench = Bench::new().await;
    let store = &bench.store;
    for (digest, name, version, created) in [
        ("b2", "roster", "0.2.0", "2026-11-23"),
        ("a1", "roster", "0.1.0", "2026-11-22"),
        ("a2", "ledger", "1.0.0", "2026-11-23"),
    ] {
        let row = ConnectorRow {
            component: vec![0, 97, 115, 109],
            ..connector(digest, name, version, created)
        };
        store.put_connector(&row).await.unwrap();
    }
    let a1 = ConnectorRow { size: 4, ..connector("a1", "roster", "0.1.0", "2026-11-22") };
    assert_eq!(store.connector_row("a1").await.unwrap(), Some(a1));
    assert_eq!(store.connector_row("a").await.unwrap(), None);
    assert_eq!(digests(&store.connectors_named("roster").await.unwrap()), ["a1", "b2"]);
    assert_eq!(digests(&store.connectors_with_prefix("a").await.unwrap()), ["a1", "a2"]);
    assert_eq!(digests(&store.connectors_with_prefix("b2").await.unwrap()), ["b2"]);
    assert_eq!(digests(&store.connector_rows(&["b2", "x", "a1"]).await.unwrap()), ["a1", "b2"]);
    assert_eq!(store.connector_rows(&[]).await.unwrap(), []);
    // Those that were pushed at the same time are in the order of their digests.
    assert_eq!(digests(&store.connector_page(None, 2).await.unwrap()), ["a1", "a2"]);
    assert_eq!(digests(&store.connector_page(Some("a1"), 1).await.unwrap()), ["a2"]);
    assert_eq!(digests(&store.connector_page(Some("a2"), 2).await.unwrap()), ["b2"]);
}

#[tokio::test]
async fn the_users_of_a_connector_are_apps_and_tenants() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let store = &bench.store;
    let (d1, d2) = (Some("d1".to_owned()), Some("d2".to_owned()));
    store.put_app(&AppRow { connector: d1.clone(), ..app("crm") }).await.unwrap();
    let moved = AppRow { connector: d2.clone(), previous: d1.clone(), ..app("wiki") };
    store.put_app(&moved).await.unwrap();
    let own = [
        TenantRow { connector: d2.clone(), previous: d1.clone(), ..tenant("acme", "crm") },
        TenantRow { connector: d1.clone(), previous: d1, ..tenant("globex", "crm") },
        TenantRow { connector: d2, ..tenant("initech", "crm") },
    ];
    store.assign(&own).await.unwrap();
    let expected = ConnectorUsers {
        apps: vec!["crm".to_owned()],
        tenants: vec!["globex".to_owned()],
        previous_of_apps: vec!["wiki".to_owned()],
        previous_of_tenants: vec!["acme".to_owned()],
    };
    assert_eq!(store.users_of("d1").await.unwrap(), expected);
    let users = store.users_of("d2").await.unwrap();
    assert_eq!(users.tenants, ["acme", "initech"]);
    assert_eq!(users.previous_of_apps, Vec::<String>::new());
    assert_eq!(store.users_of("d3").await.unwrap(), ConnectorUsers::default());
}

#[tokio::test]
async fn an_open_database_answers_a_check() {
    let bench = Bench::new().await;
    bench.store.check().await.unwrap();
}
