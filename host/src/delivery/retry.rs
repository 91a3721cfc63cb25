//! Retries: which responses are worth another attempt, and after which pause.
//!
//! Every attempt carries the same idempotency key, so repeating a request that may have had its effect
//! is safe.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::{Timestamp, fmt::rfc2822};

use crate::decision::{Response, Unreachable};

/// The pauses between attempts: 0.1, 0.2, 0.4 and 0.8 s, each with a jitter of up to its own length.
pub(super) fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_times(4)
        .with_jitter()
        .build()
}

/// How long to wait before the next attempt, at least `pause`; none if another attempt cannot help.
pub(super) fn wait(response: &Result<Response, Unreachable>, pause: Duration) -> Option<Duration> {
    match response {
        Err(Unreachable::Connection) => Some(pause),
        // A timeout has used its time already, and a response that is too large stays so.
        Err(Unreachable::Timeout | Unreachable::TooLarge | Unreachable::CircuitOpen) => None,
        // RFC 6585 §4 for 429; the other 4xx are final.
        Ok(response) if matches!(response.status, 429 | 500 | 502..=504) => {
            Some(requested_wait(response).map_or(pause, |requested| requested.max(pause)))
        }
        Ok(_) => None,
    }
}

/// The wait that `Retry-After` requests (RFC 9110 §10.2.3): seconds, or a date, which is measured
/// against the response's `Date`, so that the two clocks need not agree. Any other value is ignored.
pub fn requested_wait(response: &Response) -> Option<Duration> {
    let value = header(response, "retry-after")?;
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(value)?.duration_since(http_date(header(response, "date")?)?);
    // A date in the past means no wait.
    Some(Duration::try_from(until).unwrap_or_default())
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.trim())
}

// The IMF-fixdate of RFC 9110 §5.6.7 is a date of RFC 2822. The two obsolete forms are ignored.
fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(150);

    fn answer(status: u16, headers: &[(&str, &str)]) -> Result<Response, Unreachable> {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Ok(Response { status, headers, body: Vec::new() })
    }

    #[track_caller]
    fn check(response: &Result<Response, Unreachable>, expected: Option<Duration>) {
        assert_eq!(wait(response, PAUSE), expected, "{response:?}");
    }

    #[test]
    fn temporary_failures_are_retried_and_final_responses_are_not() {
        for status in [429, 500, 502, 503, 504] {
            check(&answer(status, &[]), Some(PAUSE));
        }
        for status in [200, 204, 301, 304, 400, 401, 403, 404, 408, 409, 412, 422, 501, 505] {
            check(&answer(status, &[("retry-after", "1")]), None);
        }
        check(&Err(Unreachable::Connection), Some(PAUSE));
        check(&Err(Unreachable::Timeout), None);
        check(&Err(Unreachable::TooLarge), None);
        check(&Err(Unreachable::CircuitOpen), None);
    }

    #[test]
    fn retry_after_lengthens_the_pause() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        check(&answer(429, &[("retry-after", "7")]), seconds(7));
        check(&answer(503, &[("retry-after", " 7 ")]), seconds(7));
        check(&answer(503, &[("retry-after", "0")]), Some(PAUSE));
        check(&answer(503, &[("retry-after", "-1")]), Some(PAUSE));
        check(&answer(503, &[("retry-after", "soon")]), Some(PAUSE));
        check(&answer(503, &[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), date]), seconds(30));
        check(&answer(503, &[("retry-after", "Sun, 06 Nov 1994 08:40:00 GMT"), date]), Some(PAUSE));
        check(&answer(503, &[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")]), Some(PAUSE));
    }

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<Duration> = pauses().collect();
        assert_eq!(pauses.len(), 4);
        for (pause, least) in pauses.into_iter().zip([100, 200, 400, 800]) {
            let least = Duration::from_millis(least);
            assert!((least..=2 * least).contains(&pause), "{pause:?}");
        }
    }
}
