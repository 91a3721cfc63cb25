//! A filter is refused, or its text parses as the same filter, and it can be evaluated on any
//! resource.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::sample;
use muster_fuzz::scim::filter::MAX_FILTER_LENGTH;
use muster_fuzz::scim::{Filter, Schemas};

fuzz_target!(|text: &str| {
    let Ok(filter) = Filter::parse(text) else { return };
    let printed = filter.to_string();
    if printed.len() <= MAX_FILTER_LENGTH {
        assert_eq!(Filter::parse(&printed).as_ref(), Ok(&filter), "{printed}");
    }
    let schemas = Schemas::standard();
    for (name, document) in sample::resources() {
        let resource_type = schemas.by_name(name).expect("it is a standard one");
        let checked = filter.check(resource_type);
        let matched = filter.matches(resource_type, &document);
        assert!(matched.is_ok() || checked.is_err(), "{printed} cannot be evaluated");
    }
});
