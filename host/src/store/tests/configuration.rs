//! Apps, tenants, credentials and connectors.

use super::*;
use crate::scim::Dialect;

pub(super) fn app(name: &str) -> AppRow {
    AppRow {
        name: name.to_owned(),
        connector: None,
        previous: None,
        settings: "{}".to_owned(),
        endpoints: "{}".to_owned(),
        limits: "{}".to_owned(),
        shared: true,
        reply: ReplyMode::WhenDone,
        created: "2026-11-22T08:00:00.000Z".to_owned(),
    }
}

pub(super) fn tenant(id: &str, app: &str) -> TenantRow {
    TenantRow {
        id: id.to_owned(),
        app: app.to_owned(),
        dialect: Dialect::Okta,
        group_names: None,
        unknown_members: None,
        requests_per_second: None,
        state: TenantState::Connected,
        settings: "{}".to_owned(),
        connector: None,
        previous: None,
        domains: vec!["acme.example".to_owned()],
        created: "2026-11-22T08:00:00.000Z".to_owned(),
    }
}

/// Three tenants of one app, and one of another.
pub(super) async fn apps_and_tenants(store: &Store) {
    for name in ["crm", "wiki"] {
        store.put_app(&app(name)).await.unwrap();
    }
    for (id, app) in [("acme", "crm"), ("globex", "crm"), ("initech", "crm"), ("other", "wiki")] {
        store.put_tenant(&tenant(id, app)).await.unwrap();
    }
}

pub(super) fn credential(id: &str, tenant: Option<&str>) -> CredentialRow {
    CredentialRow {
        id: id.to_owned(),
        tenant: tenant.map(str::to_owned),
        kind: CredentialKind::Bearer,
        user: None,
        owner: None,
        hash: vec![0, 1, 255],
        created: "2026-11-22T08:00:00.000Z".to_owned(),
        expires: None,
        last_used: None,
        name: None,
        role: None,
    }
}

#[tokio::test]
async fn apps_and_tenants_are_made_and_changed() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let changed = AppRow { connector: Some("d1".to_owned()), ..app("crm") };
    bench.store.put_app(&changed).await.unwrap();
    let paused = TenantRow { state: TenantState::Paused, ..tenant("acme", "crm") };
    bench.store.put_tenant(&paused).await.unwrap();
    let bench = bench.reopen().await;
    assert_eq!(bench.store.apps().await.unwrap(), [changed, app("wiki")]);
    assert_eq!(bench.store.tenants().await.unwrap()[0], paused);
    assert_eq!(bench.store.tenants().await.unwrap().len(), 4);
}

#[tokio::test]
async fn an_app_in_use_is_not_removed() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    bench.store.remove_app("crm").await.unwrap_err();
    assert!(bench.remove_tenant("other").await);
    assert!(bench.store.remove_app("wiki").await.unwrap());
    assert!(!bench.store.remove_app("wiki").await.unwrap());
    assert_eq!(bench.store.apps().await.unwrap(), [app("crm")]);
}

#[tokio::test]
async fn a_tenant_without_an_app_is_refused_and_later_commits_work() {
    let bench = Bench::new().await;
    bench.store.put_tenant(&tenant("acme", "nothing")).await.unwrap_err();
    bench.insert(user("acme", "u1", "ann")).await.unwrap();
}

#[tokio::test]
async fn removing_a_tenant_leaves_only_its_journal() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    for tenant in ["acme", "globex"] {
        bench.users(tenant, 3).await;
        let commit = Commit {
            operation: Some(operation(&format!("o-{tenant}"), tenant, "u00000")),
            account: Some(account(tenant, "u00000", Some("a1"))),
            ..Commit::default()
        };
        bench.store.commit(commit).await.unwrap();
        let row = credential(&format!("c-{tenant}"), Some(tenant));
        bench.store.add_credential(&row).await.unwrap();
    }
    assert!(bench.remove_tenant("acme").await);
    assert!(!bench.remove_tenant("acme").await);
    assert_eq!(bench.version("acme", "User", "u00000").await, None);
    assert_eq!(bench.version("globex", "User", "u00000").await, Some(1));
    assert_eq!(bench.store.account("acme", "u00000").await.unwrap(), None);
    assert_eq!(bench.store.credentials().await.unwrap(), [credential("c-globex", Some("globex"))]);
    let (dropped, _) = bench.store.operation("o-acme").await.unwrap().unwrap();
    assert_eq!(dropped.state, OperationState::Dropped);
    assert_eq!(dropped.sealed, None);
    assert_eq!(dropped.finished.as_deref(), Some("2026-11-22T08:00:00.000Z"));
    let open = bench.store.unfinished().await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((&*open[0].id, &*open[0].tenant), ("o-globex", "globex"));
}

#[tokio::test]
async fn credentials_are_added_used_and_revoked() {
    let bench = Bench::new().await;
    apps_and_tenants(&bench.store).await;
    let owned = CredentialRow { owner: Some("u1".to_owned()), ..credential("c2", Some("acme")) };
    let rows = [credential("c1", None), owned];
    for row in &rows {
        bench.store.add_credential(row).await.unwrap();
    }
    assert_eq!(bench.store.credentials().await.unwrap(), rows);
    let uses = ["c1", "gone"].map(|id| (id.to_owned(), "2026-11-23T08:00:00.000Z".to_owned()));
    bench.store.credentials_used(uses.into()).await.unwrap();
    let used = bench.store.credentials().await.unwrap();
    assert_eq!(used[0].last_used.as_deref(), Some("2026-11-23T08:00:00.000Z"));
    assert!(bench.store.revoke_credential("c1").await.unwrap());
    assert!(!bench.store.revoke_credential("c1").await.unwrap());
    assert_eq!(bench.store.credentials().await.unwrap(), rows[1..]);
}

#[tokio::test]
async fn connectors_are_kept_once_by_digest() {
    let bench = Bench::new().await;
    let row = ConnectorRow {
        digest: "d1".to_owned(),
        name: "roster".to_owned(),
        version: "0.1.0".to_owned(),
        manifest: "{}".to_owned(),
        component: vec![0, 97, 115, 109],
        signer: Some("acme (0011223344556677)".to_owned()),
        created: "2026-11-22T08:00:00.000Z".to_owned(),
        retired: None,
        size: 4,
    };
    bench.store.put_connector(&row).await.unwrap();
    let again = ConnectorRow { created: "later".to_owned(), ..row.clone() };
    bench.store.put_connector(&again).await.unwrap();
    let listed = ConnectorRow { component: Vec::new(), ..row.clone() };
    assert_eq!(bench.store.connectors().await.unwrap(), [listed]);
    assert_eq!(bench.store.component("d1").await.unwrap(), Some((row.component, row.signer)));
    assert_eq!(bench.store.component("d2").await.unwrap(), None);
}
