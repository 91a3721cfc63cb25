//! The report of a replay: differences are counted and grouped, so that memory does not grow with
//! the number of decisions.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::difference::{DecisionComparison, DifferenceKind};
use super::recorded::RecordedDecision;
use super::timing::{TimedDecision, Timing};
use crate::decision::EventKind;
use crate::lifecycle::config::ConnectorVersion;
use crate::store::RecordedFilter;

/// The most groups of differences in a report.
const MAX_GROUPS: usize = 100;
/// The most decisions that are timed.
const MAX_TIMED: usize = 1000;

/// An update while a replay runs, or its end.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplayLine)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayUpdate {
    /// The progress so far.
    Progress(ReplayProgress),
    /// The report, at the end.
    Report(Box<ReplayReport>),
    /// The reason why the replay failed.
    Failed(String),
}

/// The progress of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayProgress {
    /// How many decisions were replayed.
    pub decisions: u64,
    /// About how many decisions there are.
    pub about: u64,
    /// How many of the replayed decisions differ.
    pub different: u64,
}

/// The result of a replay.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReplayReport {
    /// The app.
    pub app: String,
    /// The tenant, if only its decisions were replayed.
    pub tenant: Option<String>,
    /// The candidate.
    pub candidate: ConnectorVersion,
    /// Whether all decisions are alike, and the candidate is not slower.
    pub alike: bool,
    /// How many decisions were replayed.
    pub decisions: u64,
    /// How many of them differ.
    pub different: u64,
    /// The differences, the most frequent first.
    pub differences: Vec<DifferenceGroup>,
    /// How many decisions differ in other ways than the first hundred.
    pub unlisted: u64,
    /// The decisions that are alike in other words.
    pub reworded: Option<RewordedDecisions>,
    /// The times of both versions, if another version decides now and enough decisions are alike.
    pub pace: Option<Timing>,
    /// How many decisions were not replayed, since the app's answers are no longer kept.
    pub forgotten: u64,
    /// Whether the replay ended early, since the candidate exceeded its time too often.
    pub stopped: bool,
    /// How long the replay took.
    pub seconds: f64,
}

/// Decisions that differ in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplayDifference)]
pub struct DifferenceGroup {
    /// The kind of the difference.
    pub kind: DifferenceKind,
    /// The kind of the events.
    pub event: EventKind,
    /// The difference, in words.
    pub what: String,
    /// How many decisions differ so.
    pub count: u64,
    /// The newest of them.
    pub example: Example,
}

/// Decisions that are alike in other words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplayRewording)]
pub struct RewordedDecisions {
    /// How many there are.
    pub count: u64,
    /// The newest of them.
    pub example: Example,
}

/// One decision as an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplayExample)]
pub struct Example {
    /// The operation.
    pub operation: String,
    /// The recorded decision.
    pub recorded: String,
    /// The candidate's decision.
    pub candidate: String,
}

/// The counts and groups of a replay so far.
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
            DecisionComparison::Different(difference) => {
                self.different += 1;
                let example = Example {
                    operation,
                    recorded: difference.recorded,
                    candidate: difference.candidate,
                };
                self.group((difference.kind, past.event.kind, difference.what), 1, example);
            }
        }
    }

    /// Adds the totals of a page.
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

/// Operation ids are in the order of time.
fn keep_newer(newest: &mut Example, example: Example) {
    if example.operation > newest.operation {
        *newest = example;
    }
}
