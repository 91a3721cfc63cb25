//! The erasure of a person: nothing that an identity provider or an app said of them is left in any file.

use std::path::Path;

use muster::sample::Fault;
use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, user};

/// Part of every text about the person who is erased.
const MARK: &str = "zq7x";

/// Whether a file in the folder has the mark.
fn is_marked(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_marked(&path);
        }
        let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
        bytes.windows(MARK.len()).any(|part| part == MARK.as_bytes())
    })
}

/// Every text of the person has the mark.
fn marked_user() -> Value {
    let mut marked = user(MARK);
    marked["name"] = json!({ "givenName": "Given zq7x", "familyName": "Family zq7x" });
    marked["displayName"] = json!("Display zq7x");
    marked["title"] = json!("Title zq7x");
    marked["phoneNumbers"] = json!([{ "value": "zq7x-555", "type": "work" }]);
    marked
}

async fn operations(muster: &Muster, tenant: &Tenant) -> Vec<Value> {
    let path = format!("/operations?tenant={}&limit=100", tenant.name);
    let list = muster.admin("GET", &path, None).await.expect(200).body;
    let mut operations = Vec::new();
    for summary in list["items"].as_array().unwrap() {
        let path = format!("/operations/{}", summary["id"].as_str().unwrap());
        operations.push(muster.admin("GET", &path, None).await.expect(200).body);
    }
    operations
}

async fn erase(muster: &Muster, tenant: &Tenant, person: &str, body: Value) -> Answer {
    let path = format!("/tenants/{}/people/{person}/erase", tenant.name);
    muster.admin("POST", &path, Some(body)).await
}

/// A person with a refused, a retried and a renaming operation, in a group with a colleague; and the colleague.
async fn employed(muster: &Muster, tenant: &Tenant) -> (String, String) {
    let colleague = muster.person(tenant, "bob").await;
    let person = muster.post(tenant, "/Users", marked_user()).await.expect(201).id();
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Staff",
        "members": [
            { "value": person, "display": "Member zq7x" },
            { "value": colleague, "display": "Bob" },
        ],
    });
    muster.post(tenant, "/Groups", group).await.expect(201);
    let place = format!("PATCH /organizations/{}/accounts", tenant.organization);
    let path = format!("/Users/{person}");
    for (status, answer) in [(422, 400), (503, 429)] {
        muster.stage.sample.fail(Fault::status(&place, status, 1));
        let renamed =
            json!([{ "op": "replace", "value": { "userName": "zq7x-new@acme.example" } }]);
        let said = muster.patch(tenant, &path, renamed).await;
        assert!(said.status == answer || said.status == 200, "{said:?}");
    }
    muster.settled().await;
    (person, colleague)
}

#[tokio::test]
async fn no_file_has_a_person_who_was_erased_and_the_journal_keeps_its_decisions() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let (person, colleague) = employed(&muster, &tenant).await;
    let path = format!("/Users/{person}");
    muster.scim(&tenant, "DELETE", &path, None).await.expect(204);
    muster.settled().await;
    let data = muster.stage.host.options.data.clone();
    assert!(is_marked(&data), "the mark is not found where it is");
    let before = operations(&muster, &tenant).await;
    let seen = muster.get(&tenant, &format!("/Users/{colleague}")).await.expect(200).body;

    let preview = erase(&muster, &tenant, &person, json!({ "preview": true })).await.expect(200);
    assert_eq!(operations(&muster, &tenant).await, before, "a preview changes nothing");
    let erased = erase(&muster, &tenant, &person, json!({})).await.expect(200).body;
    for counted in ["operations", "mentions", "jobs"] {
        assert_eq!(erased[counted], preview.body[counted], "{counted}");
    }
    assert!(
        erased["operations"].as_u64() > Some(2) && erased["mentions"].as_u64() > Some(0),
        "{erased}"
    );
    assert_eq!(erased["log_emptied"], true);
    assert!(!is_marked(&data), "a file has the person");

    let after = operations(&muster, &tenant).await;
    assert_eq!(after.len(), before.len());
    for (before, after) in before.iter().zip(&after) {
        for kept in ["id", "kind", "state", "resource", "connector", "created", "finished"] {
            assert_eq!(after[kept], before[kept], "{kept}");
        }
        assert!(!after.to_string().to_lowercase().contains(MARK), "{after}");
        let names_the_person = before.to_string().contains(&person);
        assert_eq!(after["event"].is_null(), names_the_person, "{before}");
        if !names_the_person {
            assert_eq!(after, before);
        }
    }
    assert_eq!(muster.get(&tenant, &format!("/Users/{colleague}")).await.body, seen);
    let again = erase(&muster, &tenant, &person, json!({})).await.expect(200).body;
    assert_eq!((&again["operations"], &again["mentions"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_person_of_the_directory_is_not_erased_and_one_of_whom_nothing_is_known_is_not_found() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let refused = erase(&muster, &tenant, &ada, json!({})).await.expect(409);
    assert!(refused.body["detail"].as_str().unwrap().contains("delete them first"), "{refused:?}");
    let stranger = "01a22c46-f921-755b-b8f4-9d27a8e33a3a";
    for unknown in [stranger, "stranger@acme.example"] {
        erase(&muster, &tenant, unknown, json!({})).await.expect(404);
    }
    muster.scim(&tenant, "DELETE", &format!("/Users/{ada}"), None).await.expect(204);
    muster.settled().await;
    let command = ["person", "erase", &tenant.name, "ada@acme.example"];
    let (status, said) = muster.command(&command).await;
    assert!(status == Some(0) && said.contains("--proceed") && said.contains(&ada), "{said}");
    let (status, said) = muster.command(&[&command[..], &["--proceed"]].concat()).await;
    assert!(status == Some(0) && said.contains("erased") && said.contains("Backups"), "{said}");
    let list = muster.command(&["operation", "list", "--tenant", &tenant.name]).await.1;
    assert!(list.contains("delete") && !list.contains("ada@"), "{list}");
}

#[tokio::test]
async fn a_job_no_longer_lists_a_person_who_was_erased() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let bob = muster.person(&tenant, "bob").await;
    let path = format!("/tenants/{}/disconnect", tenant.name);
    let job = muster.admin("POST", &path, Some(json!({ "people": "release" }))).await.expect(202);
    let path = format!("/jobs/{}", job.id());
    let mut job = job.body;
    for _ in 0..200 {
        if job["state"] == "succeeded" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        job = muster.admin("GET", &path, None).await.expect(200).body;
    }
    let lists = |job: &Value, id: &str| job["preview"]["named"].to_string().contains(id);
    assert!(lists(&job, &ada) && lists(&job, &bob), "{job}");
    muster.scim(&tenant, "DELETE", &format!("/Users/{ada}"), None).await.expect(204);
    muster.settled().await;
    let erased = erase(&muster, &tenant, &ada, json!({})).await.expect(200).body;
    assert_eq!(erased["jobs"], 1, "{erased}");
    let job = muster.admin("GET", &path, None).await.expect(200).body;
    assert!(!lists(&job, &ada) && lists(&job, &bob), "{job}");
    assert_eq!((&job["state"], &job["total"]), (&json!("succeeded"), &json!(2)));
}
