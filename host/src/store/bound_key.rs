//! The fingerprint of the host key that the database needs, and what is sealed with that key.

use anyhow::Result;

use super::Store;

impl Store {
    /// The fingerprint of the host key of this database. None before the first start.
    pub async fn host_key_fingerprint(&self) -> Result<Option<Vec<u8>>> {
        let query = sqlx::query_scalar("SELECT fingerprint FROM host_key");
        Ok(query.fetch_optional(&mut *self.pool.take().await?).await?)
    }

    /// Binds the database to the host key with this fingerprint, in place of the key before.
    pub async fn bind_host_key(&self, fingerprint: Vec<u8>) -> Result<()> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT OR REPLACE INTO host_key (one, fingerprint) VALUES (1, $1)",
                    )
                    .bind(fingerprint)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// How many unfinished operations wait with a password that is sealed with the host key.
    pub async fn count_sealed(&self) -> Result<u64> {
        // The first condition is that of an index.
        let query = sqlx::query_scalar::<_, i64>(
            "SELECT count(*) FROM operation WHERE state <> 'done' AND sealed IS NOT NULL",
        );
        let sealed = query.fetch_one(&mut *self.pool.take().await?).await?;
        Ok(u64::try_from(sealed)?)
    }
}
