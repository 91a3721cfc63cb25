//! The cost of a PATCH before the connector is asked: parsing, applying and writing it.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{Criterion, criterion_group, criterion_main};
use muster::scim::{Dialect, PatchRequest, Reading, Resource, Schemas, parse_json, patch};

/// A user that Okta created, as the directory stores it.
const USER: &str = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"id":"0193c2f0-8a4e-7b57-9c61-5d2f0a3e6b11","externalId":"00u1dhhb1fkIGP7RL1d8","userName":"octavia.butler@example.com","name":{"familyName":"Butler","givenName":"Octavia","middleName":"Estelle"},"displayName":"Octavia Butler","title":"Writer","locale":"en-US","timezone":"America/Los_Angeles","active":true,"emails":[{"primary":true,"value":"octavia.butler@example.com","type":"work"},{"value":"octavia@home.example","type":"home"}],"phoneNumbers":[{"value":"+1 555 0100","type":"work"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","costCenter":"4130","organization":"Universal Studios","division":"Theme Park","department":"Tour Operations"}}"#;

/// Okta's deactivation.
const OKTA: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}"#;

/// Entra's update of five attributes.
const ENTRA: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"displayName","value":"Octavia E. Butler"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"butler@example.com"},{"op":"Add","path":"name.honorificPrefix","value":"Ms."},{"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Writing"},{"op":"Replace","path":"active","value":"False"}]}"#;

fn patches(criterion: &mut Criterion) {
    let schemas = Schemas::standard();
    let user = schemas.by_name("User").unwrap();
    let mut group = criterion.benchmark_group("patch");
    for (name, dialect, body) in [("okta", Dialect::Okta, OKTA), ("entra", Dialect::Entra, ENTRA)] {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let reading = &mut Reading::new(dialect);
                let request = PatchRequest::parse(&parse_json(body.as_bytes()).unwrap(), reading);
                let before = Resource::from_json(USER).unwrap();
                let patched = patch(user, &before, &request.unwrap(), reading).unwrap();
                assert!(!patched.resource.active());
                patched.resource.to_json()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, patches);
criterion_main!(benches);
