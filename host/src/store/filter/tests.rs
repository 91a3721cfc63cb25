//! Filters in SQL against filters held against documents: both must say the same.

use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::decision::ResourceKind;
use crate::scim::{Filter, ResourceType, Schemas, ScimType};
use crate::store::{
    Commit, MemberRow, Query, QueryError, Related, ResourceChange, ResourceRow, Start, Store,
};

mod agreement;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A store, and the documents that are in it as they are served.
struct Directory {
    store: Store,
    served: Vec<(&'static str, Map<String, Value>)>,
    _files: tempfile::TempDir,
}

impl Directory {
    async fn new() -> Self {
        Self::of(users()).await
    }

    async fn of(users: Vec<Value>) -> Self {
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("muster.db");
        let clock = Clock::held_at("2026-11-22T08:00:00Z".parse().unwrap());
        let store = Store::open(&path, clock).await.unwrap();
        let mut directory = Self { store, served: Vec::new(), _files: files };
        for (n, document) in users.into_iter().enumerate() {
            directory.add("User", n, document).await;
        }
        for (n, name) in ["Staff", "Ärzte", "all"].into_iter().enumerate() {
            directory.add("Group", n, json!({ "id": format!("g{n}"), "displayName": name })).await;
        }
        for (group, member) in [(0, 0), (0, 1), (1, 1), (1, 4)] {
            directory.join(group, member).await;
        }
        directory
    }

    async fn add(&mut self, kind: &'static str, n: usize, document: Value) {
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        let emails = document["emails"].as_array().into_iter().flatten();
        let row = ResourceRow {
            tenant: "acme".to_owned(),
            kind: kind.to_owned(),
            id: text("id").unwrap(),
            user_name: text("userName"),
            external_id: text("externalId"),
            display_name: text("displayName"),
            active: document["active"] == true,
            emails: emails.filter_map(|it| it["value"].as_str().map(str::to_owned)).collect(),
            document: document.to_string(),
            version: 1,
            departures: 0,
            created: format!("2026-11-{:02}T08:00:00.{n:03}Z", n + 1),
            last_modified: format!("2026-12-{:02}T08:00:00.000Z", n + 1),
        };
        let Value::Object(mut served) = document else { unreachable!() };
        let meta = json!({
            "resourceType": kind,
            "created": row.created,
            "lastModified": row.last_modified,
            "version": "W/\"1\"",
        });
        served.insert("meta".to_owned(), meta);
        self.served.push((kind, served));
        let resource = Some(ResourceChange::Insert(row));
        self.store.commit(Commit { resource, ..Commit::default() }).await.unwrap();
    }

    async fn join(&mut self, group: usize, member: usize) {
        let id = |kind: &str, n: usize| {
            let mut of_kind = self.served.iter().filter(|it| it.0 == kind);
            of_kind.nth(n).unwrap().1["id"].as_str().unwrap().to_owned()
        };
        let row = MemberRow {
            tenant: "acme".to_owned(),
            group: id("Group", group),
            member: id("User", member),
            display: (member != 4).then(|| format!("Member {member}")),
            kind: ResourceKind::User,
        };
        let mut member = json!({ "value": row.member, "type": "User" });
        if let Some(display) = &row.display {
            member["display"] = display.as_str().into();
        }
        let (group, user) = (row.group.clone(), row.member.clone());
        self.store.commit(Commit { joined: vec![row], ..Commit::default() }).await.unwrap();
        let mut name = Value::Null;
        for (_, document) in &mut self.served {
            if document["id"] == group.as_str() {
                name = document["displayName"].clone();
                push(document, "members", member.clone());
            }
        }
        for (_, document) in &mut self.served {
            if document["id"] == user.as_str() {
                let group = json!({ "value": group, "display": name, "type": "direct" });
                push(document, "groups", group);
            }
        }
    }

    async fn found(&self, kind: &str, filter: &Filter) -> Result<Vec<String>, QueryError> {
        let query = Query {
            tenant: "acme".to_owned(),
            resource_type: resource_type(kind),
            filter: Some(filter.clone()),
            sort: None,
            start: Start::Index(1),
            count: 1000,
            related: Related::None,
        };
        let page = self.store.page(&query).await?;
        assert_eq!(page.total, page.resources().len() as u64, "{filter}");
        Ok(page.resources().map(|it| it.id.to_owned()).collect())
    }

    fn expected(&self, kind: &str, filter: &Filter) -> Result<Vec<String>, crate::scim::Error> {
        let resource_type = resource_type(kind);
        let mut ids = Vec::new();
        for (_, document) in self.served.iter().filter(|it| it.0 == kind) {
            if filter.matches(&resource_type, document)? {
                ids.push(document["id"].as_str().unwrap().to_owned());
            }
        }
        Ok(ids)
    }

    /// SQL finds whom the filter matches, and there are so many.
    async fn check(&self, kind: &str, filter: &str, count: usize) {
        let parsed = Filter::parse(filter).unwrap();
        let found = self.found(kind, &parsed).await.unwrap_or_else(|it| panic!("{filter}: {it}"));
        assert_eq!(found, self.expected(kind, &parsed).unwrap(), "{filter}");
        assert_eq!(found.len(), count, "{filter}: {found:?}");
    }

    async fn refuse(&self, kind: &str, filter: &str) {
        match self.found(kind, &Filter::parse(filter).unwrap()).await {
            Err(QueryError::Unsupported(error)) => {
                assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{filter}");
            }
            other => panic!("{filter}: {other:?}"),
        }
    }
}

fn push(document: &mut Map<String, Value>, name: &str, value: Value) {
    let list = document.entry(name).or_insert_with(|| json!([]));
    list.as_array_mut().unwrap().push(value);
}

fn resource_type(name: &str) -> std::sync::Arc<ResourceType> {
    Schemas::standard().by_name(name).unwrap().clone()
}

fn users() -> Vec<Value> {
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    vec![
        json!({
            "schemas": [user, ENTERPRISE],
            "id": "u0", "externalId": "X0",
            "userName": "Ann@Example.com", "displayName": "Ann O'Neil",
            "name": { "givenName": "Ann", "familyName": "O'Neil" },
            "emails": [
                { "value": "ann@example.com", "type": "work", "primary": true },
                { "value": "ann@home.org", "type": "home" },
            ],
            "active": true,
            ENTERPRISE: { "employeeNumber": "7", "manager": { "value": "u1" } },
        }),
        json!({
            "schemas": [user],
            "id": "u1", "externalId": "x0", "userName": "BOB", "nickName": "",
            "emails": [{ "value": "Bob@Example.com", "type": "home" }],
            "active": false,
            "photos": [{ "value": "https://x.example/B_100%.png" }],
        }),
        json!({
            "schemas": [user],
            "id": "u2", "userName": "MÜLLER", "displayName": "Müller [x] *?",
            "name": { "familyName": "MÜLLER" },
            "active": true,
        }),
        json!({ "schemas": [user], "id": "u3", "userName": "carol_1", "title": "100% \"best\"" }),
        json!({
            "schemas": [user, ENTERPRISE],
            "id": "u4", "userName": "dave\\x", "userType": "ΟΔΟΣ", "title": "Kelvin \u{212a}",
            "addresses": [{ "country": "DE", "primary": true }, { "country": "US" }],
            "active": true,
            ENTERPRISE: { "department": "R&D" },
        }),
    ]
}

#[tokio::test]
async fn columns() {
    let directory = Directory::new().await;
    for (filter, count) in [
        ("userName eq \"ANN@example.COM\"", 1),
        ("userName eq \"müller\" and active eq true", 1),
        ("userName ne \"bob\"", 4),
        ("userName co \"L\"", 3),
        ("userName sw \"M\"", 1),
        ("userName ew \"_1\"", 1),
        ("userName ew \"a_much_longer_text_than_any_name\"", 0),
        ("userName co \"\"", 5),
        ("userName gt \"bob\"", 3),
        ("userName le \"BOB\"", 2),
        ("userName pr", 5),
        ("userName eq null", 0),
        ("id eq \"u1\"", 1),
        ("id eq \"U1\"", 0),
        ("id sw \"u\"", 5),
        ("externalId eq \"X0\"", 1),
        ("externalId eq \"x0\" or id eq \"u4\"", 2),
        ("externalId ne \"X0\"", 4),
        ("externalId eq null", 3),
        ("externalId ne null", 2),
        ("not (externalId pr)", 3),
        ("displayName eq \"ann o'neil\"", 1),
        ("displayName co \"[X] *?\"", 1),
        ("displayName ew \"*\"", 0),
        ("DISPLAYNAME pr", 2),
    ] {
        directory.check("User", filter, count).await;
    }
}

#[tokio::test]
async fn documents() {
    let directory = Directory::new().await;
    for (filter, count) in [
        ("name.familyName eq \"müller\"", 1),
        ("name.familyName co \"'\"", 1),
        ("name.familyName sw \"MÜ\"", 1),
        ("name.familyName gt \"n\"", 1),
        ("name pr", 2),
        ("name eq null", 3),
        ("name ne null", 2),
        ("nickName pr", 0),
        ("nickName eq \"\"", 1),
        ("nickName eq null", 4),
        ("title co \"%\"", 1),
        ("title co \"100_\"", 0),
        ("title ew \"\\\"BEST\\\"\"", 1),
        ("title co \"kelvin k\"", 1),
        ("title ne \"x\"", 5),
        ("title gt \"0\"", 2),
        ("userType co \"οδ\"", 1),
        ("active eq true", 3),
        ("active eq false", 1),
        ("active ne true", 2),
        ("active pr", 4),
        ("not (active eq true)", 2),
        ("active eq \"False\"", 1),
        ("shoeSize eq 42", 0),
        ("shoeSize ne 42", 5),
        ("shoeSize pr or id eq \"u1\"", 1),
        ("not (shoeSize pr)", 5),
        ("shoeSize[value eq 1]", 0),
    ] {
        directory.check("User", filter, count).await;
    }
}

#[tokio::test]
async fn values_of_lists() {
    let directory = Directory::new().await;
    for (filter, count) in [
        ("emails.value eq \"BOB@example.com\"", 1),
        ("emails eq \"ann@HOME.org\"", 1),
        ("emails.value co \"example\"", 2),
        ("emails.value ne \"ann@example.com\"", 5),
        ("emails.type eq \"home\"", 2),
        ("emails.type ne \"home\"", 4),
        ("emails.primary eq true", 1),
        ("emails.primary ne true", 5),
        ("emails.primary eq false", 2),
        ("emails.primary ne false", 4),
        ("emails.primary eq null", 4),
        ("emails[primary eq false]", 2),
        ("emails[primary ne true]", 2),
        ("emails[primary ne false]", 1),
        ("emails[primary eq null]", 2),
        ("emails[value eq \"ann@home.org\" and primary eq false]", 1),
        ("emails[value eq \"ann@example.com\" and primary eq \"False\"]", 0),
        ("not (emails[primary eq false])", 3),
        ("not (emails.primary eq false)", 3),
        ("photos.primary eq false", 1),
        ("emails pr", 2),
        ("emails eq null", 3),
        ("emails.type eq \"work\" and emails.value ew \"home.org\"", 1),
        ("emails[type eq \"work\" and value ew \"home.org\"]", 0),
        ("emails[type eq \"home\" and value ew \"HOME.org\"]", 1),
        ("emails[type eq \"home\"].value sw \"BOB\"", 1),
        ("emails[not (primary pr)]", 2),
        ("emails[not (primary eq true) and type ne \"work\"]", 2),
        ("not (emails[type eq \"work\"])", 4),
        ("emails[shoeSize pr]", 0),
        ("photos.value ew \"B_100%.png\"", 1),
        ("photos.value ew \"b_100%.png\"", 0),
        ("addresses.country eq \"us\"", 1),
        ("addresses[country eq \"US\" and primary eq true]", 0),
        ("addresses[country eq \"DE\" and primary eq true]", 1),
        ("addresses[country eq \"US\" and primary ne true]", 1),
        ("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"", 2),
        ("schemas[value ew \"core:2.0:User\"]", 5),
        ("schemas.value co \"ENTERPRISE\"", 0),
    ] {
        directory.check("User", filter, count).await;
    }
}

#[tokio::test]
async fn extensions_and_meta() {
    let directory = Directory::new().await;
    let urn = |rest: &str| format!("{ENTERPRISE}{rest}");
    for (filter, count) in [
        (urn(":employeeNumber eq \"7\""), 1),
        (urn(":employeeNumber ne \"7\""), 4),
        (urn(":manager.value eq \"u1\""), 1),
        (urn(":manager pr"), 1),
        (urn(" pr"), 2),
        (urn(":department co \"r&d\""), 1),
        ("manager eq \"u1\"".to_owned(), 1),
        ("meta.resourceType eq \"User\"".to_owned(), 5),
        ("meta.resourceType eq \"user\"".to_owned(), 0),
        ("meta.created gt \"2026-11-02T08:00:00.001Z\"".to_owned(), 3),
        ("meta.created ge \"2026-11-02T09:00:00.001+01:00\"".to_owned(), 4),
        ("meta.created gt \"2026-11-02T08:00:00.0009Z\"".to_owned(), 4),
        ("meta.created ge \"2026-11-02T08:00:00.0011Z\"".to_owned(), 3),
        ("meta.created lt \"2026-11-02T08:00:00.0011Z\"".to_owned(), 2),
        ("meta.created eq \"2026-11-02T08:00:00.0011Z\"".to_owned(), 0),
        ("meta.created eq \"2026-11-02T08:00:00.0010000Z\"".to_owned(), 1),
        ("meta.created ne \"2026-11-02T08:00:00.001Z\"".to_owned(), 4),
        ("meta.created lt \"2026-11-03\"".to_owned(), 2),
        ("meta.created sw \"2026-11-03t\"".to_owned(), 1),
        ("meta.lastModified le \"2026-12-03T08:00:00Z\"".to_owned(), 3),
        ("meta.version eq \"W/\\\"1\\\"\"".to_owned(), 5),
        ("meta pr".to_owned(), 5),
        ("meta eq null".to_owned(), 0),
        ("meta[created gt \"2026-11-04T08:00:00Z\" and resourceType eq \"User\"]".to_owned(), 2),
    ] {
        directory.check("User", &filter, count).await;
    }
}

#[tokio::test]
async fn groups_and_members() {
    let directory = Directory::new().await;
    for (filter, count) in [
        ("groups.value eq \"g0\"", 2),
        ("groups eq \"g1\"", 2),
        ("groups.value ne \"g0\"", 4),
        ("groups.display eq \"ÄRZTE\"", 2),
        ("groups.display sw \"st\"", 2),
        ("groups pr", 3),
        ("groups eq null", 2),
        ("not (groups.value eq \"g0\")", 3),
        ("groups[value eq \"g0\" and display eq \"staff\"]", 2),
        ("groups[value eq \"g0\" and display eq \"ärzte\"]", 0),
        ("groups.type eq \"DIRECT\"", 3),
    ] {
        directory.check("User", filter, count).await;
    }
    for (filter, count) in [
        ("members.value eq \"u1\"", 2),
        ("members eq \"u4\"", 1),
        ("members[value eq \"u1\"]", 2),
        ("members[value eq \"u4\" and display pr]", 0),
        ("members[value eq \"u1\" or value eq \"u4\"]", 2),
        ("members.display co \"ember 0\"", 1),
        ("members.type eq \"user\"", 2),
        ("members pr", 2),
        ("members ne null", 2),
        ("displayName eq \"ÄRZTE\" and members.value eq \"u4\"", 1),
        ("id eq \"g0\" and members eq \"u1\"", 1),
        ("not (members pr) and displayName sw \"A\"", 1),
    ] {
        directory.check("Group", filter, count).await;
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let directory = Directory::new().await;
    for filter in [
        "active gt true",
        "userName eq \"ann\" and active le false",
        "userName eq 5",
        "name eq \"x\"",
        "meta.location co \"x\"",
        "groups.$ref pr",
        "password pr",
        "password eq \"x\"",
        "title co \"\\u0000\"",
    ] {
        directory.refuse("User", filter).await;
    }
}

/// Every combination of these conditions by `and`, `or` and `not`: no row is lost between them.
#[tokio::test]
async fn combinations() {
    let directory = Directory::new().await;
    let parts = [
        "userName eq \"bob\"",
        "externalId pr",
        "emails.type eq \"home\"",
        "emails[type eq \"work\"]",
        "active ne true",
        "title gt \"0\"",
        "groups.value eq \"g1\"",
        "shoeSize eq 1",
        "nickName eq null",
    ];
    for left in parts {
        for right in parts {
            for filter in [
                format!("{left} and {right}"),
                format!("{left} or not ({right})"),
                format!("not ({left} and not ({right})) and ({right} or {left})"),
            ] {
                let parsed = Filter::parse(&filter).unwrap();
                let found = directory.found("User", &parsed).await.unwrap();
                assert_eq!(found, directory.expected("User", &parsed).unwrap(), "{filter}");
            }
        }
    }
}

#[tokio::test]
async fn a_part_that_is_almost_found_everywhere_takes_no_longer() {
    let mut users = users();
    for user in &mut users {
        user["nickName"] = "x".repeat(900_000).into();
        user["externalId"] = "x".repeat(900_000).into();
    }
    let directory = Directory::of(users).await;
    let part = format!("{}y", "x".repeat(7_000));
    for attribute in ["nickName", "externalId", "userName"] {
        for operator in ["co", "sw", "ew"] {
            directory.check("User", &format!("{attribute} {operator} \"{part}\""), 0).await;
        }
    }
}
