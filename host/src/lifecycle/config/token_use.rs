//! The last uses of tokens: noted in memory with each request, and written once a minute.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Configuration;
use super::credential::{Credential, TokenUse};
use crate::clock::rfc3339;
use crate::store::CredentialRow;

/// The interval of writing: one transaction for all tokens, however often they were presented.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// The uses of tokens that are not stored yet, by token id, and the failed ones.
#[derive(Debug, Default)]
pub(super) struct TokenUses(Mutex<HashMap<String, Arc<TokenUse>>>);

impl TokenUses {
    /// A credential of this row, whose uses are noted here.
    pub(super) fn credential(&self, row: CredentialRow) -> Credential {
        let uses = Arc::clone(self.locked().entry(row.id.clone()).or_default());
        Credential { row, uses }
    }

    /// The uses of a token since the host started; none if they are forgotten.
    fn of(&self, token: &str) -> Option<Arc<TokenUse>> {
        self.locked().get(token).map(Arc::clone)
    }

    /// Takes the uses, and forgets tokens that are not loaded any more.
    fn take(&self) -> HashMap<String, String> {
        let mut uses = self.locked();
        let take = |(token, used): (&String, &Arc<TokenUse>)| {
            Some((token.clone(), timestamp_text(used.unstored.swap(0, Ordering::Relaxed))?))
        };
        let taken = uses.iter().filter_map(take).collect();
        uses.retain(|_, used| Arc::strong_count(used) > 1);
        taken
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Arc<TokenUse>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Configuration {
    /// The tokens of a tenant, or of the admin API if there is no tenant; oldest first.
    pub async fn tokens(&self, tenant: Option<&str>) -> anyhow::Result<Vec<Credential>> {
        let rows = self.store.credentials_of(tenant).await?.into_iter();
        Ok(rows.map(|row| self.with_last_use(row)).collect())
    }

    fn with_last_use(&self, mut row: CredentialRow) -> Credential {
        let uses = self.token_uses.of(&row.id).unwrap_or_default();
        let unstored = timestamp_text(uses.unstored.load(Ordering::Relaxed));
        row.last_used = unstored.or_else(|| row.last_used.take());
        Credential { row, uses }
    }

    /// Writes when tokens were used, until the host stops.
    pub(in crate::lifecycle) fn keep_token_uses(self: &Arc<Self>) {
        let config = Arc::clone(self);
        self.tasks.keep_running("last uses of tokens", move || {
            let config = Arc::clone(&config);
            async move {
                while !config.tasks.are_stopping() {
                    config.tasks.wait(WRITE_INTERVAL).await;
                    if let Err(error) = config.write_token_uses().await {
                        let error = format!("{error:#}");
                        tracing::warn!(error, "config: last uses of tokens could not be written");
                    }
                }
            }
        });
    }

    async fn write_token_uses(&self) -> anyhow::Result<()> {
        let uses = self.token_uses.take();
        if uses.is_empty() { Ok(()) } else { self.store.credentials_used(uses).await }
    }
}

fn timestamp_text(second: i64) -> Option<String> {
    let at = Timestamp::from_second(second).ok()?;
    (second > 0).then(|| rfc3339(at))
}
