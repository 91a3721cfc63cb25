//! The demo's Okta: sends scripted requests to one tenant over a socket, and collects the effects.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::super::admin::client;
use super::super::local_environment::{LocalEnvironment, into_anyhow};
use super::script::ScriptedRequest;
use crate::decision::Outcome;
use crate::lifecycle::{NewTenantToken, PeopleAction, Preview};
use crate::sample::RecordedCall;
use crate::store::OperationFilter;

/// Okta as a client of one tenant.
pub(super) struct OktaClient {
    pub(super) tenant: &'static str,
    pub(super) organization: &'static str,
    pub(super) token: NewTenantToken,
    ids: HashMap<&'static str, String>,
    operation: Option<String>,
}

/// The response to one request, and its effects.
pub(super) struct ObservedResponse {
    pub(super) status: u16,
    pub(super) body: Value,
    /// The calls that the app received for it.
    pub(super) calls: Vec<RecordedCall>,
    /// The newest operation in the journal, if the request caused one.
    pub(super) decision: Option<JournaledDecision>,
}

/// A connector's decision as the journal has it.
pub(super) struct JournaledDecision {
    pub(super) event: &'static str,
    pub(super) state: &'static str,
    pub(super) note: String,
    pub(super) membership: Option<String>,
}

impl OktaClient {
    pub(super) fn new(
        tenant: &'static str,
        organization: &'static str,
        token: NewTenantToken,
    ) -> Self {
        Self { tenant, organization, token, ids: HashMap::new(), operation: None }
    }

    /// Sends one request and collects its effects.
    pub(super) async fn request(
        &mut self,
        environment: &LocalEnvironment,
        scripted: &ScriptedRequest,
    ) -> anyhow::Result<ObservedResponse> {
        let mark = environment.sample.log().len();
        let (path, query) = self.with_ids(scripted.path).split_once('?').map_or_else(
            || (self.with_ids(scripted.path), String::new()),
            |(path, query)| {
                (path.to_owned(), format!("?{}", query.replace(' ', "%20").replace('"', "%22")))
            },
        );
        let method = scripted.method.parse().context("a method in the script")?;
        let request = client()?
            .request(method, format!("{}{path}{query}", self.token.base_url))
            .header("user-agent", "Okta SCIM Client 1.0.0")
            .header("accept", "application/scim+json")
            .bearer_auth(&self.token.token);
        let request = match scripted.body {
            None => request,
            Some(body) => request
                .header("content-type", "application/scim+json; charset=utf-8")
                .body(self.with_ids(body)),
        };
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body: Value = serde_json::from_str(&response.text().await?).unwrap_or_default();
        if let (Some(name), Some(id)) = (scripted.keep, body["id"].as_str()) {
            self.ids.insert(name, id.to_owned());
        }
        let calls = environment.sample.log().split_off(mark);
        Ok(ObservedResponse { status, body, calls, decision: self.decision(environment).await? })
    }

    /// Disconnects the tenant. Returns the preview, and the number of calls to the app.
    pub(super) async fn disconnect(
        &mut self,
        environment: &LocalEnvironment,
    ) -> anyhow::Result<(Preview, usize)> {
        let mark = environment.sample.log().len();
        let jobs = &environment.host.jobs;
        let preview = jobs.preview_disconnect(self.tenant, PeopleAction::Release).await;
        let preview = into_anyhow(preview)?;
        into_anyhow(jobs.disconnect(self.tenant, PeopleAction::Release, None).await)?;
        while jobs.connected(self.tenant).await?.0 > 0
            || environment.host.config.state_of(self.tenant).await?.is_disconnecting()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.operation = self.newest(environment).await?.map(|(id, _)| id);
        Ok((preview, environment.sample.log().len() - mark))
    }

    async fn decision(
        &mut self,
        environment: &LocalEnvironment,
    ) -> anyhow::Result<Option<JournaledDecision>> {
        let newest = self.newest(environment).await?;
        let Some((id, decision)) = newest.filter(|(id, _)| self.operation.as_ref() != Some(id))
        else {
            return Ok(None);
        };
        self.operation = Some(id);
        Ok(Some(decision))
    }

    async fn newest(
        &self,
        environment: &LocalEnvironment,
    ) -> anyhow::Result<Option<(String, JournaledDecision)>> {
        let filter = OperationFilter {
            tenant: Some(self.tenant.to_owned()),
            limit: 1,
            ..OperationFilter::default()
        };
        let newest = environment.host.store.operations(&filter).await?.into_iter().next();
        Ok(newest.map(|row| {
            let outcome =
                row.answer.as_deref().and_then(|a| serde_json::from_str::<Outcome>(a).ok());
            let membership = outcome
                .and_then(|outcome| outcome.account)
                .map(|account| format!("{:?}", account.membership).to_lowercase());
            let decision = JournaledDecision {
                event: row.kind.name(),
                state: row.state.name(),
                note: row.note.unwrap_or_default(),
                membership,
            };
            (row.id, decision)
        }))
    }

    fn with_ids(&self, text: &str) -> String {
        self.ids
            .iter()
            .fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }
}
