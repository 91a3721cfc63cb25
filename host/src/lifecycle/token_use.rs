//! When tokens were last presented: noted in memory with each request, written once a minute.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::Host;
use super::registry::Registry;
use crate::clock::rfc3339;
use crate::store::CredentialRow;

/// How often it is written: one transaction for all tokens, whoever calls how often.
const ROUND: Duration = Duration::from_secs(60);

/// A token that may be presented.
#[derive(Debug)]
pub struct Credential {
    /// As it is stored.
    pub row: CredentialRow,
    /// The second of its last use that is not yet stored; 0 where all is. Shared with the
    /// registry before, so that a reload forgets nothing.
    used: Arc<AtomicI64>,
}

impl Credential {
    /// A token that was read from the store, with what the registry before knows of its use.
    pub(super) fn new(row: CredentialRow, before: &Registry) -> Self {
        let used = before.credentials.get(&row.id).map(|known| Arc::clone(&known.used));
        Self { row, used: used.unwrap_or_default() }
    }

    /// Notes that it was presented. It waits for nothing.
    pub fn note_use(&self, now: Timestamp) {
        let second = now.as_second();
        // Most requests find the second noted, and leave the line of memory to all cores.
        if self.used.load(Ordering::Relaxed) != second {
            self.used.store(second, Ordering::Relaxed);
        }
    }
}

impl Host {
    /// The tokens of a tenant, oldest first.
    pub async fn tokens(&self, tenant: &str) -> anyhow::Result<Vec<CredentialRow>> {
        let mut tokens = self.store.credentials().await?;
        tokens.retain(|token| token.tenant.as_deref() == Some(tenant));
        let registry = self.registry();
        for token in &mut tokens {
            let known = registry.credentials.get(&token.id);
            let noted = known.and_then(|known| moment(known.used.load(Ordering::Relaxed)));
            token.last_used = noted.or_else(|| token.last_used.take());
        }
        Ok(tokens)
    }

    /// Writes when tokens were used, until the host stops.
    pub(super) fn keep_token_uses(self: &Arc<Self>) {
        let host = Arc::clone(self);
        self.tasks.spawn(async move {
            while !host.stopping.is_cancelled() {
                tokio::select! {
                    () = tokio::time::sleep(ROUND) => {}
                    () = host.stopping.cancelled() => {}
                }
                if let Err(error) = host.write_token_uses().await {
                    tracing::warn!(error = format!("{error:#}"), "when tokens were used is lost");
                }
            }
        });
    }

    async fn write_token_uses(&self) -> anyhow::Result<()> {
        let registry = self.registry();
        let take = |token: &Credential| {
            Some((token.row.id.clone(), moment(token.used.swap(0, Ordering::Relaxed))?))
        };
        let uses: HashMap<String, String> =
            registry.credentials.values().filter_map(take).collect();
        if uses.is_empty() { Ok(()) } else { self.store.credentials_used(uses).await }
    }
}

fn moment(second: i64) -> Option<String> {
    let at = Timestamp::from_second(second).ok()?;
    (second > 0).then(|| rfc3339(at))
}
