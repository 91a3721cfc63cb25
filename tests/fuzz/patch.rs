//! A PATCH is refused, or the resulting resource is stored and parsed again without a loss, under
//! the same id, and every change is reported.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::sample;
use muster_fuzz::scim::{Dialect, PatchRequest, Reading, Resource, Schemas, parse_json, patch};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = parse_json(bytes) else { return };
    let schemas = Schemas::standard();
    for dialect in [Dialect::Strict, Dialect::Okta, Dialect::Entra] {
        let Ok(request) = PatchRequest::parse(&body, &mut Reading::new(dialect)) else { continue };
        for (name, document) in sample::resources() {
            let resource_type = schemas.by_name(name).expect("it is a standard one");
            let before = Resource::from_json(&Value::Object(document).to_string())
                .expect("the sample is a resource");
            let reading = &mut Reading::new(dialect);
            let Ok(patched) = patch(resource_type, &before, &request, reading) else { continue };
            let after = patched.resource;
            let text = after.to_json();
            assert_eq!(Resource::from_json(&text).expect("a stored document is JSON"), after);
            assert_eq!(after.id(), before.id());
            if Resource::changes(&before, &after).is_empty() {
                let schemas = |it: &Resource| it.document().get("schemas").cloned();
                assert!(after == before || schemas(&after) != schemas(&before), "{text}");
            }
        }
    }
});
