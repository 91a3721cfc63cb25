//! What the journal lets go of: the exchanges of operations that are long over. The operations
//! themselves stay, with what was decided and why.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::Operations;
use crate::clock::{first_id_of, rfc3339};
use crate::store::Forgettable;

/// How often it is looked for.
const ROUND: Duration = Duration::from_secs(60 * 60);
/// Operations that are looked at, and whose exchanges may go, at once: a write that waits behind
/// does not wait long.
const BATCH: u32 = 100;
/// Between two of them, so that others read and write.
const PAUSE: Duration = Duration::from_millis(20);

impl Operations {
    /// Forgets what need not be kept, until the host stops.
    pub(in crate::lifecycle) fn forget_in_time(self: &Arc<Self>) {
        let operations = Arc::clone(self);
        self.tasks.spawn(async move {
            let rounds = async {
                // How far each tenant was looked through. What was open then, and is over by now,
                // is found after the next start.
                let mut reached = HashMap::new();
                loop {
                    if let Err(error) = operations.forget_what_is_old(&mut reached).await {
                        let error = format!("{error:#}");
                        tracing::warn!(error, "old exchanges could not be forgotten");
                    }
                    tokio::time::sleep(ROUND).await;
                }
            };
            tokio::select! {
                () = rounds => {}
                () = operations.tasks.stopped() => {}
            }
        });
    }

    async fn forget_what_is_old(
        &self,
        reached: &mut HashMap<String, String>,
    ) -> anyhow::Result<()> {
        for (tenant, app) in self.store.journaled_tenants().await? {
            // What is left of an app that is gone is kept as it is by default.
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
                tracing::info!(tenant, forgotten, "forgot exchanges of operations long over");
            }
        }
        Ok(())
    }
}
