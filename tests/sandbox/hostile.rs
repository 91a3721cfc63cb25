//! Hostile modules that no SDK would make, as text: each is stopped or refused, and the next decision of
//! another connector works.

use muster::connector::{Budget, Decided, Failure};

use super::{Sandbox, failure, note, question};
use crate::support::guests::guest;

/// A manifest that the host accepts.
const MANIFEST: &str = r#"{"name":"hostile","version":"1.0.0","description":"Does harm.","membership":"three-state","lifecycle":{"create":{"membership":"active","text":"Joins."}},"settings":{"type":"object"},"endpoints":[{"name":"app","description":"The app."}]}"#;

/// A function that gives memory from the second page on.
const REALLOC: &str = r#"(global $next (mut i32) (i32.const 65536))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (local.get 4))"#;

/// A connector with these definitions, whose `decide` is this. It has a memory of eight pages, unless the
/// definitions have memories.
pub(super) fn wasm(definitions: &str, decide: &str) -> Vec<u8> {
    with_realloc(definitions, REALLOC, decide)
}

fn with_realloc(definitions: &str, realloc: &str, decide: &str) -> Vec<u8> {
    let memory = if definitions.contains("(memory ") { "" } else { "(memory 8)" };
    let (data, length) = (MANIFEST.replace('"', "\\22"), MANIFEST.len());
    // What `describe` returns: where the text is, and its length.
    let text: String = [1024, length as u32]
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let text = format!(
        r#"(module {memory} {definitions} {realloc}
            (export "memory" (memory 0))
            (func (export "muster:connector/lifecycle@0.1.0#describe") (result i32) i32.const 8)
            (func (export "muster:connector/lifecycle@0.1.0#decide") (param i32) (result i32)
                (local $n i32) {decide})
            (data (memory 0) (offset i32.const 8) "{text}")
            (data (memory 0) (offset i32.const 1024) "{data}"))"#
    );
    // Some proposals have other memories, whose text wants another kind of offset.
    let text = if definitions.contains("(memory i64") {
        text.replace("offset i32", "offset i64")
    } else {
        text
    };
    let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    [module, interface()].concat()
}

/// The sections in which a module that an SDK has built describes its interface.
fn interface() -> Vec<u8> {
    let built = guest("misbehaving");
    let sections = super::modified_modules::sections(&built);
    let named = |content: &[u8]| content.windows(14).take(2).any(|name| name == b"component-type");
    let found = sections.into_iter().filter(|(section, content)| *section == 0 && named(content));
    found
        .flat_map(|(_, content)| [vec![0], super::modified_modules::with_length(content)].concat())
        .collect()
}

impl Sandbox {
    /// Has the module decide, and checks that the next decision of another connector works.
    async fn decided(&self, wasm: &[u8]) -> Decided {
        let connector = self.runtime.load(wasm).await.unwrap();
        let decided = self.runtime.decide(&connector, question("harm"), Budget::default()).await;
        self.goes_on().await;
        decided
    }

    /// Checks that another connector decides.
    pub(super) async fn goes_on(&self) {
        let other = self.misbehaving().await;
        let next = self.runtime.decide(&other, question("done"), Budget::default()).await;
        assert_eq!(note(&next), "done", "the next decision");
    }

    /// Loads a module that is refused for this reason.
    pub(super) async fn refuses(&self, wasm: &[u8], said: &str) {
        let error = self.load_error(wasm).await;
        assert!(error.to_string().contains(said), "{error}");
        self.goes_on().await;
    }
}

#[track_caller]
fn assert_fails(decided: &Decided, said: &str) {
    let failure = failure(decided);
    assert!(matches!(failure, Failure::Trap(_) | Failure::InvalidAnswer(_)), "{failure:?}");
    assert!(failure.to_string().contains(said), "{failure}");
}

#[tokio::test]
async fn a_start_function_that_loops_or_traps_is_stopped() {
    let sandbox = Sandbox::new();
    let start = |does: &str| wasm(&format!("(func $start {does}) (start $start)"), "unreachable");
    sandbox.refuses(&start("(loop (br 0))"), "exceeded its time limit").await;
    sandbox.refuses(&start("unreachable"), "crashed").await;
    let grows = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    sandbox.refuses(&start(grows), "exceeded its memory limit").await;
}

#[tokio::test]
async fn a_table_does_not_grow_beyond_its_limit() {
    let sandbox = Sandbox::new();
    for growth in [1, 1000, 20_000, i32::MAX] {
        // It traps by a division if the growth was denied.
        let grow = format!(
            "(loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const {growth})) (i32.const -1))))
             (if (i32.gt_u (table.size $t) (i32.const 10000)) (then unreachable))
             (i32.div_u (i32.const 1) (i32.const 0))"
        );
        let decided = sandbox.decided(&wasm("(table $t 1 funcref)", &grow)).await;
        assert_fails(&decided, "divide by zero");
    }
    sandbox.refuses(&wasm("(table 10001 funcref)", "unreachable"), "table").await;
}

#[tokio::test]
async fn endless_filling_and_copying_of_memory_is_stopped() {
    let sandbox = Sandbox::new();
    let all = "(i32.const 524288)";
    for fills in [
        format!("(memory.fill (i32.const 0) (i32.const 1) {all})"),
        format!("(memory.copy (i32.const 0) (i32.const 0) {all})"),
        "(table.fill $t (i32.const 0) (ref.null func) (i32.const 10000))".to_owned(),
        "(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 10000))".to_owned(),
    ] {
        let decide = format!("(loop {fills} (br 0)) unreachable");
        let decided = sandbox.decided(&wasm("(table $t 10000 funcref)", &decide)).await;
        assert_eq!(failure(&decided), &Failure::Deadline, "{fills}");
        assert!(decided.memory_peak <= Budget::default().memory as u64);
    }
}

#[tokio::test]
async fn endless_calls_are_stopped() {
    let sandbox = Sandbox::new();
    let recursion = wasm("(func $f (result i32) (call $f))", "(call $f)");
    assert_eq!(failure(&sandbox.decided(&recursion).await), &Failure::Stack);
    let wide = format!("(func $f (result i32) {} (call $f))", "(local v128)".repeat(1000));
    assert_eq!(failure(&sandbox.decided(&wasm(&wide, "(call $f)")).await), &Failure::Stack);
    let indirect = "(type $t (func (result i32))) (table funcref (elem $f))
                    (func $f (result i32) (call_indirect (type $t) (i32.const 0)))";
    assert_eq!(failure(&sandbox.decided(&wasm(indirect, "(call $f)")).await), &Failure::Stack);
    let tail = wasm("(func $f (result i32) (return_call $f))", "(call $f)");
    sandbox.refuses(&tail, "tail calls").await;
}

/// What the host reads out of a connector's memory is checked against its bounds.
#[tokio::test]
async fn an_answer_with_a_bad_pointer_or_length_is_a_failure() {
    let sandbox = Sandbox::new();
    for pointer in [-8_i32, 8 * 65536, 8 * 65536 - 8, 1 << 30] {
        let decided = sandbox.decided(&wasm("", &format!("i32.const {pointer}"))).await;
        assert_fails(&decided, "");
    }
    assert_fails(&sandbox.decided(&wasm("", "i32.const 2049")).await, "pointer not aligned");
    // A refusal (1) that is `rejected` (0), with a text at this place and of this length.
    for (at, length) in [(0, -1), (-1, 1), (8 * 65536, 1), (1, 8 * 65536), (-1, -1)] {
        let refuse = format!(
            "(i32.store8 (i32.const 2048) (i32.const 1))
             (i32.store (i32.const 2056) (i32.const {at}))
             (i32.store (i32.const 2060) (i32.const {length}))
             (i32.const 2048)"
        );
        let decided = sandbox.decided(&wasm("", &refuse)).await;
        match failure(&decided) {
            Failure::TooMuch(_) => {}
            _ => assert_fails(&decided, "out of bounds"),
        }
    }
    // The same text in bounds is an answer: the test writes where it means to.
    let refuse = "(i32.store8 (i32.const 2048) (i32.const 1)) (i32.const 2048)";
    assert!(matches!(sandbox.decided(&wasm("", refuse)).await.answer, Ok(Err(_))));
    // Cases that no variant has, and a text that is not UTF-8.
    for refuse in [
        "(i32.store8 (i32.const 2048) (i32.const 7)) (i32.const 2048)",
        "(i32.store8 (i32.const 2048) (i32.const 1)) (i32.store8 (i32.const 2052) (i32.const 99)) (i32.const 2048)",
        "(i32.store8 (i32.const 2048) (i32.const 1)) (i32.store (i32.const 2056) (i32.const 3000))
         (i32.store (i32.const 2060) (i32.const 1)) (i32.store8 (i32.const 3000) (i32.const 255)) (i32.const 2048)",
    ] {
        assert_fails(&sandbox.decided(&wasm("", refuse)).await, "");
    }
}

/// The host writes the arguments where `cabi_realloc` says.
#[tokio::test]
async fn a_hostile_allocator_harms_only_its_own_decision() {
    let sandbox = Sandbox::new();
    let of = |does: &str| {
        let realloc = format!(
            r#"(func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {does})"#
        );
        with_realloc("", &realloc, "unreachable")
    };
    for pointer in [-8_i32, 8 * 65536, 8 * 65536 - 8] {
        assert_fails(
            &sandbox.decided(&of(&format!("i32.const {pointer}"))).await,
            "realloc return",
        );
    }
    assert_fails(&sandbox.decided(&of("i32.const 1")).await, "not aligned");
    assert_fails(&sandbox.decided(&of("unreachable")).await, "unreachable");
    assert_eq!(
        failure(&sandbox.decided(&of("(loop (br 0)) unreachable")).await),
        &Failure::Deadline
    );
    assert_eq!(
        failure(
            &sandbox
                .decided(&of(
                    "(call $realloc (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))"
                ))
                .await
        ),
        &Failure::Stack
    );
    let grows = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let decided = sandbox.decided(&of(grows)).await;
    assert_eq!(failure(&decided), &Failure::Memory);
    assert!(decided.memory_peak <= Budget::default().memory as u64);
    // Everything at one place: the connector has destroyed its own arguments, and decides all the same.
    let decided = sandbox.decided(&of("i32.const 2048")).await;
    assert_fails(&decided, "unreachable");
}

#[tokio::test]
async fn deep_nesting_and_many_locals_are_compiled_or_refused() {
    let sandbox = Sandbox::new();
    let locals =
        |count: usize| wasm(&format!("(func {})", "(local i64)".repeat(count)), "unreachable");
    assert_fails(&sandbox.decided(&locals(49_000)).await, "unreachable");
    sandbox.refuses(&locals(50_001), "too many locals").await;
    let nested = super::modified_modules::deeply_nested(&wasm("", "unreachable"), 100_000);
    assert_fails(&sandbox.decided(&nested).await, "unreachable");
}
