//! Whose an account is: the tenant's own, or one that it only joins and leaves. Pure.
//!
//! An e-mail address is not ownership. An account is the tenant's own if the tenant made it, if the app is not
//! shared, if each address by which it was linked is in one of the tenant's verified domains, or if an operator
//! adopted it. The profile and the password of any other account stay, and it is not deleted: the connector is
//! not asked for that, and `elsewhere` is at least 1 for it, which tells each connector that another
//! customer may have it. What is not known counts against the tenant.
//!
//! The tenant made an account if the calls of an attempt show it: the id first appears in the answer to a POST
//! or PUT that did not name it. An account whose creation was not answered is therefore a linked one.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::effects;
use crate::connector::MatchedBy;
use crate::decision::{Account, Exchange, Request, ResourceKind, Response};
use crate::lifecycle::config::email_domain;
use crate::lifecycle::config::snapshot::Tenant;
use crate::scim::Resource;
use crate::store::{AccountRow, Origin, is_marked_as_linked};

/// Whether the account of a user or a group is the tenant's own. If none is known, the one that a connector
/// may find by the addresses in these documents. A group is always its tenant's.
pub(in crate::lifecycle) fn is_own<'a>(
    tenant: &Tenant,
    kind: ResourceKind,
    account: Option<&AccountRow>,
    documents: impl IntoIterator<Item = &'a Resource>,
) -> bool {
    if kind == ResourceKind::Group || !tenant.app.shared {
        return true;
    }
    match account.and_then(AccountRow::origin) {
        Some(Origin::Made | Origin::Adopted) => true,
        Some(Origin::Linked { by }) => are_in_domains(tenant, &by),
        None => are_in_domains(tenant, &addresses(documents)),
    }
}

/// The origin of the account that an outcome leaves. `known` is the account from before.
pub(in crate::lifecycle) fn origin_after<'a>(
    resource: &str,
    known: Option<&AccountRow>,
    account: &Account,
    exchanges: &[Exchange],
    documents: impl IntoIterator<Item = &'a Resource>,
) -> Origin {
    let same = known.filter(|row| row.account.as_ref().is_some_and(|it| it.id == account.id));
    if let Some(origin) = same.and_then(AccountRow::origin) {
        return origin;
    }
    // No app has had an account of an id that muster has issued.
    let issued = account.id == resource;
    if !is_marked_as_linked(&account.data) && (issued || was_made(&account.id, exchanges)) {
        return Origin::Made;
    }
    Origin::Linked { by: addresses(documents) }
}

/// Whether a request would bring the password to an account that is not known to be made with it: the path
/// names what an earlier response told, or a name of the person.
pub(in crate::lifecycle) fn sends_password_to_existing(
    request: &Request,
    placeholder: &str,
    exchanges: &[Exchange],
    names: &[&str],
) -> bool {
    let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default());
    let makes = matches!(request.method.as_str(), "POST" | "PUT");
    body.contains(placeholder) && !(makes && effects::targets(request, exchanges, names).is_empty())
}

/// The names by which an account may be found: each address, and the `userName`.
fn addresses<'a>(documents: impl IntoIterator<Item = &'a Resource>) -> Vec<String> {
    let mut all = Vec::new();
    for document in documents {
        for address in document.emails().into_iter().chain(document.user_name()) {
            if !all.iter().any(|known| known == address) {
                all.push(address.to_owned());
            }
        }
    }
    all
}

/// Whether each of these is an address in one of the tenant's verified domains. A connector that finds accounts
/// by anything else may have found another person's.
fn are_in_domains(tenant: &Tenant, addresses: &[String]) -> bool {
    let by_address = tenant
        .connector
        .as_ref()
        .is_ok_and(|connector| connector.manifest.accounts_matched_by != MatchedBy::Other);
    let is_in = |address: &String| {
        let domain =
            address.split_once('@').and_then(|(_, domain)| email_domain::comparable(domain));
        domain.is_some_and(|domain| tenant.domains.contains(&domain))
    };
    by_address && !addresses.is_empty() && addresses.iter().all(is_in)
}

/// Whether the first response with this id is that to a request which made it.
fn was_made(id: &str, exchanges: &[Exchange]) -> bool {
    let first = exchanges.iter().find_map(|Exchange { request, response }| {
        response.as_ref().ok().filter(|response| tells(response, id)).map(|it| (request, it))
    });
    first.is_some_and(|(request, response)| {
        matches!(request.method.as_str(), "POST" | "PUT")
            && (200..300).contains(&response.status)
            && !names(request, id)
    })
}

/// Whether a response has this id, in its body or as the end of its `Location`.
fn tells(response: &Response, id: &str) -> bool {
    let location = response.headers.iter().find(|(name, _)| name == "location");
    let last = location.and_then(|(_, value)| value.trim_end_matches('/').rsplit('/').next());
    has(&response.body, id) || last.is_some_and(|last| decoded(last) == id)
}

/// Whether a request already has the id: in its path, its query or its body.
fn names(request: &Request, id: &str) -> bool {
    request.path.split('/').any(|segment| decoded(segment) == id)
        || request.query.iter().any(|(_, value)| value == id)
        || request.body.as_deref().is_some_and(|body| has(body, id))
}

/// Whether a JSON body has this value; of any other body, whether it has the text.
fn has(body: &[u8], id: &str) -> bool {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => contains(&value, id),
        Err(_) => String::from_utf8_lossy(body).contains(id),
    }
}

fn contains(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text == id,
        Value::Number(number) => number.to_string() == id,
        Value::Array(values) => values.iter().any(|value| contains(value, id)),
        Value::Object(members) => members.values().any(|value| contains(value, id)),
        Value::Null | Value::Bool(_) => false,
    }
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exchange(method: &str, path: &str, sent: Value, status: u16, body: &Value) -> Exchange {
        let request = Request {
            endpoint: "app".to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: match sent {
                Value::Null => None,
                sent => Some(Value::to_string(&sent).into_bytes()),
            },
        };
        let body = body.to_string().into_bytes();
        Exchange { request, response: Ok(Response { status, headers: Vec::new(), body }) }
    }

    #[test]
    fn an_account_is_made_if_its_id_first_appears_in_the_answer_to_a_creation() {
        let none = || exchange("GET", "/users", Value::Null, 200, &json!({ "users": [] }));
        let post = |status| {
            exchange("POST", "/users", json!({ "email": "a@b.c" }), status, &json!({ "id": 7 }))
        };
        assert!(was_made("7", &[none(), post(201)]));
        assert!(was_made("7", &[post(200)]));
        assert!(!was_made("7", &[post(409)]));
        assert!(!was_made("8", &[post(201)]));
        assert!(!was_made("7", &[]));
        let found = exchange("GET", "/users", Value::Null, 200, &json!({ "users": [{ "id": 7 }] }));
        assert!(!was_made("7", &[found, post(201)]));
        let conflict = exchange("POST", "/users", Value::Null, 409, &json!({ "existing": 7 }));
        assert!(!was_made("7", &[conflict, post(201)]));
    }

    #[test]
    fn an_account_that_the_request_names_may_have_been_there_before() {
        let id = json!({ "id": "a@b.c" });
        assert!(!was_made("a@b.c", &[exchange("PUT", "/users/a%40b.c", Value::Null, 201, &id)]));
        let sent = json!({ "email": "a@b.c" });
        assert!(!was_made("a@b.c", &[exchange("POST", "/invitations", sent, 201, &id)]));
    }

    #[test]
    fn an_id_is_found_in_the_location_of_what_was_made() {
        let mut made = exchange("POST", "/users", Value::Null, 201, &Value::Null);
        if let Ok(response) = &mut made.response {
            response.headers.push(("location".to_owned(), "https://app/users/a%2F7".to_owned()));
        }
        assert!(was_made("a/7", &[made]));
    }

    #[test]
    fn a_password_goes_along_with_a_creation_and_to_no_account_that_was_found() {
        let check = |method: &str, path: &str, expected: bool| {
            let found = exchange("GET", "/users", Value::Null, 200, &json!({ "id": 7 }));
            let sends = exchange(method, path, json!({ "password": "secret" }), 200, &Value::Null);
            let sent = sends_password_to_existing(&sends.request, "secret", &[found], &["ada"]);
            assert_eq!(sent, expected, "{method} {path}");
        };
        check("POST", "/users", false);
        check("PATCH", "/users", true);
        check("PATCH", "/users/7", true);
        check("POST", "/users/7/password", true);
        check("PUT", "/users/ada", true);
    }
}
