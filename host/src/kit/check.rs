//! The conformance kit: what every connector is put through without its author's help.
//!
//! Every event on every starting state, every request answered in every way that apps answer, each
//! decision asked for twice, each event told twice. What is found comes with the shortest example.
//! It is the same each time, and for each connector.

use std::sync::Arc;

use futures_util::StreamExt as _;
use serde_json::{Map, Value};

use crate::connector::{Connector, Manifest, Runtime};
use crate::limits::AppLimits;

mod answers;
mod app;
mod case;
mod explore;
mod finding;
mod matrix;
mod verdict;

pub use case::Start;
pub use finding::{Finding, Kind, Severity};
pub use matrix::{Decision, Matrix, Row};

use app::App;
use case::{Case, Cases};
use explore::{Explored, Explorer};
use finding::Findings;

/// Cases that are under way at once: enough to keep every processor busy.
const AT_ONCE: usize = 16;

/// What to put a connector through.
#[derive(Clone, Debug)]
pub struct Checks {
    /// The settings; see [`settings_for`](super::settings_for).
    pub settings: Map<String, Value>,
    /// How many decisions are asked for in each case.
    pub decisions: usize,
    /// What the connector may take.
    pub limits: AppLimits,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// What breaks the contract, and what somebody should look at; the worst first.
    pub findings: Vec<Finding>,
    /// What was decided.
    pub matrix: Matrix,
    /// How many cases there were.
    pub cases: usize,
    /// How many decisions were asked for.
    pub decisions: usize,
}

impl Report {
    /// Whether nothing breaks the contract.
    pub fn conforms(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity() != Severity::Breach)
    }
}

/// Puts a connector through everything. `progress` is told how many cases of how many are done.
pub async fn check(
    runtime: &Runtime,
    connector: &Arc<Connector>,
    checks: &Checks,
    progress: impl Fn(usize, usize),
) -> Report {
    let manifest = &connector.manifest;
    let app = App::of(manifest);
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
    while let Some(Explored { seen, row, tried, asked }) = explored.next().await {
        findings.add(&cases[done], seen);
        matrix.add(&cases[done], row, &tried);
        decisions += asked;
        done += 1;
        progress(done, total);
    }
    Report { findings: findings.sorted(), matrix, cases: total, decisions }
}

/// Whether the host would ever ask the connector about the event of a case.
fn listed(manifest: &Manifest, case: &Case) -> bool {
    manifest.lifecycle.contains_key(&case.event.kind)
}
