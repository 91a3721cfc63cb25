//! Walks by cursor (RFC 9865), and the guarantees of pages by index (RFC 7644 §3.4.2.4).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, user};

fn ids(answer: &Answer) -> Vec<String> {
    let resources = answer.body["Resources"].as_array().unwrap();
    resources.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn next(answer: &Answer) -> Option<&str> {
    answer.body["nextCursor"].as_str()
}

async fn page(muster: &Muster, tenant: &Tenant, query: &str, cursor: &str) -> Answer {
    muster.get(tenant, &format!("/Users?{query}&cursor={cursor}")).await
}

/// Assertion 86.
#[tokio::test]
async fn rfc9865_2_every_page_except_the_last_has_a_next_cursor() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let mut all = Vec::new();
    for n in 0..10 {
        all.push(muster.person(&tenant, &format!("p{n}")).await);
    }
    for query in ["", "filter=active+eq+true", "filter=userName+sw+%22p%22&sortBy=userName"] {
        for count in [1, 3, 5, 10, 11] {
            let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
            loop {
                let query = format!("{query}&count={count}");
                let answer = page(&muster, &tenant, &query, &cursor).await.expect(200);
                pages += 1;
                assert_eq!(answer.body["totalResults"], 10, "{query}");
                assert_eq!(answer.body["itemsPerPage"], ids(&answer).len());
                assert!(answer.body.get("startIndex").is_none());
                assert!(answer.body.get("previousCursor").is_none());
                seen.extend(ids(&answer));
                let Some(next) = next(&answer) else { break };
                assert!(next.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c)));
                cursor = next.to_owned();
            }
            assert_eq!(seen, all, "{query} by {count}");
            assert_eq!(pages, 10_usize.div_ceil(count), "{query} by {count}");
        }
    }
    let counted = page(&muster, &tenant, "count=0", "").await.expect(200);
    assert_eq!((&counted.body["totalResults"], next(&counted)), (&json!(10), None));
    let one = page(&muster, &tenant, "filter=userName+eq+%22p3@acme.example%22", "").await;
    assert_eq!((ids(&one.expect(200)).len(), all.len()), (1, 10));
}

/// Assertion 87.
#[tokio::test]
async fn rfc9865_2_1_a_cursor_is_valid_for_one_query_of_one_tenant() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let other = muster.tenant_with("roster", "generic").await;
    for tenant in [&tenant, &other] {
        for n in 0..3 {
            muster.person(tenant, &format!("p{n}")).await;
        }
    }
    let first = page(&muster, &tenant, "count=1", "").await.expect(200);
    let cursor = next(&first).unwrap();
    let forged = cursor.replace(&cursor[8..9], if &cursor[8..9] == "A" { "B" } else { "A" });
    let refused = async |tenant: &Tenant, query: &str, cursor: &str, scim_type: &str| {
        let answer = page(&muster, tenant, query, cursor).await.expect(400);
        assert_eq!(answer.body["scimType"], scim_type, "{query} {cursor}");
    };
    refused(&tenant, "", "nonsense", "invalidCursor").await;
    refused(&tenant, "", "1", "invalidCursor").await;
    refused(&tenant, "", &forged, "invalidCursor").await;
    refused(&other, "", cursor, "invalidCursor").await;
    refused(&tenant, "filter=active+eq+true", cursor, "invalidCursor").await;
    refused(&tenant, "sortBy=userName", cursor, "invalidCursor").await;
    refused(&tenant, "count=501", cursor, "invalidCount").await;
    refused(&tenant, "count=501", "", "invalidCount").await;
    refused(&tenant, "startIndex=1", cursor, "invalidValue").await;
    let groups = muster.get(&tenant, &format!("/Groups?cursor={cursor}")).await.expect(400);
    assert_eq!(groups.body["scimType"], "invalidCursor");
    // The projection and the count may change between pages.
    let rest = page(&muster, &tenant, "count=5&attributes=userName", cursor).await.expect(200);
    assert_eq!((ids(&rest).len(), next(&rest)), (2, None));
}

/// Assertions 88 and 89.
#[tokio::test]
async fn rfc9865_4_paging_is_by_index_by_default() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let config = muster.get(&tenant, "/ServiceProviderConfig").await.expect(200);
    let pagination = json!({
        "cursor": true, "index": true, "defaultPaginationMethod": "index",
        "defaultPageSize": 100, "maxPageSize": 500,
    });
    assert_eq!(config.body["pagination"], pagination);
    let list = muster.get(&tenant, "/Users").await.expect(200);
    assert_eq!(list.body["startIndex"], 1);
    assert!(list.body.get("nextCursor").is_none());
}

/// A resource that exists during the whole walk is seen exactly once, whatever is written at the
/// same time.
#[tokio::test]
async fn rfc9865_2_a_walk_neither_skips_nor_repeats_while_others_write() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let (mut staying, mut going) = (BTreeSet::new(), Vec::new());
    for n in 0..40 {
        staying.insert(muster.person(&tenant, &format!("s{n}")).await);
        going.push(muster.person(&tenant, &format!("g{n}")).await);
    }
    let writing = async {
        for (n, id) in going.iter().enumerate() {
            muster.scim(&tenant, "DELETE", &format!("/Users/{id}"), None).await.expect(204);
            muster.person(&tenant, &format!("n{n}")).await;
            let any = staying.iter().nth(n).unwrap();
            muster.set_active(&tenant, any, n % 2 == 0).await.expect(200);
        }
    };
    let walking = async |query: &str| {
        for _ in 0..3 {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let query = format!("{query}&count=7");
                let answer = page(&muster, &tenant, &query, &cursor).await.expect(200);
                seen.extend(ids(&answer));
                match next(&answer) {
                    Some(next) => cursor = next.to_owned(),
                    None => break,
                }
            }
            let once: BTreeSet<String> = seen.iter().cloned().collect();
            assert_eq!(once.len(), seen.len(), "{query}: a resource was seen twice");
            assert!(staying.is_subset(&once), "{query}: a resource was skipped");
        }
    };
    tokio::join!(
        writing,
        walking(""),
        walking("filter=userName+pr"),
        walking("sortBy=userName"),
        walking("sortBy=userName&sortOrder=descending"),
        walking("sortBy=name.familyName&filter=userName+co+%22acme%22"),
    );
}

/// Assertions 57 and 58.
#[tokio::test]
async fn rfc7644_3_4_2_4_pages_by_index_have_exactly_the_requested_size() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let mut all = Vec::new();
    for n in 0..7 {
        all.push(muster.post(&tenant, "/Users", user(&format!("p{n}"))).await.id());
    }
    for filter in ["", "&filter=active+eq+true"] {
        for (start, count, expected) in [
            ("1", "3", &all[..3]),
            ("0", "3", &all[..3]),
            ("-5", "3", &all[..3]),
            ("4", "3", &all[3..6]),
            ("7", "3", &all[6..]),
            ("8", "3", &[]),
            ("1", "0", &[]),
            ("1", "-1", &[]),
            ("1", "1000", &all[..]),
        ] {
            let path = format!("/Users?startIndex={start}&count={count}{filter}");
            let page = muster.get(&tenant, &path).await.expect(200);
            assert_eq!(ids(&page), expected, "{path}");
            assert_eq!(page.body["totalResults"], 7, "{path}");
            assert_eq!(page.body["itemsPerPage"], expected.len(), "{path}");
        }
    }
    for wrong in ["startIndex=one", "count=1.5"] {
        let refused: Value = muster.get(&tenant, &format!("/Users?{wrong}")).await.expect(400).body;
        assert_eq!(refused["scimType"], "invalidValue");
    }
}
