//! What is compared when: the commits that leave a disagreement put its resources into the queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::Operations;
use super::effects;
use super::journaled::Operation;
use super::reachability::AppCall;
use crate::clock::{later_by, rfc3339};
use crate::decision::{EventKind, Request, ResourceKind};
use crate::delivery::{DeliveryReport, requested_wait};
use crate::store::{Commit, PersonGroups};

/// What is compared after a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lifecycle) enum Wake {
    Nothing,
    /// The resource itself, at this time; an empty time is now.
    Late(String),
    /// The groups of the person.
    Groups,
}

impl Operations {
    /// Compares a resource soon.
    pub(in crate::lifecycle) fn wake(&self, tenant: &str, kind: ResourceKind, resource: &str) {
        self.queue.add(tenant, kind, resource);
    }

    /// Compares the resource of an operation that has ended without an outcome, and of the memberships
    /// that it leaves in doubt.
    pub(in crate::lifecycle) fn wake_resource(&self, operation: &Operation) {
        self.queue.add(&operation.tenant.id, operation.kind, &operation.resource_id());
    }

    /// Notes that an operation has ended: what could not be compared while it was open is compared.
    pub(in crate::lifecycle) fn ended(&self, operation: &Operation) {
        self.unfinished.remove(operation.id());
        let (tenant, resource) = (&operation.tenant.id, operation.resource_id());
        self.queue.operation_ended(tenant, operation.kind, &resource);
    }

    /// What is to be compared once the outcome of an operation is durable: the groups of a person who is
    /// in the app again, the other members of a group, and an account whose outcome a late call may
    /// overtake. To be asked before the commit is written, after which the operation has the account
    /// that the commit leaves.
    pub(in crate::lifecycle) fn wake_of(operation: &Operation, commit: &Commit) -> Wake {
        if let Some(account) = &commit.account
            && account.doubt
        {
            return Wake::Late(account.late_until.clone().unwrap_or_default());
        }
        match operation.kind {
            ResourceKind::User if may_bring_back(operation) => Wake::Groups,
            // What differed while the operation was open, or the one that it supersedes, was not
            // compared.
            ResourceKind::Group
                if operation.journaled
                    || !commit.supersedes.is_empty()
                    || !commit.settled.is_empty()
                    || !commit.doubted.is_empty()
                    || commit.person_groups == Some(PersonGroups::GroupLost) =>
            {
                Wake::Late(String::new())
            }
            _ => Wake::Nothing,
        }
    }

    /// Compares what the outcome of an operation leaves.
    pub(in crate::lifecycle) fn wake_after(self: &Arc<Self>, operation: &Operation, wake: &Wake) {
        let (tenant, resource) = (&operation.tenant.id, operation.resource_id());
        match wake {
            Wake::Nothing => {}
            Wake::Late(at) => self.queue.add_late(tenant, operation.kind, &resource, at),
            Wake::Groups => {
                self.arrivals.fetch_add(1, Ordering::SeqCst);
                // Most tenants have no membership that waits for its person.
                if self.store.may_be_unsettled(tenant) {
                    self.wake_groups_of(tenant, &resource);
                }
            }
        }
    }

    /// How many people have come into an app, or back. A group change that leaves a person untold who
    /// is not in the app notes it before it looks who is.
    pub(in crate::lifecycle) fn arrivals(&self) -> u64 {
        self.arrivals.load(Ordering::SeqCst)
    }

    /// Compares a group after a durable change that left members untold, if any person has returned
    /// since the change looked at them: that return found no membership that waits.
    pub(in crate::lifecycle) fn wake_untold(&self, operation: &Operation) {
        let members = &operation.members;
        let untold = !members.joined_untold.is_empty() || !members.left_untold.is_empty();
        if untold && members.arrivals != self.arrivals() {
            self.wake_resource(operation);
        }
    }

    /// Compares the groups whose membership of a person the app has unlike the directory.
    pub(in crate::lifecycle) fn wake_groups_of(self: &Arc<Self>, tenant: &str, person: &str) {
        let (operations, tenant, person) = (Arc::clone(self), tenant.to_owned(), person.to_owned());
        let running = self.queue.run();
        self.tasks.spawn(async move {
            let _running = running;
            match operations.store.groups_unsettled_of(&tenant, &person).await {
                Ok(groups) => {
                    for group in groups {
                        operations.queue.add(&tenant, ResourceKind::Group, &group);
                    }
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        tenant,
                        error,
                        "operation: a person's groups could not be read"
                    );
                }
            }
        });
    }

    /// Compares everything of a tenant, or of all, that is known to differ. Returns how much that is.
    pub(in crate::lifecycle) async fn wake_all(
        &self,
        tenant: Option<&str>,
    ) -> anyhow::Result<usize> {
        for (tenant, kind, resource) in self.store.in_doubt(tenant).await? {
            self.queue.add(&tenant, kind, &resource);
        }
        for (tenant, group) in self.store.unsettled_groups(tenant).await? {
            self.queue.add(&tenant, ResourceKind::Group, &group);
        }
        Ok(self.queue.len())
    }

    /// Notes whether an app answered a call. If it does again, its open operations are due, but for
    /// the time that it asked to wait.
    pub(in crate::lifecycle) fn note_reachability(
        self: &Arc<Self>,
        app: &str,
        request: &Request,
        report: &DeliveryReport,
    ) {
        let answered = report
            .response
            .as_ref()
            .is_ok_and(|response| response.status < 500 && response.status != 429);
        let ended = Instant::now();
        let began = ended.checked_sub(report.elapsed).unwrap_or(ended);
        let call = AppCall { app, only_reads: effects::only_reads(request), began, ended };
        if !answered {
            let requested = report.response.as_ref().ok().and_then(requested_wait);
            self.unreachable.failed(call, requested, self.config.options().back_off);
            return;
        }
        let Some(wait) = self.unreachable.answered(call) else { return };
        let (operations, app) = (Arc::clone(self), app.to_owned());
        self.tasks.spawn(async move {
            let at = rfc3339(later_by(operations.clock.now(), wait));
            match operations.store.make_app_due(&app, &at).await {
                Ok(due) => tracing::info!(app, due, "operation: the app answers again"),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(app, error, "operation: what waits could not be made due");
                }
            }
        });
    }
}

/// Whether a person may be in the app from now on who was not there, or was to leave, while groups
/// that have the person wait.
fn may_bring_back(operation: &Operation) -> bool {
    if operation.directory_only.is_some() {
        return operation.takes_groups && operation.after.active();
    }
    let comes = match operation.event.kind {
        // An update may have taken the place of a leave that did not reach the app.
        EventKind::Activate | EventKind::Update | EventKind::Password => true,
        EventKind::Create => {
            operation.progress.recorded.is_some() && operation.progress.expected.is_some()
                || operation.journaled
                || operation.account.is_some()
        }
        _ => false,
    };
    operation.takes_groups && comes
}
