//! Names of users and groups, in the form in which they are compared.
//!
//! RFC 7644 §7.8 asks for the profile `UsernameCaseMapped` (RFC 8265 §3.3): full and half width, upper
//! and lower case, composed and decomposed characters make no difference. Only its mappings are applied:
//! names that the profile does not allow, such as those with spaces, are in use, and are compared alike.

use std::borrow::Cow;

use precis_core::profile::Rules;
use precis_profiles::UsernameCaseMapped;

/// The form of a name in which equal names are equal texts.
pub fn comparable(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        return if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            name.to_ascii_lowercase().into()
        } else {
            name.into()
        };
    }
    let profile = UsernameCaseMapped::new();
    // The mappings do not fail; their signature is that of rules that can.
    let wide = profile.width_mapping_rule(name).unwrap_or_else(|_| name.into());
    let lower = wide.to_lowercase();
    profile.normalization_rule(lower.clone()).map_or(lower, Cow::into_owned).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(names: &[&str]) {
        for name in names {
            assert_eq!(comparable(name), comparable(names[0]), "{name} and {}", names[0]);
        }
    }

    #[test]
    fn case_width_and_composition_make_no_difference() {
        check(&["ada@acme.example", "ADA@Acme.Example", "\u{ff41}\u{ff44}\u{ff41}@acme.example"]);
        check(&["j\u{f6}rg", "J\u{d6}RG", "jo\u{308}rg", "JO\u{308}RG", "\u{ff2a}\u{d6}rg"]);
        check(&["\u{ac00}", "\u{1100}\u{1161}"]);
        check(&["\u{30ab}", "\u{ff76}"]);
        check(&["ada byron", "Ada\u{3000}Byron"]);
        check(&["\u{1e69}", "s\u{323}\u{307}", "S\u{307}\u{323}"]);
    }

    #[test]
    fn other_differences_make_other_names() {
        // Compatibility characters that are not a matter of width (RFC 8265 §3.3.2).
        for (one, other) in
            [("\u{fb01}n", "fin"), ("jorg", "j\u{f6}rg"), ("a b", "ab"), ("\u{b2}", "2")]
        {
            assert_ne!(comparable(one), comparable(other), "{one} and {other}");
        }
    }

    proptest! {
        #[test]
        fn a_comparable_name_stays_as_it_is(name in "\\PC{0,12}") {
            let once = comparable(&name).into_owned();
            prop_assert_eq!(comparable(&once), once.as_str());
        }
    }
}
