//! Components with more in them than a connector needs: they are refused when they are loaded.

use wit_component::ComponentEncoder;

use super::Sandbox;
use super::modified_modules::{encoded, sections, with_length};
use crate::support::guests::guest;

/// The ids of a component's sections, by the binary format of the component model.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const COMPONENT: u8 = 4;
const INSTANCE: u8 = 5;

/// A connector as a component.
fn connector() -> Vec<u8> {
    let encoder = ComponentEncoder::default().module(&guest("misbehaving"));
    encoder.unwrap().encode().unwrap()
}

/// A component in which this module, or component, is instantiated so many times.
fn with_instances(of: &[u8], inner: &[u8], count: usize) -> Vec<u8> {
    let is_module = inner[6] == 0;
    let (section, instance) =
        if is_module { (CORE_MODULE, CORE_INSTANCE) } else { (COMPONENT, INSTANCE) };
    let index = sections(of).iter().filter(|(found, _)| *found == section).count();
    // By its index, without arguments.
    let one = [&b"\0"[..], &encoded(index), b"\0"].concat();
    let instances = [encoded(count), one.repeat(count)].concat();
    [of, &[section], &with_length(inner), &[instance], &with_length(&instances)].concat()
}

fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn a_connector_with_many_memories_tables_or_instances_is_refused() {
    let sandbox = Sandbox::new();
    let with = |text: &str, count| with_instances(&connector(), &module(text), count);
    sandbox.refuses(&with("(module (memory 1))", 4), "memories").await;
    sandbox.refuses(&with("(module (table 1 funcref) (table 1 funcref))", 1), "tables").await;
    sandbox.refuses(&with("(module (table 1 funcref))", 48), "core module instances").await;
    sandbox.refuses(&with("(module)", 48), "core module instances").await;
    sandbox.refuses(&with("(module (memory 1 1 shared))", 1), "threads").await;
    // Few of them are accepted: what is refused is their number.
    for text in ["(module (memory 1))", "(module (table 1 funcref))", "(module)"] {
        sandbox.runtime.load(&with(text, 2)).await.unwrap();
    }
    sandbox.goes_on().await;
}

/// Components within each other, of ten instances each, are as many instances as their product.
#[tokio::test]
async fn a_connector_with_nested_instances_is_refused() {
    let sandbox = Sandbox::new();
    let empty = module("(component)");
    let tens = |inner: &[u8]| with_instances(&empty, inner, 10);
    let thousand = tens(&tens(&tens(&module("(module)"))));
    let wasm = with_instances(&connector(), &thousand, 1);
    sandbox.refuses(&wasm, "core module instances").await;
}

#[tokio::test]
async fn a_component_within_thousands_of_others_is_compiled() {
    let sandbox = Sandbox::new();
    let empty = module("(component)");
    let deep = (0..2000)
        .fold(empty.clone(), |inner, _| [&empty[..], &[COMPONENT], &with_length(&inner)].concat());
    sandbox.runtime.load(&with_instances(&connector(), &deep, 1)).await.unwrap();
    sandbox.goes_on().await;
}
