//! Retention: the exchanges of finished operations are deleted after some time.
//!
//! Exchanges are most of the journal, and contain personal data word for word. Operations with
//! their outcomes and reasons are small, and stay for ever. The time is a limit of the app, 400
//! days by default. Operations that an operator may still retry keep their exchanges; a replay
//! leaves out operations that have lost theirs.
//!
//! Exchanges are found by ranges of their tenant's operations, and deleted one operation at a time: rows of
//! all tenants are in one table in the order of time, each app has a time of its own, and among old
//! operations some are still open. So no range of the table is old as a whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::Operations;
use crate::clock::{first_id_of, rfc3339};
use crate::store::Forgettable;

/// The time between two rounds over the journal.
const ROUND: Duration = Duration::from_secs(60 * 60);
/// After so many rounds, all operations are looked at again: once a day.
const ROUNDS: u32 = 24;
/// The operations of one deletion: few, so that a write that waits behind it does not wait long.
const BATCH: u32 = 100;
/// The pause between two deletions, in which other reads and writes run.
const PAUSE: Duration = Duration::from_millis(20);

impl Operations {
    /// Deletes old exchanges until the host stops.
    pub(in crate::lifecycle) fn forget_in_time(self: &Arc<Self>) {
        let operations = Arc::clone(self);
        self.tasks.keep_running("journal retention", move || {
            let operations = Arc::clone(&operations);
            async move {
                tokio::select! {
                    () = operations.forget_in_rounds() => {}
                    () = operations.tasks.stopped() => {}
                }
            }
        });
    }

    async fn forget_in_rounds(&self) {
        // The last operation of each tenant that was looked at. Operations that were open
        // then and have finished since are found when all are looked at again.
        let mut reached = HashMap::new();
        for round in 0_u32.. {
            if round.is_multiple_of(ROUNDS) {
                reached.clear();
            }
            if let Err(error) = self.forget_what_is_old(&mut reached).await {
                let error = format!("{error:#}");
                tracing::warn!(error, "operation: old exchanges could not be deleted");
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    async fn forget_what_is_old(
        &self,
        reached: &mut HashMap<String, String>,
    ) -> anyhow::Result<()> {
        for (tenant, app) in self.store.journaled_tenants().await? {
            // The default applies to the operations of an app that was removed.
            let limits =
                self.config.snapshot().apps.get(&app).map(|it| it.limits).unwrap_or_default();
            let over = self.clock.now() - SignedDuration::try_from(limits.exchanges)?;
            let after = reached.entry(tenant.clone()).or_default();
            let mut what = Forgettable {
                tenant,
                after: after.clone(),
                before: first_id_of(over),
                finished: rfc3339(over),
            };
            let mut forgotten = 0;
            loop {
                let (gone, last) = self.store.forget_exchanges(&what, BATCH).await?;
                forgotten += gone;
                let Some(last) = last else { break };
                what.after.clone_from(&last);
                *after = last;
                tokio::time::sleep(PAUSE).await;
            }
            if forgotten > 0 {
                let tenant = what.tenant;
                tracing::info!(tenant, forgotten, "operation: old exchanges deleted");
            }
        }
        Ok(())
    }
}
