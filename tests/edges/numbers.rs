//! Numbers in place of strings: their digits are those that were sent, or they are refused.

use serde_json::{Value, json};

use super::{create, version_one};
use crate::support::{Muster, Tenant, user};

/// The status of the answer to a body that is sent as it is, since `json!` would round the number.
async fn send(tenant: &Tenant, method: &str, path: &str, body: &str) -> u16 {
    let url = format!("{}{path}", tenant.base_url);
    let request = reqwest::Client::new().request(method.parse().unwrap(), url);
    let request = request.bearer_auth(&tenant.token).header("content-type", "application/json");
    request.body(body.to_owned()).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_number_in_place_of_a_string_keeps_its_digits_or_is_refused() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{ada}");
    for (number, kept) in [
        ("701984", true),
        ("-7", true),
        ("9007199254740993", true),
        ("18446744073709551615", true),
        ("18446744073709551616", false),
        ("105839201934850192837", false),
        ("12.50", false),
        ("1e3", false),
        ("-0", false),
    ] {
        let status = if kept { 200 } else { 400 };
        let whole = user("ada").to_string().replace("\"00u-ada\"", number);
        assert_eq!(send(&tenant, "PUT", &path, &whole).await, status, "{number}");
        let operation = format!(r#"{{"op":"replace","path":"externalId","value":{number}}}"#);
        let patch = format!(r#"{{"Operations":[{operation}]}}"#);
        assert_eq!(send(&tenant, "PATCH", &path, &patch).await, status, "{number}");
        let part = format!(r#"{{"externalId":{number}}}"#);
        let v1 = version_one(&tenant);
        assert_eq!(send(&v1, "PATCH", &path, &part).await, status, "{number}");
        if kept {
            let shown = muster.get(&tenant, &path).await.expect(200).body;
            assert_eq!(shown["externalId"], number);
        }
        let member = format!(r#"{{"displayName":"{number}","members":[{{"value":{number}}}]}}"#);
        assert_eq!(send(&tenant, "POST", "/Groups", &member).await, 400, "{number}");
    }
}

#[tokio::test]
async fn a_number_without_quotes_in_a_filter_is_the_text_as_it_is_written() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{ada}");
    let texts = ["1e3", "0.10", "12.50", "1000.0", "105839201934850192837", "-0", "007"];
    for text in texts {
        let set = json!([{ "op": "replace", "path": "externalId", "value": text }]);
        muster.patch(&tenant, &path, set).await.expect(200);
        for asked in texts {
            let query = format!("/Users?filter=externalId+eq+{asked}");
            let found = muster.get(&tenant, &query).await.expect(200).body;
            assert_eq!(found["totalResults"], u64::from(asked == text), "{asked} finds {text}");
        }
        let value = format!("emails[type eq {text}]");
        let emails =
            json!([{ "op": "add", "path": "emails", "value": { "type": text, "value": "a@b.c" } }]);
        muster.patch(&tenant, &path, emails).await.expect(200);
        let gone = json!([{ "op": "remove", "path": value }]);
        let after = muster.patch(&tenant, &path, gone).await.expect(200).body;
        let left = |it: &Value| it["type"] == text;
        assert!(!after["emails"].as_array().unwrap().iter().any(left), "{text}");
    }
}
