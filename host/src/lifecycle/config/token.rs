//! Tokens: generated, shown once, stored as hashes, and compared in constant time.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::host_key::random;
use crate::store::CredentialRow;

/// The most live tokens of a tenant: the one in use, and the one that replaces it in a rotation.
pub const LIVE_TOKENS: usize = 2;

/// A token that was just generated: the only moment at which it can be read.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The public part, by which the token is listed and revoked.
    pub id: String,
    /// The token itself.
    pub text: String,
    /// The hash that is stored.
    pub hash: Vec<u8>,
}

/// Generates a token: `muster-<id>-<256 random bits>`.
pub fn generate() -> anyhow::Result<NewToken> {
    let id = HEXLOWER.encode(&random::<6>()?);
    let text = format!("muster-{id}-{}", BASE64_URL_SAFE_NO_PAD.encode(random::<32>()?));
    Ok(NewToken { hash: hash(&text), id, text })
}

/// The hash of a token that is stored. The text has 256 random bits, so a fast hash is enough.
pub fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

/// The token of an `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
pub struct PresentedToken {
    /// The user name of Basic authentication.
    pub user: Option<String>,
    /// The token.
    pub token: String,
}

impl PresentedToken {
    /// Reads `Bearer x`, `Basic x`, and the bare `x` that Okta sends in its HTTP header mode:
    /// `tests/fixtures/conversations/SOURCES.md`, "Okta: credentials".
    pub fn parse(header: &str) -> Option<Self> {
        let header = header.trim();
        let Some((scheme, rest)) = header.split_once(' ') else {
            return (!header.is_empty()).then(|| Self { user: None, token: header.to_owned() });
        };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self { user: None, token: rest.to_owned() });
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
        let (user, token) = pair.split_once(':')?;
        Some(Self { user: Some(user.to_owned()), token: token.to_owned() })
    }

    /// The public part of the token, if it has the form of [`generate`].
    pub fn id(&self) -> Option<&str> {
        let (id, _secret) = self.token.strip_prefix("muster-")?.split_once('-')?;
        Some(id)
    }

    /// Whether this is the credential and it has not expired, compared in constant time.
    pub fn matches(&self, credential: &CredentialRow, now: &str) -> bool {
        let token = hash(&self.token).ct_eq(&credential.hash);
        let user = self.user.as_deref().unwrap_or_default();
        let expected = credential.user.as_deref().unwrap_or_default();
        let user = user.as_bytes().ct_eq(expected.as_bytes());
        let live = credential.expires.as_deref().is_none_or(|expires| now < expires);
        bool::from(token & user) && live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_in_each_form_that_identity_providers_send() {
        let bare = |token: &str| Some(PresentedToken { user: None, token: token.to_owned() });
        assert_eq!(PresentedToken::parse("Bearer abc"), bare("abc"));
        assert_eq!(PresentedToken::parse("bearer  abc "), bare("abc"));
        assert_eq!(PresentedToken::parse("abc"), bare("abc"));
        assert_eq!(
            PresentedToken::parse("Basic b2t0YTphYmM="),
            Some(PresentedToken { user: Some("okta".to_owned()), token: "abc".to_owned() })
        );
        assert_eq!(PresentedToken::parse("Digest abc"), None);
        assert_eq!(PresentedToken::parse("Basic ???"), None);
        assert_eq!(PresentedToken::parse(""), None);
    }

    #[test]
    fn a_token_matches_its_own_hash_until_it_expires() {
        let token = generate().unwrap();
        let credential = CredentialRow {
            id: token.id.clone(),
            tenant: None,
            kind: crate::store::CredentialKind::Bearer,
            user: None,
            owner: None,
            hash: token.hash.clone(),
            created: "2026-01-01T00:00:00.000Z".to_owned(),
            expires: Some("2026-06-01T00:00:00.000Z".to_owned()),
            last_used: None,
            name: None,
            role: None,
        };
        let presented = PresentedToken::parse(&token.text).unwrap();
        assert_eq!(presented.id(), Some(token.id.as_str()));
        assert!(presented.matches(&credential, "2026-05-31T00:00:00.000Z"));
        assert!(!presented.matches(&credential, "2026-06-01T00:00:00.000Z"));
        let other = PresentedToken::parse(&generate().unwrap().text).unwrap();
        assert!(!other.matches(&credential, "2026-05-31T00:00:00.000Z"));
        let as_user = PresentedToken { user: Some("okta".to_owned()), ..presented };
        assert!(!as_user.matches(&credential, "2026-05-31T00:00:00.000Z"));
    }
}
