//! E-mail domains that an operator says are a tenant's own, as they are compared. Pure.

use std::collections::BTreeSet;

use crate::scim;

/// The most e-mail domains of a tenant.
const MOST: usize = 1000;

/// A domain as domains are compared: in lower case and ASCII. None if it is not one.
pub(in crate::lifecycle) fn comparable(text: &str) -> Option<String> {
    match url::Host::parse(text) {
        // Names of hosts alone: a URL may have more characters, such as `*`.
        Ok(url::Host::Domain(domain)) if domain.bytes().all(is_of_name) && !text.contains('%') => {
            Some(domain)
        }
        _ => None,
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

/// The domains of a tenant as they are stored, each once and in their order.
pub(super) fn stored(named: &[String]) -> Result<Vec<String>, scim::Error> {
    if named.len() > MOST {
        let why = format!("a tenant has at most {MOST} e-mail domains");
        return Err(scim::Error::new(422, why));
    }
    let read = |text: &String| {
        let domain = comparable(text).filter(|it| it.contains('.') && !it.ends_with('.'));
        domain.ok_or_else(|| {
            scim::Error::new(422, format!("{text:?} is no e-mail domain such as acme.example"))
        })
    };
    let domains: Result<BTreeSet<String>, _> = named.iter().map(read).collect();
    Ok(domains?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_compared_in_ascii_and_lower_case() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(comparable(text).as_deref(), expected, "{text}");
        };
        check("ACME.Example", Some("acme.example"));
        check("b\u{fc}cher.example", Some("xn--bcher-kva.example"));
        check("acme%2eexample", None);
        check("127.0.0.1", None);
        check("acme example", None);
        check("", None);
    }

    #[test]
    fn a_tenant_has_each_domain_once_and_no_top_level_domain() {
        let all =
            |named: &[&str]| stored(&named.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            all(&["b.example", "A.example", "a.example"]).unwrap(),
            ["a.example", "b.example"]
        );
        for refused in ["example", "acme.example.", "@acme.example", "*.acme.example"] {
            assert_eq!(all(&[refused]).unwrap_err().status, 422, "{refused}");
        }
    }
}
