//! What was decided, at a glance: where each event leads, and what each answer leads to.

use std::collections::BTreeMap;

use super::answers::NAMES;
use super::case::{Case, Start};
use crate::decision::EventKind;

/// What was decided, at a glance.
#[derive(Debug, Default)]
pub struct Matrix {
    rows: BTreeMap<(EventKind, &'static str), BTreeMap<Start, String>>,
    answers: BTreeMap<&'static str, BTreeMap<Decision, usize>>,
}

/// Where an event leads, from each starting state.
#[derive(Debug)]
pub struct Row {
    /// The event.
    pub event: EventKind,
    /// What is special about it; mostly nothing.
    pub variant: &'static str,
    /// The state reached where the app does as it is told, or the refusal.
    pub cells: Vec<(Start, String)>,
}

/// What a connector decides on hearing an answer. The order is that of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words are those of wit/types.wit")]
pub enum Decision {
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

impl Decision {
    /// All of them.
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

    /// What heads its column.
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
    pub(super) fn add(&mut self, case: &Case, reached: String, tried: &[(&'static str, Decision)]) {
        self.rows.entry((case.event.kind, case.variant)).or_default().insert(case.start, reached);
        for (answer, decision) in tried {
            *self.answers.entry(answer).or_default().entry(*decision).or_default() += 1;
        }
    }

    /// Where events lead: a row for each, and for what is special where that makes a difference.
    pub fn rows(&self) -> Vec<Row> {
        let ordinary = |event, start| self.rows.get(&(event, "")).and_then(|row| row.get(start));
        let rows = self.rows.iter().filter(|((event, variant), cells)| {
            let differs = |(start, it)| ordinary(*event, start) != Some(it);
            variant.is_empty() || cells.iter().any(differs)
        });
        rows.map(|(&(event, variant), cells)| Row {
            event,
            variant,
            cells: cells.iter().map(|(start, reached)| (*start, reached.clone())).collect(),
        })
        .collect()
    }

    /// What each answer leads to: how often each decision was taken on hearing it.
    pub fn answers(&self) -> Vec<(&'static str, BTreeMap<Decision, usize>)> {
        let heard = |name| Some((name, self.answers.get(name)?.clone()));
        NAMES.into_iter().filter_map(heard).collect()
    }
}
