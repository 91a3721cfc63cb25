//! The cost of a decision without calls, about a user of ordinary size.
//!
//! `bare` is wasmtime with the same settings and nothing else: in a loop that keeps every cache
//! warm, or on a thread that sleeps between decisions, as a connector thread does. `muster` adds
//! limits, checks, and the way to a connector thread and back unless the connector decides inline.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use muster::connector::{Budget, Connector, Limits, Question, Runtime, RuntimeConfig};
use muster::decision::{Context, Event, EventKind, Outcome, Step, Subject, User};
use serde_json::json;
use tokio::sync::oneshot;

#[path = "../../tests/support/guests.rs"]
mod guests;

#[path = "../../tests/support/bare.rs"]
mod bare;

use bare::Bare;

/// Concurrent decisions.
const CONCURRENT: u64 = 16;

fn resource() -> String {
    let user = json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "id": "0193c2f0-8a4e-7b57-9c61-5d2f0a3e6b11",
        "externalId": "00u1dhhb1fkIGP7RL1d8",
        "userName": "octavia.butler@example.com",
        "displayName": "Octavia Butler",
        "nickName": "Octavia",
        "name": {
            "formatted": "Ms. Octavia Estelle Butler",
            "familyName": "Butler",
            "givenName": "Octavia",
            "middleName": "Estelle",
            "honorificPrefix": "Ms.",
        },
        "emails": [
            { "value": "octavia.butler@example.com", "type": "work", "primary": true },
            { "value": "octavia@home.example", "type": "home" },
        ],
        "phoneNumbers": [{ "value": "+1 555 0100", "type": "work" }],
        "title": "Writer",
        "preferredLanguage": "en-US",
        "locale": "en-US",
        "timezone": "America/Los_Angeles",
        "active": true,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "701984",
            "costCenter": "4130",
            "organization": "Universal Studios",
            "division": "Theme Park",
            "department": "Tour Operations",
        },
    });
    user.to_string()
}

fn question() -> Question {
    let context = Context {
        operation: "0193c2f0-8a4e-7b57-9c61-5d2f0a3e6b12".to_owned(),
        tenant: "acme".to_owned(),
        now: "2026-11-22T09:00:00.000Z".to_owned(),
        seed: 42,
        settings: r#"{"do":"done"}"#.to_owned(),
        before: None,
        account: None,
        elsewhere: 0,
    };
    let user = User {
        id: "0193c2f0-8a4e-7b57-9c61-5d2f0a3e6b11".to_owned(),
        user_name: "octavia.butler@example.com".to_owned(),
        external_id: Some("00u1dhhb1fkIGP7RL1d8".to_owned()),
        display_name: Some("Octavia Butler".to_owned()),
        given_name: Some("Octavia".to_owned()),
        family_name: Some("Butler".to_owned()),
        email: Some("octavia.butler@example.com".to_owned()),
        active: true,
    };
    let event = Event {
        kind: EventKind::Create,
        subject: Subject::User(user),
        resource: resource(),
        changes: Vec::new(),
        password: None,
        joined: Vec::new(),
        left: Vec::new(),
    };
    Question { context: Arc::new(context), event: Arc::new(event), exchanges: Arc::new([]) }
}

/// [`Bare`] on a thread with a queue. Each decision returns its time on the thread.
struct BareThread(flume::Sender<oneshot::Sender<Duration>>);

impl BareThread {
    fn new(bare: Bare, question: Question) -> Self {
        let (queue, asked) = flume::unbounded::<oneshot::Sender<Duration>>();
        thread::spawn(move || {
            for answer in asked {
                let begun = Instant::now();
                bare.decide(&question.context, &question.event).unwrap();
                answer.send(begun.elapsed()).unwrap();
            }
        });
        Self(queue)
    }

    async fn decide(&self) -> Duration {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).unwrap();
        answered.await.unwrap()
    }
}

/// The time of a decision, without the time in the queue.
async fn elapsed(asked: &(Runtime, Arc<Connector>), question: &Question) -> Duration {
    let (runtime, connector) = asked;
    let decided = runtime.decide(connector, question.clone(), Budget::default()).await;
    assert!(matches!(decided.answer, Ok(Ok(Step::Done(Outcome { .. })))));
    decided.elapsed
}

fn decision(criterion: &mut Criterion) {
    let module = guests::guest("misbehaving");
    let question = question();
    let mut group = criterion.benchmark_group("decision");

    let bare = Bare::new(&module).unwrap();
    group.bench_function("bare", |bench| {
        bench.iter(|| bare.decide(&question.context, &question.event).unwrap());
    });

    let server = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let thread = BareThread::new(bare, question.clone());
    group.bench_function("bare, on a thread", |bench| {
        bench.iter_custom(|n| (0..n).map(|_| server.block_on(thread.decide())).sum::<Duration>());
    });

    let cache = tempfile::tempdir().unwrap();
    let start = |limits: Limits| {
        let runtime = Runtime::new(RuntimeConfig {
            compiler: env!("CARGO_BIN_EXE_muster").into(),
            cache: cache.path().to_owned(),
            key: [7; 32],
            threads: 2,
            limits,
        });
        let runtime = runtime.unwrap();
        let connector = server.block_on(runtime.load(&module)).unwrap();
        (runtime, connector)
    };
    let inline = start(Limits::default());
    group.bench_function("muster, inline", |bench| {
        bench.iter(|| server.block_on(elapsed(&inline, &question)));
    });
    drop(inline);

    // No decision is fast enough to run inline.
    let threaded = start(Limits { quick: Duration::ZERO, ..Limits::default() });
    let decide = async || elapsed(&threaded, &question).await;
    group.bench_function("muster, on a connector thread", |bench| {
        bench.iter_custom(|n| (0..n).map(|_| server.block_on(decide())).sum::<Duration>());
    });
    group.bench_function("muster, sequential with the way to the thread", |bench| {
        bench.iter(|| server.block_on(decide()));
    });
    group.bench_function("muster, 16 concurrent on 2 threads", |bench| {
        bench.iter_custom(|n| {
            let begun = Instant::now();
            let asking = async {
                for _ in 0..n.div_ceil(CONCURRENT) {
                    let batch = (0..CONCURRENT).map(|_| decide());
                    futures_util::future::join_all(batch).await;
                }
            };
            server.block_on(asking);
            begun.elapsed() * u32::try_from(n).unwrap()
                / u32::try_from(n.div_ceil(CONCURRENT) * CONCURRENT).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
