//! What is compared when: the commits that leave a disagreement put its resources into the queue.

use std::sync::Arc;

use super::Operations;
use super::journaled::Operation;
use crate::clock::rfc3339;
use crate::decision::{EventKind, ResourceKind};
use crate::delivery::DeliveryReport;
use crate::store::{Commit, PersonGroups};

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

    /// Compares what the outcome of an operation leaves: the groups of a person who is in the app
    /// again, the other members of a group, and an account whose outcome a late call may overtake.
    pub(in crate::lifecycle) fn wake_after(
        self: &Arc<Self>,
        operation: &Operation,
        commit: &Commit,
    ) {
        let (tenant, resource) = (&operation.tenant.id, operation.resource_id());
        if let Some(account) = &commit.account
            && account.doubt
        {
            let at = account.late_until.as_deref().unwrap_or_default();
            self.queue.add_late(tenant, operation.kind, &resource, at);
            return;
        }
        match operation.kind {
            ResourceKind::User if self.may_bring_back(operation, commit) => {
                self.wake_groups_of(tenant, &resource);
            }
            // What differed while the operation was open was not compared.
            ResourceKind::Group
                if operation.journaled
                    || !commit.settled.is_empty()
                    || commit.person_groups == Some(PersonGroups::GroupLost) =>
            {
                self.queue.add(tenant, operation.kind, &resource);
            }
            _ => {}
        }
    }

    /// Whether the outcome may bring a person into the app who was not there, while groups that have
    /// the person wait.
    fn may_bring_back(&self, operation: &Operation, commit: &Commit) -> bool {
        let takes_groups = operation
            .connector
            .as_ref()
            .is_some_and(|connector| connector.manifest.features.groups);
        let comes = match operation.event.kind {
            EventKind::Activate => true,
            EventKind::Create => {
                operation.progress.recorded.is_some() && operation.progress.expected.is_some()
                    || operation.journaled
                    || operation.account.is_some()
            }
            EventKind::Update | EventKind::Password => {
                commit.person_groups == Some(PersonGroups::Lost)
                    || operation.account.as_ref().is_some_and(|account| account.doubt)
            }
            _ => false,
        };
        takes_groups && comes
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

    /// Notes whether an app answered a call. If it does again, its open operations are due.
    pub(in crate::lifecycle) fn note_reachability(
        self: &Arc<Self>,
        app: &str,
        report: &DeliveryReport,
    ) {
        let answered = report
            .response
            .as_ref()
            .is_ok_and(|response| response.status < 500 && response.status != 429);
        if !self.unreachable.note(app, answered) {
            return;
        }
        let (operations, app) = (Arc::clone(self), app.to_owned());
        self.tasks.spawn(async move {
            let now = rfc3339(operations.clock.now());
            match operations.store.make_app_due(&app, &now).await {
                Ok(due) => tracing::info!(app, due, "operation: the app answers again"),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(app, error, "operation: what waits could not be made due");
                }
            }
        });
    }
}
