//! A recorded decision: the questions, answers and end of an operation, read from the journal.

use std::sync::Arc;

use anyhow::Context as _;

use super::difference::{self, DecisionComparison};
use crate::connector::{Failure, Features, Question};
use crate::decision::{Context, Event, EventKind, Exchange, Outcome, Refusal, Request, Step};
use crate::lifecycle::operation::journaled::Used;
use crate::store::Recorded;

/// The steps of a decision, and its end.
#[derive(Debug)]
pub(super) struct RecordedDecision {
    pub(super) operation: String,
    context: Arc<Context>,
    pub(super) event: Arc<Event>,
    /// The exchanges that the app answered.
    pub(super) exchanges: Vec<Exchange>,
    end: RecordedEnd,
}

/// How a decision ended.
#[derive(Debug)]
pub(super) enum RecordedEnd {
    /// With a request that the app never answered.
    Called(Request),
    /// With an outcome.
    Done(Outcome),
    /// Without an outcome: the reason in the journal.
    Stopped(String),
}

/// The recorded next step.
#[derive(Clone, Copy, Debug)]
pub(super) enum ExpectedStep<'p> {
    Call(&'p Request),
    Done(&'p Outcome),
    Stop(&'p str),
}

impl RecordedDecision {
    /// Reads a decision; none if the app's answers are no longer kept.
    pub(super) fn read(recorded: Recorded) -> anyhow::Result<Option<Self>> {
        let Recorded { operation, context, event, answer, used, .. } = recorded;
        let read = || format!("operation {operation}");
        let (mut exchanges, mut awaited) = (Vec::new(), None);
        for (request, response) in recorded.exchanges {
            let request = serde_json::from_str(&request).with_context(read)?;
            match response {
                Some(response) => {
                    let response = serde_json::from_str(&response).with_context(read)?;
                    exchanges.push(Exchange { request, response });
                }
                None => awaited = Some(request),
            }
        }
        if let (true, None, Some(used)) = (exchanges.is_empty(), &awaited, used) {
            let used: Used = serde_json::from_str(&used).with_context(read)?;
            if used.answered > 0 {
                return Ok(None);
            }
        }
        let end = match awaited {
            Some(request) => RecordedEnd::Called(request),
            None if answer.starts_with('{') => {
                RecordedEnd::Done(serde_json::from_str(&answer).with_context(read)?)
            }
            None => RecordedEnd::Stopped(serde_json::from_str(&answer).with_context(read)?),
        };
        Ok(Some(Self {
            context: Arc::new(serde_json::from_str(&context).with_context(read)?),
            event: Arc::new(serde_json::from_str(&event).with_context(read)?),
            operation,
            exchanges,
            end,
        }))
    }

    pub(super) fn is_of_group(&self) -> bool {
        use EventKind::{GroupCreate, GroupDelete, GroupUpdate};
        matches!(self.event.kind, GroupCreate | GroupUpdate | GroupDelete)
    }

    /// Removes the password if a connector of these features does not get it.
    pub(super) fn remove_ungranted(&mut self, features: &Features) {
        if !features.password && self.event.password.is_some() {
            self.event = Arc::new(Event { password: None, ..(*self.event).clone() });
        }
    }

    /// The question after the app has answered so many requests.
    pub(super) fn question(&self, answered: usize) -> Question {
        Question {
            context: Arc::clone(&self.context),
            event: Arc::clone(&self.event),
            exchanges: self.exchanges[..answered].into(),
        }
    }

    /// Compares a candidate's step after so many answers with the recorded one.
    pub(super) fn compare(
        &self,
        answered: usize,
        answer: &Result<Result<Step, Refusal>, Failure>,
    ) -> DecisionComparison {
        let expected = match (self.exchanges.get(answered), &self.end) {
            (Some(exchange), _) => ExpectedStep::Call(&exchange.request),
            (None, RecordedEnd::Called(request)) => ExpectedStep::Call(request),
            (None, RecordedEnd::Done(outcome)) => ExpectedStep::Done(outcome),
            (None, RecordedEnd::Stopped(why)) => ExpectedStep::Stop(why),
        };
        difference::compare(answered + 1, expected, answer)
    }
}
