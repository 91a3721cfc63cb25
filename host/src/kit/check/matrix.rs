//! The matrix: the state that each event leads to, and the decisions that each response leads to.

use std::collections::BTreeMap;

use super::answers::NAMES;
use super::case::{Case, StartState};
use crate::decision::EventKind;

/// The states and decisions reached in all cases.
#[derive(Debug, Default)]
pub struct Matrix {
    rows: BTreeMap<(EventKind, &'static str), BTreeMap<StartState, String>>,
    answers: BTreeMap<&'static str, BTreeMap<DecisionKind, usize>>,
}

/// The states that an event leads to, for each starting state.
#[derive(Debug)]
pub struct MatrixRow {
    /// The event.
    pub event: EventKind,
    /// What distinguishes the row from others of its event; mostly nothing.
    pub variant: &'static str,
    /// The state reached with plausible responses, or the refusal.
    pub cells: Vec<(StartState, String)>,
}

/// The kind of a connector's decision after a response. The order is that of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words are those of wit/types.wit")]
pub enum DecisionKind {
    /// It makes another call.
    GoesOn,
    Done,
    RetryLater,
    Rejected,
    Conflict,
    Forbidden,
    Unsupported,
    Misconfigured,
    Failed,
}

impl DecisionKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::GoesOn,
        Self::Done,
        Self::RetryLater,
        Self::Rejected,
        Self::Conflict,
        Self::Forbidden,
        Self::Unsupported,
        Self::Misconfigured,
        Self::Failed,
    ];

    /// The kind's column heading.
    pub fn name(self) -> &'static str {
        match self {
            Self::GoesOn => "goes on",
            Self::Done => "done",
            Self::RetryLater => "retry-later",
            Self::Rejected => "rejected",
            Self::Conflict => "conflict",
            Self::Forbidden => "forbidden",
            Self::Unsupported => "unsupported",
            Self::Misconfigured => "misconfigured",
            Self::Failed => "failed",
        }
    }
}

impl Matrix {
    pub(super) fn add(
        &mut self,
        case: &Case,
        reached: String,
        tried: &[(&'static str, DecisionKind)],
    ) {
        self.rows.entry((case.event.kind, case.variant)).or_default().insert(case.start, reached);
        for (answer, decision) in tried {
            *self.answers.entry(answer).or_default().entry(*decision).or_default() += 1;
        }
    }

    /// The states that events lead to: a row for each event, and one for each variant that makes a
    /// difference.
    pub fn rows(&self) -> Vec<MatrixRow> {
        let ordinary = |event, start| self.rows.get(&(event, "")).and_then(|row| row.get(start));
        let rows = self.rows.iter().filter(|((event, variant), cells)| {
            let differs = |(start, it)| ordinary(*event, start) != Some(it);
            variant.is_empty() || cells.iter().any(differs)
        });
        rows.map(|(&(event, variant), cells)| MatrixRow {
            event,
            variant,
            cells: cells.iter().map(|(start, reached)| (*start, reached.clone())).collect(),
        })
        .collect()
    }

    /// How often each kind of decision followed each response.
    pub fn answers(&self) -> Vec<(&'static str, BTreeMap<DecisionKind, usize>)> {
        let counted = |name| Some((name, self.answers.get(name)?.clone()));
        NAMES.into_iter().filter_map(counted).collect()
    }
}
