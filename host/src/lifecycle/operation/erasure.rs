//! The erasure of a person, on their request (GDPR, Article 17).
//!
//! A person who is gone from the directory is erased from the journal: what was decided and when stays, and no
//! name, address, document or exchange. The order is that of what knows the person by what: operations of
//! others and jobs are found by names that only the person's own operations have, and so these go last. A
//! kill on the way leaves some of it; the same request goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Operations, resource_lock};
use crate::decision::ResourceKind;
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::{AuditSubject, ErasedCounts, Mention, NamedPerson, Related};

/// The operations that are looked through, or erased, in one step.
const STEP: u32 = 100;
/// The pause between two steps, in which others read and write.
const PAUSE: Duration = Duration::from_millis(5);
/// How often the log is tried to be emptied, while reads need it.
const TRIES: u32 = 20;
/// A shorter identifier of the app may be part of any text.
const DISTINCT: usize = 6;

/// The counts of rows that an erasure has erased, or in a preview would erase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Erasure)]
pub struct Erasure {
    /// The tenant.
    pub tenant: String,
    /// The SCIM id that the person had.
    pub id: String,
    /// Whether it was done; otherwise it is a preview.
    pub done: bool,
    /// Operations on the person.
    pub operations: u64,
    /// Operations on others that name the person, such as those of their groups.
    pub mentions: u64,
    /// Jobs that name the person.
    pub jobs: u64,
    /// Whether the file of the write-ahead log was cut. Otherwise a long read, such as a backup, kept it:
    /// repeat the request later.
    pub log_emptied: bool,
}

impl Operations {
    /// Erases a person, by SCIM id or by `userName`; with `preview`, only says what would be erased.
    ///
    /// 404 if nothing is known of them; 409 if they are in the directory, or an operation that has not ended
    /// names them.
    pub async fn erase(
        self: &Arc<Self>,
        tenant: &str,
        user: &str,
        preview: bool,
    ) -> Result<Erasure, Error> {
        let id = self.person_to_erase(tenant, user).await?;
        let _lock = self.locks.acquire(resource_lock::of_resource(tenant, &id)).await;
        let person = self.named_person(tenant, &id).await?;
        self.check_gone(&person).await?;
        if !preview {
            let subject = AuditSubject::Person { tenant: tenant.to_owned(), id: id.clone() };
            self.store.record_order(&subject, json!({}), json!({ "order": "erase" })).await?;
        }
        let mut counts = self.erase_mentions(&person, false, preview).await?;
        counts.jobs = match preview {
            true => self.store.jobs_naming(&person).await?,
            false => self.store.erase_account(&person).await?,
        };
        counts.operations = self.erase_mentions(&person, true, preview).await?.operations;
        let log_emptied = !preview && self.overwrite_free_space().await?;
        let ErasedCounts { operations, mentions, jobs } = counts;
        let tenant = tenant.to_owned();
        Ok(Erasure { tenant, id, done: !preview, operations, mentions, jobs, log_emptied })
    }

    /// The SCIM id of the person of this id or name.
    async fn person_to_erase(&self, tenant: &str, user: &str) -> Result<String, Error> {
        if uuid::Uuid::try_parse(user).is_ok() {
            return Ok(user.to_lowercase());
        }
        let found = self.store.people_named(tenant, user).await?;
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(unknown(tenant, user)),
            several => {
                let ids = several.join(", ");
                let detail =
                    format!("several people of tenant {tenant} had this name: give an id: {ids}");
                Err(scim::Error::new(409, detail).into())
            }
        }
    }

    /// The person with what other rows may name them by.
    async fn named_person(&self, tenant: &str, id: &str) -> Result<NamedPerson, Error> {
        let mut names = BTreeSet::from([id.to_owned()]);
        let mut add = |name: &str| {
            if name.len() >= DISTINCT {
                names.insert(name.to_lowercase());
            }
        };
        let own = self.store.own_operations(tenant, id).await?;
        let account = self.store.account(tenant, id).await?;
        if own.is_empty() && account.is_none() {
            return Err(unknown(tenant, id));
        }
        for row in own {
            add(&row.subject);
            for text in [&row.event, &row.context] {
                add_names(&serde_json::from_str(text).unwrap_or_default(), &mut add);
            }
        }
        if let Some(account) = account {
            add(&account.user_name);
            let in_app = account.account.map(|account| account.id);
            [account.external_id, in_app].iter().flatten().for_each(|name| add(name));
        }
        Ok(NamedPerson {
            tenant: tenant.to_owned(),
            id: id.to_owned(),
            names: names.into_iter().collect(),
        })
    }

    async fn check_gone(&self, person: &NamedPerson) -> Result<(), Error> {
        let NamedPerson { tenant, id, .. } = person;
        let refused = |detail| Err(scim::Error::new(409, detail).into());
        let user = ResourceKind::User.name();
        if self.store.resource(tenant, user, id, Related::None).await?.is_some() {
            return refused(format!(
                "{id} is a user of tenant {tenant}: have the identity provider delete them first"
            ));
        }
        if let Some(mention) = self.store.unfinished_mentions(person).await?.first() {
            return refused(format!(
                "operation {} has not ended and names {id}: wait for its end, retry or drop it first",
                mention.operation
            ));
        }
        let account = self.store.account(tenant, id).await?;
        if account.is_some_and(|account| account.connected && account.doubt) {
            return refused(format!(
                "the account of {id} is in doubt: the host has yet to find out that the app has let them \
                 go; try again after that"
            ));
        }
        Ok(())
    }

    /// Finds the operations on a person, or on others that name them, and erases them unless it is a preview.
    async fn erase_mentions(
        &self,
        person: &NamedPerson,
        own: bool,
        preview: bool,
    ) -> anyhow::Result<ErasedCounts> {
        let mut counts = ErasedCounts::default();
        let mut after = String::new();
        loop {
            let (found, last) = self.store.mentions(person, &after, STEP).await?;
            let found: Vec<Mention> = found.into_iter().filter(|it| it.own == own).collect();
            let count = if own { &mut counts.operations } else { &mut counts.mentions };
            *count += u64::try_from(found.len())?;
            if !preview && !found.is_empty() {
                self.store.erase_operations(&found).await?;
            }
            let Some(last) = last else { return Ok(counts) };
            after = last;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn overwrite_free_space(&self) -> anyhow::Result<bool> {
        for _ in 0..TRIES {
            if self.store.overwrite_free_space().await? {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE * 20).await;
        }
        tracing::warn!("operation: a person was erased, and the log still has what reads need");
        Ok(false)
    }
}

/// Adds what a typed view, or a document within it, says of a person's names.
fn add_names(value: &Value, add: &mut impl FnMut(&str)) {
    const NAMES: [&str; 5] = ["user_name", "userName", "external_id", "externalId", "email"];
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if NAMES.contains(&name.as_str()) => add(text),
                    // An address; other values, such as roles, are those of many.
                    Value::String(text) if name == "value" && text.contains('@') => add(text),
                    // The document is JSON in a text.
                    Value::String(text) if ["resource", "before"].contains(&name.as_str()) => {
                        add_names(&serde_json::from_str(text).unwrap_or_default(), add);
                    }
                    other => add_names(other, add),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| add_names(value, add)),
        _ => {}
    }
}

fn unknown(tenant: &str, user: &str) -> Error {
    scim::Error::new(404, format!("nothing is known of {user} in tenant {tenant}")).into()
}
