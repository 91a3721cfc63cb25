//! When tokens were last presented: noted in memory with each request, written once a minute.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::Configuration;
use super::credential::Credential;
use crate::clock::rfc3339;
use crate::store::CredentialRow;

/// How often it is written: one transaction for all tokens, whoever calls how often.
const ROUND: Duration = Duration::from_secs(60);

impl Configuration {
    /// The tokens of a tenant, oldest first.
    pub async fn tokens(&self, tenant: &str) -> anyhow::Result<Vec<CredentialRow>> {
        let mut tokens = self.store.credentials().await?;
        tokens.retain(|token| token.tenant.as_deref() == Some(tenant));
        let snapshot = self.snapshot();
        for token in &mut tokens {
            let known = snapshot.credentials.get(&token.id);
            let noted = known.and_then(|known| moment(known.used.load(Ordering::Relaxed)));
            token.last_used = noted.or_else(|| token.last_used.take());
        }
        Ok(tokens)
    }

    /// Writes when tokens were used, until the host stops.
    pub(in crate::lifecycle) fn keep_token_uses(self: &Arc<Self>) {
        let config = Arc::clone(self);
        self.tasks.spawn(async move {
            while !config.tasks.are_stopping() {
                tokio::select! {
                    () = tokio::time::sleep(ROUND) => {}
                    () = config.tasks.stopped() => {}
                }
                if let Err(error) = config.write_token_uses().await {
                    tracing::warn!(error = format!("{error:#}"), "when tokens were used is lost");
                }
            }
        });
    }

    async fn write_token_uses(&self) -> anyhow::Result<()> {
        let snapshot = self.snapshot();
        let take = |token: &Credential| {
            Some((token.row.id.clone(), moment(token.used.swap(0, Ordering::Relaxed))?))
        };
        let uses: HashMap<String, String> =
            snapshot.credentials.values().filter_map(take).collect();
        if uses.is_empty() { Ok(()) } else { self.store.credentials_used(uses).await }
    }
}

fn moment(second: i64) -> Option<String> {
    let at = Timestamp::from_second(second).ok()?;
    (second > 0).then(|| rfc3339(at))
}
