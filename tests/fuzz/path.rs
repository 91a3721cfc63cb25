//! A PATCH path or attribute path is refused, or its text parses as the same path.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::scim::{AttributePath, PatchPath};

fuzz_target!(|text: &str| {
    if let Ok(path) = AttributePath::parse(text) {
        assert_eq!(AttributePath::parse(&path.to_string()), Ok(path));
    }
    if let Ok(path) = PatchPath::parse(text) {
        assert_eq!(PatchPath::parse(&path.to_string()), Ok(path));
    }
});
