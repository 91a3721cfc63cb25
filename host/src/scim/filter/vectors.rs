//! Filters of public test suites, and random filters.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct FilterVectors {
    filters: Vec<FilterRow>,
    equivalent: Vec<Pair>,
}

#[derive(Deserialize)]
struct FilterRow {
    filter: String,
    valid: bool,
    sources: Vec<String>,
}

#[derive(Deserialize)]
struct Pair {
    a: String,
    b: String,
}

fn vectors() -> FilterVectors {
    let text = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/scim/filters_parse.json"
    ));
    serde_json::from_str(text).unwrap()
}

/// Filters that some suites accept and muster refuses, by reason.
const REFUSED: [(&str, &[&str]); 6] = [
    (
        "RFC 7644 §3.4.2.2 writes not with parentheses; without them it is not clear how far it goes",
        &[
            "not eq pr",
            "NOT id pr",
            r#"email.value ew "@example.com" and not userName eq "Test""#,
            r#"email.type eq "work" or not userName ne "Test""#,
            r#"email.type eq "work" AND not email.value ew "@example.com""#,
            r#"NOT email.type eq "work" and not email.value ew "@example.com""#,
            r#"NOt not sw "A" and userName ew "Z" and userName co "m""#,
            r#"not emails[type eq "work"].value pr"#,
            r#"emails[not type eq "work"] pr"#,
            r#"emails[not type eq "work"] co "A""#,
            r#"not emails[not type eq "work"] co "A""#,
        ],
    ),
    (
        "after a value path comes a sub-attribute (which Entra ID sends) or nothing",
        &[
            r#"emails[type eq "work"] pr"#,
            r#"emails[type eq "work"] co "A""#,
            r#"userType eq "Employee" and emails[type eq "work" or primary eq true] pr"#,
            r#"members[value eq "337991"] eq """#,
            r#"members[value eq "6784"] eq """#,
        ],
    ),
    (
        "RFC 7643 §2.3.8: values of sub-attributes are never complex",
        &[
            r#"emails[value[hoge eq "@example.com"] and value[hoge eq "@example.com"]] or name eq "xxx""#,
            r#"emails[type eq "work" or type eq "home"].values[domain ew "@example.org"]"#,
            r#"emails[type eq "work" or type eq "home"].values[domain ew "@example.org" or domain ew "@example.com"]"#,
            r#"emails[type eq "work" or type eq "home"].values[domain ew "@example.org" or domain ew "@example.com"].recipient pr"#,
            r#"emails[type eq "work"].values[domain ew "@example.org" or domain ew "@example.com"].recipient pr"#,
        ],
    ),
    (
        "RFC 7643 §2.1: an attribute name begins with a letter",
        &[r#"064869bf-be25-466f-803d-004a0540574b eq "bjensen""#, "-valid$Name eq -null"],
    ),
    (
        "RFC 7644 §3.4.2.2: a value is JSON, so text is quoted",
        &["value eq 123abc", "value eq 123abc5e4"],
    ),
    (
        "RFC 8259 §7: a backslash in a string is written twice",
        &[r#"userName eq "domain\user.name""#],
    ),
];

#[test]
fn the_filters_of_public_test_suites_are_parsed() {
    let vectors = vectors();
    assert_eq!(vectors.filters.len(), 392);
    for FilterRow { filter, valid, sources } in &vectors.filters {
        let refused = REFUSED.iter().any(|(_, filters)| filters.contains(&filter.as_str()));
        let read = Filter::parse(filter);
        assert_eq!(read.is_ok(), *valid && !refused, "{filter:?} of {sources:?}: {read:?}");
        if let Ok(read) = read {
            assert_eq!(Filter::parse(&read.to_string()), Ok(read), "{filter} printed");
        }
    }
    let mut all = REFUSED.iter().flat_map(|(_, filters)| *filters);
    assert!(
        all.all(|refused| vectors.filters.iter().any(|row| row.valid && row.filter == *refused))
    );
}

#[test]
fn equivalent_spellings_parse_as_the_same_filter() {
    for Pair { a, b } in vectors().equivalent {
        assert_eq!(Filter::parse(&a).unwrap(), Filter::parse(&b).unwrap(), "{a} and {b}");
    }
}

/// A deterministic random sequence: xorshift.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }

    fn path(&mut self, in_value_path: bool) -> AttributePath {
        let mut path = AttributePath::new(self.pick(&["userName", "$ref", "and", "pr", "x-1_2"]));
        if !in_value_path && self.roll(3) == 0 {
            path.schema = Some(self.pick(&["urn:a:b", "urn:x:schemas:core:2.0:User"]).to_owned());
        }
        if !in_value_path && self.roll(3) == 0 {
            path.sub_attribute = Some(self.pick(&["value", "not"]).to_owned());
        }
        path
    }

    fn literal(&mut self) -> Literal {
        match self.roll(6) {
            0 => Literal::Null,
            1 => Literal::Boolean(self.roll(2) == 0),
            2 => Literal::Number(
                self.pick(&[(-7).into(), 0.into(), serde_json::Number::from(u64::MAX)]).into(),
            ),
            3 => {
                let numbers = [0.1, -1.5e300, 2e2, -0.0];
                let numbers = numbers.map(|it| serde_json::Number::from_f64(it).unwrap());
                Literal::Number(self.pick(&numbers).into())
            }
            _ => {
                let parts = ["", "a", "\"", "\\", "\n", "\u{1}", "]) or ", "ä", "😀"];
                let (one, two) = (self.pick(&parts), self.pick(&parts));
                Literal::String(format!("{one}{two}"))
            }
        }
    }

    fn filter(&mut self, depth: usize, in_value_path: bool) -> Filter {
        let inner = |dice: &mut Self| dice.filter(depth - 1, in_value_path);
        match self.roll(if depth == 0 { 2 } else { 6 }) {
            0 => Filter::Present(self.path(in_value_path)),
            1 => {
                let path = self.path(in_value_path);
                Filter::Compare(path, self.pick(&Operator::ALL), self.literal())
            }
            2 => Filter::Not(Box::new(inner(self))),
            3 if !in_value_path => {
                let path = AttributePath { sub_attribute: None, ..self.path(false) };
                Filter::ValuePath(path, Box::new(self.filter(depth - 1, true)))
            }
            3 | 4 => inner(self).and(inner(self)),
            _ => inner(self).or(inner(self)),
        }
    }
}

#[test]
fn a_printed_filter_parses_as_the_same_filter() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for _ in 0..5_000 {
        let depth = dice.roll(6);
        let filter = dice.filter(depth, false);
        let printed = filter.to_string();
        assert_eq!(Filter::parse(&printed), Ok(filter), "{printed}");
    }
}

#[test]
fn a_garbled_filter_is_parsed_or_refused() {
    let mut dice = Dice(42);
    let mut refused = 0;
    for _ in 0..5_000 {
        let mut text: Vec<char> = dice.filter(3, false).to_string().chars().collect();
        for _ in 0..=dice.roll(3) {
            let (from, to) = (dice.roll(text.len()), dice.roll(text.len()));
            match dice.roll(3) {
                0 => text.swap(from, to),
                1 => text[from] = dice.pick(&['(', '[', '"', '\\', ' ', '.', ':', 'é', '\0']),
                _ => text.truncate(from.max(1)),
            }
        }
        let text: String = text.into_iter().collect();
        match Filter::parse(&text) {
            Ok(read) => assert_eq!(Filter::parse(&read.to_string()), Ok(read), "{text}"),
            Err(error) => {
                assert!(error.detail.starts_with("filter, "), "{text}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 1_000, "garbling rarely breaks a filter: {refused}");
}
