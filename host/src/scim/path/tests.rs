//! Paths: parsing, printing, and the paths of public test suites.

use super::*;

#[track_caller]
fn check(text: &str, schema: Option<&str>, attribute: &str, sub: Option<&str>) {
    let expected = AttributePath {
        schema: schema.map(str::to_owned),
        attribute: attribute.to_owned(),
        sub_attribute: sub.map(str::to_owned),
    };
    assert_eq!(AttributePath::parse(text), Ok(expected.clone()), "{text}");
    assert_eq!(AttributePath::parse(&expected.to_string()), Ok(expected), "{text} printed");
}

#[test]
fn attribute_paths_are_split() {
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    check("userName", None, "userName", None);
    check(" userName ", None, "userName", None);
    check("name.familyName", None, "name", Some("familyName"));
    check("$ref", None, "$ref", None);
    check("manager.$ref", None, "manager", Some("$ref"));
    check("x-ray_2", None, "x-ray_2", None);
    check(&format!("{user}:userName"), Some(user), "userName", None);
    check(&format!("{user}:name.givenName"), Some(user), "name", Some("givenName"));
    check("http://schemas.example/2.0/G:a.b", Some("http://schemas.example/2.0/G"), "a", Some("b"));
}

#[test]
fn a_text_that_is_not_a_path_is_invalid_path() {
    for text in
        ["", " ", ".", "a.", ".a", "a.b.c", "1a", "a b", "a:b", ":a", "urn:x:", "$", "a[b]", "ä"]
    {
        let error = AttributePath::parse(text).expect_err(text);
        assert_eq!(error.scim_type, Some(crate::scim::ScimType::InvalidPath), "{text}");
    }
}

#[test]
fn an_extension_is_recognised_by_its_urn() {
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let is_urn = |text: &str| AttributePath::parse(text).unwrap().is_urn(urn);
    assert!(is_urn(urn));
    assert!(is_urn(&urn.to_uppercase()));
    assert!(!is_urn(&format!("{urn}:department")));
    assert!(!is_urn("User"));
    assert!(!is_urn("urn:ietf:params:scim:schemas:extension:enterprise:2.0:Use"));
}

#[track_caller]
fn check_patch(text: &str, attribute: &str, filter: Option<&str>, printed: &str) {
    let path = PatchPath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(path.attribute, AttributePath::parse(attribute).unwrap(), "{text}");
    assert_eq!(path.filter, filter.map(|f| Filter::parse(f).unwrap()), "{text}");
    assert_eq!(path.to_string(), printed);
    assert_eq!(PatchPath::parse(printed), Ok(path), "{printed}");
}

#[test]
fn patch_paths_are_split() {
    check_patch("members", "members", None, "members");
    check_patch("name.familyName", "name.familyName", None, "name.familyName");
    check_patch(
        "addresses[type eq \"work\"]",
        "addresses",
        Some("type eq \"work\""),
        "addresses[type eq \"work\"]",
    );
    check_patch(
        " emails [ type EQ\"a]b\" or not(primary pr) ] .value ",
        "emails.value",
        Some("type eq \"a]b\" or not (primary pr)"),
        "emails[type eq \"a]b\" or not (primary pr)].value",
    );
    check_patch("urn:a:b:c[$ref pr].d", "urn:a:b:c.d", Some("$ref pr"), "urn:a:b:c[$ref pr].d");
}

#[track_caller]
fn refuse(text: &str, error: fn(String) -> Error, detail: &str) {
    assert_eq!(PatchPath::parse(text), Err(error(detail.to_owned())), "{text}");
}

#[test]
fn a_syntax_error_in_a_patch_path_names_its_position() {
    let name = "an attribute name, like userName or name.familyName";
    let path: fn(String) -> Error = |detail| Error::invalid_path(detail);
    let filter: fn(String) -> Error = |detail| Error::invalid_filter(detail);
    refuse("", path, &format!("path, at its end: expected {name}"));
    refuse("[type pr]", path, &format!("path, character 1: expected {name}"));
    refuse("a b", path, "path, character 3: expected [ or the end");
    refuse(
        "emails[type eq work]",
        filter,
        "path, character 16: expected a value: a string in double quotes, a number, true, false or null",
    );
    refuse("emails[type pr", filter, "path, at its end: expected and, or, or ]");
    refuse("emails[]", filter, &format!("path, character 8: expected {name}"));
    refuse(
        "emails[type pr]x",
        path,
        "path, character 16: expected a dot and a sub-attribute, or the end",
    );
    refuse("emails[type pr].", path, "path, at its end: expected the name of a sub-attribute");
    refuse(
        "emails.value[type pr]",
        path,
        "path, character 13: expected no [ here: values of sub-attributes are never complex",
    );
}

/// Rows of `tests/fixtures/scim/paths.json` with another result in muster, and why.
const OTHERWISE: [(&str, &str); 1] = [(
    "emails[invalid eq \"work\"]",
    "RFC 7644 §3.4.2.1: an undefined attribute has no value, so nothing matches, but the path is valid",
)];

#[test]
fn the_paths_of_public_test_suites_are_parsed() {
    let text =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/scim/paths.json"));
    let rows: serde_json::Value = serde_json::from_str(text).unwrap();
    let schemas = crate::scim::Schemas::standard();
    let user = schemas.by_name("User").unwrap();
    let mut checked = 0;
    for row in rows["paths"].as_array().unwrap() {
        let text = row["path"].as_str().unwrap();
        let path = PatchPath::parse(text);
        let defined = path.as_ref().is_ok_and(|path| path.attribute.resolve(user).is_some());
        let against_schema = row["kind"].as_str().unwrap().contains("schema");
        let valid = if against_schema { defined } else { path.is_ok() };
        let otherwise = OTHERWISE.iter().any(|(path, _)| *path == text);
        // A row without `valid` is a path of the RFC.
        let expected = row["valid"].as_bool().unwrap_or(true) != otherwise;
        assert_eq!(valid, expected, "{text}: {path:?}");
        checked += 1;
    }
    assert_eq!(checked, 28);
}
