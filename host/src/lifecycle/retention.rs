//! What the journal lets go of: the exchanges of operations that are long over. The operations
//! themselves stay, with what was decided and why.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::Host;
use super::registry::App;
use crate::clock::first_id_of;

/// How often it is looked for.
const ROUND: Duration = Duration::from_secs(60 * 60);
/// Operations whose exchanges go at once: a write that waits behind does not wait long.
const BATCH: u32 = 100;
/// Between two of them, so that others write.
const PAUSE: Duration = Duration::from_millis(50);

impl Host {
    /// Forgets what need not be kept, until the host stops.
    pub(super) fn forget_in_time(self: &Arc<Self>) {
        let host = Arc::clone(self);
        self.tasks.spawn(async move {
            let rounds = async {
                loop {
                    for app in host.registry().apps.values() {
                        if let Err(error) = host.forget_exchanges(app).await {
                            let (app, error) = (&app.name, format!("{error:#}"));
                            tracing::warn!(app, error, "old exchanges could not be forgotten");
                        }
                    }
                    tokio::time::sleep(ROUND).await;
                }
            };
            tokio::select! {
                () = rounds => {}
                () = host.stopping.cancelled() => {}
            }
        });
    }

    async fn forget_exchanges(&self, app: &App) -> anyhow::Result<()> {
        let kept = SignedDuration::try_from(app.limits.exchanges)?;
        let before = first_id_of(self.clock.now() - kept);
        let mut forgotten = 0;
        loop {
            let some = self.store.forget_exchanges(&app.name, &before, BATCH).await?;
            forgotten += some;
            if some == 0 {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        if forgotten > 0 {
            tracing::info!(app = app.name, forgotten, "forgot exchanges of operations long over");
        }
        Ok(())
    }
}
