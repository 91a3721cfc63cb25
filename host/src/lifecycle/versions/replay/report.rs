//! What a replay found: counted, and grouped by what differs, so that a million decisions need no
//! memory.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::difference::{DecisionComparison, DifferenceKind};
use super::recorded::RecordedDecision;
use super::timing::{TimedDecision, Timing};
use crate::decision::EventKind;
use crate::lifecycle::config::ConnectorVersion;
use crate::store::RecordedFilter;

/// So many groups are told apart.
const MAX_GROUPS: usize = 100;
/// So many decisions are timed.
const MAX_TIMED: usize = 1000;

/// What is told while a replay runs, and at its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayUpdate {
    /// How far it is.
    Progress(ReplayProgress),
    /// The end.
    Report(Box<ReplayReport>),
    /// The end, before its time: why.
    Failed(String),
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayProgress {
    /// Decided again.
    pub decisions: u64,
    /// About how many there are.
    pub about: u64,
    /// How many of them differ so far.
    pub different: u64,
}

/// What came of a replay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayReport {
    /// The app.
    pub app: String,
    /// The tenant, where only one was looked at.
    pub tenant: Option<String>,
    /// Who was tried.
    pub candidate: ConnectorVersion,
    /// Whether everything was decided alike, and as fast.
    pub alike: bool,
    /// Decided again.
    pub decisions: u64,
    /// How many of them differ.
    pub different: u64,
    /// What differs, the most frequent first.
    pub differences: Vec<DifferenceGroup>,
    /// How many decisions differ in yet other ways, beyond a hundred.
    pub unlisted: u64,
    /// Decided alike, and said in other words.
    pub reworded: Option<RewordedDecisions>,
    /// How long it takes, where another version decides now and enough was alike.
    pub pace: Option<Timing>,
    /// Not decided again, since the app's answers are no longer kept.
    pub forgotten: u64,
    /// Whether it ended early, since the candidate computes for ever.
    pub stopped: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Decisions that differ in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceGroup {
    /// What kind of thing differs.
    pub kind: DifferenceKind,
    /// In events of this kind.
    pub event: EventKind,
    /// What differs.
    pub what: String,
    /// In so many decisions.
    pub count: u64,
    /// The newest of them.
    pub example: Example,
}

/// Decisions that are alike, in other words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewordedDecisions {
    /// So many.
    pub count: u64,
    /// The newest of them.
    pub example: Example,
}

/// A decision to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The operation.
    pub operation: String,
    /// What was decided.
    pub recorded: String,
    /// What the candidate decides.
    pub candidate: String,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct ReplayTotals {
    decisions: u64,
    different: u64,
    groups: BTreeMap<(DifferenceKind, EventKind, String), (u64, Example)>,
    unlisted: u64,
    reworded: Option<RewordedDecisions>,
    pub(super) timed: Vec<TimedDecision>,
    pub(super) forgotten: u64,
    pub(super) deadlines: u64,
    pub(super) stopped: bool,
}

impl ReplayTotals {
    pub(super) fn count(&mut self, past: &RecordedDecision, comparison: DecisionComparison) {
        self.decisions += 1;
        let operation = past.operation.clone();
        match comparison {
            DecisionComparison::Alike => {}
            DecisionComparison::Reworded(recorded, candidate) => {
                let example = Example { operation, recorded, candidate };
                self.reword(RewordedDecisions { count: 1, example });
            }
            DecisionComparison::Different(finding) => {
                self.different += 1;
                let example =
                    Example { operation, recorded: finding.recorded, candidate: finding.candidate };
                self.group((finding.kind, past.event.kind, finding.what), 1, example);
            }
        }
    }

    /// Takes what was found elsewhere.
    pub(super) fn add(&mut self, other: Self) {
        self.decisions += other.decisions;
        self.different += other.different;
        self.unlisted += other.unlisted;
        self.forgotten += other.forgotten;
        self.deadlines += other.deadlines;
        for (key, (count, example)) in other.groups {
            self.group(key, count, example);
        }
        if let Some(rewording) = other.reworded {
            self.reword(rewording);
        }
        let room = MAX_TIMED.saturating_sub(self.timed.len());
        self.timed.extend(other.timed.into_iter().take(room));
    }

    fn group(&mut self, key: (DifferenceKind, EventKind, String), count: u64, example: Example) {
        if let Some((counted, newest)) = self.groups.get_mut(&key) {
            *counted += count;
            keep_newer(newest, example);
        } else if self.groups.len() < MAX_GROUPS {
            self.groups.insert(key, (count, example));
        } else {
            self.unlisted += count;
        }
    }

    fn reword(&mut self, rewording: RewordedDecisions) {
        match &mut self.reworded {
            Some(known) => {
                known.count += rewording.count;
                keep_newer(&mut known.example, rewording.example);
            }
            None => self.reworded = Some(rewording),
        }
    }

    pub(super) fn progress(&self, about: u64) -> ReplayProgress {
        let (decisions, different) = (self.decisions, self.different);
        ReplayProgress { decisions, about: about.max(decisions), different }
    }

    pub(super) fn report(
        self,
        filter: &RecordedFilter,
        candidate: ConnectorVersion,
        took: Duration,
    ) -> ReplayReport {
        let pace = Timing::of(self.timed);
        let slower = pace.as_ref().is_some_and(|pace| pace.slower);
        let difference = |((kind, event, what), (count, example))| DifferenceGroup {
            kind,
            event,
            what,
            count,
            example,
        };
        let mut differences: Vec<DifferenceGroup> =
            self.groups.into_iter().map(difference).collect();
        differences.sort_by_key(|difference| std::cmp::Reverse(difference.count));
        ReplayReport {
            app: filter.app.clone(),
            tenant: filter.tenant.clone(),
            candidate,
            alike: self.different == 0 && !slower && !self.stopped,
            decisions: self.decisions,
            different: self.different,
            differences,
            unlisted: self.unlisted,
            reworded: self.reworded,
            pace,
            forgotten: self.forgotten,
            stopped: self.stopped,
            seconds: took.as_secs_f64(),
        }
    }
}

/// Identifiers are in the order of time.
fn keep_newer(newest: &mut Example, example: Example) {
    if example.operation > newest.operation {
        *newest = example;
    }
}
