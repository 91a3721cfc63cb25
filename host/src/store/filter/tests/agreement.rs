//! On generated resources and filters, SQL and `scim::evaluate` say the same.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::scim::filter::generate;

/// How many directories are made up, and how many filters are held against each.
const DIRECTORIES: u32 = 6;
const FILTERS: u32 = 300;

/// Attributes of every type and place: columns, documents, lists, extensions, rows of members.
const NAMES: &[&str] = &[
    "id",
    "externalId",
    "userName",
    "displayName",
    "nickName",
    "title",
    "active",
    "profileUrl",
    "schemas",
    "name",
    "name.familyName",
    "emails",
    "emails.value",
    "emails.type",
    "emails.primary",
    "addresses",
    "addresses.country",
    "x509Certificates",
    "x509Certificates.value",
    "photos.value",
    "groups",
    "groups.value",
    "groups.display",
    "meta",
    "meta.created",
    "meta.lastModified",
    "meta.resourceType",
    "meta.version",
    "urn:ietf:params:scim:schemas:core:2.0:User:title",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "manager.value",
    "department",
    "shoeSize",
    "members.value",
];

const INNER: &[&str] = &["value", "type", "primary", "display", "country", "created", "shoeSize"];

/// Texts that are often equal, or parts of each other, or the same but for their case; and moments.
const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "ab",
    "AB",
    "b",
    "ba",
    "é",
    "É",
    "Éa",
    "ΟΔΟΣ",
    "οδος",
    "ΟΣ",
    "Σ",
    "İs",
    "İ",
    "e\u{301}",
    "E\u{301}a",
    "\u{ff41}",
    "\u{ff21}b",
    "%",
    "_",
    "a*",
    "[a]",
    "?",
    "\"",
    "\\",
    "work",
    "home",
    "WORK",
    "u2",
    "01a22c46-f921-755b-b8f4-000000000001",
    "01A22C46-F921-755B-B8F4-000000000001",
    "01a22c46-",
    "g0",
    "g1",
    "User",
    "true",
    "2026-11-02T08:00:00.001Z",
    "2026-11-03",
    "2026-11-02T09:00:00.0010001+01:00",
    "W/\"1\"",
    "\u{10ffff}",
    "\u{d7ff}a",
];

fn text() -> impl Strategy<Value = String> + Clone {
    select(TEXTS).prop_map(str::to_owned)
}

/// A user without an id; attributes that are none are left out.
fn user() -> impl Strategy<Value = Value> {
    let email = (text(), option::of(text()), option::of(any::<bool>())).prop_map(
        |(value, kind, primary)| json!({ "value": value, "type": kind, "primary": primary }),
    );
    let address = option::of(text()).prop_map(|country| json!({ "country": country, "type": "a" }));
    let simple = (
        option::of(text()),
        option::of(text()),
        option::of(text()),
        option::of(text()),
        option::of(any::<bool>()),
        option::of(text()),
    );
    let complex = (
        option::of(text()),
        vec(email, 0..4),
        vec(address, 0..3),
        vec(text(), 0..2),
        option::of((option::of(text()), option::of(text()))),
    );
    (simple, complex).prop_map(|(simple, complex)| {
        let (external_id, display_name, nick_name, title, active, profile_url) = simple;
        let (family_name, emails, addresses, certificates, enterprise) = complex;
        let certificates: Vec<Value> =
            certificates.into_iter().map(|it| json!({ "value": it })).collect();
        let enterprise = enterprise.map(|(number, manager)| {
            json!({ "employeeNumber": number, "manager": manager.map(|it| json!({ "value": it })) })
        });
        without_nothing(json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "externalId": external_id,
            "displayName": display_name,
            "nickName": nick_name,
            "title": title,
            "active": active,
            "profileUrl": profile_url,
            "name": family_name.map(|it| json!({ "familyName": it })),
            "emails": emails,
            "addresses": addresses,
            "x509Certificates": certificates,
            ENTERPRISE: enterprise,
        }))
    })
}

/// RFC 7643 §2.5: as documents are stored, nothing in them is null, and no list is empty.
fn without_nothing(value: Value) -> Value {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, it)| (name, without_nothing(it)));
            Value::Object(members.filter(|(_, it)| !is_nothing(it)).collect())
        }
        Value::Array(values) => {
            let values = values.into_iter().map(without_nothing);
            Value::Array(values.filter(|it| !is_nothing(it)).collect())
        }
        other => other,
    }
}

fn named(n: usize, mut user: Value) -> Value {
    user["id"] = json!(match n % 2 {
        0 => format!("u{n}"),
        _ => format!("01a22c46-f921-755b-b8f4-{n:012x}"),
    });
    user["userName"] = json!(format!("{}{n}", TEXTS[n % TEXTS.len()]));
    user
}

#[test]
fn sql_and_memory_agree_on_whatever_is_generated() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for _ in 0..DIRECTORIES {
        let config = Config { cases: FILTERS, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        let users = vec(user(), 6..20).new_tree(&mut runner).unwrap().current();
        let users = users.into_iter().enumerate().map(|(n, user)| named(n, user)).collect();
        let directory = runtime.block_on(Directory::of(users));
        let filters = generate::filters(NAMES, INNER, text());
        let ran = runner.run(&filters, |filter| {
            let found = runtime.block_on(directory.found("User", &filter));
            match (found, directory.expected("User", &filter)) {
                (Ok(found), Ok(expected)) => prop_assert_eq!(found, expected, "{}", filter),
                (Err(QueryError::Unsupported(_)), Err(_)) => {}
                (found, expected) => prop_assert!(false, "{filter}: {found:?}, {expected:?}"),
            }
            Ok(())
        });
        ran.unwrap_or_else(|error| panic!("{error}\n{:#?}", directory.served));
    }
}
