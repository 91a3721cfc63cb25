//! Decisions on the calling thread: only if the connector's recent decisions were fast, and never
//! so that other requests wait.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use muster::connector::{Budget, Connector, Limits, Runtime, RuntimeConfig};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{KEY, note, question};
use crate::support::guests::guest;

/// A runtime whose one thread can be kept busy.
struct Sandbox {
    runtime: Arc<Runtime>,
    connector: Arc<Connector>,
    _cache: tempfile::TempDir,
}

impl Sandbox {
    /// With a connector that is eligible, by a limit that counts every decision as fast.
    async fn with_an_eligible_connector() -> Self {
        let cache = tempfile::tempdir().unwrap();
        let limits = Limits { quick: Duration::from_secs(60), ..Limits::default() };
        let compiler = env!("CARGO_BIN_EXE_muster").into();
        let path = cache.path().to_owned();
        let config = RuntimeConfig { compiler, cache: path, key: KEY, threads: 1, limits };
        let runtime = Arc::new(Runtime::new(config).unwrap());
        let connector = runtime.load(&guest("misbehaving")).await.unwrap();
        let sandbox = Self { runtime, connector, _cache: cache };
        for _ in 0..20 {
            assert_eq!(sandbox.asked_to("done").await, "done");
        }
        sandbox
    }

    async fn asked_to(&self, what: &str) -> String {
        let budget = Budget { time: Duration::from_secs(60), ..Budget::default() };
        note(&self.runtime.decide(&self.connector, question(what), budget).await).to_owned()
    }

    /// Keeps the connector thread busy until the returned sender is dropped.
    async fn busy(&self) -> (mpsc::Sender<()>, JoinHandle<()>) {
        let (release, released) = mpsc::channel::<()>();
        let (begun, is_begun) = tokio::sync::oneshot::channel();
        let runtime = Arc::clone(&self.runtime);
        let wait = move || {
            begun.send(()).ok();
            released.recv().ok();
        };
        let busy =
            tokio::spawn(async move { runtime.in_background(Budget::default(), |_| wait()).await });
        is_begun.await.unwrap();
        (release, busy)
    }
}

#[tokio::test]
async fn an_eligible_connector_does_not_wait_for_a_thread() {
    let sandbox = Sandbox::with_an_eligible_connector().await;
    let (release, busy) = sandbox.busy().await;
    assert_eq!(sandbox.asked_to("done").await, "done");
    assert_eq!(sandbox.asked_to("remember").await, "1");
    assert_eq!(sandbox.asked_to("remember").await, "1");
    drop(release);
    busy.await.unwrap();
}

#[tokio::test]
async fn a_connector_that_becomes_slow_has_its_full_time_and_then_waits_for_a_thread() {
    let sandbox = Sandbox::with_an_eligible_connector().await;
    assert_eq!(sandbox.asked_to("compute").await, "computed");
    let (release, busy) = sandbox.busy().await;
    let mut asked = pin!(sandbox.asked_to("done"));
    assert!(
        timeout(Duration::from_millis(100), &mut asked).await.is_err(),
        "it waits for the thread"
    );
    drop(release);
    assert_eq!(asked.await, "done");
    busy.await.unwrap();
}
