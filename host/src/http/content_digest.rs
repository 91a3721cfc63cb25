//! `Content-Digest` (RFC 9530): a digest by which the sender lets the body be verified.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::scim;

const HEADER: &str = "content-digest";
/// The only algorithm that is verified.
const SHA_256: &str = "sha-256";

/// RFC 9651 §4.2.7: padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Verifies the body against the digest, if there is one.
pub(super) fn check(headers: &HeaderMap, body: &[u8]) -> Result<(), scim::Error> {
    let Some(stated) = stated(headers)? else { return Ok(()) };
    let found: [u8; 32] = Sha256::digest(body).into();
    if found == stated {
        return Ok(());
    }
    Err(scim::Error::new(
        400,
        format!(
            "the body has {} bytes and the sha-256 {}, not {} as its Content-Digest states: it was \
             cut or changed in transit; send it again",
            body.len(),
            HEXLOWER.encode(&found),
            HEXLOWER.encode(&stated)
        ),
    ))
}

/// The SHA-256 in the header. Digests by other algorithms are ignored (RFC 9530 §2).
fn stated(headers: &HeaderMap) -> Result<Option<[u8; 32]>, scim::Error> {
    let mut stated = None;
    // RFC 9651 §3.2: a dictionary may have several lines, and the last value of a key counts.
    for line in headers.get_all(HEADER) {
        let line = line.to_str().map_err(|_| malformed("it is not ASCII"))?;
        for member in line.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            if let Some(digest) = sha_256(member)? {
                stated = Some(digest);
            }
        }
    }
    Ok(stated)
}

/// The digest in a member such as `sha-256=:…:`; none if it is by another algorithm.
fn sha_256(member: &str) -> Result<Option<[u8; 32]>, scim::Error> {
    let value = member.split(';').next().unwrap_or_default().trim_end();
    let (key, value) = value.split_once('=').unwrap_or((value, ""));
    let sequence = value.strip_prefix(':').and_then(|it| it.strip_suffix(':'));
    let bytes = sequence.and_then(|it| BASE64.decode(it).ok());
    let bytes = bytes.ok_or_else(|| malformed("a digest looks like sha-256=:BASE64:"))?;
    if key != SHA_256 {
        return Ok(None);
    }
    match bytes.try_into() {
        Ok(digest) => Ok(Some(digest)),
        Err(_) => Err(malformed("a sha-256 has 32 bytes")),
    }
}

/// RFC 9651 §4.2 lets a server ignore a field that cannot be parsed, or treat the message as malformed.
/// A sender of a digest wants it verified, so it is an error.
fn malformed(why: &str) -> scim::Error {
    scim::Error::new(400, format!("the header Content-Digest cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\"hello\": \"world\"}";
    /// The example of RFC 9530 §2, without the newline at its end.
    const GOOD: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    const OTHER: &str = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";

    #[track_caller]
    fn check(lines: &[&str], expected: Result<(), &str>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, line.parse().unwrap());
        }
        match (super::check(&headers, BODY), expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(word)) => {
                assert!(error.status == 400 && error.detail.contains(word), "{lines:?}: {error}");
            }
            (found, _) => panic!("{lines:?}: {found:?}"),
        }
    }

    #[test]
    fn a_body_must_match_its_digest() {
        check(&[], Ok(()));
        check(&[GOOD], Ok(()));
        check(&[&GOOD.replace("=:", ":").replacen(':', "=:", 1)], Ok(()));
        check(&[&format!("sha-512=:AAAA:, {GOOD};q=1")], Ok(()));
        check(&[OTHER, GOOD], Ok(()));
        check(&[GOOD, OTHER], Err("as its Content-Digest states"));
        check(&[OTHER], Err("0000000000000000000000000000000000000000000000000000000000000000"));
    }

    #[test]
    fn other_algorithms_are_ignored() {
        check(&["sha-512=:AAAA:"], Ok(()));
        check(&["md5=:AAAA:, unixsum=:AAAA:"], Ok(()));
    }

    #[test]
    fn a_malformed_digest_is_an_error() {
        check(&["sha-256"], Err("sha-256=:BASE64:"));
        check(&["sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="], Err("sha-256=:BASE64:"));
        check(&["sha-256=:%%%:"], Err("sha-256=:BASE64:"));
        check(&["sha-256=:AAAA:"], Err("32 bytes"));
        check(&[&format!("{GOOD}, nonsense")], Err("sha-256=:BASE64:"));
    }
}
