//! Exchanges that are deleted, and exchanges that are kept.

use super::*;
use crate::store::Forgettable;

/// Notes an operation with one exchange.
async fn note(bench: &Bench, id: &str, tenant: &str, state: OperationState, finished: &str) {
    let finished = (!finished.is_empty()).then(|| format!("2026-{finished}T00:00:00.000Z"));
    let operation = OperationRow { finished, state, ..operation(id, tenant, id) };
    let exchange = ExchangeRow {
        operation: id.to_owned(),
        attempt: 1,
        n: 0,
        request: "{}".to_owned(),
        response: Some("{}".to_owned()),
        earlier_response: None,
        at: operation.created.clone(),
    };
    let mut commit = Commit { operation: Some(operation), ..Commit::default() };
    commit.exchanges.push(exchange);
    bench.store.commit(commit).await.unwrap();
}

#[tokio::test]
async fn exchanges_of_operations_long_finished_are_deleted_and_no_others() {
    use OperationState::{Done, Dropped, Failed, Open, Refused, Superseded};
    let bench = Bench::new().await;
    note(&bench, "01-done", "acme", Done, "03-01").await;
    note(&bench, "02-late", "acme", Done, "06-01").await;
    note(&bench, "03-open", "acme", Open, "").await;
    note(&bench, "04-failed", "acme", Failed, "").await;
    note(&bench, "05-refused", "acme", Refused, "03-01").await;
    note(&bench, "06-dropped", "acme", Dropped, "03-01").await;
    note(&bench, "07-older", "acme", Superseded, "03-01").await;
    note(&bench, "07-other", "globex", Done, "03-01").await;
    note(&bench, "09-new", "acme", Done, "03-01").await;
    let mut what = Forgettable {
        tenant: "acme".to_owned(),
        after: String::new(),
        before: "08".to_owned(),
        finished: "2026-05-01T00:00:00.000Z".to_owned(),
    };
    let mut forgotten = Vec::new();
    while let (gone, Some(last)) = bench.store.forget_exchanges(&what, 2).await.unwrap() {
        forgotten.push((gone, last.clone()));
        what.after = last;
    }
    let last = |gone, last: &str| (gone, last.to_owned());
    let expected = [last(1, "02-late"), last(2, "06-dropped"), last(1, "07-older")];
    assert_eq!(forgotten, expected);
    for (id, kept) in [
        ("01-done", 0),
        ("02-late", 1),
        ("03-open", 1),
        ("04-failed", 1),
        ("05-refused", 0),
        ("06-dropped", 0),
        ("07-older", 0),
        ("07-other", 1),
        ("09-new", 1),
    ] {
        let (_, exchanges) = bench.store.operation(id).await.unwrap().unwrap();
        assert_eq!(exchanges.len(), kept, "{id}");
    }
}

#[tokio::test]
async fn every_tenant_of_the_journal_is_known_with_its_app() {
    let bench = Bench::new().await;
    assert_eq!(bench.store.journaled_tenants().await.unwrap(), []);
    for (id, tenant) in [("01", "globex"), ("02", "acme"), ("03", "globex")] {
        note(&bench, id, tenant, OperationState::Done, "03-01").await;
    }
    let known = |tenant: &str| (tenant.to_owned(), "app".to_owned());
    assert_eq!(bench.store.journaled_tenants().await.unwrap(), [known("acme"), known("globex")]);
}
