//! Previews of single changes: the connector's first decision, in words.

use std::sync::Arc;

use super::Operations;
use super::change::Change;
use super::disposition::FailureCause;
use super::stop::why;
use crate::connector::Question;
use crate::decision::Step;
use crate::lifecycle::config::snapshot::Tenant;
use crate::store::AccountRow;

/// A decision in words.
#[derive(Debug)]
pub(in crate::lifecycle) struct PreviewedDecision {
    /// The outcome's note, the first call, or why the connector refuses.
    pub(in crate::lifecycle) decision: String,
    /// Whether the connector refuses or fails.
    pub(in crate::lifecycle) refused: bool,
}

impl Operations {
    /// Asks the connector for its first step. Nothing changes and no call leaves.
    pub(in crate::lifecycle) async fn preview(
        &self,
        tenant: &Arc<Tenant>,
        change: Change,
        account: AccountRow,
    ) -> anyhow::Result<PreviewedDecision> {
        let change = Change { account: Some(account), ..change };
        let operation = self.new_operation(tenant, change).await?;
        let Some(connector) = &operation.connector else {
            let decision = "no connector decides".to_owned();
            return Ok(PreviewedDecision { decision, refused: true });
        };
        let budget = operation.tenant.app.limits.decision;
        let question = Question {
            context: Arc::clone(&operation.context),
            event: Arc::clone(&operation.asked),
            exchanges: Arc::default(),
        };
        let runtime = self.config.connectors().runtime();
        let (decision, refused) = match runtime.decide(connector, question, budget).await.answer {
            Ok(Ok(Step::Done(outcome))) => (outcome.note, false),
            Ok(Ok(Step::Call(call))) => (format!("{} {}", call.method, call.path), false),
            Ok(Err(refusal)) => (why(&FailureCause::Refused(refusal)), true),
            Err(failure) => (format!("failed: {failure}"), true),
        };
        Ok(PreviewedDecision { decision, refused })
    }
}
