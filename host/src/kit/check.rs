//! The conformance kit: tests every connector without its author's help.
//!
//! Each event is tried on each starting state, each request gets every kind of response, each
//! decision is asked for twice, and each event is sent twice. Each finding has the shortest
//! example. The cases are the same for every connector and every run.

use std::sync::Arc;

use futures_util::StreamExt as _;
use serde_json::{Map, Value};

use crate::connector::{Connector, Manifest, Runtime};
use crate::limits::AppLimits;

mod answers;
mod app;
mod case;
mod contract;
mod explore;
mod finding;
mod matrix;

pub use case::StartState;
pub use finding::{CheckFinding, FindingKind, Severity};
pub use matrix::{DecisionKind, Matrix, MatrixRow};

use app::GuessedApp;
use case::{Case, Cases};
use explore::{CaseResult, Explorer};
use finding::Findings;

/// The cases that run at once: enough to use every processor.
const AT_ONCE: usize = 16;

/// What to check a connector with.
#[derive(Clone, Debug)]
pub struct Checks {
    /// The settings; see [`settings_for`](super::settings_for).
    pub settings: Map<String, Value>,
    /// The most decisions in each case.
    pub decisions: usize,
    /// The app's limits for the connector.
    pub limits: AppLimits,
}

/// The result of a check.
#[derive(Debug)]
pub struct CheckReport {
    /// Breaches of the contract, then remarks; the worst first.
    pub findings: Vec<CheckFinding>,
    /// The states and decisions reached.
    pub matrix: Matrix,
    /// The number of cases.
    pub cases: usize,
    /// The number of decisions.
    pub decisions: usize,
}

impl CheckReport {
    /// Whether there is no breach of the contract.
    pub fn conforms(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity() != Severity::Breach)
    }
}

/// Checks a connector. `progress` is called with the number of finished cases and of all cases.
pub async fn check(
    runtime: &Runtime,
    connector: &Arc<Connector>,
    checks: &Checks,
    progress: impl Fn(usize, usize),
) -> CheckReport {
    let manifest = &connector.manifest;
    let app = GuessedApp::of(manifest);
    let explorer = Explorer {
        runtime,
        limits: checks.limits,
        connector,
        app: &app,
        decisions: checks.decisions,
    };
    let cases = Cases::new(&explorer, manifest, &checks.settings).await.all();
    let total = cases.len();
    let explored = cases.iter().map(|case| explorer.explore(case));
    let mut explored = futures_util::stream::iter(explored).buffered(AT_ONCE);
    let (mut findings, mut matrix) = (Findings::default(), Matrix::default());
    let (mut done, mut decisions) = (0, 0);
    while let Some(CaseResult { observations, row, tried, asked }) = explored.next().await {
        findings.add(&cases[done], observations);
        matrix.add(&cases[done], row, &tried);
        decisions += asked;
        done += 1;
        progress(done, total);
    }
    CheckReport { findings: findings.sorted(), matrix, cases: total, decisions }
}

/// Whether the connector's lifecycle table lists the case's event. The host never asks a connector
/// about any other.
fn listed(manifest: &Manifest, case: &Case) -> bool {
    manifest.lifecycle.contains_key(&case.event.kind)
}
