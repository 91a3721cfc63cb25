//! Content codings of request bodies (RFC 9110 §8.4): a body may be compressed by gzip.

use std::io::Read;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::too_large;
use crate::scim;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
}

impl Coding {
    /// The coding that the headers name; 415 for any other than gzip, and for several.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, scim::Error> {
        let given = headers.get_all(header::CONTENT_ENCODING).iter();
        let given = given.map(|it| it.to_str().unwrap_or("?")).flat_map(|it| it.split(','));
        let mut codings = given.map(str::trim).filter(|it| !it.eq_ignore_ascii_case("identity"));
        match (codings.next(), codings.next()) {
            (None, _) => Ok(Self::Identity),
            // RFC 9110 §8.4.1.3: the same coding under an older name.
            (Some(one), None)
                if ["gzip", "x-gzip"].iter().any(|it| it.eq_ignore_ascii_case(one)) =>
            {
                Ok(Self::Gzip)
            }
            _ => Err(unsupported("send the body as it is, or by gzip")),
        }
    }

    /// The body as it was before it was encoded; 413 if it is larger than the limit.
    pub(super) fn decode(self, body: Bytes, limit: usize) -> Result<Bytes, scim::Error> {
        if self == Self::Identity {
            return Ok(body);
        }
        let mut decoded = Vec::new();
        let room = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = MultiGzDecoder::new(&*body).take(room).read_to_end(&mut decoded);
        read.map_err(|_| scim::Error::invalid_syntax("the body is not valid gzip"))?;
        if decoded.len() > limit { Err(too_large(limit)) } else { Ok(decoded.into()) }
    }
}

/// 415 for a coding that is not decoded.
pub(super) fn unsupported(instead: &str) -> scim::Error {
    scim::Error::new(415, format!("this Content-Encoding is not supported: {instead}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn coding(given: &'static str) -> Option<Coding> {
        let value = HeaderValue::from_static(given);
        Coding::of(&HeaderMap::from_iter([(header::CONTENT_ENCODING, value)])).ok()
    }

    fn gzip(text: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn gzip_alone_is_decoded() {
        assert_eq!(coding("gzip"), Some(Coding::Gzip));
        assert_eq!(coding("X-GZIP"), Some(Coding::Gzip));
        assert_eq!(coding("identity"), Some(Coding::Identity));
        assert_eq!(Coding::of(&HeaderMap::new()).ok(), Some(Coding::Identity));
        for other in ["deflate", "br", "gzip, gzip", "gzip, br", "zip"] {
            assert_eq!(coding(other), None, "{other}");
        }
    }

    #[test]
    fn a_body_is_decoded_up_to_the_limit() {
        let decoded = |body: Bytes, limit| Coding::Gzip.decode(body, limit).map_err(|it| it.status);
        let zeros = gzip(&vec![0; 10_000_000]);
        assert!(zeros.len() < 20_000);
        assert_eq!(decoded(zeros, 1000), Err(413));
        assert_eq!(decoded(gzip(b"{}"), 2), Ok("{}".into()));
        assert_eq!(decoded(gzip(b"{ }"), 2), Err(413));
        assert_eq!(decoded("{}".into(), 2), Err(400));
        let cut = gzip(b"{\"a\":1}");
        assert_eq!(decoded(cut.slice(..cut.len() - 6), 100), Err(400));
    }
}
