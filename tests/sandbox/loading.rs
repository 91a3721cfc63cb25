//! What is refused when it is loaded, and what the integrator reads.

use std::time::{Duration, Instant};

use muster::connector::{Budget, Limits, LoadError, Unfit};
use wit_component::ComponentEncoder;

use super::surgery::{armed, bloated};
use super::{KEY, Sandbox, describing, note, question, runtime};
use crate::support::guests::guest;

#[tokio::test]
async fn a_file_that_is_no_wasm_is_refused() {
    let sandbox = Sandbox::new();
    for garbage in [
        &b""[..],
        b"\0asm",
        b"\0asm\x01\0\x07\0",
        b"#!/bin/sh\necho hello\n",
        b"\x7fELF\x02\x01\x01\0",
    ] {
        let error = sandbox.load_error(garbage).await;
        assert!(matches!(error, LoadError::Unfit(Unfit::NoWasm)), "{error:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_is_refused() {
    let sandbox = Sandbox::new();
    let mut wasm = guest("misbehaving");
    wasm.truncate(wasm.len() / 2);
    let error = sandbox.load_error(&wasm).await;
    assert!(matches!(error, LoadError::Unfit(Unfit::Broken(_))), "{error:?}");
    let whole_but_senseless = b"\0asm\x0d\0\x01\0\x07\x03abc";
    let error = sandbox.load_error(whole_but_senseless).await;
    assert!(matches!(error, LoadError::Unfit(Unfit::Broken(_))), "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused() {
    let sandbox = Sandbox::within(Limits { file: 1000, ..Limits::default() });
    let error = sandbox.load_error(&guest("misbehaving")).await;
    assert!(error.to_string().contains("1000 at most"), "{error}");
}

#[tokio::test]
async fn a_component_is_taken_as_a_module_is() {
    let encoder = ComponentEncoder::default().module(&guest("misbehaving"));
    let component = encoder.unwrap().encode().unwrap();
    let sandbox = Sandbox::new();
    let connector = sandbox.runtime.load(&component).await.unwrap();
    let decided = sandbox.runtime.decide(&connector, question("done"), Budget::default()).await;
    assert_eq!(note(&decided), "done");
}

#[tokio::test]
async fn a_component_of_another_world_is_refused() {
    let error = Sandbox::new().load_error(&guest("other-world")).await;
    assert!(error.to_string().contains("it exports `greet`"), "{error}");
}

#[tokio::test]
async fn a_module_that_is_no_component_is_refused() {
    let error = Sandbox::new().load_error(b"\0asm\x01\0\0\0").await;
    assert!(error.to_string().contains("exports nothing"), "{error}");
}

#[tokio::test]
async fn a_connector_of_another_interface_version_is_refused() {
    let error = Sandbox::new().load_error(&guest("other-version")).await;
    let said = "built for interface 0.3.0, this host speaks 0.1";
    assert!(error.to_string().contains(said), "{error}");
}

#[tokio::test]
async fn a_connector_whose_functions_are_of_another_shape_is_refused() {
    let error = Sandbox::new().load_error(&guest("other-shape")).await;
    assert!(error.to_string().contains("its types are not the interface's"), "{error}");
}

#[tokio::test]
async fn a_connector_with_foreign_imports_is_refused_and_they_are_named() {
    let sandbox = Sandbox::new();
    let error = sandbox.load_error(&guest("foreign-interface")).await;
    assert!(error.to_string().contains("imports `test:foreign/clock`"), "{error}");
    let error = sandbox.load_error(&guest("foreign-module")).await;
    assert!(error.to_string().contains("`env::open_socket`"), "{error}");
}

#[tokio::test]
async fn a_connector_that_costs_too_much_to_compile_is_refused_and_delays_nobody() {
    let sandbox = Sandbox::new();
    sandbox.misbehaving().await;
    let limits = Limits { compilation: Duration::from_secs(1), ..Limits::default() };
    let runtime = runtime(sandbox.cache.path(), KEY, limits);
    let connector = runtime.load(&guest("misbehaving")).await.unwrap();
    let bomb = armed(&guest("misbehaving"));
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
async fn a_connector_that_begins_with_more_memory_than_it_may_have_is_refused() {
    let error = Sandbox::new().load_error(&bloated(&guest("misbehaving"), 513)).await;
    assert!(
        error.to_string().contains("describe itself, the connector asked for more memory"),
        "{error}"
    );
}

#[tokio::test]
async fn a_connector_that_cannot_describe_itself_is_refused() {
    let sandbox = Sandbox::new();
    for (what, said) in [
        ("describe:....loop", "asked to describe itself, the connector computed longer"),
        ("describe:....trap", "asked to describe itself, the connector crashed"),
        ("describe:....lies", "the connector's manifest is wrong: `name` is \"Misbehaving!\""),
    ] {
        let error = sandbox.load_error(&describing(what)).await;
        assert!(error.to_string().contains(said), "{error}");
    }
    let kept = std::fs::read_dir(sandbox.cache.path()).unwrap().count();
    assert_eq!(kept, 0, "no machine code is kept of what is refused");
}
