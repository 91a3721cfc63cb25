//! Filters: parsing, printing, and parsing again.

use super::*;

/// Parses the filter and compares its canonical text, which shows how it binds.
#[track_caller]
fn check(text: &str, canonical: &str) {
    let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(filter.to_string(), canonical, "{text}");
    assert_eq!(Filter::parse(canonical), Ok(filter), "{canonical} parsed again");
}

#[test]
fn the_examples_of_the_rfc_are_parsed() {
    for text in [
        r#"userName eq "bjensen""#,
        r#"name.familyName co "O'Malley""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
        "title pr",
        r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"title pr and userType eq "Employee""#,
        r#"title pr or userType eq "Intern""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType eq "Employee" and emails.type eq "work""#,
        r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
        r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
    ] {
        check(text, text);
    }
}

#[test]
fn not_binds_closer_than_and_and_and_closer_than_or() {
    check("a pr or b pr and not (c pr)", "a pr or b pr and not (c pr)");
    check("a pr or (b pr and (not (c pr)))", "a pr or b pr and not (c pr)");
    check("(a pr or b pr) and c pr", "(a pr or b pr) and c pr");
    check("a pr and b pr or c pr and d pr", "a pr and b pr or c pr and d pr");
    check("(a pr and b pr) and c pr", "a pr and b pr and c pr");
    check("a pr and (b pr and c pr)", "a pr and (b pr and c pr)");
    check("a pr or (b pr or c pr)", "a pr or (b pr or c pr)");
    check("((a pr))", "a pr");
    check("not (not (a pr or b pr))", "not (not (a pr or b pr))");
}

#[test]
fn words_are_parsed_in_any_case_and_white_space_does_not_matter() {
    check("a EQ TRUE AND NOT(b Pr)OR c nE nUll", "a eq true and not (b pr) or c ne null");
    check(" a\teq\"x\"and(b pr)\r\n", "a eq \"x\" and (b pr)".replace("(b pr)", "b pr").as_str());
    check("e [ type eq\"x\" ]", "e[type eq \"x\"]");
    check("pr pr", "pr pr");
}

#[test]
fn literals_are_json() {
    check(r#"a eq "\u00e4\/\"\\\n""#, "a eq \"ä/\\\"\\\\\\n\"");
    check("a eq -0.5", "a eq -0.5");
    check("a eq 2e2", "a eq 2e2");
    check("a eq 18446744073709551615", "a eq 18446744073709551615");
    check("$ref eq false", "$ref eq false");
}

#[test]
fn a_sub_attribute_after_a_value_path_belongs_to_the_same_value() {
    // `tests/fixtures/conversations/entra/look-up.json`
    check(
        r#"emails[type eq "work"].value eq "x" and active eq true"#,
        r#"emails[type eq "work" and value eq "x"] and active eq true"#,
    );
    check("emails[a pr or b pr].value pr", "emails[(a pr or b pr) and value pr]");
}

#[track_caller]
fn refuse(text: &str, detail: &str) {
    assert_eq!(Filter::parse(text), Err(Error::invalid_filter(detail)), "{text}");
}

#[test]
fn a_syntax_error_names_its_position() {
    let name = "an attribute name, like userName or name.familyName";
    let operator = "an operator: eq, ne, co, sw, ew, gt, ge, lt, le or pr";
    let value = "a value: a string in double quotes, a number, true, false or null";
    refuse("", &format!("filter, at its end: expected {name}"));
    refuse("userName", &format!("filter, at its end: expected {operator}"));
    refuse("userName is \"x\"", &format!("filter, character 10: expected {operator}"));
    refuse("userName eq", &format!("filter, at its end: expected {value}"));
    // Found by fuzzing: within the brackets, the word would be the operator.
    refuse(
        "a[b pr].Not eq 1",
        "filter, character 9: expected the name of a sub-attribute, which is never not",
    );
    refuse("userName eq x", &format!("filter, character 13: expected {value}"));
    refuse("userName eq 'x'", &format!("filter, character 13: expected {value}"));
    refuse("a eq 01", &format!("filter, character 6: expected {value}"));
    refuse("a eq 1e999", &format!("filter, character 6: expected {value}"));
    refuse("a eq \"ä\" b pr", "filter, character 10: expected and, or, or the end");
    refuse("(a pr", "filter, at its end: expected and, or, or )");
    refuse("a[b pr)", "filter, character 7: expected and, or, or ]");
    refuse("not a pr", "filter, character 5: expected ( after not, as in not (title pr)");
    refuse(
        "a eq \"b",
        "filter, character 6: expected a double quote at the end of the string that begins here",
    );
    refuse(
        r#"userName eq "domain\user""#,
        "filter, character 13: expected a string as JSON writes it: a double quote as \\\", \
         a backslash as \\\\, a control character as \\u and four digits",
    );
    let complex = "no [ here: values of sub-attributes are never complex";
    refuse("a.b[c pr]", &format!("filter, character 4: expected {complex}"));
    refuse("a[b[c pr]]", &format!("filter, character 4: expected {complex}"));
    refuse("a[b pr].c.d pr", "filter, character 9: expected the name of a sub-attribute");
}

#[test]
fn filters_are_bounded() {
    let nested = |depth| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(MAX_NESTING)).is_ok());
    refuse(
        &nested(MAX_NESTING + 1),
        "filter, character 33: expected no more than 32 brackets within each other",
    );
    assert!(Filter::parse(&"(".repeat(MAX_FILTER_LENGTH)).is_err());

    let many = |count| vec!["a pr"; count].join(" or ");
    assert!(Filter::parse(&many(MAX_CONDITIONS)).is_ok());
    refuse(
        &many(MAX_CONDITIONS + 1),
        "filter, character 2051: expected no more than 256 conditions",
    );

    let long = |length: usize| format!("a eq \"{}\"", "x".repeat(length - 7));
    assert!(Filter::parse(&long(MAX_FILTER_LENGTH)).is_ok());
    refuse(&long(MAX_FILTER_LENGTH + 1), "a filter is at most 8192 bytes long, this one has 8193");
}

const NAMES: &[&str] = &[
    "userName",
    "name.familyName",
    "emails",
    "a-b_9",
    "members.$ref",
    "meta.lastModified",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
];

proptest::proptest! {
    /// The text of every filter parses as the same filter.
    #[test]
    fn a_printed_filter_reads_as_itself(
        filter in generate::filters(NAMES, &["value", "type", "$ref"], ".{0,8}")
    ) {
        let printed = filter.to_string();
        proptest::prop_assert_eq!(Filter::parse(&printed), Ok(filter), "{}", printed);
    }

    /// The parser accepts or refuses any text, and parses its own output back to the same filter.
    #[test]
    fn any_text_is_parsed_or_refused(
        text in "([a-z]{1,3}|eq|pr|and|or|not| |\\(|\\)|\\[|\\]|\"|\\\\|\\.|:|[0-9]|\\PC){0,24}"
    ) {
        if let Ok(filter) = Filter::parse(&text) {
            proptest::prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
    }
}
