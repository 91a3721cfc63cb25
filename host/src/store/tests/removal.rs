//! The removal of a tenant: in steps that others can write between, and after a restart.

use super::*;

/// The rows of a tenant in each table of the directory.
fn rows(bench: &Bench, tenant: &str) -> Vec<(&'static str, i64)> {
    let connection = Connection::open(bench.path()).unwrap();
    let number = term::number(&connection, tenant).unwrap();
    let tables = ["resource", "member", "email", "former_account", "unsettled_member", "tally"];
    let count = |table: &'static str| {
        let sql = format!("SELECT count(*) FROM {table} WHERE tenant = ?");
        (table, connection.query_row(&sql, [number], |row| row.get(0)).unwrap())
    };
    tables.map(count).to_vec()
}

fn total(rows: &[(&str, i64)]) -> i64 {
    rows.iter().map(|(_, count)| count).sum()
}

/// A tenant of 300 users, all in one group.
async fn fill(bench: &Bench, tenant: &str) {
    bench.users(tenant, 300).await;
    bench.insert(group(tenant, "g0", "Staff")).await.unwrap();
    let joined = (0..300).map(|n| member(tenant, "g0", &format!("u{n:05}"))).collect();
    bench.store.commit(Commit { joined, ..Commit::default() }).await.unwrap();
}

#[tokio::test]
async fn a_tenant_is_removed_in_short_steps_that_a_restart_continues() {
    let bench = Bench::new().await;
    configuration::apps_and_tenants(&bench.store).await;
    fill(&bench, "acme").await;
    fill(&bench, "globex").await;
    let neighbour = rows(&bench, "globex");
    assert!(bench.store.remove_tenant("acme").await.unwrap());
    assert_eq!(bench.store.removed_tenants().await.unwrap(), ["acme"]);
    let mut left = total(&rows(&bench, "acme"));
    assert!(left > 600, "{left}");
    assert!(bench.store.remove_some_rows("acme").await.unwrap());
    let bench = bench.reopen().await;
    assert_eq!(bench.store.removed_tenants().await.unwrap(), ["acme"]);
    while bench.store.remove_some_rows("acme").await.unwrap() {
        let now = total(&rows(&bench, "acme"));
        assert!(left - now <= 210, "a step deleted {} rows", left - now);
        left = now;
    }
    assert_eq!(total(&rows(&bench, "acme")), 0);
    assert_eq!(bench.store.removed_tenants().await.unwrap(), [] as [String; 0]);
    assert_eq!(rows(&bench, "globex"), neighbour);
}
