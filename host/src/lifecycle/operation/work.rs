//! An operation in memory, and its rows in the journal.

use std::sync::Arc;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lane;
use super::typed_view;
use crate::clock::rfc3339;
use crate::connector::{Connector, Decided};
use crate::decision::{
    Account, Context, Event, EventKind, Exchange, Member, Outcome, Refusal, Request, ResourceKind,
    Subject, Visibility,
};
use crate::lifecycle::config::snapshot::Tenant;
use crate::scim::Resource;
use crate::store::{
    AccountRow, Commit, ExchangeRow, MemberRow, OperationRow, OperationState, ResourceChange,
    ResourceRow,
};

/// One operation, in memory.
#[derive(Clone, Debug)]
pub(in crate::lifecycle) struct Work {
    pub(in crate::lifecycle) tenant: Arc<Tenant>,
    /// The version that started it, and so finishes it. None if no connector is asked.
    pub(in crate::lifecycle) connector: Option<Arc<Connector>>,
    pub(in crate::lifecycle) kind: ResourceKind,
    pub(in crate::lifecycle) subject: String,
    pub(in crate::lifecycle) fingerprint: String,
    pub(in crate::lifecycle) context: Arc<Context>,
    pub(in crate::lifecycle) event: Arc<Event>,
    /// The resource after the event, as the event has it as text.
    pub(in crate::lifecycle) after: Arc<Resource>,
    pub(in crate::lifecycle) exchanges: Vec<Exchange>,
    /// A request that is in the journal and has no response yet.
    pub(in crate::lifecycle) pending: Option<Request>,
    pub(in crate::lifecycle) progress: Progress,
    /// How many members had left the group by being deleted when the resource was read.
    pub(in crate::lifecycle) departures: i64,
    pub(in crate::lifecycle) sealed: Option<Vec<u8>>,
    pub(in crate::lifecycle) attempts: u32,
    pub(in crate::lifecycle) batch: Option<String>,
    /// Whether the operation is in the journal already.
    pub(in crate::lifecycle) journaled: bool,
    /// Whether the account is protected from deprovisioning.
    pub(in crate::lifecycle) protected: bool,
    /// The resources that the connector's decisions used.
    pub(in crate::lifecycle) used: Used,
    /// The connector's log lines, bounded by the sandbox.
    pub(in crate::lifecycle) log: Vec<String>,
    pub(in crate::lifecycle) resource: Option<ResourceRow>,
    /// Whether it was updated to a directory that had changed. That happens at most once.
    pub(in crate::lifecycle) rebased: bool,
    /// Whether the lane may be released before this operation is durable.
    pub(in crate::lifecycle) passing: bool,
    /// Speculative: decided from an uncommitted state. It releases its lane early, or has no
    /// effect.
    pub(in crate::lifecycle) leaning: bool,
}

/// The resources that a connector's decisions on an operation used, in all attempts together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::lifecycle) struct Used {
    /// The number of decisions.
    decisions: u32,
    /// The computing time in all, in microseconds.
    micros: u64,
    /// The largest memory of a decision, in bytes.
    memory: u64,
    /// The number of calls that were answered.
    #[serde(default)]
    pub(in crate::lifecycle) calls: usize,
}

impl Used {
    pub(in crate::lifecycle) fn add(&mut self, decided: &Decided) {
        self.decisions += 1;
        self.micros += u64::try_from(decided.elapsed.as_micros()).unwrap_or(u64::MAX);
        self.memory = self.memory.max(decided.memory_peak);
    }
}

/// The progress of an operation, which a restart must know beside the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::lifecycle) struct Progress {
    /// The version that the resource must have; none if it is created.
    pub(in crate::lifecycle) expected: Option<i64>,
    /// When the resource was created.
    pub(in crate::lifecycle) created: String,
    /// The resource has its new state already (`reply = "when-recorded"`, or held).
    pub(in crate::lifecycle) applied: bool,
    /// The identity provider was told to retry later, and has not had its answer yet.
    pub(in crate::lifecycle) owed: bool,
    /// How often a request that the app had rejected was made again.
    #[serde(default)]
    pub(in crate::lifecycle) resent: u32,
    /// The ids of joined members that are groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::lifecycle) nested: Vec<String>,
}

impl Work {
    pub(in crate::lifecycle) fn id(&self) -> &str {
        &self.context.operation
    }

    /// The lane of this operation: that of its name until the resource exists, then the resource's.
    pub(in crate::lifecycle) fn lane(&self) -> String {
        match self.event.kind {
            EventKind::Create | EventKind::GroupCreate if !self.progress.applied => {
                lane::of_subject(&self.tenant.id, self.kind, &self.subject)
            }
            _ => lane::of_resource(&self.tenant.id, &self.resource_id()),
        }
    }

    /// The idempotency key of the pending request: the same after a crash, and another for a
    /// request that is made again after a rejection.
    pub(in crate::lifecycle) fn idempotency_key(&self) -> String {
        let (id, n) = (self.id(), self.exchanges.len());
        match self.progress.resent {
            0 => format!("{id}-{n}"),
            resent => format!("{id}-{n}-{resent}"),
        }
    }

    /// Removes the last answer if it was missing or an error, so that its request is made again. A
    /// request that succeeded is never repeated.
    pub(in crate::lifecycle) fn ask_again(&mut self, refusal: &Refusal) {
        let last = self.exchanges.last().map(|exchange| &exchange.response);
        let no = match last {
            Some(Ok(response)) => response.status >= 400,
            Some(Err(_)) => true,
            None => false,
        };
        // A request whose 2xx answer cannot be read is made again too, with the same key.
        let unread = matches!(refusal, Refusal::RetryLater(_) | Refusal::Misconfigured(_));
        if self.pending.is_some() || !(no || unread) {
            return;
        }
        self.pending = self.exchanges.pop().map(|exchange| exchange.request);
        if !unread {
            self.progress.resent += 1;
        }
    }

    pub(in crate::lifecycle) fn resource_id(&self) -> String {
        match &self.event.subject {
            Subject::User(user) => user.id.clone(),
            Subject::Group(group) => group.id.clone(),
        }
    }

    /// The journal row in this state.
    pub(in crate::lifecycle) fn row(&self, state: OperationState) -> anyhow::Result<OperationRow> {
        Ok(OperationRow {
            id: self.id().to_owned(),
            tenant: self.tenant.id.clone(),
            app: self.tenant.app.name.clone(),
            resource: self.resource_id(),
            resource_kind: self.kind,
            kind: self.event.kind,
            state,
            subject: self.subject.clone(),
            fingerprint: self.fingerprint.clone(),
            context: serde_json::to_string(&*self.context)?,
            event: serde_json::to_string(&*self.event)?,
            answer: None,
            note: None,
            connector: self.connector.as_ref().map(|connector| connector.digest.clone()),
            log: (!self.log.is_empty()).then(|| serde_json::to_string(&self.log)).transpose()?,
            used: (self.used.decisions > 0)
                .then(|| serde_json::to_string(&Used { calls: self.exchanges.len(), ..self.used }))
                .transpose()?,
            attempts: self.attempts,
            due: None,
            sealed: self.sealed.clone(),
            progress: serde_json::to_string(&self.progress)?,
            batch: self.batch.clone(),
            created: self.context.now.clone(),
            finished: None,
        })
    }

    /// The journal row of exchange `n`, with or without its answer.
    pub(in crate::lifecycle) fn exchange(
        &self,
        n: usize,
        at: Timestamp,
    ) -> anyhow::Result<ExchangeRow> {
        let exchange = self.exchanges.get(n);
        let request = exchange.map(|e| &e.request).or(self.pending.as_ref());
        let request = request.context("an exchange without a request")?;
        Ok(ExchangeRow {
            operation: self.id().to_owned(),
            n: u32::try_from(n)?,
            request: serde_json::to_string(request)?,
            response: exchange.map(|e| serde_json::to_string(&e.response)).transpose()?,
            at: rfc3339(at),
        })
    }

    /// Adds the resource and the membership changes to a commit.
    pub(in crate::lifecycle) fn apply(&mut self, commit: &mut Commit, gone: bool, now: Timestamp) {
        if self.progress.applied {
            return;
        }
        self.progress.applied = true;
        commit.resource = match (self.event.kind, self.progress.expected) {
            (EventKind::Release, _) => None,
            (EventKind::Delete | EventKind::GroupDelete, Some(expected)) => {
                Some(self.deletion(expected))
            }
            (_, Some(expected)) if gone => Some(self.deletion(expected)),
            (_, expected) => Some(self.change(expected, now)),
        };
        if matches!(commit.resource, Some(ResourceChange::Delete { .. })) {
            return;
        }
        let group = self.resource_id();
        let joined = self.event.joined.iter();
        commit.joined = joined.map(|member| self.member(&group, member)).collect();
        commit.left =
            self.event.left.iter().map(|member| (group.clone(), member.id.clone())).collect();
    }

    fn member(&self, group: &str, member: &Member) -> MemberRow {
        let is_group = self.progress.nested.contains(&member.id);
        MemberRow {
            tenant: self.tenant.id.clone(),
            group: group.to_owned(),
            member: member.id.clone(),
            display: Some(member.name.clone()),
            kind: if is_group { ResourceKind::Group } else { ResourceKind::User },
        }
    }

    pub(in crate::lifecycle) fn deletion(&self, expected: i64) -> ResourceChange {
        ResourceChange::Delete {
            tenant: self.tenant.id.clone(),
            kind: self.kind.name().to_owned(),
            id: self.resource_id(),
            expected,
        }
    }

    fn change(&mut self, expected: Option<i64>, now: Timestamp) -> ResourceChange {
        let resource = &self.after;
        let row = ResourceRow {
            tenant: self.tenant.id.clone(),
            kind: self.kind.name().to_owned(),
            id: self.resource_id(),
            user_name: resource.user_name().map(str::to_owned),
            external_id: resource.external_id().map(str::to_owned),
            display_name: resource.display_name().map(str::to_owned),
            active: resource.active(),
            emails: resource.emails().into_iter().map(str::to_owned).collect(),
            document: self.event.resource.clone(),
            version: expected.unwrap_or(0) + 1,
            departures: self.departures,
            created: self.progress.created.clone(),
            last_modified: if expected.is_some() {
                rfc3339(now)
            } else {
                self.progress.created.clone()
            },
        };
        self.resource = Some(row.clone());
        match expected {
            Some(expected) => ResourceChange::Update { row, expected },
            None => ResourceChange::Insert(row),
        }
    }

    /// The account row after the connector's outcome.
    pub(in crate::lifecycle) fn account(&self, account: Option<Account>) -> AccountRow {
        let resource = &self.after;
        AccountRow {
            tenant: self.tenant.id.clone(),
            resource: self.resource_id(),
            kind: self.kind,
            user_name: typed_view::name(resource).to_owned(),
            external_id: resource.external_id().map(str::to_owned),
            account,
            // A person who is disconnected by a job is no longer managed, whatever the outcome is.
            connected: self.event.kind != EventKind::Release && self.batch.is_none(),
            protected: self.protected,
        }
    }
}

/// Whether the resource is not visible any more after the outcome.
pub(in crate::lifecycle) fn gone(kind: EventKind, outcome: &Outcome) -> bool {
    outcome.visibility == Visibility::Gone
        || matches!(kind, EventKind::Delete | EventKind::GroupDelete)
}

/// Identifies a request by its event, resource, password and members. The id is left out, so that a
/// repeated create has the same fingerprint.
pub(in crate::lifecycle) fn fingerprint(
    kind: EventKind,
    resource: &Resource,
    password: &[u8],
    joined: &[Member],
    left: &[Member],
) -> String {
    let mut hash = Hashing(Sha256::new());
    hash.0.update(kind.name());
    hash.0.update(password);
    for (name, value) in resource.document().iter().filter(|(name, _)| *name != "id") {
        hash.0.update(name);
        serde_json::to_writer(&mut hash, value).expect("a hash takes every JSON value");
    }
    for (mark, members) in [("+", joined), ("-", left)] {
        for member in members {
            hash.0.update(mark);
            hash.0.update(&member.id);
        }
    }
    HEXLOWER.encode(&hash.0.finalize())
}

/// A writer into a hash.
struct Hashing(Sha256);

impl std::io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
