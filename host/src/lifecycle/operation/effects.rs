//! Effects of calls: whether the app may have changed. Pure.
//!
//! An attempt that ends without an outcome after a call that may have had an effect leaves the
//! account in doubt.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use crate::decision::{Exchange, Request};
use crate::delivery::DeliveryReport;

/// Whether a call may have changed something in the app: it may have reached the app, which did not
/// reject it.
pub(in crate::lifecycle) fn may_have_changed(request: &Request, report: &DeliveryReport) -> bool {
    let rejected = report
        .response
        .as_ref()
        .is_ok_and(|response| (400..500).contains(&response.status) && !report.may_arrive_late);
    report.may_have_arrived && !rejected && !only_reads(request)
}

/// Whether a call may still change something in the app: it got no response, or one of a gateway that
/// has not waited for the app's.
pub(in crate::lifecycle) fn may_arrive_late(request: &Request, report: &DeliveryReport) -> bool {
    let of_gateway =
        report.response.as_ref().is_ok_and(|response| matches!(response.status, 502 | 504));
    (report.may_arrive_late || of_gateway) && !only_reads(request)
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

    #[track_caller]
    fn check(
        method: &str,
        response: Result<u16, Unreachable>,
        arrived: bool,
        expected: (bool, bool),
    ) {
        let request = request(method, "/");
        let report = DeliveryReport {
            may_have_arrived: arrived,
            may_arrive_late: arrived && response.is_err(),
            response: response.map(answer),
            attempts: 1,
            elapsed: Duration::ZERO,
        };
        let found = (may_have_changed(&request, &report), may_arrive_late(&request, &report));
        assert_eq!(found, expected, "{method} {report:?}");
    }

    #[test]
    fn a_write_may_have_changed_the_app_unless_it_was_rejected_or_never_arrived() {
        check("GET", Ok(200), true, (false, false));
        check("GET", Err(Unreachable::Timeout), true, (false, false));
        check("PUT", Ok(204), true, (true, false));
        check("PUT", Ok(409), true, (false, false));
        check("POST", Ok(500), true, (true, false));
        check("POST", Ok(502), true, (true, true));
        check("POST", Ok(504), true, (true, true));
        check("GET", Ok(504), true, (false, false));
        check("POST", Err(Unreachable::Timeout), true, (true, true));
        check("POST", Err(Unreachable::Connection), true, (true, true));
        check("POST", Err(Unreachable::Connection), false, (false, false));
        check("POST", Err(Unreachable::CircuitOpen), false, (false, false));
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
