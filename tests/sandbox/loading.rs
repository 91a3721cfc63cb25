//! Files that are refused when they are loaded, and the messages for their authors.

use std::time::{Duration, Instant};

use muster::connector::{Budget, InvalidComponent, Limits, LoadError};
use wit_component::ComponentEncoder;

use super::modified_modules::{slow_to_compile, with_initial_memory};
use super::{KEY, Sandbox, describing, note, question, runtime};
use crate::support::guests::guest;

#[tokio::test]
async fn a_file_that_is_not_webassembly_is_refused() {
    let sandbox = Sandbox::new();
    for garbage in [
        &b""[..],
        b"\0asm",
        b"\0asm\x01\0\x07\0",
        b"#!/bin/sh\necho hello\n",
        b"\x7fELF\x02\x01\x01\0",
    ] {
        let error = sandbox.load_error(garbage).await;
        assert!(
            matches!(error, LoadError::InvalidComponent(InvalidComponent::NotWebAssembly)),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_is_refused() {
    let sandbox = Sandbox::new();
    let mut wasm = guest("misbehaving");
    wasm.truncate(wasm.len() / 2);
    let error = sandbox.load_error(&wasm).await;
    assert!(
        matches!(error, LoadError::InvalidComponent(InvalidComponent::Malformed(_))),
        "{error:?}"
    );
    let complete_but_invalid = b"\0asm\x0d\0\x01\0\x07\x03abc";
    let error = sandbox.load_error(complete_but_invalid).await;
    assert!(
        matches!(error, LoadError::InvalidComponent(InvalidComponent::Malformed(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused() {
    let sandbox = Sandbox::within(Limits { file: 1000, ..Limits::default() });
    let error = sandbox.load_error(&guest("misbehaving")).await;
    assert!(error.to_string().contains("the limit is 1000"), "{error}");
}

#[tokio::test]
async fn a_component_is_loaded_like_a_module() {
    let encoder = ComponentEncoder::default().module(&guest("misbehaving"));
    let component = encoder.unwrap().encode().unwrap();
    let sandbox = Sandbox::new();
    let connector = sandbox.runtime.load(&component).await.unwrap();
    let decided = sandbox.runtime.decide(&connector, question("done"), Budget::default()).await;
    assert_eq!(note(&decided), "done");
}

#[tokio::test]
async fn a_component_without_the_interface_is_refused() {
    let error = Sandbox::new().load_error(&guest("other-world")).await;
    assert!(error.to_string().contains("it exports `greet`"), "{error}");
}

#[tokio::test]
async fn a_module_without_exports_is_refused() {
    let error = Sandbox::new().load_error(b"\0asm\x01\0\0\0").await;
    assert!(error.to_string().contains("exports nothing"), "{error}");
}

#[tokio::test]
async fn a_connector_of_another_interface_version_is_refused() {
    let error = Sandbox::new().load_error(&guest("other-version")).await;
    let said = "built for interface 0.3.0, and this host supports 0.1";
    assert!(error.to_string().contains(said), "{error}");
}

#[tokio::test]
async fn a_connector_whose_functions_have_other_types_is_refused() {
    let error = Sandbox::new().load_error(&guest("other-shape")).await;
    assert!(error.to_string().contains("its types are not the interface's"), "{error}");
}

#[tokio::test]
async fn a_connector_with_forbidden_imports_is_refused_and_they_are_named() {
    let sandbox = Sandbox::new();
    let error = sandbox.load_error(&guest("foreign-interface")).await;
    assert!(error.to_string().contains("imports `test:foreign/clock`"), "{error}");
    let error = sandbox.load_error(&guest("foreign-module")).await;
    assert!(error.to_string().contains("`env::open_socket`"), "{error}");
}

#[tokio::test]
async fn a_connector_that_takes_too_long_to_compile_is_refused_and_delays_no_decision() {
    let sandbox = Sandbox::new();
    sandbox.misbehaving().await;
    let limits = Limits { compilation: Duration::from_secs(1), ..Limits::default() };
    let runtime = runtime(sandbox.cache.path(), KEY, limits);
    let connector = runtime.load(&guest("misbehaving")).await.unwrap();
    let bomb = slow_to_compile(&guest("misbehaving"));
    let loading = runtime.load(&bomb);
    let begun = Instant::now();
    let decisions = async {
        while begun.elapsed() < limits.compilation {
            let decided = runtime.decide(&connector, question("done"), Budget::default()).await;
            assert_eq!(note(&decided), "done");
        }
    };
    let (loaded, ()) = tokio::join!(loading, decisions);
    assert!(matches!(loaded, Err(LoadError::TooCostly(_))), "{loaded:?}");
}

#[tokio::test]
async fn a_connector_whose_initial_memory_exceeds_the_limit_is_refused() {
    let error = Sandbox::new().load_error(&with_initial_memory(&guest("misbehaving"), 513)).await;
    assert!(
        error
            .to_string()
            .contains("its `describe` failed: the connector exceeded its memory limit"),
        "{error}"
    );
}

#[tokio::test]
async fn a_connector_whose_describe_fails_is_refused() {
    let sandbox = Sandbox::new();
    for (what, said) in [
        ("describe:....loop", "its `describe` failed: the connector exceeded its time limit"),
        ("describe:....trap", "its `describe` failed: the connector crashed"),
        ("describe:....lies", "the connector's manifest is invalid: `name` is \"Misbehaving!\""),
    ] {
        let error = sandbox.load_error(&describing(what)).await;
        assert!(error.to_string().contains(said), "{error}");
    }
    let kept = std::fs::read_dir(sandbox.cache.path()).unwrap().count();
    assert_eq!(kept, 0, "no machine code of a refused connector is kept");
}
