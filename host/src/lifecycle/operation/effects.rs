//! Effects of calls: whether the app may have changed. Pure.
//!
//! An attempt that ends without an outcome after a call that may have had an effect leaves the
//! account in doubt. `delivery` may send a call several times, and each time counts: an app that
//! answers 502 may have carried the call out, and reject its repetition.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use crate::decision::{Exchange, Request};
use crate::delivery::{AttemptEnd, DeliveryReport};

/// Whether a call may have changed something in the app: at least once it may have reached the app,
/// which did not reject it.
pub(in crate::lifecycle) fn may_have_changed(request: &Request, report: &DeliveryReport) -> bool {
    let changes = |end: &AttemptEnd| match end {
        AttemptEnd::NotArrived => false,
        AttemptEnd::Unanswered | AttemptEnd::Unread => true,
        AttemptEnd::Answered(status) => !rejects(*status),
    };
    !only_reads(request) && report.attempts.iter().any(changes)
}

/// Whether it is not known for some time what a call has changed in the app. It may still arrive: at least
/// once it got no response, or one of a gateway that has not waited for the app's. Or the app failed, and
/// then answered that it does not have what the call is about: it may have carried the call out, or the
/// last response is not the app's.
pub(in crate::lifecycle) fn may_arrive_late(request: &Request, report: &DeliveryReport) -> bool {
    let is_late = |end: &AttemptEnd| match end {
        AttemptEnd::NotArrived | AttemptEnd::Unread => false,
        AttemptEnd::Unanswered => true,
        AttemptEnd::Answered(status) => is_of_impatient_gateway(*status),
    };
    let failed = |end: &AttemptEnd| matches!(end, AttemptEnd::Answered(500..));
    let is_contradicted = matches!(report.attempts.last(), Some(AttemptEnd::Answered(404 | 410)))
        && report.attempts.iter().any(failed);
    !only_reads(request) && (is_contradicted || report.attempts.iter().any(is_late))
}

/// Whether a response of this status says that its call was not carried out.
fn rejects(status: u16) -> bool {
    (400..500).contains(&status) && !is_of_impatient_gateway(status)
}

/// Whether a response may be that of a gateway which has not waited for the app's: the gateway's errors
/// (RFC 9110 §15.6), 408 and 499, with which some tell that a time has passed, and 520 to 524, with
/// which others do.
fn is_of_impatient_gateway(status: u16) -> bool {
    matches!(status, 408 | 499 | 502 | 504 | 520..=524)
}

/// Whether a request cannot change anything, by its method.
pub(in crate::lifecycle) fn only_reads(request: &Request) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "SEARCH" | "QUERY")
}

/// Whether the app has answered that it does not have what a call that changes something is about, and
/// whose path ends with this id.
pub(in crate::lifecycle) fn is_missing(id: &str, exchanges: &[Exchange]) -> bool {
    exchanges.iter().any(|Exchange { request, response }| {
        let missing = response.as_ref().is_ok_and(|answer| matches!(answer.status, 404 | 410));
        missing && !only_reads(request) && segments(&request.path).last().is_some_and(|it| it == id)
    })
}

/// What a call that changes something may be about, by the segments of its path, if the operation does
/// not know its account: what an earlier response may have told, and what is named as the resource is.
pub(in crate::lifecycle) fn targets(
    request: &Request,
    exchanges: &[Exchange],
    names: &[&str],
) -> BTreeSet<String> {
    if only_reads(request) {
        return BTreeSet::new();
    }
    let earlier: BTreeSet<String> =
        exchanges.iter().flat_map(|exchange| segments(&exchange.request.path)).collect();
    let named = |segment: &String| names.iter().any(|name| segment.eq_ignore_ascii_case(name));
    let told = |segment: &String| !exchanges.is_empty() && !earlier.contains(segment);
    segments(&request.path).into_iter().filter(|it| told(it) || named(it)).collect()
}

/// The segments of a path, decoded.
fn segments(path: &str) -> Vec<String> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let decoded = path.split('/').map(|it| percent_decode_str(it).decode_utf8_lossy());
    decoded.filter(|it| !it.is_empty()).map(|it| it.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decision::{Response, Unreachable};

    fn request(method: &str, path: &str) -> Request {
        Request {
            endpoint: "app".to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        }
    }

    fn answer(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Compares whether a call changes the app, and whether it may do so later.
    #[track_caller]
    fn check(method: &str, attempts: &[AttemptEnd], expected: (bool, bool)) {
        let request = request(method, "/");
        let response = match attempts.last() {
            Some(AttemptEnd::Answered(status)) => Ok(answer(*status)),
            _ => Err(Unreachable::Connection),
        };
        let attempts = attempts.to_vec();
        let report = DeliveryReport { response, attempts, elapsed: Duration::ZERO };
        let found = (may_have_changed(&request, &report), may_arrive_late(&request, &report));
        assert_eq!(found, expected, "{method} {report:?}");
    }

    #[test]
    fn a_write_may_have_changed_the_app_unless_it_was_rejected_or_never_arrived() {
        use AttemptEnd::{Answered, NotArrived, Unanswered, Unread};
        check("GET", &[Answered(200)], (false, false));
        check("GET", &[Unanswered, Answered(504)], (false, false));
        check("PUT", &[Answered(204)], (true, false));
        check("PUT", &[Answered(303)], (true, false));
        check("PUT", &[Unread], (true, false));
        for status in [400, 402, 403, 404, 409, 422, 425, 429] {
            check("PUT", &[Answered(status)], (false, false));
        }
        for status in [500, 501, 503] {
            check("POST", &[Answered(status)], (true, false));
        }
        for status in [408, 499, 502, 504, 524] {
            check("POST", &[Answered(status)], (true, true));
        }
        for status in [500, 503] {
            check("DELETE", &[Answered(status), Answered(404)], (true, true));
            check("DELETE", &[Answered(status), Answered(410)], (true, true));
            check("DELETE", &[Answered(status), Answered(204)], (true, false));
            check("GET", &[Answered(status), Answered(404)], (false, false));
        }
        check("DELETE", &[Answered(404)], (false, false));
        check("POST", &[Unanswered], (true, true));
        check("POST", &[NotArrived], (false, false));
        check("POST", &[], (false, false));
    }

    #[test]
    fn an_attempt_that_may_have_changed_the_app_counts_although_a_later_one_is_rejected() {
        use AttemptEnd::{Answered, NotArrived, Unanswered};
        check("PUT", &[Answered(500), Answered(422)], (true, false));
        check("PUT", &[Answered(503), NotArrived, Answered(409)], (true, false));
        check("PUT", &[Answered(502), Answered(422)], (true, true));
        check("PUT", &[Answered(504), Answered(204)], (true, true));
        check("PUT", &[Unanswered, Answered(429), Answered(402)], (true, true));
        check("PUT", &[Answered(500), NotArrived], (true, false));
        check("PUT", &[NotArrived, Answered(429), Answered(422)], (false, false));
    }

    #[test]
    fn what_a_path_ends_with_is_missing_if_the_app_answers_that_it_does_not_have_it() {
        let missing = |method: &str, path: &str, status: u16| {
            let (request, response) = (request(method, path), Ok(answer(status)));
            is_missing("acc/7", &[Exchange { request, response }])
        };
        assert!(missing("PUT", "/teams/1/members/acc%2F7", 404));
        assert!(missing("PUT", "/teams/1/members/acc%2F7?x=1", 410));
        assert!(!missing("PUT", "/teams/1/members/acc%2F7", 409));
        assert!(!missing("GET", "/teams/1/members/acc%2F7", 404));
        assert!(!missing("PUT", "/accounts/acc%2F7/resume", 404));
    }

    #[test]
    fn a_call_is_about_what_a_response_told_or_what_is_named_as_the_resource_is() {
        let check = |method: &str, path: &str, before: &[&str], expected: &[&str]| {
            let response = Ok(answer(200));
            let exchange = |path: &&str| Exchange {
                request: request("GET", path),
                response: response.clone(),
            };
            let exchanges: Vec<_> = before.iter().map(exchange).collect();
            let found = targets(&request(method, path), &exchanges, &["Ada@Example.com"]);
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        };
        check("POST", "/organizations/7/accounts", &[], &[]);
        check("POST", "/organizations/7/accounts", &["/organizations/7/accounts"], &[]);
        check(
            "DELETE",
            "/organizations/7/accounts/a%201",
            &["/organizations/7/accounts"],
            &["a 1"],
        );
        check("GET", "/organizations/7/accounts/a1", &["/organizations/7/accounts"], &[]);
        check("PUT", "/readers/ada%40example.com", &[], &["ada@example.com"]);
    }
}
