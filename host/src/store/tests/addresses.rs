//! E-mail addresses: rows of their own, but for the one that is the `userName` too.

use super::pages::query;
use super::*;

/// Who has the address, as ids behind each other, and how many rows all addresses have.
async fn found(bench: &Bench, address: &str) -> (String, u32) {
    let filter = format!("emails.value eq \"{address}\"");
    let page = bench.store.page(&query(Some(&filter), 1, 10)).await.unwrap();
    let ids = page.resources().map(|it| it.id).collect();
    let rows = bench.store.reader.host(|connection: &Connection| {
        connection.query_row("SELECT count(*) FROM email", [], |row| row.get(0))
    });
    (ids, rows.await.unwrap())
}

fn person(id: &str, user_name: &str, emails: &[&str]) -> ResourceRow {
    let mut row = user("acme", id, user_name);
    row.emails = emails.iter().map(|&it| it.to_owned()).collect();
    let emails: Vec<_> = emails.iter().map(|it| serde_json::json!({ "value": it })).collect();
    let mut document: serde_json::Value = serde_json::from_str(&row.document).unwrap();
    document["emails"] = emails.into();
    ResourceRow { document: document.to_string(), ..row }
}

#[tokio::test]
async fn an_address_is_found_while_it_is_the_user_name_and_while_it_is_not() {
    let bench = Bench::new().await;
    let is = |ids: &str, rows| (ids.to_owned(), rows);
    let mut version = 1;
    let mut change = async |id, user_name, emails: &[&str]| {
        let row = ResourceRow { version, ..person(id, user_name, emails) };
        version += 1;
        bench.store.commit(of(next(row))).await.unwrap();
    };
    bench.insert(person("u1", "ann@x.example", &["Ann@X.example", "ann@y.example"])).await.unwrap();
    bench.insert(person("u2", "bob", &["ann@X.EXAMPLE", "bob@x.example"])).await.unwrap();
    for address in ["ann@x.example", "ANN@x.example"] {
        assert_eq!(found(&bench, address).await, is("u1u2", 3), "{address}");
    }
    // The name moves away from the address, to another one, and to no address.
    for (user_name, rows) in [("ann", 4), ("Ann@Y.example", 3), ("Ann@X.example", 3), ("anna", 4)] {
        change("u1", user_name, &["Ann@X.example", "ann@y.example"]).await;
        assert_eq!(found(&bench, "ann@x.example").await, is("u1u2", rows), "{user_name}");
        assert_eq!(found(&bench, "ann@y.example").await, is("u1", rows), "{user_name}");
    }
    // A name that is not an address of the person is none.
    change("u1", "ann@x.example", &["ann@y.example"]).await;
    assert_eq!(found(&bench, "ann@x.example").await, is("u2", 3));
    change("u1", "ann@x.example", &[]).await;
    assert_eq!(found(&bench, "ann@y.example").await, is("", 2));
    // The address comes with the name that it was.
    change("u1", "ann@x.example", &["ann@x.example", "ann@x.example"]).await;
    assert_eq!(found(&bench, "ann@x.example").await, is("u1u2", 2));
    bench.store.commit(of(delete(&person("u2", "bob", &[])))).await.unwrap();
    assert_eq!(found(&bench, "ann@x.example").await, is("u1", 0));
    let gone = ResourceRow { version, ..person("u1", "ann@x.example", &[]) };
    bench.store.commit(of(delete(&gone))).await.unwrap();
    assert_eq!(found(&bench, "ann@x.example").await, is("", 0));
}
