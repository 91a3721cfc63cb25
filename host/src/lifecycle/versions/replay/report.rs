//! What a replay found: counted, and grouped by what differs, so that a million decisions need no
//! memory.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::difference::{DifferenceKind, Verdict};
use super::recorded::Past;
use super::timing::{TimedDecision, Timing};
use crate::decision::EventKind;
use crate::lifecycle::config::ConnectorVersion;
use crate::store::RecordedFilter;

/// So many groups are told apart.
const GROUPS: usize = 100;
/// So many decisions are timed.
const LAPS: usize = 1000;

/// What is told while a replay runs, and at its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayNews {
    /// How far it is.
    Progress(Progress),
    /// The end.
    Report(Box<ReplayReport>),
    /// The end, before its time: why.
    Failed(String),
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
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
    pub differences: Vec<Difference>,
    /// How many decisions differ in yet other ways, beyond a hundred.
    pub unlisted: u64,
    /// Decided alike, and said in other words.
    pub reworded: Option<Rewording>,
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
pub struct Difference {
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
pub struct Rewording {
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
pub(super) struct Tally {
    decisions: u64,
    different: u64,
    groups: BTreeMap<(DifferenceKind, EventKind, String), (u64, Example)>,
    unlisted: u64,
    reworded: Option<Rewording>,
    pub(super) laps: Vec<TimedDecision>,
    pub(super) forgotten: u64,
    pub(super) endless: u64,
    pub(super) stopped: bool,
}

impl Tally {
    pub(super) fn count(&mut self, past: &Past, verdict: Verdict) {
        self.decisions += 1;
        let operation = past.operation.clone();
        match verdict {
            Verdict::Alike => {}
            Verdict::Reworded(recorded, candidate) => {
                let example = Example { operation, recorded, candidate };
                self.reword(Rewording { count: 1, example });
            }
            Verdict::Different(finding) => {
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
        self.endless += other.endless;
        for (key, (count, example)) in other.groups {
            self.group(key, count, example);
        }
        if let Some(rewording) = other.reworded {
            self.reword(rewording);
        }
        let room = LAPS.saturating_sub(self.laps.len());
        self.laps.extend(other.laps.into_iter().take(room));
    }

    fn group(&mut self, key: (DifferenceKind, EventKind, String), count: u64, example: Example) {
        if let Some((counted, newest)) = self.groups.get_mut(&key) {
            *counted += count;
            keep_newer(newest, example);
        } else if self.groups.len() < GROUPS {
            self.groups.insert(key, (count, example));
        } else {
            self.unlisted += count;
        }
    }

    fn reword(&mut self, rewording: Rewording) {
        match &mut self.reworded {
            Some(known) => {
                known.count += rewording.count;
                keep_newer(&mut known.example, rewording.example);
            }
            None => self.reworded = Some(rewording),
        }
    }

    pub(super) fn progress(&self, about: u64) -> Progress {
        let (decisions, different) = (self.decisions, self.different);
        Progress { decisions, about: about.max(decisions), different }
    }

    pub(super) fn report(
        self,
        filter: &RecordedFilter,
        candidate: ConnectorVersion,
        took: Duration,
    ) -> ReplayReport {
        let pace = Timing::of(self.laps);
        let slower = pace.as_ref().is_some_and(|pace| pace.slower);
        let difference = |((kind, event, what), (count, example))| Difference {
            kind,
            event,
            what,
            count,
            example,
        };
        let mut differences: Vec<Difference> = self.groups.into_iter().map(difference).collect();
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
