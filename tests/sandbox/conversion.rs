//! Every field and variant of a decision, converted into the sandbox and back.

use std::sync::Arc;

use muster::connector::{Budget, Question};
use muster::decision::{
    Account, Context, Event, EventKind, Exchange, Group, Member, Membership, Outcome, Refusal,
    Request, Response, Step, Subject, Unreachable, Visibility,
};

use super::{Sandbox, context, event, note, outcome, question};

fn account(membership: Membership) -> Account {
    Account { id: "7".to_owned(), membership, data: "[1]".to_owned() }
}

fn request() -> Request {
    Request {
        endpoint: "app".to_owned(),
        method: "POST".to_owned(),
        path: "/users".to_owned(),
        query: vec![("dry".to_owned(), "no".to_owned())],
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: Some(b"hello".to_vec()),
    }
}

fn response() -> Response {
    let headers = vec![("etag".to_owned(), "x".to_owned())];
    Response { status: 201, headers, body: vec![0, 255] }
}

/// The arguments as the connector sees them, in Rust's debug format.
async fn seen(
    sandbox: &Sandbox,
    context: Context,
    event: Event,
    exchanges: Vec<Exchange>,
) -> Vec<String> {
    let connector = sandbox.misbehaving().await;
    let context = Context { settings: r#"{"do":"echo"}"#.to_owned(), ..context };
    let exchanges = exchanges.into();
    let question = Question { context: Arc::new(context), event: Arc::new(event), exchanges };
    let decided = sandbox.runtime.decide(&connector, question, Budget::default()).await;
    assert_eq!(note(&decided), "echoed");
    decided.log.into_iter().map(|line| line.message).collect()
}

#[tokio::test]
async fn a_connector_sees_all_arguments() {
    let sandbox = Sandbox::new();
    let mut context = context(String::new());
    context.before = Some("é".to_owned());
    context.account = Some(account(Membership::Suspended));
    context.elsewhere = 3;
    let mut event = event();
    event.changes = vec!["title".to_owned()];
    event.password = Some("placeholder".to_owned());
    let exchange = Exchange { request: request(), response: Ok(response()) };
    let seen = seen(&sandbox, context, event, vec![exchange]).await;
    let context = "Context { operation: \"op-1\", tenant: \"acme\", \
        now: \"2026-11-22T09:00:00.000Z\", seed: 42, settings: \"{\\\"do\\\":\\\"echo\\\"}\", \
        before: Some(\"é\"), account: Some(Account { id: \"7\", \
        membership: Membership::Suspended, data: \"[1]\" }), elsewhere: 3 }";
    let event = "Event { kind: EventKind::Create, subject: Subject::User(User { id: \"u-1\", \
        user-name: \"ada\", external-id: None, display-name: Some(\"Ada L\"), \
        given-name: Some(\"Ada\"), family-name: Some(\"L\"), email: Some(\"ada@example.com\"), \
        active: true }), resource: \"{}\", changes: [\"title\"], password: Some(\"PLACEHOLDER\"), \
        joined: [], left: [] }";
    let exchanges = "[Exchange { request: Request { endpoint: \"app\", method: \"POST\", \
        path: \"/users\", query: [(\"dry\", \"no\")], \
        headers: [(\"content-type\", \"text/plain\")], \
        body: Some([104, 101, 108, 108, 111]) }, response: Ok(Response { status: 201, \
        headers: [(\"etag\", \"x\")], body: [0, 255] }) }]";
    assert_eq!(seen, [context, event, exchanges]);
}

#[tokio::test]
async fn a_connector_sees_groups_and_their_changed_members() {
    let sandbox = Sandbox::new();
    let mut event = event();
    event.kind = EventKind::GroupUpdate;
    event.subject = Subject::Group(Group {
        id: "g-1".to_owned(),
        display_name: "Crew".to_owned(),
        external_id: Some("x".to_owned()),
    });
    let member = |id: &str, account| Member { id: id.to_owned(), name: "n".to_owned(), account };
    event.joined = vec![member("u-1", None), member("u-2", Some(account(Membership::Active)))];
    event.left = vec![member("u-3", Some(account(Membership::Absent)))];
    let seen = seen(&sandbox, context(String::new()), event, Vec::new()).await;
    let event = "Event { kind: EventKind::GroupUpdate, subject: Subject::Group(Group { \
        id: \"g-1\", display-name: \"Crew\", external-id: Some(\"x\") }), resource: \"{}\", \
        changes: [], password: None, joined: [Member { id: \"u-1\", name: \"n\", account: None }, \
        Member { id: \"u-2\", name: \"n\", account: Some(Account { id: \"7\", \
        membership: Membership::Active, data: \"[1]\" }) }], left: [Member { id: \"u-3\", \
        name: \"n\", account: Some(Account { id: \"7\", membership: Membership::Absent, \
        data: \"[1]\" }) }] }";
    assert_eq!(seen[1], event);
}

#[tokio::test]
async fn a_connector_sees_each_kind_of_event() {
    let sandbox = Sandbox::new();
    for (kind, name) in [
        (EventKind::Create, "Create"),
        (EventKind::Update, "Update"),
        (EventKind::Activate, "Activate"),
        (EventKind::Deactivate, "Deactivate"),
        (EventKind::Delete, "Delete"),
        (EventKind::Release, "Release"),
        (EventKind::Password, "Password"),
        (EventKind::GroupCreate, "GroupCreate"),
        (EventKind::GroupUpdate, "GroupUpdate"),
        (EventKind::GroupDelete, "GroupDelete"),
    ] {
        let event = Event { kind, ..event() };
        let seen = seen(&sandbox, context(String::new()), event, Vec::new()).await;
        let kind = format!("Event {{ kind: EventKind::{name}, ");
        assert!(seen[1].starts_with(&kind), "{name}: {}", seen[1]);
    }
}

#[tokio::test]
async fn a_connector_sees_why_there_is_no_response() {
    let sandbox = Sandbox::new();
    for (reason, name) in [
        (Unreachable::Timeout, "Timeout"),
        (Unreachable::Connection, "Connection"),
        (Unreachable::TooLarge, "TooLarge"),
        (Unreachable::CircuitOpen, "CircuitOpen"),
    ] {
        let exchange = Exchange { request: request(), response: Err(reason) };
        let seen = seen(&sandbox, context(String::new()), event(), vec![exchange]).await;
        let response = format!("response: Err(Unreachable::{name})");
        assert!(seen[2].contains(&response), "{name}: {}", seen[2]);
    }
}

#[tokio::test]
async fn a_request_is_returned_and_its_exchange_is_an_argument_of_the_next_decision() {
    let sandbox = Sandbox::new();
    let connector = sandbox.misbehaving().await;
    let first =
        sandbox.runtime.decide(&connector, question("call-then-done"), Budget::default()).await;
    assert_eq!(first.answer, Ok(Ok(Step::Call(request()))));
    let exchange = Exchange { request: request(), response: Ok(response()) };
    let again = Question { exchanges: Arc::new([exchange]), ..question("call-then-done") };
    let second = sandbox.runtime.decide(&connector, again, Budget::default()).await;
    assert!(note(&second).contains("status: 201"), "{second:?}");
}

#[tokio::test]
async fn an_account_is_returned_unchanged() {
    let sandbox = Sandbox::new();
    let connector = sandbox.misbehaving().await;
    for membership in [Membership::Active, Membership::Suspended, Membership::Absent] {
        let mut question = question("return");
        Arc::make_mut(&mut question.context).account = Some(account(membership));
        let decided = sandbox.runtime.decide(&connector, question, Budget::default()).await;
        let Outcome { account: its, visibility, .. } = outcome(&decided);
        assert_eq!(its.as_ref(), Some(&account(membership)));
        assert_eq!(*visibility, Visibility::Gone);
    }
}

#[tokio::test]
async fn each_refusal_is_returned_unchanged() {
    let sandbox = Sandbox::new();
    let connector = sandbox.misbehaving().await;
    for (what, refusal) in [
        ("reject", Refusal::Rejected("a".to_owned())),
        ("conflict", Refusal::Conflict("b".to_owned())),
        ("forbid", Refusal::Forbidden("c".to_owned())),
        ("unsupported", Refusal::Unsupported("d".to_owned())),
        ("later", Refusal::RetryLater(Some(7))),
        ("misconfigured", Refusal::Misconfigured("e".to_owned())),
    ] {
        let decided = sandbox.runtime.decide(&connector, question(what), Budget::default()).await;
        assert_eq!(decided.answer, Ok(Err(refusal)));
    }
}

#[tokio::test]
async fn lines_are_logged_at_their_levels() {
    let decided = Sandbox::new().asked_to("log").await;
    let lines = decided.log.iter().map(|line| format!("{}: {}", line.level, line.message));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines, ["debug: a", "info: b", "warn: c", "error: d"]);
}
