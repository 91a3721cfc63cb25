//! Secrets of endpoints that are given as values: sealed with the host's key before they are stored.
//!
//! `{"value": …}` is stored as `{"sealed": …}`. The key is derived for the place of the secret, so that a
//! sealed secret opens in its app, its endpoint and its member alone.

use anyhow::Context;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::{Configuration, HostKey};

/// The member of a secret that is given as a value, and of a sealed one.
const VALUE: &str = "value";
const SEALED: &str = "sealed";

impl Configuration {
    /// Seals the secrets in the endpoints of apps that a host of schema 1 stored as they were given. What a
    /// kill interrupts, the next start goes on with.
    pub(super) async fn seal_old_secrets(&self) -> anyhow::Result<()> {
        let mut old = Vec::new();
        for row in self.store.apps().await? {
            let endpoints: Map<String, Value> = serde_json::from_str(&row.endpoints)?;
            if has_value(&endpoints) {
                old.push((row, endpoints));
            }
        }
        if old.is_empty() {
            return Ok(());
        }
        tracing::info!(apps = old.len(), "config: secrets of apps are sealed with the host key");
        // The secrets are in the database alone then, whose pages are overwritten by those in the log.
        self.store.cut_log().await?;
        for (mut row, endpoints) in old {
            row.endpoints = seal(&self.key, &row.name, endpoints, &Map::new())?;
            self.store.put_app(&row).await?;
        }
        self.store.cut_log().await.map(drop)
    }
}

/// The text of endpoints, with each secret that is given as a value sealed. One that is the same as in
/// `before` is kept as it is sealed there.
pub(super) fn seal(
    key: &HostKey,
    app: &str,
    mut endpoints: Map<String, Value>,
    before: &Map<String, Value>,
) -> anyhow::Result<String> {
    for (name, endpoint) in &mut endpoints {
        let Some(auth) = endpoint.get_mut("auth") else { continue };
        let before = before.get(name).and_then(|endpoint| endpoint.get("auth"));
        seal_within(key, &format!("{app}/{name}/auth"), auth, before)?;
    }
    Ok(Value::Object(endpoints).to_string())
}

fn seal_within(
    key: &HostKey,
    place: &str,
    value: &mut Value,
    before: Option<&Value>,
) -> anyhow::Result<()> {
    if let Some(secret) = only_text(value, VALUE) {
        let key = key_of(key, place);
        let kept = before.filter(|it| opened(&key, it).is_some_and(|old| old == secret));
        *value = match kept {
            Some(kept) => kept.clone(),
            None => json!({ SEALED: BASE64_STANDARD.encode(key.seal(secret.as_bytes())?) }),
        };
        return Ok(());
    }
    for (name, value) in value.as_object_mut().into_iter().flatten() {
        let before = before.and_then(|before| before.get(name));
        seal_within(key, &format!("{place}/{name}"), value, before)?;
    }
    Ok(())
}

/// The text of endpoints, with each sealed secret as a value.
pub(super) fn unseal(key: &HostKey, app: &str, endpoints: &str) -> anyhow::Result<String> {
    let mut endpoints: Map<String, Value> = serde_json::from_str(endpoints)?;
    for (name, endpoint) in &mut endpoints {
        let Some(auth) = endpoint.get_mut("auth") else { continue };
        unseal_within(key, &format!("{app}/{name}/auth"), auth).with_context(|| {
            format!(
                "the secret of the endpoint \"{name}\" was sealed with another host key; state it \
                 again with `muster app set {app} --endpoints FILE`"
            )
        })?;
    }
    Ok(Value::Object(endpoints).to_string())
}

fn unseal_within(key: &HostKey, place: &str, value: &mut Value) -> anyhow::Result<()> {
    if only_text(value, SEALED).is_some() {
        let secret = opened(&key_of(key, place), value).context("it does not open")?;
        *value = json!({ VALUE: secret });
        return Ok(());
    }
    for (name, value) in value.as_object_mut().into_iter().flatten() {
        unseal_within(key, &format!("{place}/{name}"), value)?;
    }
    Ok(())
}

fn opened(key: &HostKey, value: &Value) -> Option<String> {
    let sealed = BASE64_STANDARD.decode(only_text(value, SEALED)?).ok()?;
    String::from_utf8(key.unseal(&sealed).ok()?).ok()
}

fn key_of(key: &HostKey, place: &str) -> HostKey {
    key.for_purpose(&format!("secret of {place}"))
}

/// The text of an object that has this member and no other.
fn only_text(value: &Value, member: &str) -> Option<String> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get(member)?.as_str().map(str::to_owned)
}

/// Whether a secret of endpoints is there as it was given.
fn has_value(endpoints: &Map<String, Value>) -> bool {
    fn within(value: &Value) -> bool {
        only_text(value, VALUE).is_some()
            || value.as_object().is_some_and(|it| it.values().any(within))
    }
    endpoints.values().filter_map(|endpoint| endpoint.get("auth")).any(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(secret: &Value) -> Map<String, Value> {
        let auth = json!({ "basic": { "user": "me", "password": secret } });
        let endpoints = json!({ "app": { "base_url": "https://app.example", "auth": auth } });
        endpoints.as_object().unwrap().clone()
    }

    #[test]
    fn a_secret_given_as_a_value_is_sealed_and_opens_in_its_place_alone() {
        let (key, given) = (HostKey::of_bytes([1; 32]), endpoints(&json!({ "value": "hunter2" })));
        let sealed = seal(&key, "crm", given.clone(), &Map::new()).unwrap();
        assert!(!sealed.contains("hunter2") && sealed.contains("https://app.example"), "{sealed}");
        let opened = unseal(&key, "crm", &sealed).unwrap();
        assert_eq!(opened, Value::Object(given.clone()).to_string());
        let error = unseal(&key, "other", &sealed).unwrap_err().to_string();
        assert!(error.contains("muster app set other --endpoints FILE"), "{error}");
        assert!(unseal(&HostKey::of_bytes([2; 32]), "crm", &sealed).is_err());
        // The same secret once more changes nothing, another one does.
        let before: Map<String, Value> = serde_json::from_str(&sealed).unwrap();
        assert_eq!(seal(&key, "crm", given, &before).unwrap(), sealed);
        let other = endpoints(&json!({ "value": "hunter3" }));
        assert_ne!(seal(&key, "crm", other, &before).unwrap(), sealed);
    }

    #[test]
    fn a_secret_that_is_elsewhere_is_stored_as_its_place() {
        let key = HostKey::of_bytes([1; 32]);
        let given = endpoints(&json!({ "env": "MUSTER_SECRET_X" }));
        let text = seal(&key, "crm", given.clone(), &Map::new()).unwrap();
        assert_eq!(text, Value::Object(given).to_string());
        assert_eq!(unseal(&key, "crm", &text).unwrap(), text);
    }
}
