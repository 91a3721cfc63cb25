//! The results of `decide`.

use crate::connector::bindings::types;
use crate::decision::{Account, Membership, Outcome, Refusal, Request, Step, Visibility};

impl From<types::Step> for Step {
    fn from(step: types::Step) -> Self {
        match step {
            types::Step::Call(request) => Self::Call(request.into()),
            types::Step::Done(outcome) => Self::Done(outcome.into()),
        }
    }
}

impl From<types::RequestResult> for Request {
    fn from(request: types::RequestResult) -> Self {
        let types::RequestResult { endpoint, method, path, query, headers, body } = request;
        Self { endpoint, method, path, query, headers, body }
    }
}

impl From<types::Outcome> for Outcome {
    fn from(outcome: types::Outcome) -> Self {
        let types::Outcome { account, visibility, note } = outcome;
        let visibility = match visibility {
            types::Visibility::Present => Visibility::Present,
            types::Visibility::Gone => Visibility::Gone,
        };
        Self { account: account.map(Account::from), visibility, note }
    }
}

impl From<types::AccountResult> for Account {
    fn from(account: types::AccountResult) -> Self {
        let types::AccountResult { id, membership, data } = account;
        let membership = match membership {
            types::Membership::Active => Membership::Active,
            types::Membership::Suspended => Membership::Suspended,
            types::Membership::Absent => Membership::Absent,
        };
        Self { id, membership, data }
    }
}

impl From<types::Refusal> for Refusal {
    fn from(refusal: types::Refusal) -> Self {
        match refusal {
            types::Refusal::Rejected(text) => Self::Rejected(text),
            types::Refusal::Conflict(text) => Self::Conflict(text),
            types::Refusal::Forbidden(text) => Self::Forbidden(text),
            types::Refusal::Unsupported(text) => Self::Unsupported(text),
            types::Refusal::RetryLater(seconds) => Self::RetryLater(seconds),
            types::Refusal::Misconfigured(text) => Self::Misconfigured(text),
        }
    }
}
