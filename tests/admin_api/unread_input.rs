//! What a request states where the host does not read it is refused, and changes nothing.

use serde_json::{Value, json};

use super::{create_tenant, detail};
use crate::support::Muster;

/// An operation of the reference.
struct Operation {
    id: String,
    method: String,
    /// With names that do not exist, so that nothing is changed if the request is carried out.
    path: String,
    has_body: bool,
}

impl Operation {
    fn is_list(&self) -> bool {
        self.id.starts_with("list_")
    }

    fn changes(&self) -> bool {
        self.method != "GET"
    }
}

/// Every operation that needs a token.
async fn operations(muster: &Muster) -> Vec<Operation> {
    let reference = muster.admin("GET", "/openapi.json", None).await.expect(200).body;
    let mut operations = Vec::new();
    for (template, item) in reference["paths"].as_object().unwrap() {
        let segment = |part: &str| if part.starts_with('{') { "none" } else { part }.to_owned();
        let path = template.split('/').map(segment).collect::<Vec<_>>().join("/");
        for (method, operation) in item.as_object().unwrap() {
            if operation["operationId"].is_string() && operation["security"] != json!([{}]) {
                operations.push(Operation {
                    id: operation["operationId"].as_str().unwrap().to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    has_body: operation["requestBody"].is_object(),
                });
            }
        }
    }
    assert!(operations.len() > 25, "{}", operations.len());
    operations
}

#[tokio::test]
async fn every_operation_refuses_a_parameter_that_it_does_not_have() {
    let muster = Muster::start().await;
    for operation in operations(&muster).await {
        let Operation { id, method, path, has_body } = &operation;
        let body = has_body.then(|| json!({}));
        let asked = format!("{path}?preview=true");
        let refused = muster.admin(method, &asked, body).await;
        assert_eq!(refused.status, 400, "{id}: {refused:?}");
        let said = detail(&refused);
        assert!(said.contains("`preview`"), "{id}: {said}");
        let in_body = *has_body && id != "push_connector";
        assert_eq!(said.contains("state it in the body"), in_body, "{id}: {said}");
        assert_eq!(said.contains("limit, cursor"), operation.is_list(), "{id}: {said}");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_405_with_any_parameter() {
    let muster = Muster::start().await;
    for Operation { path, .. } in operations(&muster).await {
        muster.admin("PUT", &format!("{path}?preview=true"), None).await.expect(405);
    }
}

#[tokio::test]
async fn every_change_without_a_body_refuses_one() {
    let muster = Muster::start().await;
    for operation in operations(&muster).await.iter().filter(|it| it.changes() && !it.has_body) {
        let Operation { id, method, path, .. } = operation;
        for body in [json!({ "preview": true }), json!([]), json!("now"), json!(0)] {
            let refused = muster.admin(method, path, Some(body)).await;
            assert_eq!(refused.status, 400, "{id}: {refused:?}");
            assert!(detail(&refused).contains("takes no body"), "{id}: {refused:?}");
        }
        for nothing in [None, Some(json!({})), Some(Value::Null)] {
            let answer = muster.admin(method, path, nothing).await;
            assert_eq!(answer.status, 404, "{id}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_preview_in_the_address_does_not_disconnect() {
    let muster = Muster::start().await;
    create_tenant(&muster, "acme", "roster").await;
    for path in ["/tenants/acme/disconnect", "/tenants/acme/connect"] {
        let asked = format!("{path}?preview=true");
        muster.admin("POST", &asked, Some(json!({}))).await.expect(400);
    }
    let tenant = muster.admin("GET", "/tenants/acme", None).await.body;
    assert_eq!(tenant["state"], "connected");
    assert_eq!(muster.admin("GET", "/jobs", None).await.body["items"], json!([]));
}
