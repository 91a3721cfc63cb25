//! The same connector in every language: all must decide exactly as the first one does, for each
//! state, event and response of the app.
//!
//! `CONNECTORS` lists the components. `.ci/languages` builds them and runs this test; plain
//! `cargo test` leaves it out, since the builds need npm and PyPI.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster::connector::{Budget, Connector, Failure, Limits, Question, Runtime, RuntimeConfig};
use muster::decision::{
    Account, Context, Event, EventKind, Exchange, Membership, Request, Response, Step, Subject,
    Unreachable, User,
};

/// A limit above the number of calls of any operation.
const CALLS: usize = 4;

/// The app's response to a call.
type Answer = Result<Response, Unreachable>;

/// The files. The others are compared with the first one.
fn files() -> Vec<PathBuf> {
    let listed = env::var("CONNECTORS").expect("CONNECTORS lists components, separated by colons");
    let files: Vec<_> = listed.split(':').map(PathBuf::from).collect();
    assert!(files.len() > 1, "CONNECTORS lists at least two components");
    files
}

fn runtime() -> Runtime {
    let config = RuntimeConfig {
        compiler: env!("CARGO_BIN_EXE_muster").into(),
        cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages"),
        key: [7; 32],
        threads: 2,
        limits: Limits::default(),
    };
    Runtime::new(config).unwrap()
}

fn context(settings: &str, account: Option<Account>) -> Context {
    Context {
        operation: "op-1".to_owned(),
        tenant: "acme".to_owned(),
        now: "2026-11-22T09:00:00.000Z".to_owned(),
        seed: u64::MAX,
        settings: settings.to_owned(),
        before: Some("{}".to_owned()),
        account,
        elsewhere: 1,
    }
}

/// The accounts of users on the list, off the list, and without an account.
fn accounts() -> Vec<Option<Account>> {
    let account = |id: &str, membership| {
        Some(Account { id: id.to_owned(), membership, data: r#"{"note":"é"}"#.to_owned() })
    };
    vec![
        None,
        account("ann@example.com", Membership::Active),
        account("before@example.com", Membership::Active),
        account("ann@example.com", Membership::Absent),
    ]
}

/// Users with and without the attributes that the connector uses.
fn people() -> Vec<User> {
    let ann = User {
        id: "u-1".to_owned(),
        user_name: "ann@example.com".to_owned(),
        external_id: None,
        display_name: Some("Änn \"the\" Lee\u{2028}🦀".to_owned()),
        given_name: None,
        family_name: None,
        email: Some("ann@example.com".to_owned()),
        active: true,
    };
    vec![
        User { active: false, ..ann.clone() },
        User { email: Some("a/b!'()*~é+ß@example.com".to_owned()), ..ann.clone() },
        User { email: None, display_name: None, ..ann.clone() },
        User { user_name: "ann".to_owned(), email: None, ..ann.clone() },
        ann,
    ]
}

fn event(kind: EventKind, user: User) -> Event {
    Event {
        kind,
        subject: Subject::User(user),
        resource: "{}".to_owned(),
        changes: vec!["displayName".to_owned()],
        password: None,
        joined: Vec::new(),
        left: Vec::new(),
    }
}

/// All kinds of responses of an app.
fn answers() -> Vec<Answer> {
    let answer = |status, body: &str| {
        Ok(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
    };
    let statuses =
        [200, 201, 204, 302, 400, 401, 403, 404, 408, 409, 410, 412, 422, 425, 429, 500, 501, 503];
    let mut answers: Vec<_> =
        statuses.into_iter().map(|status| answer(status, r#"{"error":"so\n it  is"}"#)).collect();
    let bodies = [
        "",
        "plain\n  words",
        "<html>Bad Gateway</html>",
        "7",
        "null",
        "[]",
        r#"["first","second"]"#,
        r#"{"errors":[{"detail":"taken"}]}"#,
        r#"{"error":{"code":7,"message":"taken"},"title":"no"}"#,
        r#"{"code":7}"#,
        r#"{"message":7,"detail":"seven"}"#,
        r#"{"message":"broken"#,
        r#"{"message":"a\u0000b\ud83e\udd80\u00e9"}"#,
        "nul\0in it",
    ];
    answers.extend(bodies.map(|body| answer(422, body)));
    answers.push(answer(422, &"ü".repeat(400)));
    answers.push(answer(422, &format!("{}\"deep\"{}", "{\"error\":".repeat(100), "}".repeat(100))));
    answers.push(answer(422, &"x ".repeat(100_000)));
    answers.push(Ok(Response { status: 422, headers: Vec::new(), body: vec![0xff, b'a', 0xc3] }));
    for (status, after) in
        [(429, "17"), (403, "17"), (503, " 9 "), (503, "Wed, 21 Oct 2026 07:28:00 GMT"), (429, "")]
    {
        let headers = vec![("retry-after".to_owned(), after.to_owned())];
        answers.push(Ok(Response { status, headers, body: Vec::new() }));
    }
    answers.extend(
        [Unreachable::Timeout, Unreachable::Connection, Unreachable::TooLarge]
            .into_iter()
            .chain([Unreachable::CircuitOpen])
            .map(Err),
    );
    answers
}

fn fine() -> Answer {
    Ok(Response { status: 204, headers: Vec::new(), body: Vec::new() })
}

/// The requests of an operation and its result, as lines.
async fn played(
    runtime: &Runtime,
    connector: &Arc<Connector>,
    context: &Arc<Context>,
    event: &Arc<Event>,
    answers: &[Answer],
) -> Vec<String> {
    let (mut exchanges, mut lines) = (Vec::new(), Vec::new());
    for n in 0..CALLS {
        let question = Question {
            context: Arc::clone(context),
            event: Arc::clone(event),
            exchanges: exchanges.clone().into(),
        };
        let decided = runtime.decide(connector, question, Budget::default()).await;
        let answer = decided.answer.unwrap_or_else(|failure| panic!("{failure}: {answers:?}"));
        let Ok(Step::Call(request)) = answer else {
            lines.push(format!("{answer:?}"));
            return lines;
        };
        lines.push(line(&request));
        let response = answers.get(n).cloned().unwrap_or_else(fine);
        exchanges.push(Exchange { request, response });
    }
    panic!("more than {CALLS} calls: {lines:?}");
}

fn line(request: &Request) -> String {
    let body = request.body.as_deref().map(String::from_utf8_lossy);
    let Request { endpoint, method, path, query, headers, .. } = request;
    format!("{endpoint} {method} {path} {query:?} {headers:?} {body:?}")
}

/// Each event, for each user, in each state.
fn cases() -> Vec<(Arc<Context>, Arc<Event>)> {
    let mut cases = Vec::new();
    for account in accounts() {
        let settings = if account.is_none() { "{}" } else { r#"{"list":"a b"}"# };
        let context = Arc::new(context(settings, account));
        for (user, kind) in
            people().into_iter().flat_map(|user| KINDS.map(|kind| (user.clone(), kind)))
        {
            cases.push((Arc::clone(&context), Arc::new(event(kind, user))));
        }
    }
    cases
}

/// Checks that all connectors play an operation as the first one does, and returns its calls.
async fn check_alike(
    runtime: &Runtime,
    connectors: &[(String, Arc<Connector>)],
    context: &Arc<Context>,
    event: &Arc<Event>,
    answers: &[Answer],
) -> usize {
    let expected = played(runtime, &connectors[0].1, context, event, answers).await;
    for (name, connector) in &connectors[1..] {
        let decided = played(runtime, connector, context, event, answers).await;
        assert_eq!(decided, expected, "{name}: {context:?} {event:?} {answers:?}");
    }
    expected.len() - 1
}

const KINDS: [EventKind; 7] = [
    EventKind::Create,
    EventKind::Update,
    EventKind::Activate,
    EventKind::Deactivate,
    EventKind::Delete,
    EventKind::Release,
    EventKind::Password,
];

#[tokio::test]
async fn every_language_decides_alike() {
    let runtime = runtime();
    let mut connectors = Vec::new();
    for file in files() {
        let wasm = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        connectors.push((file.display().to_string(), runtime.load(&wasm).await.unwrap()));
    }
    let mut operations = 0;
    for (context, event) in cases() {
        let calls = check_alike(&runtime, &connectors, &context, &event, &[fine()]).await;
        for answer in answers().into_iter().filter(|_| calls > 0) {
            let once = std::slice::from_ref(&answer);
            check_alike(&runtime, &connectors, &context, &event, once).await;
            if calls > 1 {
                check_alike(&runtime, &connectors, &context, &event, &[fine(), answer]).await;
            }
            operations += 1;
        }
    }
    assert!(operations > 1000, "{operations}");
}

#[tokio::test]
async fn every_language_has_the_same_manifest() {
    let runtime = runtime();
    let mut described = Vec::new();
    for file in files() {
        let connector = runtime.load(&fs::read(&file).unwrap()).await.unwrap();
        described.push(serde_json::to_value(&connector.manifest).unwrap());
    }
    for manifest in &described {
        assert_eq!(manifest, &described[0]);
    }
}

#[tokio::test]
async fn crashes_and_diverging_replays_are_explained_in_every_language() {
    let runtime = runtime();
    for file in files() {
        let connector = runtime.load(&fs::read(&file).unwrap()).await.unwrap();
        let ask = async |settings, exchanges: Vec<Exchange>| {
            let context = Arc::new(context(settings, None));
            let event = Arc::new(event(EventKind::Create, people().pop().unwrap()));
            let question = Question { context, event, exchanges: exchanges.into() };
            match runtime.decide(&connector, question, Budget::default()).await.answer {
                Err(Failure::Trap(text)) => text,
                other => panic!("{}: {other:?}", file.display()),
            }
        };
        let crash = ask(r#"{"list":""}"#, Vec::new()).await;
        let words = crash.split_once("last message: ").unwrap_or_else(|| panic!("{crash}")).1;
        assert!(words.contains("an empty segment"), "{}: {words}", file.display());
        let request = Request {
            endpoint: "app".to_owned(),
            method: "POST".to_owned(),
            path: "/y".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        };
        let exchange = Exchange { request, response: Err(Unreachable::Timeout) };
        let wrong = ask("{}", vec![exchange]).await;
        let place = "/lists/staff/readers/ann%40example.com";
        let said = format!("call 1: asked for PUT {place} where the journal has POST /y");
        assert!(wrong.contains(&said), "{}: {wrong}", file.display());
    }
}
