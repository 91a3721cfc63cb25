//! Authentication at an app: how an endpoint's credentials are configured and sent.
//!
//! Connectors never see them.

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, InvalidHeaderValue},
};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::delivery::{OutboundRules, Secret, message};

/// The credentials of an endpoint.
#[derive(Clone, Debug)]
pub enum Auth {
    /// The app needs no credentials.
    None,
    /// `Authorization: Bearer <token>` (RFC 6750).
    Bearer(Secret),
    /// `Authorization: Basic <user and password>` (RFC 7617).
    Basic {
        /// The user, without a colon.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A header that the app defines, such as `X-Api-Key`.
    Header {
        /// The header's name.
        name: HeaderName,
        /// Its whole value.
        value: Secret,
    },
}

const FORMS: &str = r#"it is one of {"bearer": SECRET}, {"basic": {"user": "…", "password": SECRET}} and {"header": {"name": "…", "value": SECRET}}"#;

impl Auth {
    /// Reads the configuration and resolves its secrets. The error quotes no value, which could be a
    /// secret.
    pub(super) fn load(configuration: &Value, rules: &OutboundRules) -> Result<Self> {
        if configuration.is_null() {
            return Ok(Self::None);
        }
        let entry = configuration.as_object().filter(|object| object.len() == 1);
        let (kind, value) = entry.and_then(|object| object.iter().next()).context(FORMS)?;
        let auth = match kind.as_str() {
            "bearer" => Self::Bearer(Secret::load(value, rules)?),
            "basic" => {
                let (user, password) = pair(value, "user", "password").context(FORMS)?;
                // RFC 7617 §2: the first colon ends the user.
                ensure!(!user.contains(':'), "the user has no colon");
                let password = Secret::load(password, rules)?;
                Self::Basic { user: user.to_owned(), password }
            }
            "header" => {
                let (name, value) = pair(value, "name", "value").context(FORMS)?;
                let name: HeaderName = name.parse().context("\"name\" is a header's name")?;
                let own = message::is_reserved(&name) && name != AUTHORIZATION;
                ensure!(!own, "\"{name}\" is set by muster alone");
                Self::Header { name, value: Secret::load(value, rules)? }
            }
            _ => bail!(FORMS),
        };
        auth.add_header(&mut HeaderMap::new())
            .context("the secret has a character that no header may carry")?;
        Ok(auth)
    }

    /// Adds the header that authenticates a request.
    pub(super) fn add_header(&self, headers: &mut HeaderMap) -> Result<(), InvalidHeaderValue> {
        let (name, text) = match self {
            Self::None => return Ok(()),
            Self::Bearer(token) => {
                (AUTHORIZATION, Secret::new(format!("Bearer {}", token.expose())))
            }
            Self::Basic { user, password } => {
                let basic = format!("Basic {}", basic(user, password).expose());
                (AUTHORIZATION, Secret::new(basic))
            }
            Self::Header { name, value } => (name.clone(), value.clone()),
        };
        let mut value = HeaderValue::from_str(text.expose())?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }

    /// Whether a header is the one of the credentials, which a connector may not send.
    pub(super) fn uses_header(&self, name: &HeaderName) -> bool {
        matches!(self, Self::Header { name: own, .. } if own == name)
    }

    /// The texts to conceal in a response, in case the app repeats the request in it.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::None => Vec::new(),
            Self::Bearer(secret) => vec![secret.clone()],
            Self::Basic { user, password } => vec![basic(user, password), password.clone()],
            Self::Header { value, .. } => {
                // In `SSWS x` the secret is x, which an app may repeat without its scheme.
                let bare = value.expose().split_once(' ').map(|(_, bare)| Secret::new(bare));
                std::iter::once(value.clone()).chain(bare).collect()
            }
        }
    }
}

fn basic(user: &str, password: &Secret) -> Secret {
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    Secret::new(BASE64_STANDARD.encode(pair.as_bytes()))
}

fn pair<'a>(value: &'a Value, text: &str, secret: &str) -> Option<(&'a str, &'a Value)> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    Some((object.get(text)?.as_str()?, object.get(secret)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(configuration: &Value, name: &str, value: &str) {
        let mut headers = HeaderMap::new();
        Auth::load(configuration, &OutboundRules::default())
            .unwrap()
            .add_header(&mut headers)
            .unwrap();
        assert_eq!(headers.len(), 1);
        assert_eq!(headers[name], value);
        assert!(headers[name].is_sensitive());
    }

    #[track_caller]
    fn refused(configuration: &Value, because: &str) {
        let error =
            format!("{:#}", Auth::load(configuration, &OutboundRules::default()).unwrap_err());
        assert!(error.contains(because), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn each_kind_of_credentials_is_one_header() {
        let secret = json!({"value": "hunter2"});
        check(&json!({"bearer": secret}), "authorization", "Bearer hunter2");
        let basic = json!({"basic": {"user": "me", "password": secret}});
        check(&basic, "authorization", "Basic bWU6aHVudGVyMg==");
        check(&json!({"header": {"name": "X-Api-Key", "value": secret}}), "x-api-key", "hunter2");
        // Okta's scheme.
        let ssws = json!({"header": {"name": "Authorization", "value": {"value": "SSWS hunter2"}}});
        check(&ssws, "authorization", "SSWS hunter2");
        assert!(matches!(Auth::load(&Value::Null, &OutboundRules::default()).unwrap(), Auth::None));
    }

    #[test]
    fn a_wrong_configuration_is_refused_without_quoting_it() {
        let secret = json!({"value": "hunter2"});
        refused(&json!("hunter2"), "it is one of");
        refused(&json!({"token": secret}), "it is one of");
        refused(&json!({"bearer": secret, "basic": secret}), "it is one of");
        refused(&json!({"basic": {"user": "me"}}), "it is one of");
        refused(&json!({"basic": {"user": "me", "password": "hunter2"}}), "a secret is one of");
        refused(&json!({"basic": {"user": "m:e", "password": secret}}), "no colon");
        refused(&json!({"header": {"name": "a b", "value": secret}}), "header's name");
        refused(&json!({"header": {"name": "Host", "value": secret}}), "set by muster alone");
        refused(&json!({"bearer": {"value": "hunter2\n"}}), "no header may carry");
    }
}
