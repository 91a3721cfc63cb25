//! People, members, accounts and teams.

use super::*;

const ANN: &str = "ann@acme.example";

#[tokio::test]
async fn a_person_is_created_found_changed_and_deleted() {
    let app = SampleApp::new(TOKEN);
    let (code, ann) =
        call(&app, "POST", "/users", json!({"email": ANN, "name": "Ann", "team": 7})).await;
    let expected = json!({
        "id": ann["id"], "email": ANN, "name": "Ann", "title": null, "team": 7, "organizations": []
    });
    assert_eq!((code, &ann), (201, &expected));
    let path = format!("/users/{}", ann["id"].as_str().unwrap());
    assert_eq!(get(&app, &path).await, ann);
    assert_eq!(get(&app, "/users?email=Ann%40ACME.example").await, json!({"users": [ann]}));
    assert_eq!(get(&app, "/users?email=bob%40acme.example").await, json!({"users": []}));
    let changes = json!({"email": "ann@new.example", "title": "Lead", "team": null});
    let (code, changed) = call(&app, "PATCH", &path, changes).await;
    let expected = json!({
        "id": ann["id"], "email": "ann@new.example", "name": "Ann", "title": "Lead",
        "organizations": []
    });
    assert_eq!((code, &changed), (200, &expected));
    assert_eq!(get(&app, &format!("/users?email={ANN}")).await, json!({"users": []}));
    assert_eq!(get(&app, "/users").await, json!({"users": [changed]}));
    assert_eq!(call(&app, "DELETE", &path, Value::Null).await, (204, Value::Null));
    assert_eq!(status(&app, "DELETE", &path, Value::Null).await, 404);
    assert_eq!(status(&app, "GET", &path, Value::Null).await, 404);
    assert!(app.people().is_empty());
}

#[tokio::test]
async fn an_address_belongs_to_one_person() {
    let app = SampleApp::new(TOKEN);
    created(&app, "/users", json!({"email": ANN})).await;
    let bob = created(&app, "/users", json!({"email": "bob@acme.example"})).await;
    let (code, problem) = call(&app, "POST", "/users", json!({"email": "ANN@acme.example"})).await;
    assert_eq!(code, 409);
    assert_eq!(problem["error"], "conflict");
    let path = format!("/users/{bob}");
    assert_eq!(status(&app, "PATCH", &path, json!({"email": ANN})).await, 409);
    assert_eq!(status(&app, "PATCH", &path, json!({"email": "BOB@acme.example"})).await, 200);
    assert_eq!(app.people()[1].profile.email, "BOB@acme.example");
}

#[tokio::test]
async fn an_invalid_person_is_refused() {
    let app = SampleApp::new(TOKEN);
    for body in [
        json!({}),
        json!({"email": null}),
        json!({"email": 7}),
        json!({"email": "ann"}),
        json!({"email": ANN, "name": ["Ann"]}),
        json!({"email": ANN, "id": "usr_1"}),
        json!({"email": ANN, "organizations": ["acme"]}),
        json!({"email": ANN, "password": ""}),
        json!([ANN]),
    ] {
        let (code, problem) = call(&app, "POST", "/users", body.clone()).await;
        assert_eq!(code, 422, "{body}");
        assert_eq!(problem["error"], "unprocessable_entity");
    }
    assert!(app.people().is_empty());
}

#[tokio::test]
async fn a_password_is_accepted_and_not_shown() {
    let app = SampleApp::new(TOKEN);
    let body = json!({"email": ANN, "password": "correct horse"});
    let (code, ann) = call(&app, "POST", "/users", body).await;
    assert_eq!(code, 201);
    assert!(!ann.to_string().contains("correct horse"));
}

#[tokio::test]
async fn a_person_joins_and_leaves_organizations() {
    let app = SampleApp::new(TOKEN);
    let ann = created(&app, "/users", json!({"email": ANN})).await;
    let member = |organization: &str| format!("/organizations/{organization}/members/{ann}");
    assert_eq!(status(&app, "DELETE", &member("acme"), Value::Null).await, 404);
    for organization in ["globex", "acme", "acme"] {
        assert_eq!(status(&app, "PUT", &member(organization), Value::Null).await, 204);
    }
    let person = get(&app, &format!("/users/{ann}")).await;
    assert_eq!(person["organizations"], json!(["acme", "globex"]));
    assert_eq!(get(&app, "/organizations/acme/members").await, json!({"members": [person]}));
    assert_eq!(status(&app, "DELETE", &member("acme"), Value::Null).await, 204);
    assert!(app.members("acme").is_empty());
    assert_eq!(app.members("globex").len(), 1);
    assert_eq!(get(&app, "/organizations/nowhere/members").await, json!({"members": []}));
    let unknown = "/organizations/acme/members/usr_99";
    assert_eq!(status(&app, "PUT", unknown, Value::Null).await, 404);
    assert_eq!(status(&app, "DELETE", &format!("/users/{ann}"), Value::Null).await, 204);
    assert!(app.members("globex").is_empty());
}

#[tokio::test]
async fn an_account_is_suspended_and_resumed() {
    let app = SampleApp::new(TOKEN);
    let accounts = "/organizations/acme/accounts";
    let (code, ann) = call(&app, "POST", accounts, json!({"email": ANN, "name": "Ann"})).await;
    let id = ann["id"].clone();
    let expected =
        json!({"id": id, "email": ANN, "name": "Ann", "title": null, "status": "active"});
    assert_eq!((code, &ann), (201, &expected));
    let path = format!("{accounts}/{}", id.as_str().unwrap());
    for (verb, expected) in
        [("suspend", "suspended"), ("suspend", "suspended"), ("resume", "active")]
    {
        let (code, body) = call(&app, "POST", &format!("{path}/{verb}"), Value::Null).await;
        assert_eq!((code, &body["status"]), (200, &json!(expected)));
        assert_eq!(get(&app, &path).await, body);
    }
    let body = json!({"title": "Lead", "status": "suspended"});
    let (code, changed) = call(&app, "PATCH", &path, body).await;
    assert_eq!((code, &changed["title"]), (200, &json!("Lead")));
    assert_eq!(app.accounts("acme")[0].status, Status::Suspended);
    assert_eq!(get(&app, &format!("{accounts}?email={ANN}")).await, json!({"accounts": [changed]}));
    assert_eq!(status(&app, "DELETE", &path, Value::Null).await, 204);
    for (method, path) in [("DELETE", path.clone()), ("POST", format!("{path}/suspend"))] {
        assert_eq!(status(&app, method, &path, Value::Null).await, 404);
    }
    assert_eq!(get(&app, accounts).await, json!({"accounts": []}));
}

#[tokio::test]
async fn all_people_of_an_organization_are_listed() {
    let app = SampleApp::new(TOKEN);
    let ann = created(&app, "/users", json!({"email": ANN, "name": "Ann"})).await;
    created(&app, "/users", json!({"email": "else@where.example"})).await;
    let member = format!("/organizations/acme/members/{ann}");
    assert_eq!(status(&app, "PUT", &member, Value::Null).await, 204);
    let body = json!({"email": "bob@acme.example", "status": "suspended"});
    created(&app, "/organizations/acme/accounts", body).await;
    let expected = ["Ann <ann@acme.example>", "bob@acme.example, suspended"];
    assert_eq!(app.people_of("acme"), expected);
}

#[tokio::test]
async fn every_organization_has_its_own_accounts() {
    let app = SampleApp::new(TOKEN);
    let body = json!({"email": ANN, "status": "suspended"});
    let here = created(&app, "/organizations/acme/accounts", body.clone()).await;
    let there = created(&app, "/organizations/globex/accounts", body.clone()).await;
    assert_ne!(here, there);
    assert_eq!(status(&app, "POST", "/organizations/acme/accounts", body).await, 409);
    let elsewhere = format!("/organizations/globex/accounts/{here}");
    assert_eq!(status(&app, "GET", &elsewhere, Value::Null).await, 404);
    let body = json!({"email": "bob@acme.example", "status": "asleep"});
    assert_eq!(status(&app, "POST", "/organizations/acme/accounts", body).await, 422);
    assert_eq!(app.accounts("acme")[0].status, Status::Suspended);
}

#[tokio::test]
async fn a_team_holds_members_and_accounts_of_its_organization() {
    let app = SampleApp::new(TOKEN);
    let teams = "/organizations/acme/teams";
    let ann = created(&app, "/users", json!({"email": ANN})).await;
    let bob = created(&app, "/organizations/acme/accounts", json!({"email": "b@b.example"})).await;
    let team = created(&app, teams, json!({"name": "Sales"})).await;
    let path = format!("{teams}/{team}");
    let (ann_in, bob_in) = (format!("{path}/members/{ann}"), format!("{path}/members/{bob}"));
    assert_eq!(status(&app, "PUT", &ann_in, Value::Null).await, 404);
    let joined = format!("/organizations/acme/members/{ann}");
    assert_eq!(status(&app, "PUT", &joined, Value::Null).await, 204);
    for member in [&ann_in, &bob_in, &bob_in] {
        assert_eq!(status(&app, "PUT", member, Value::Null).await, 204);
    }
    let mut both = vec![ann.clone(), bob.clone()];
    both.sort();
    let expected = json!({"id": team, "name": "Sales", "members": both});
    assert_eq!(get(&app, &path).await, expected);
    assert_eq!(get(&app, &format!("{teams}?name=Sales")).await, json!({"teams": [expected]}));
    assert_eq!(get(&app, &format!("{teams}?name=Ops")).await, json!({"teams": []}));
    assert_eq!(status(&app, "DELETE", &bob_in, Value::Null).await, 204);
    assert_eq!(status(&app, "DELETE", &bob_in, Value::Null).await, 204);
    // A person who leaves the organisation is hidden in its teams until they return.
    assert_eq!(status(&app, "DELETE", &joined, Value::Null).await, 204);
    assert!(app.teams("acme")[0].members.is_empty());
    assert_eq!(status(&app, "PUT", &joined, Value::Null).await, 204);
    assert!(app.teams("acme")[0].members.contains(&ann));
    assert_eq!(status(&app, "DELETE", &format!("/users/{ann}"), Value::Null).await, 204);
    assert_eq!(get(&app, &path).await["members"], json!([]));
    assert_eq!(status(&app, "DELETE", &path, Value::Null).await, 204);
    for (method, path) in [("DELETE", &path), ("DELETE", &bob_in), ("PUT", &bob_in)] {
        assert_eq!(status(&app, method, path, Value::Null).await, 404);
    }
}

#[tokio::test]
async fn a_forgetful_app_takes_leavers_out_of_its_teams_for_good() {
    let app = SampleApp::new(TOKEN);
    app.forget_teams_of_leavers();
    let ann = created(&app, "/users", json!({"email": ANN})).await;
    let team = created(&app, "/organizations/acme/teams", json!({"name": "Sales"})).await;
    let joined = format!("/organizations/acme/members/{ann}");
    let ann_in = format!("/organizations/acme/teams/{team}/members/{ann}");
    for path in [&joined, &ann_in] {
        assert_eq!(status(&app, "PUT", path, Value::Null).await, 204);
    }
    for method in ["DELETE", "PUT"] {
        assert_eq!(status(&app, method, &joined, Value::Null).await, 204);
    }
    assert!(app.teams("acme")[0].members.is_empty());
}

#[tokio::test]
async fn a_team_is_renamed_to_a_unique_name() {
    let app = SampleApp::new(TOKEN);
    let teams = "/organizations/acme/teams";
    let team = created(&app, teams, json!({"name": "Sales"})).await;
    created(&app, "/organizations/globex/teams", json!({"name": "Sales"})).await;
    assert_eq!(status(&app, "POST", teams, json!({"name": "sales"})).await, 409);
    let path = format!("{teams}/{team}");
    let (code, renamed) = call(&app, "PATCH", &path, json!({"name": "Field sales"})).await;
    assert_eq!((code, &renamed["name"]), (200, &json!("Field sales")));
    let again = created(&app, teams, json!({"name": "Sales"})).await;
    let path = format!("{teams}/{again}");
    assert_eq!(status(&app, "PATCH", &path, json!({"name": "Field sales"})).await, 409);
    for body in [json!({"name": " "}), json!({"name": 7}), json!({})] {
        assert_eq!(status(&app, "PATCH", &path, body).await, 422);
    }
}

#[tokio::test]
async fn a_reader_of_a_list_is_identified_by_an_address() {
    let app = SampleApp::new(TOKEN);
    let place = "/lists/staff/readers/ann%40acme.example";
    assert_eq!(status(&app, "PUT", place, json!({"name": "Ann"})).await, 204);
    assert_eq!(status(&app, "PUT", place, json!({"name": "Ann Lee"})).await, 204);
    assert_eq!(status(&app, "PUT", "/lists/staff/readers/bob", json!({})).await, 422);
    let readers = json!({"readers": [{"address": ANN, "name": "Ann Lee"}]});
    assert_eq!(get(&app, "/lists/staff/readers").await, readers);
    assert_eq!(status(&app, "DELETE", place, Value::Null).await, 204);
    assert_eq!(status(&app, "DELETE", place, Value::Null).await, 404);
    assert_eq!(get(&app, "/lists/staff/readers").await, json!({"readers": []}));
}
