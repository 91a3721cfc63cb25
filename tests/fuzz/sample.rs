//! Samples for the fuzz targets: a user with a value of every shape, and a group.

use serde_json::{Map, Value, json};

/// Names of resource types, and a document of each.
pub fn resources() -> [(&'static str, Map<String, Value>); 2] {
    let user = json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "id": "0193c2f0-8a4e-7b57-9c61-5d2f0a3e6b11",
        "externalId": "00u1dhhb1fkIGP7RL1d8",
        "userName": "Octavia@example.com",
        "name": { "familyName": "Butler", "givenName": "Octavia" },
        "emails": [
            { "value": "octavia@example.com", "type": "work", "primary": true },
            { "value": "octavia@home.example", "type": "home" },
        ],
        "photos": [{ "value": "https://example.com/octavia.jpg", "type": "photo" }],
        "x509Certificates": [{ "value": "MIIDQzCCAqygAwIBAgICEAAwDQ==" }],
        "active": true,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "701984",
            "manager": { "value": "0193c2f0-8a4e-7b57-9c61-5d2f0a3e6b12" },
        },
    });
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": "0193c2f0-8a4e-7b57-9c61-5d2f0a3e6b13",
        "displayName": "Writers",
    });
    [("User", object(user)), ("Group", object(group))]
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => unreachable!("the samples are objects"),
    }
}
