//! A body is refused, or parsed as by serde_json; a user made from it is stored and parsed again
//! without a loss.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::sample;
use muster_fuzz::scim::{Dialect, Reading, Resource, Schemas, create, parse_json, replace};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = parse_json(bytes) else { return };
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let theirs: Value = serde_json::from_slice(bytes).expect("an accepted body is JSON");
    assert_eq!(theirs, body);
    let schemas = Schemas::standard();
    for dialect in [Dialect::Strict, Dialect::Entra] {
        for (name, document) in sample::resources() {
            let resource_type = schemas.by_name(name).expect("it is a standard one");
            let before = Resource::from_json(&Value::Object(document).to_string())
                .expect("the sample is a resource");
            let drafts = [
                create(resource_type, &body, &mut Reading::new(dialect)),
                replace(resource_type, &before, &body, &mut Reading::new(dialect)),
            ];
            for draft in drafts.into_iter().flatten() {
                let text = draft.resource.to_json();
                assert_eq!(
                    Resource::from_json(&text).expect("a stored document is JSON"),
                    draft.resource
                );
            }
        }
    }
});
