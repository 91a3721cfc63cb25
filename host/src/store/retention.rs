//! What the journal need not keep for ever.

use anyhow::Result;

use super::Store;

impl Store {
    /// Forgets the exchanges of an app's operations that are over and came before this identifier,
    /// those of so many operations at most; of how many exchanges there was something to forget.
    /// What an operator may still take up keeps them.
    pub async fn forget_exchanges(&self, app: &str, before: &str, operations: u32) -> Result<u64> {
        // Mostly there is nothing, and then nothing is written.
        let some = sqlx::query(
            "SELECT 1 FROM exchange e JOIN operation o ON o.id = e.operation
             WHERE e.operation < $2 AND o.app = $1 AND o.state IN ('done', 'refused', 'dropped')
             LIMIT 1",
        );
        let some = some.bind(app).bind(before);
        if some.fetch_optional(&mut *self.pool.take().await?).await?.is_none() {
            return Ok(0);
        }
        let (app, before) = (app.to_owned(), before.to_owned());
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let forgotten = sqlx::query(
                        "DELETE FROM exchange WHERE operation IN (
                             SELECT DISTINCT e.operation FROM exchange e
                             JOIN operation o ON o.id = e.operation
                             WHERE e.operation < $2 AND o.app = $1
                                 AND o.state IN ('done', 'refused', 'dropped')
                             ORDER BY e.operation LIMIT $3 + 0
                         )",
                    );
                    let forgotten = forgotten.bind(app).bind(before).bind(operations);
                    Ok(forgotten.execute(connection).await?.rows_affected())
                })
            })
            .await
    }
}
