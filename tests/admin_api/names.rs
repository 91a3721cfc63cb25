//! Names that do not exist are refused, with those that do.

use serde_json::{Value, json};

use super::{create_app, create_tenant, detail, set};
use crate::support::Muster;

#[tokio::test]
async fn a_name_that_neither_an_app_nor_its_connector_knows_is_refused() {
    let muster = Muster::start().await;
    let endpoint = json!({ "base_url": "https://api.example.com" });
    let two = json!({ "app": endpoint, "ap": endpoint });
    let app = json!({ "name": "crm", "connector": "two-state", "endpoints": two });
    let refused = muster.admin("POST", "/apps", Some(app)).await.expect(422);
    assert!(detail(&refused).contains("no endpoint named \"ap\"; it has app"), "{refused:?}");
    for change in [
        json!({ "set_endpoints": { "ap": endpoint } }),
        json!({ "endpoints": two }),
        json!({ "unset_endpoints": ["ap"] }),
    ] {
        let refused = set(&muster, "/apps/two-state", change.clone()).await.expect(422);
        assert!(detail(&refused).contains("it has app"), "{refused:?}");
        let promotion = json!({ "connector": "two-state", "set": change });
        let path = "/apps/two-state/promote";
        let refused = muster.admin("POST", path, Some(promotion)).await.expect(422);
        assert!(detail(&refused).contains("no endpoint named \"ap\""), "{refused:?}");
    }
    let tenant = json!({ "id": "acme", "app": "two-state", "settings": { "organization": "a" } });
    muster.admin("POST", "/tenants", Some(tenant)).await.expect(201);
    for path in ["/apps/two-state", "/tenants/acme"] {
        let change = json!({ "unset_settings": ["organisation"] });
        let refused = set(&muster, path, change).await.expect(422);
        assert!(detail(&refused).contains("no setting named \"organisation\""), "{refused:?}");
        assert!(detail(&refused).contains("organization"), "{refused:?}");
        // A setting that exists and is not set is as it should be.
        set(&muster, path, json!({ "unset_settings": ["update_profile"] })).await.expect(200);
    }
}

#[tokio::test]
async fn a_list_of_something_that_does_not_exist_is_an_error_of_the_command() {
    let muster = Muster::start().await;
    create_app(&muster, "crm", json!({})).await;
    create_tenant(&muster, "acme", "crm").await;
    for args in [
        ["job", "list", "--tenant", "acne"],
        ["operation", "list", "--tenant", "acne"],
        ["tenant", "list", "--app", "crn"],
        ["connector", "list", "--name", "rooster"],
    ] {
        let (status, said) = muster.command(&args).await;
        let near = ["there are: acme", "there are: crm, ", "there are: roster, "];
        assert_eq!(status, Some(1), "{args:?}: {said}");
        assert!(near.iter().any(|near| said.contains(near)), "{args:?}: {said}");
        assert!(
            said.contains(&format!(
                "no {}",
                if args[2] == "--name" { "connector" } else { &args[2][2..] }
            )),
            "{said}"
        );
    }
    for args in [
        ["job", "list", "--tenant", "acme"],
        ["operation", "list", "--tenant", "acme"],
        ["tenant", "list", "--app", "roster"],
        ["connector", "list", "--name", "roster"],
    ] {
        let (status, said) = muster.command(&args).await;
        assert_eq!(status, Some(0), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn operations_of_a_tenant_that_was_removed_are_still_listed() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    muster.person(&tenant, "ada").await;
    let path = format!("/tenants/{}", tenant.name);
    muster.admin("POST", &format!("{path}/disconnect"), Some(json!({}))).await.expect(202);
    for _ in 0..1500 {
        if muster.admin("GET", &path, None).await.body["state"] == "disconnected" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    muster.admin("DELETE", &path, None).await.expect(204);
    let (status, said) = muster.command(&["operation", "list", "--tenant", &tenant.name]).await;
    assert!(status == Some(0) && said.contains("ada@acme.example"), "{said}");
}

#[tokio::test]
async fn control_characters_of_a_name_are_shown_as_escapes_and_kept_in_json() {
    let muster = Muster::start().await;
    create_tenant(&muster, "acme", "roster").await;
    let user = "\u{202e}ada\u{9b}31m\u{2066}";
    muster.command(&["token", "add", "acme", "--user", user]).await;
    let (status, said) = muster.command(&["token", "list", "acme"]).await;
    assert!(status == Some(0) && said.contains("\\u202eada\\u009b31m\\u2066"), "{said:?}");
    let (_, said) = muster.command(&["token", "list", "acme", "--json"]).await;
    let tokens: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(tokens["items"][0]["user"], user);
    let tenant = muster.tenant("three-state").await;
    let person = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Staff\r\n\u{1b}[2Jall",
    });
    muster.post(&tenant, "/Groups", person).await.expect(201);
    let operations = muster.admin("GET", "/operations?limit=1", None).await.body;
    let id = operations["items"][0]["id"].as_str().unwrap();
    for args in [vec!["operation", "list"], vec!["operation", "explain", id]] {
        let (status, said) = muster.command(&args).await;
        let clean = !said.contains(['\r', '\u{1b}']) && said.contains("\\u001b[2Jall");
        assert!(status == Some(0) && clean, "{said:?}");
    }
}
