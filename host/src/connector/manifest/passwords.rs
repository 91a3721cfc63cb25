//! The fields of a connector's requests that may hold a password.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Manifest;

/// The fields if the manifest lists none: in a JSON body and in a form.
const DEFAULT_FIELDS: [&str; 2] = ["/password", "password"];
/// Entries of the list, and fields of an entry.
const MOST: usize = 64;
/// Bytes of a field.
const FIELD_BYTES: usize = 256;

/// The fields of requests of one method to one endpoint that may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordFields {
    /// The endpoint's name.
    pub endpoint: String,
    /// The HTTP method, in upper case.
    pub method: String,
    /// JSON Pointers (RFC 6901), which begin with `/`, for JSON bodies, and names of form fields.
    pub fields: Vec<String>,
}

impl Manifest {
    /// The fields of a request that may hold a password as their whole value.
    pub fn password_fields(&self, endpoint: &str, method: &str) -> Vec<String> {
        let Some(listed) = &self.passwords else { return DEFAULT_FIELDS.map(str::to_owned).into() };
        let of_request = listed.iter().filter(|it| it.endpoint == endpoint && it.method == method);
        of_request.flat_map(|it| &it.fields).cloned().collect()
    }

    pub(super) fn check_passwords(&self) -> Result<(), String> {
        let Some(listed) = &self.passwords else { return Ok(()) };
        if !self.features.password {
            return Err("`passwords` is given, but `features.password` is not true".to_owned());
        }
        if listed.len() > MOST {
            return Err(format!("`passwords` has {} entries; the limit is {MOST}", listed.len()));
        }
        listed.iter().try_for_each(|it| self.check_password_fields(it))
    }

    fn check_password_fields(&self, entry: &PasswordFields) -> Result<(), String> {
        let PasswordFields { endpoint, method, fields } = entry;
        if !self.calls(endpoint) {
            return Err(format!(
                "`passwords` names the endpoint {endpoint:?}, which is not listed"
            ));
        }
        if !["POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
            return Err(format!(
                "`passwords` names the method {method:?}; it must be POST, PUT, PATCH or DELETE"
            ));
        }
        if fields.is_empty() || fields.len() > MOST {
            return Err(format!(
                "`passwords` lists {} fields; it must be 1 to {MOST}",
                fields.len()
            ));
        }
        match fields.iter().find(|field| !is_field(field)) {
            Some(field) => Err(format!(
                "`passwords` lists {field:?}, which is neither a JSON Pointer nor the name of a form \
                 field"
            )),
            None => Ok(()),
        }
    }
}

/// RFC 6901 §3: in a pointer, `~` is followed by 0 or 1.
fn is_field(field: &str) -> bool {
    let escapes = field.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    !field.is_empty() && field.len() <= FIELD_BYTES && (!field.starts_with('/') || escapes)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn manifest(passwords: &Value, password: bool) -> Result<Manifest, String> {
        let mut manifest = json!({
            "name": "app",
            "version": "1.0.0",
            "description": "An app.",
            "membership": "two-state",
            "lifecycle": { "create": { "membership": "active", "text": "Joins." } },
            "endpoints": [{ "name": "app", "description": "The app." }],
            "features": { "password": password },
        });
        if !passwords.is_null() {
            manifest["passwords"] = passwords.clone();
        }
        Manifest::parse(&manifest.to_string())
    }

    fn entry(endpoint: &str, method: &str, fields: &[&str]) -> Value {
        json!([{ "endpoint": endpoint, "method": method, "fields": fields }])
    }

    #[test]
    fn a_manifest_lists_the_fields_of_each_endpoint_and_method() {
        let listed = entry("app", "PUT", &["/user/secret", "secret"]);
        let listed = manifest(&listed, true).unwrap();
        assert_eq!(listed.password_fields("app", "PUT"), ["/user/secret", "secret"]);
        assert!(listed.password_fields("app", "POST").is_empty());
        assert!(listed.password_fields("other", "PUT").is_empty());
        let none = manifest(&json!([]), true).unwrap();
        assert!(none.password_fields("app", "PUT").is_empty());
    }

    #[test]
    fn without_a_list_a_password_is_in_the_field_password() {
        let without = manifest(&Value::Null, true).unwrap();
        assert_eq!(without.password_fields("app", "POST"), ["/password", "password"]);
        assert!(!serde_json::to_string(&without).unwrap().contains("passwords"));
    }

    #[test]
    fn an_invalid_list_is_refused_with_the_reason() {
        #[track_caller]
        fn check(passwords: &Value, password: bool, because: &str) {
            let error = manifest(passwords, password).unwrap_err();
            assert!(error.contains(because), "{error}");
        }
        check(&entry("app", "PUT", &["/p"]), false, "`features.password` is not true");
        check(&entry("internet", "PUT", &["/p"]), true, "\"internet\", which is not listed");
        check(&entry("app", "GET", &["/p"]), true, "must be POST, PUT, PATCH or DELETE");
        check(&entry("app", "PUT", &[]), true, "lists 0 fields");
        check(&entry("app", "PUT", &["/a~2"]), true, "neither a JSON Pointer nor");
        check(&entry("app", "PUT", &[""]), true, "neither a JSON Pointer nor");
        check(&json!([{ "endpoint": "app" }]), true, "missing field `method`");
    }
}
