//! Requests that identity providers and people really send, at every door: PATCH with and without a
//! path, Bulk, SCIM 1.1, POST and PUT.

use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, user};

mod filters;
mod groups;
mod names;
mod numbers;
mod primary;
mod required;
mod state;
mod strays;
mod transport;
mod user_names;
mod version_one;

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A way by which one attribute of a resource is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Path,
    Pathless,
    Bulk,
    VersionOne,
}

impl Door {
    const ALL: [Self; 4] = [Self::Path, Self::Pathless, Self::Bulk, Self::VersionOne];

    /// Replaces an attribute of a resource by a value. The answer is that of the operation.
    async fn set(
        self,
        muster: &Muster,
        tenant: &Tenant,
        path: &str,
        name: &str,
        value: &Value,
    ) -> Answer {
        let with_path = json!([{ "op": "replace", "path": name, "value": value }]);
        match self {
            Self::Path => muster.patch(tenant, path, with_path).await,
            Self::Pathless => {
                let attributes = json!([{ "op": "replace", "value": { name: value } }]);
                muster.patch(tenant, path, attributes).await
            }
            Self::Bulk => {
                let data = json!({ "schemas": [PATCH], "Operations": with_path });
                let operation = json!({ "method": "PATCH", "path": path, "data": data });
                bulk(muster, tenant, operation).await
            }
            Self::VersionOne => {
                let body = json!({ "schemas": ["urn:scim:schemas:core:1.0"], name: value });
                muster.scim(&version_one(tenant), "PATCH", path, Some(body)).await
            }
        }
    }
}

/// The answer to the one operation of a Bulk request, as if it had been sent alone.
async fn bulk(muster: &Muster, tenant: &Tenant, operation: Value) -> Answer {
    let request = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [operation],
    });
    let mut answer = muster.post(tenant, "/Bulk", request).await.expect(200);
    let mut done = answer.body["Operations"][0].take();
    answer.status = done["status"].as_str().unwrap().parse().unwrap();
    answer.body = done["response"].take();
    answer
}

fn version_one(tenant: &Tenant) -> Tenant {
    Tenant { base_url: tenant.base_url.replace("/v2", "/v1"), ..tenant.clone() }
}

async fn create(muster: &Muster, tenant: &Tenant, name: &str, active: bool) -> String {
    let mut body = user(name);
    body["active"] = active.into();
    muster.post(tenant, "/Users", body).await.expect(201).id()
}
