//! The admin API: creating and changing, lists, errors, jobs, and its reference.

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::{Answer, Muster, client};

mod endpoints;
mod lists;
mod log;
mod names;
mod operations;
mod reference;
mod unread_input;

async fn create_app(muster: &Muster, name: &str, limits: Value) {
    let app = json!({ "name": name, "connector": "roster@0.1.0", "limits": limits });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
}

async fn create_tenant(muster: &Muster, id: &str, app: &str) -> Value {
    let tenant = json!({ "id": id, "app": app, "dialect": "okta" });
    muster.admin("POST", "/tenants", Some(tenant)).await.expect(201).body
}

async fn set(muster: &Muster, path: &str, change: Value) -> Answer {
    muster.admin("PATCH", path, Some(change)).await
}

fn detail(answer: &Answer) -> &str {
    answer.body["detail"].as_str().unwrap_or_else(|| panic!("no detail in {answer:?}"))
}

#[tokio::test]
async fn a_set_changes_what_it_states_and_keeps_the_rest() {
    let muster = Muster::start().await;
    create_app(&muster, "crm", json!({ "time": "250ms", "calls": 20 })).await;
    let changed = set(&muster, "/apps/crm", json!({ "reply": "when-recorded" })).await.expect(200);
    assert_eq!(changed.body["reply"], "when-recorded");
    assert_eq!(changed.body["limits"]["time"], "250ms");
    // In JSON, a whole number is an integer however it is written.
    let one = json!({ "limits": { "calls": 30.0 } });
    let changed = set(&muster, "/apps/crm", one).await.expect(200).body;
    assert_eq!(
        (&changed["limits"]["calls"], &changed["limits"]["time"]),
        (&json!(30), &json!("250ms"))
    );
    let change = json!({ "limits": { "calls": null, "memory": "48MiB" } });
    let changed = set(&muster, "/apps/crm", change).await.expect(200).body;
    let limits = json!({
        "time": "250ms", "memory": "48 MiB", "calls": 256, "response": "1 MiB",
        "exchanges": "400d",
    });
    assert_eq!(changed["limits"], limits);
    assert_eq!(changed["reply"], "when-recorded");
    let defaults = json!({ "limits": null, "reply": null });
    let changed = set(&muster, "/apps/crm", defaults).await.expect(200).body;
    assert_eq!(
        (&changed["limits"]["time"], &changed["reply"]),
        (&json!("100ms"), &json!("when-done"))
    );

    let tenant = create_tenant(&muster, "acme", "crm").await;
    assert_eq!(set(&muster, "/tenants/acme", json!({})).await.expect(200).body, tenant);
    let generic = set(&muster, "/tenants/acme", json!({ "dialect": null })).await.expect(200).body;
    assert_eq!(generic["dialect"], "generic");
}

#[tokio::test]
async fn the_command_line_sets_what_it_is_given_and_keeps_the_rest() {
    let muster = Muster::start().await;
    create_app(&muster, "crm", json!({ "time": "250ms" })).await;
    create_tenant(&muster, "acme", "crm").await;
    muster.push(guest("roster-next")).await.expect(201);
    let (status, said) = muster.command(&["app", "set", "crm", "--limit", "calls=20"]).await;
    assert_eq!(status, Some(0), "{said}");
    let app = muster.admin("GET", "/apps/crm", None).await.expect(200).body;
    assert_eq!((&app["limits"]["time"], &app["limits"]["calls"]), (&json!("250ms"), &json!(20)));
    assert_eq!(app["version"], "roster@0.1.0");
    let (status, said) =
        muster.command(&["tenant", "set", "acme", "--group-names", "unique"]).await;
    assert_eq!(status, Some(0), "{said}");
    let tenant = muster.admin("GET", "/tenants/acme", None).await.expect(200).body;
    assert_eq!(tenant["dialect"], "okta");
    for args in [["app", "set", "crm"], ["tenant", "set", "acme"]] {
        let (status, said) = muster.command(&args).await;
        assert!(status == Some(1) && said.contains("nothing to change"), "{said}");
    }
}

#[tokio::test]
async fn a_set_never_promotes_a_connector() {
    let muster = Muster::start().await;
    create_app(&muster, "crm", json!({})).await;
    muster.push(guest("roster-next")).await.expect(201);
    let set_reply = json!({ "reply": "when-recorded" });
    let app = set(&muster, "/apps/crm", set_reply).await.expect(200).body;
    assert_eq!(app["version"], "roster@0.1.0");
    let refused =
        set(&muster, "/apps/crm", json!({ "connector": "roster@0.2.0" })).await.expect(422);
    assert!(detail(&refused).contains("muster connector promote"), "{refused:?}");
    let args = ["app", "set", "crm", "--connector", "roster@0.2.0"];
    let (status, said) = muster.command(&args).await;
    assert!(status == Some(1) && said.contains("muster connector promote"), "{said}");
}

#[tokio::test]
async fn a_name_that_is_taken_is_not_created_again() {
    let muster = Muster::start().await;
    create_app(&muster, "crm", json!({})).await;
    create_tenant(&muster, "acme", "crm").await;
    let app = json!({ "name": "crm", "connector": "roster" });
    let refused = muster.admin("POST", "/apps", Some(app)).await.expect(409);
    assert!(detail(&refused).contains("`muster app set crm`"), "{refused:?}");
    let tenant = json!({ "id": "acme", "app": "crm" });
    let refused = muster.admin("POST", "/tenants", Some(tenant)).await.expect(409);
    assert!(detail(&refused).contains("`muster tenant set acme`"), "{refused:?}");
    let elsewhere = set(&muster, "/tenants/acme", json!({ "app": "roster" })).await.expect(409);
    assert!(detail(&elsewhere).contains("cannot change its app"), "{elsewhere:?}");
    for path in ["/apps/none", "/tenants/none"] {
        set(&muster, path, json!({})).await.expect(404);
    }
}

#[tokio::test]
async fn single_settings_and_endpoints_are_set_and_removed() {
    let muster = Muster::start().await;
    let set_two = json!({ "set_settings": { "organization": "acme", "default_role": "viewer" } });
    let tenant = json!({ "id": "acme", "app": "two-state", "settings": { "organization": "a" } });
    muster.admin("POST", "/tenants", Some(tenant)).await.expect(201);
    let set = async |change: Value| set(&muster, "/tenants/acme", change).await;
    let refused = set(set_two).await;
    assert!(refused.status == 422 && detail(&refused).contains("default_role"), "{refused:?}");
    let changed = set(json!({ "set_settings": { "organization": "acme" } })).await.expect(200);
    assert_eq!(changed.body["settings"], json!({ "organization": "acme" }));
    let changed = set(json!({ "unset_settings": ["organization"] })).await.expect(200);
    assert_eq!(changed.body["settings"], json!({}));

    let endpoint = json!({ "base_url": "https://api.example.com", "auth": { "bearer": { "value": "s3cret" } } });
    let change = json!({ "set_endpoints": { "app": endpoint } });
    let path = "/apps/two-state";
    let app = self::set(&muster, path, change).await.expect(200).body;
    assert_eq!(app["endpoints"]["app"]["base_url"], "https://api.example.com");
    assert!(!app.to_string().contains("s3cret"), "{app}");
    // An endpoint as it is shown keeps its secret, but at no other address.
    let mut shown = json!({ "endpoints": app["endpoints"] });
    self::set(&muster, path, shown.clone()).await.expect(200);
    shown["endpoints"]["app"]["base_url"] = json!("https://other.example.com");
    let refused = self::set(&muster, path, shown).await.expect(422);
    assert!(detail(&refused).contains("give the secret itself"), "{refused:?}");
    let needed = json!({ "unset_endpoints": ["app"] });
    let refused = self::set(&muster, path, needed).await.expect(422);
    assert!(detail(&refused).contains("needs an endpoint named app"), "{refused:?}");
}

#[tokio::test]
async fn a_version_that_needs_more_is_promoted_together_with_a_change_of_its_app() {
    let muster = Muster::start().await;
    create_app(&muster, "crm", json!({ "calls": 20 })).await;
    muster.push(guest("planted")).await.expect(201);
    let promote = async |body: Value| muster.admin("POST", "/apps/crm/promote", Some(body)).await;
    promote(json!({ "connector": "roster@0.1.1", "accept": true })).await.expect(422);
    let endpoint = json!({ "base_url": muster.stage.app_url, "private_addresses": true });
    let set = json!({ "set_endpoints": { "app": endpoint } });
    let both = json!({ "connector": "roster@0.1.1", "accept": true, "set": set });
    promote(both).await.expect(200);
    let app = muster.admin("GET", "/apps/crm", None).await.body;
    assert_eq!((&app["version"], &app["limits"]["calls"]), (&json!("roster@0.1.1"), &json!(20)));
    create_tenant(&muster, "acme", "crm").await;
    let some =
        json!({ "connector": "roster@0.1.0", "tenants": ["acme"], "set": { "reply": null } });
    let refused = promote(some).await.expect(422);
    assert!(detail(&refused).contains("cannot change their app"), "{refused:?}");
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_400_with_a_reason() {
    let muster = Muster::start().await;
    for (method, path, body, reason) in [
        ("POST", "/apps", json!(["crm", "roster"]), "must be a JSON object"),
        (
            "PATCH",
            "/apps/roster",
            json!({ "limits": ["250ms"] }),
            "limits: invalid type: sequence, expected an object",
        ),
        ("POST", "/apps", json!({ "name": "crm" }), "missing field `connector`"),
        ("POST", "/apps", json!({ "name": 1, "connector": "roster" }), "name: invalid type"),
        (
            "PATCH",
            "/apps/roster",
            json!({ "limits": { "time": 250 } }),
            "limits.time: invalid type: integer `250`",
        ),
        (
            "PATCH",
            "/apps/roster",
            json!({ "limits": { "memory": "much" } }),
            "limits.memory: invalid value",
        ),
        (
            "PATCH",
            "/apps/roster",
            json!({ "limits": { "tine": "1s" } }),
            "limits: unknown field `tine`",
        ),
        (
            "PATCH",
            "/apps/roster",
            json!({ "unset_settings": ["a", 5] }),
            "unset_settings[1]: invalid type",
        ),
        (
            "POST",
            "/apps/roster/promote",
            json!({ "connector": "x", "set": { "reply": 1 } }),
            "set.reply: ",
        ),
        ("PATCH", "/apps/roster", json!({ "colour": "red" }), "unknown field `colour`"),
        (
            "PATCH",
            "/apps/roster",
            json!({ "limits": { "calls": -1 } }),
            "limits.calls: invalid value",
        ),
        (
            "PATCH",
            "/tenants/x",
            json!({ "dialect": "klingon" }),
            "dialect: unknown variant `klingon`",
        ),
        ("POST", "/apps/roster/rollback", json!({ "tenants": "acme" }), "tenants: invalid type"),
    ] {
        let refused = muster.admin(method, path, Some(body)).await.expect(400);
        assert!(detail(&refused).contains(reason), "{refused:?}");
        assert_eq!(refused.body["scimType"], "invalidSyntax");
        assert_eq!(refused.headers["content-type"], "application/scim+json");
    }
    let user = json!({ "user": "a:b" });
    create_tenant(&muster, "acme", "roster").await;
    let refused = muster.admin("POST", "/tenants/acme/tokens", Some(user)).await.expect(422);
    assert!(detail(&refused).contains("without colons"), "{refused:?}");
}

#[tokio::test]
async fn a_disconnect_is_a_job_that_names_the_token_of_its_request() {
    let muster = Muster::start().await;
    let tenant = create_tenant(&muster, "acme", "roster").await;
    assert_eq!(tenant["disconnect"], Value::Null);
    let path = "/tenants/acme/disconnect";
    let begun = muster.admin("POST", path, Some(json!({}))).await.expect(202);
    let id = begun.id();
    assert_eq!(begun.headers["location"], format!("/admin/v1/jobs/{id}").as_str());
    assert!(begun.body["requested_by"].is_string(), "{begun:?}");
    assert_eq!(
        (&begun.body["kind"], &begun.body["tenant"]),
        (&json!("disconnect"), &json!("acme"))
    );
    for _ in 0..200 {
        let job = muster.admin("GET", &format!("/jobs/{id}"), None).await.expect(200).body;
        if job["state"] == "succeeded" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let listed = muster.admin("GET", "/jobs?tenant=acme&state=succeeded", None).await.expect(200);
    assert_eq!(listed.body["items"][0]["id"], json!(id));
    let cancelled = muster.admin("POST", &format!("/jobs/{id}/cancel"), None).await.expect(409);
    assert!(detail(&cancelled).contains("succeeded"), "{cancelled:?}");
    muster.admin("GET", "/jobs/none", None).await.expect(404);
    let (status, said) = muster.command(&["job", "list", "--tenant", "acme"]).await;
    assert!(status == Some(0) && said.contains(&id), "{said}");

    // A tenant that is gone and had jobs but no operations.
    muster.admin("DELETE", "/tenants/acme", None).await.expect(204);
    let (status, said) = muster.command(&["job", "list", "--tenant", "acme"]).await;
    assert!(status == Some(0) && said.contains(&id), "{said}");
    let (status, said) = muster.command(&["operation", "list", "--tenant", "acme"]).await;
    assert_eq!((status, said.trim()), (Some(0), "none"));
    let (status, said) = muster.command(&["operation", "list", "--tenant", "acne"]).await;
    assert!(status == Some(1) && said.contains("no tenant acne"), "{said}");
}

#[tokio::test]
async fn another_media_type_is_refused_with_that_of_the_admin_api() {
    let muster = Muster::start().await;
    let token = muster.stage.admin_token().await.unwrap().token;
    for path in ["/apps", "/tenants/acme/disconnect"] {
        let request = client().post(format!("{}/admin/v1{path}", muster.stage.url));
        let request = request.header("content-type", "application/xml").bearer_auth(&token);
        let refused = request.body("{}").send().await.unwrap();
        assert_eq!(refused.status(), 415);
        let said = refused.text().await.unwrap();
        assert!(said.contains("is not supported; send application/json\""), "{said}");
    }
}

#[tokio::test]
async fn a_command_whose_admin_token_is_refused_says_where_the_token_is_from() {
    let muster = Muster::start().await;
    let (status, said) = muster.command(&["app", "list", "--admin-token", "secret-one"]).await;
    assert!(status == Some(1) && said.contains("the admin token is from --admin-token"), "{said}");
    assert!(!said.contains("secret-one"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("admin.token"), "secret-two").unwrap();
    let refused = |variable: Option<&str>| {
        let mut command = crate::command_line::muster(&["app", "list", "--url", &muster.stage.url]);
        command.arg("--data").arg(folder.path());
        if let Some(token) = variable {
            command.env("MUSTER_ADMIN_TOKEN", token);
        }
        command
    };
    for (variable, origin) in
        [(None, "admin.token"), (Some("secret-three"), "is from MUSTER_ADMIN_TOKEN")]
    {
        let mut command = refused(variable);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(origin) && !said.contains("secret-t"), "{said}");
    }
}
