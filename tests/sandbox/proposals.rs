//! The proposals of WebAssembly: what a connector may use, and the refusals of everything else.

use muster::connector::{InvalidComponent, LoadError};

use super::Sandbox;
use super::hostile::wasm;

/// Each proposal, a module that needs it, and the words of its refusal; none if it is accepted.
const PROPOSALS: [(&str, &str, Option<&str>); 26] = [
    ("multi-value", "(func (result i32 i32) i32.const 1 i32.const 2)", None),
    ("sign extension", "(func (drop (i32.extend8_s (i32.const 1))))", None),
    ("saturating conversion", "(func (drop (i32.trunc_sat_f32_s (f32.const 1))))", None),
    ("mutable globals", "(global (export \"g\") (mut i32) (i32.const 1))", None),
    (
        "bulk memory",
        "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
        None,
    ),
    ("reference types", "(table 1 funcref) (func (drop (table.size)))", None),
    ("SIMD", "(func (drop (v128.const i64x2 1 2)))", None),
    ("extended constants", "(global i32 (i32.add (i32.const 1) (i32.const 2)))", None),
    (
        "relaxed SIMD",
        "(func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
        Some("relaxed SIMD"),
    ),
    ("64-bit memories", "(memory i64 1)", Some("memory64")),
    ("64-bit tables", "(table i64 1 funcref)", Some("memory64")),
    ("several memories", "(memory 1) (memory 1)", Some("multiple memories")),
    ("page sizes", "(memory 1 (pagesize 1))", Some("custom page sizes")),
    ("shared memories", "(memory 1 1 shared)", Some("threads")),
    (
        "atomic instructions",
        "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))",
        Some("threads"),
    ),
    ("shared tables", "(table shared 1 (ref null (shared func)))", Some("shared")),
    ("tail calls", "(func $f (return_call $f))", Some("tail calls")),
    ("exceptions", "(tag) (func (throw 0))", Some("exceptions")),
    ("old exceptions", "(func try catch_all end)", Some("legacy_exceptions")),
    ("structs", "(type (struct (field i32)))", Some("gc")),
    ("arrays", "(type (array i32))", Some("gc")),
    ("references of the host", "(func (param externref))", Some("gc types")),
    ("typed references", "(type $f (func)) (func (param (ref $f)))", Some("function references")),
    ("stack switching", "(type $f (func)) (type $c (cont $f))", Some("stack switching")),
    (
        "wide arithmetic",
        "(func (param i64) (result i64 i64) local.get 0 local.get 0 i64.mul_wide_u)",
        Some("wide arithmetic"),
    ),
    (
        "memory control",
        "(memory 1) (func (memory.discard (i32.const 0) (i32.const 0)))",
        Some("memory control"),
    ),
];

#[tokio::test]
async fn a_connector_may_use_only_the_proposals_that_are_listed() {
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    for (proposal, module, refusal) in PROPOSALS {
        let loaded = sandbox.runtime.load(&wasm(module, "unreachable")).await;
        let is_right = match (&loaded, refusal) {
            (Ok(_), None) => true,
            (
                Err(error @ LoadError::InvalidComponent(InvalidComponent::UnacceptedProposal(why))),
                Some(said),
            ) => error.to_string().contains("this host does not accept") && why.contains(said),
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{proposal}: {:?}", loaded.map(|loaded| loaded.digest.clone())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
