//! Plays Okta's part against one tenant, over a real socket, and watches what happens.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::Value;

use super::super::admin::client;
use super::super::stage::Stage;
use super::script::Ask;
use crate::decision::Outcome;
use crate::lifecycle::{Error, NewTenantToken, PeopleAction, Preview};
use crate::sample::Call;
use crate::store::OperationFilter;

/// Okta, talking to one tenant.
pub(super) struct Player {
    pub(super) connector: &'static str,
    pub(super) organization: &'static str,
    pub(super) token: NewTenantToken,
    ids: HashMap<&'static str, String>,
    operation: Option<String>,
}

/// What became of one request.
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) body: Value,
    /// What the app was asked meanwhile.
    pub(super) calls: Vec<Call>,
    /// What the journal says, where it says something new.
    pub(super) decision: Option<Decision>,
}

/// What the connector decided.
pub(super) struct Decision {
    pub(super) event: &'static str,
    pub(super) state: &'static str,
    pub(super) note: String,
    pub(super) membership: Option<String>,
}

impl Player {
    pub(super) fn new(
        connector: &'static str,
        organization: &'static str,
        token: NewTenantToken,
    ) -> Self {
        Self { connector, organization, token, ids: HashMap::new(), operation: None }
    }

    /// Sends one request and collects all that it caused.
    pub(super) async fn ask(&mut self, stage: &Stage, ask: &Ask) -> anyhow::Result<Seen> {
        let mark = stage.sample.log().len();
        let (path, query) = self.with_ids(ask.path).split_once('?').map_or_else(
            || (self.with_ids(ask.path), String::new()),
            |(path, query)| {
                (path.to_owned(), format!("?{}", query.replace(' ', "%20").replace('"', "%22")))
            },
        );
        let method = ask.method.parse().context("a method in the script")?;
        let request = client()?
            .request(method, format!("{}{path}{query}", self.token.base_url))
            .header("user-agent", "Okta SCIM Client 1.0.0")
            .header("accept", "application/scim+json")
            .bearer_auth(&self.token.token);
        let request = match ask.body {
            None => request,
            Some(body) => request
                .header("content-type", "application/scim+json; charset=utf-8")
                .body(self.with_ids(body)),
        };
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body: Value = serde_json::from_str(&response.text().await?).unwrap_or_default();
        if let (Some(name), Some(id)) = (ask.keep, body["id"].as_str()) {
            self.ids.insert(name, id.to_owned());
        }
        let calls = stage.sample.log().split_off(mark);
        Ok(Seen { status, body, calls, decision: self.decision(stage).await? })
    }

    /// Lets the whole integration end, and counts what the app was asked for it.
    pub(super) async fn disconnect(&mut self, stage: &Stage) -> anyhow::Result<(Preview, usize)> {
        let mark = stage.sample.log().len();
        let preview =
            stage.host.jobs.preview_disconnect(self.connector, PeopleAction::Release).await;
        let preview = preview.map_err(said)?;
        stage
            .host
            .jobs
            .disconnect(self.connector, PeopleAction::Release, None)
            .await
            .map_err(said)?;
        while stage.host.jobs.connected(self.connector).await?.0 > 0
            || stage.host.config.state_of(self.connector).await?.is_disconnecting()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.operation = self.newest(stage).await?.map(|(id, _)| id);
        Ok((preview, stage.sample.log().len() - mark))
    }

    async fn decision(&mut self, stage: &Stage) -> anyhow::Result<Option<Decision>> {
        let newest = self.newest(stage).await?;
        let Some((id, decision)) = newest.filter(|(id, _)| self.operation.as_ref() != Some(id))
        else {
            return Ok(None);
        };
        self.operation = Some(id);
        Ok(Some(decision))
    }

    async fn newest(&self, stage: &Stage) -> anyhow::Result<Option<(String, Decision)>> {
        let filter = OperationFilter {
            tenant: Some(self.connector.to_owned()),
            limit: 1,
            ..OperationFilter::default()
        };
        let newest = stage.host.store.operations(&filter).await?.into_iter().next();
        Ok(newest.map(|row| {
            let outcome =
                row.answer.as_deref().and_then(|a| serde_json::from_str::<Outcome>(a).ok());
            let membership = outcome
                .and_then(|outcome| outcome.account)
                .map(|account| format!("{:?}", account.membership).to_lowercase());
            let decision = Decision {
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

fn said(fault: Error) -> anyhow::Error {
    match fault {
        Error::Client(error) => anyhow!("{}", error.detail),
        Error::Internal(error) => error,
    }
}
