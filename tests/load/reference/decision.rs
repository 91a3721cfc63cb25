//! The additional work of the configuration *baseline*: a decision of the roster connector in a
//! fresh wasmtime instance, and the account and the journal row that result from it.
//!
//! It does that work as directly as possible: no SCIM, no limits of the sandbox, no resource locks,
//! no tokens, and only the requests of this benchmark.

use anyhow::{Context as _, bail};
use muster::clock::{Clock, rfc3339};
use muster::decision::{
    Account, Context, Event, EventKind, Group, Member, Membership, ResourceKind, Subject, User,
};
use muster::embedded;
use muster::store::{OperationRow, OperationState};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::bare::{Bare, types};

/// Decides with the roster connector.
pub(super) struct Decider {
    bare: Bare,
    clock: Clock,
}

/// A change about which the connector decides.
pub(super) struct ChangedResource {
    pub(super) kind: EventKind,
    pub(super) before: Option<String>,
    pub(super) after: String,
    /// The changed attribute.
    pub(super) changes: &'static str,
    pub(super) joined: Vec<Member>,
    pub(super) account: Option<Account>,
}

/// The account and the journal row that are written together with the change.
pub(super) struct JournalRecord {
    pub(super) operation: OperationRow,
    /// The body of its row, in the form in which muster's journal has it.
    pub(super) body: Vec<u8>,
    pub(super) account: String,
    pub(super) membership: &'static str,
}

/// The attributes of a document that a connector is given.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    id: String,
    user_name: Option<String>,
    external_id: Option<String>,
    display_name: Option<String>,
    name: Option<Name>,
    emails: Option<Vec<Email>>,
    active: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    given_name: Option<String>,
    family_name: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    value: Option<String>,
}

impl Decider {
    pub(super) fn new() -> anyhow::Result<Self> {
        let roster = embedded::CONNECTORS.iter().find(|connector| connector.name == "roster");
        let bare = Bare::new(roster.context("the roster connector is not embedded")?.wasm)?;
        Ok(Self { bare, clock: Clock::system() })
    }

    /// Asks the connector about a change, and returns the rows to write.
    pub(super) fn decide(&self, change: ChangedResource) -> anyhow::Result<JournalRecord> {
        let now = rfc3339(self.clock.now());
        let ChangedResource { kind, before, after, changes, joined, account } = change;
        let attributes: Attributes = serde_json::from_str(&after).context("reading a document")?;
        let fingerprint = Sha256::digest(after.as_bytes());
        let context = Context {
            operation: self.clock.new_id(),
            tenant: "acme".to_owned(),
            now,
            seed: 42,
            settings: "{}".to_owned(),
            before,
            account,
            elsewhere: 0,
        };
        let (id, name) = (attributes.id.clone(), attributes.user_name.clone());
        let event = Event {
            kind,
            subject: subject(attributes),
            resource: after,
            changes: vec![changes.to_owned()],
            password: None,
            joined,
            left: Vec::new(),
        };
        let step = self.bare.decide(&context, &event)?;
        let types::Step::Done(types::Outcome { account: Some(account), note, .. }) = step else {
            bail!("the roster connector returned no account");
        };
        let types::AccountResult { id: account, membership, data } = account;
        let membership = match membership {
            types::Membership::Active => "active",
            types::Membership::Suspended => "suspended",
            types::Membership::Absent => "absent",
        };
        let outcome = json!({ "id": account, "membership": membership, "data": data });
        let answer = json!({ "account": outcome, "visibility": "present", "note": note });
        let operation = OperationRow {
            id: context.operation.clone(),
            tenant: context.tenant.clone(),
            app: "roster".to_owned(),
            resource: id,
            resource_kind: if name.is_some() { ResourceKind::User } else { ResourceKind::Group },
            kind,
            state: OperationState::Done,
            subject: name.unwrap_or_default(),
            fingerprint: fingerprint.iter().map(|byte| format!("{byte:02x}")).collect(),
            context: serde_json::to_string(&context)?,
            event: serde_json::to_string(&event)?,
            answer: Some(answer.to_string()),
            note: Some(note),
            connector: None,
            log: None,
            used: Some(r#"{"decisions":1,"micros":30,"memory":1114112,"calls":0}"#.to_owned()),
            attempt: 1,
            tries: 0,
            due: None,
            sealed: None,
            progress: String::new(),
            job: None,
            created: context.now.clone(),
            finished: Some(context.now),
            successor: None,
            unanswered: false,
        };
        let body = operation.body();
        Ok(JournalRecord { operation, body, account, membership })
    }
}

/// A change of `active`, with the account as it is before the change.
pub(super) fn activation(before: String, active: bool) -> anyhow::Result<ChangedResource> {
    let mut document: Value = serde_json::from_str(&before).context("reading a document")?;
    document["active"] = active.into();
    let id = document["id"].as_str().unwrap_or_default().to_owned();
    let membership = if active { Membership::Suspended } else { Membership::Active };
    Ok(ChangedResource {
        kind: if active { EventKind::Activate } else { EventKind::Deactivate },
        before: Some(before),
        after: document.to_string(),
        changes: "active",
        joined: Vec::new(),
        account: Some(Account { id, membership, data: "null".to_owned() }),
    })
}

/// New members of a group.
pub(super) fn membership_change(group: &str, joined: Vec<Member>) -> ChangedResource {
    let document = json!({ "id": group, "displayName": "Everyone" }).to_string();
    let account =
        Account { id: group.to_owned(), membership: Membership::Active, data: "null".to_owned() };
    ChangedResource {
        kind: EventKind::GroupUpdate,
        before: Some(document.clone()),
        after: document,
        changes: "members",
        joined,
        account: Some(account),
    }
}

fn subject(attributes: Attributes) -> Subject {
    let Attributes { id, user_name, external_id, display_name, name, emails, active } = attributes;
    let Some(user_name) = user_name else {
        let display_name = display_name.unwrap_or_default();
        return Subject::Group(Group { id, display_name, external_id });
    };
    let (given_name, family_name) = name.map(|it| (it.given_name, it.family_name)).unzip();
    Subject::User(User {
        id,
        user_name,
        external_id,
        display_name,
        given_name: given_name.flatten(),
        family_name: family_name.flatten(),
        email: emails.and_then(|emails| emails.into_iter().find_map(|email| email.value)),
        active: active.unwrap_or(true),
    })
}
