//! The fingerprint of the host key that the database needs, and what is sealed with that key.

use anyhow::Result;
use rusqlite::Connection;

use super::Store;
use super::value::count_of;

impl Store {
    /// The fingerprint of the host key of this database. None before the first start.
    pub async fn host_key_fingerprint(&self) -> Result<Option<Vec<u8>>> {
        let query = sqlx::query_scalar("SELECT fingerprint FROM host_key");
        Ok(query.fetch_optional(&mut *self.pool.take().await?).await?)
    }

    /// Binds the database to the host key with this fingerprint, in place of the key before.
    pub async fn bind_host_key(&self, fingerprint: Vec<u8>) -> Result<()> {
        self.writer
            .configure(move |connection| {
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
        let count = |connection: &Connection| {
            let sql = "SELECT count(*) FROM unfinished_operation WHERE sealed IS NOT NULL";
            connection.query_row(sql, [], |row| count_of(row, 0))
        };
        self.reader.host(count).await
    }
}
