//! An operation in memory, and its rows in the journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::MemberChanges;
use super::disposition::FailureCause;
use super::ownership;
use super::resource_lock;
use super::typed_view;
use crate::clock::rfc3339;
use crate::connector::{Connector, Decided};
use crate::decision::{
    Context, Event, EventKind, Exchange, Member, Outcome, Request, ResourceKind, Response, Subject,
    Unreachable, Visibility,
};
use crate::lifecycle::config::snapshot::Tenant;
use crate::scim::Resource;
use crate::store::{
    AccountRow, AttemptRow, Commit, DoubtedMember, ExchangeRow, OperationRow, OperationState,
    ResourceRow, ToldMember,
};

/// One operation, in memory.
#[derive(Clone, Debug)]
pub(in crate::lifecycle) struct Operation {
    pub(in crate::lifecycle) tenant: Arc<Tenant>,
    /// The version that began the attempt, and so finishes it. None if no connector is asked.
    pub(in crate::lifecycle) connector: Option<Arc<Connector>>,
    pub(in crate::lifecycle) kind: ResourceKind,
    pub(in crate::lifecycle) subject: String,
    pub(in crate::lifecycle) fingerprint: String,
    pub(in crate::lifecycle) context: Arc<Context>,
    pub(in crate::lifecycle) event: Arc<Event>,
    /// The event as the connector is asked: a deletion of an account that is not the tenant's own is a
    /// deactivation.
    pub(in crate::lifecycle) asked: Arc<Event>,
    /// Whether the account is the tenant's own (`ownership.rs`).
    pub(in crate::lifecycle) own: bool,
    /// The resource as it shall be, which the event has as text.
    pub(in crate::lifecycle) after: Arc<Resource>,
    /// The answered exchanges of this attempt.
    pub(in crate::lifecycle) exchanges: Vec<Exchange>,
    /// A request that is in the journal and has no response yet.
    pub(in crate::lifecycle) pending: Option<Request>,
    /// The response to an earlier try of the pending request.
    pub(in crate::lifecycle) earlier_response: Option<Result<Response, Unreachable>>,
    pub(in crate::lifecycle) progress: Progress,
    /// How many members had left the group by being deleted when the resource was read.
    pub(in crate::lifecycle) departures: i64,
    pub(in crate::lifecycle) sealed: Option<Vec<u8>>,
    /// The number of the attempt, from 1. A new one begins when the facts have changed.
    pub(in crate::lifecycle) attempt: u32,
    /// The attempt before, until it is in the journal.
    pub(in crate::lifecycle) ended_attempt: Option<AttemptRow>,
    /// How often the host tried by itself and had to stop.
    pub(in crate::lifecycle) tries: u32,
    pub(in crate::lifecycle) job: Option<String>,
    /// Whether the operation is in the journal already.
    pub(in crate::lifecycle) journaled: bool,
    /// Whether the tenant's connector is told of groups.
    pub(in crate::lifecycle) takes_groups: bool,
    /// The account at the attempt's beginning. Its resource differs from the operation's if the
    /// account of a person who was here before is taken over.
    pub(in crate::lifecycle) account: Option<AccountRow>,
    /// Whether the account was found to be one that a deleted resource has left: it may have been taken
    /// out of the app since.
    pub(in crate::lifecycle) taken_over: bool,
    /// Whether the account has to be written with the next commit.
    pub(in crate::lifecycle) account_changed: bool,
    pub(in crate::lifecycle) members: MemberChanges,
    /// The members whose membership this operation, or one that it supersedes, leaves in doubt.
    pub(in crate::lifecycle) doubted: Vec<ToldMember>,
    /// The note of the outcome if no connector is asked.
    pub(in crate::lifecycle) directory_only: Option<&'static str>,
    /// The resources whose unfinished operations end with the first commit of this one.
    pub(in crate::lifecycle) supersedes: Vec<String>,
    /// What the connector's decisions used.
    pub(in crate::lifecycle) used: Used,
    /// The connector's log lines, bounded by the sandbox.
    pub(in crate::lifecycle) log: Vec<String>,
    pub(in crate::lifecycle) resource: Option<ResourceRow>,
    /// Whether it was updated to a directory that had changed. That happens at most once.
    pub(in crate::lifecycle) rebased: bool,
    pub(in crate::lifecycle) mode: Mode,
    /// An operation whose place it takes, and what the app said about it.
    pub(in crate::lifecycle) in_place_of: Option<(String, String)>,
    /// Whether an operator decided about this attempt, so that no hold keeps it back.
    pub(in crate::lifecycle) forced: bool,
    /// Whether the progress has to be written with the next commit.
    pub(in crate::lifecycle) progress_changed: bool,
    /// If a request drives an operation that the host tries again at this time: the time stays.
    pub(in crate::lifecycle) due: Option<String>,
}

/// When the resource lock is released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::lifecycle) enum Mode {
    /// When the change is durable.
    #[default]
    Durable,
    /// When the change is decided, if no call is needed.
    ReleaseEarly,
    /// As above; the change is decided from an uncommitted state, and discarded if it needs a call
    /// or is refused.
    Speculative,
}

/// What the decisions on an operation used, in all attempts together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::lifecycle) struct Used {
    /// The number of decisions.
    decisions: u32,
    /// The computing time in all, in microseconds.
    micros: u64,
    /// The largest memory of a decision, in bytes.
    memory: u64,
    /// The number of calls that were made, in all attempts.
    #[serde(default)]
    pub(in crate::lifecycle) calls: usize,
    /// The number of calls of the last attempt that the journal has an answer to, until retention deletes
    /// them.
    #[serde(default)]
    pub(in crate::lifecycle) answered: usize,
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
    /// The directory has the new state already, so that the goal is the directory.
    pub(in crate::lifecycle) applied: bool,
    /// The version of the resource with the new state, if the directory has it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::lifecycle) recorded: Option<i64>,
    /// The identity provider was told to retry later, and has not had its answer yet.
    pub(in crate::lifecycle) owed: bool,
    /// Whether the app has rejected the attempt for good, so that the next try begins another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::lifecycle) refused: bool,
    /// Whether a call of any attempt may have had an effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::lifecycle) dirty: bool,
    /// Whether no call is in flight: the operation waits for its next try. The request of an exchange
    /// without a response is to be made again then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::lifecycle) idle: bool,
    /// Until then a call without a response may still arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::lifecycle) late_until: Option<String>,
    /// [`AccountRow::stay`] of the resource's account and of the accounts of the members that the app is
    /// told of, by resource, as they were when the attempt began; those that are 0 are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::lifecycle) stays: BTreeMap<String, i64>,
    /// When an identity provider asked for it the last time, if it was told to retry later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::lifecycle) last_asked: Option<String>,
    /// The ids of joined members that are groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::lifecycle) nested: Vec<String>,
    /// Members that join or leave in the directory, and of which the app is not told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::lifecycle) joined_untold: Vec<Member>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::lifecycle) left_untold: Vec<Member>,
    /// `display` of joined members by id, where the client sent another one than the member's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::lifecycle) displays: BTreeMap<String, String>,
    /// What the note says beside the outcome, such as which members were skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::lifecycle) notice: Option<String>,
}

impl Operation {
    pub(in crate::lifecycle) fn id(&self) -> &str {
        &self.context.operation
    }

    /// Whether the resource's row in the directory is yet to be made.
    pub(in crate::lifecycle) fn creates(&self) -> bool {
        creates(self.event.kind, &self.progress)
    }

    /// The idempotency key of the pending request: the same after a crash, and another for each attempt.
    pub(in crate::lifecycle) fn idempotency_key(&self) -> String {
        let (id, n) = (self.id(), self.exchanges.len());
        match self.attempt {
            1 => format!("{id}-{n}"),
            attempt => format!("{id}-{attempt}.{n}"),
        }
    }

    /// Removes the last answer, which was missing, an error or unreadable, so that its request is made
    /// again, with the same key. The journal keeps it beside the request.
    pub(in crate::lifecycle) fn ask_again(&mut self) {
        if self.pending.is_none()
            && let Some(Exchange { request, response }) = self.exchanges.pop()
        {
            (self.pending, self.earlier_response) = (Some(request), Some(response));
        }
    }

    pub(in crate::lifecycle) fn resource_id(&self) -> String {
        subject_id(&self.event.subject)
    }

    /// The version of the resource that an operation is about whose change is in the directory
    /// already.
    pub(in crate::lifecycle) fn recorded_version(&self) -> Option<i64> {
        self.progress.recorded
    }

    /// Whether the operation is about a group of which the app is told.
    pub(in crate::lifecycle) fn tells_members(&self) -> bool {
        self.kind == ResourceKind::Group && self.takes_groups
    }

    /// The note of an outcome.
    pub(in crate::lifecycle) fn note(&self, outcome: &Outcome) -> String {
        match &self.progress.notice {
            Some(notice) => format!("{}; {notice}", outcome.note),
            None => outcome.note.clone(),
        }
    }

    /// The outcome if no connector is asked.
    pub(in crate::lifecycle) fn unasked(&self) -> Outcome {
        let gone = matches!(self.event.kind, EventKind::Delete | EventKind::GroupDelete);
        Outcome {
            account: self.context.account.clone(),
            visibility: if gone { Visibility::Gone } else { Visibility::Present },
            note: self
                .directory_only
                .unwrap_or("recorded; the connector takes no groups")
                .to_owned(),
        }
    }

    /// Why a request is not made that brings the password to an account which is not known to be the tenant's
    /// own.
    pub(in crate::lifecycle) fn misused_password(&self, request: &Request) -> Option<FailureCause> {
        let placeholder = self.event.password.as_deref().filter(|_| !self.own)?;
        let names = typed_view::names(&self.event.subject);
        let misused =
            ownership::sends_password_to_existing(request, placeholder, &self.exchanges, &names);
        misused.then(|| {
            let why =
                "the connector sent the password to an account that is not this organisation's own";
            FailureCause::StoppedByHost(why.to_owned())
        })
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
            event: serde_json::to_string(&*self.asked)?,
            answer: None,
            note: None,
            connector: self.connector.as_ref().map(|connector| connector.digest.clone()),
            log: (!self.log.is_empty()).then(|| serde_json::to_string(&self.log)).transpose()?,
            used: (self.used.decisions > 0)
                .then(|| {
                    serde_json::to_string(&Used { answered: self.exchanges.len(), ..self.used })
                })
                .transpose()?,
            attempt: self.attempt,
            tries: self.tries,
            successor: None,
            due: None,
            sealed: self.sealed.clone(),
            progress: serde_json::to_string(&Progress {
                stays: self.stays(),
                ..self.progress.clone()
            })?,
            job: self.job.clone(),
            created: self.context.now.clone(),
            finished: None,
            unanswered: self.progress.owed,
        })
    }

    fn stays(&self) -> BTreeMap<String, i64> {
        let own = self.account.iter().map(|account| (&account.resource, account.stay));
        let members = self.members.stays.iter().map(|(member, stay)| (member, *stay));
        let counted = own.chain(members).filter(|(_, stay)| *stay != 0);
        counted.map(|(resource, stay)| (resource.clone(), stay)).collect()
    }

    /// Takes the counts of accounts from when the attempt began, which goes on with the calls that it
    /// has made: an account that has lost its groups or came in doubt since is in doubt after the
    /// outcome.
    pub(in crate::lifecycle) fn began_with(&mut self, stays: &BTreeMap<String, i64>) {
        let then = |resource: &str, now: i64| stays.get(resource).map_or(0, |then| now.min(*then));
        if let Some(account) = &mut self.account {
            account.stay = then(&account.resource, account.stay);
        }
        for (member, stay) in &mut self.members.stays {
            *stay = then(member, *stay);
        }
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
            attempt: self.attempt,
            n: u32::try_from(n)?,
            request: serde_json::to_string(request)?,
            response: exchange.map(|e| serde_json::to_string(&e.response)).transpose()?,
            earlier_response: match (exchange, &self.earlier_response) {
                (None, Some(earlier)) => Some(serde_json::to_string(earlier)?),
                _ => None,
            },
            at: rfc3339(at),
        })
    }

    /// Adds to a commit what has to be written once: the operations that this one supersedes, the
    /// attempt before, and the account if it has changed.
    pub(in crate::lifecycle) fn add_unwritten(&self, commit: &mut Commit) {
        commit.supersedes.clone_from(&self.supersedes);
        commit.ended_attempt.clone_from(&self.ended_attempt);
        if self.account_changed && commit.account.is_none() {
            self.add_account(commit);
        }
        let group = self.resource_id();
        commit.doubted.extend(self.doubted.iter().map(|member| DoubtedMember {
            group: group.clone(),
            member: member.clone(),
            late_until: self.progress.late_until.clone(),
        }));
    }

    /// Makes the account of a person who was here before this resource's with the next commit.
    pub(in crate::lifecycle) fn take_account_over(&mut self) {
        let resource = self.resource_id();
        self.account_changed |=
            self.account.as_ref().is_some_and(|account| account.resource != resource);
    }

    /// Notes that a commit with [`Operation::add_unwritten`] is durable.
    pub(in crate::lifecycle) fn note_written(&mut self, commit: &WrittenParts) {
        self.supersedes.clear();
        self.ended_attempt = None;
        self.account_changed = false;
        self.doubted.clear();
        if let Some(account) = &commit.account {
            self.account = Some(account.clone());
        }
    }

    /// Adds the account as it is to a commit. The account of a person who was here before becomes
    /// that of this resource, in doubt until the app was told everything.
    pub(in crate::lifecycle) fn add_account(&self, commit: &mut Commit) {
        let Some(account) = &self.account else { return };
        let resource = self.resource_id();
        let moved = account.resource != resource;
        commit.moved_from = moved.then(|| account.resource.clone());
        commit.account = Some(match moved {
            false => account.clone(),
            true => AccountRow {
                resource,
                user_name: typed_view::name(&self.after).to_owned(),
                external_id: self.after.external_id().map(str::to_owned),
                connected: true,
                doubt: true,
                told: None,
                ..account.clone()
            },
        });
    }
}

/// The parts of a commit that an operation has to know when it is durable.
#[derive(Debug)]
pub(in crate::lifecycle) struct WrittenParts {
    pub(in crate::lifecycle) supersedes: Vec<String>,
    pub(in crate::lifecycle) account: Option<AccountRow>,
}

impl WrittenParts {
    pub(in crate::lifecycle) fn of(commit: &Commit, resource: &str) -> Self {
        let account = commit.account.clone().filter(|account| account.resource == resource);
        Self { supersedes: commit.supersedes.clone(), account }
    }
}

/// The key of the lock of an operation: that of its name until the resource exists, then the
/// resource's.
pub(in crate::lifecycle) fn lock_key(
    tenant: &str,
    kind: ResourceKind,
    event: EventKind,
    progress: &Progress,
    subject: &str,
    resource: impl FnOnce() -> String,
) -> String {
    match creates(event, progress) {
        true => resource_lock::of_subject(tenant, kind, subject),
        false => resource_lock::of_resource(tenant, &resource()),
    }
}

/// Whether the resource's row in the directory is yet to be made.
pub(in crate::lifecycle) fn creates(event: EventKind, progress: &Progress) -> bool {
    matches!(event, EventKind::Create | EventKind::GroupCreate)
        && progress.expected.is_none()
        && !progress.applied
}

/// Whether the event takes something away from the app.
pub(in crate::lifecycle) fn takes_away(kind: EventKind) -> bool {
    kind.deprovisions() || kind == EventKind::GroupDelete
}

/// Whether an event does nothing but take away: also one that only removes members from a group.
pub(in crate::lifecycle) fn only_takes_away(event: &Event) -> bool {
    takes_away(event.kind)
        || event.kind == EventKind::GroupUpdate
            && event.joined.is_empty()
            && !event.left.is_empty()
            && event.changes.iter().all(|change| change == "members")
}

pub(in crate::lifecycle) fn subject_id(subject: &Subject) -> String {
    match subject {
        Subject::User(user) => user.id.clone(),
        Subject::Group(group) => group.id.clone(),
    }
}

/// Whether the resource is not visible any more after the outcome.
pub(in crate::lifecycle) fn gone(kind: EventKind, outcome: &Outcome) -> bool {
    outcome.visibility == Visibility::Gone
        || matches!(kind, EventKind::Delete | EventKind::GroupDelete)
}
