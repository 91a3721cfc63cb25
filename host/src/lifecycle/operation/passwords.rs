//! Passwords of operations: sealed in the journal, and unsealed for the request that carries them.

use super::Operations;
use super::journaled::Operation;
use crate::decision::Request;
use crate::delivery::{Placeholder, Secret};

impl Operations {
    /// The placeholders that a request of the operation may hold, with their passwords and the fields
    /// for them.
    pub(super) fn placeholders(
        &self,
        operation: &Operation,
        request: &Request,
    ) -> anyhow::Result<Vec<Placeholder>> {
        let (Some(sealed), Some(placeholder)) = (&operation.sealed, &operation.event.password)
        else {
            return Ok(Vec::new());
        };
        let value = Secret::new(String::from_utf8(self.config.key().unseal(sealed)?)?);
        let fields = operation.connector.as_ref().map(|connector| {
            connector.manifest.password_fields(&request.endpoint, &request.method)
        });
        let (text, fields) = (placeholder.clone(), fields.unwrap_or_default());
        Ok(vec![Placeholder { text, value, fields }])
    }
}
