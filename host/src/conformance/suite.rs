//! Suites as data: names, requests and assertions of the originals, without their scripts.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::assertion::Assertion;

/// The built-in suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SuiteName {
    /// Okta's SPEC suite for SCIM 2.0.
    OktaSpec,
    /// Okta's SPEC suite for SCIM 1.1.
    #[serde(rename = "okta-spec-1.1")]
    #[value(name = "okta-spec-1.1")]
    OktaSpec11,
    /// The assertions of Okta's CRUD suite, as SCIM calls.
    OktaLifecycle,
}

impl SuiteName {
    /// Every suite, in the order in which they run.
    pub const ALL: [Self; 3] = [Self::OktaSpec, Self::OktaSpec11, Self::OktaLifecycle];

    /// The suites for a base URL: those of SCIM 1.1 if it ends in `/v1`, as Okta's on-premises
    /// agent reads it, else those of SCIM 2.0.
    pub fn of_url(url: &str) -> Vec<Self> {
        let base = url.split('?').next().unwrap_or_default();
        let legacy = base.trim_end_matches('/').ends_with("/v1");
        Self::ALL.into_iter().filter(|suite| suite.is_legacy() == legacy).collect()
    }

    /// Whether the suite is of SCIM 1.1.
    pub(super) fn is_legacy(self) -> bool {
        self == Self::OktaSpec11
    }

    fn text(self) -> &'static str {
        match self {
            Self::OktaSpec => include_str!("suites/okta-scim-2.0-spec.json"),
            Self::OktaSpec11 => include_str!("suites/okta-scim-1.1-spec.json"),
            Self::OktaLifecycle => include_str!("suites/okta-lifecycle.json"),
        }
    }
}

/// A list of requests, each with the assertions on its answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteDefinition {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) source: String,
    /// Names and templates. A template may use the names before it.
    pub(super) variables: Map<String, Value>,
    pub(super) headers: Headers,
    pub(super) steps: Vec<SuiteStep>,
}

/// The headers of every request, by whether it has a body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Headers {
    pub(super) read: Map<String, Value>,
    pub(super) write: Map<String, Value>,
}

/// One request and the assertions on its answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteStep {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) request: RequestTemplate,
    pub(super) assertions: Vec<Assertion>,
    /// Variables for later steps, and the properties of the answer that give them.
    #[serde(default)]
    pub(super) variables: Map<String, Value>,
}

/// A request, with variables in double braces.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestTemplate {
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) query: Map<String, Value>,
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
    pub(super) body: Option<Value>,
    pub(super) overlay: Option<Overlay>,
}

/// The body of an earlier answer with some properties set, as Okta makes a PUT.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Overlay {
    pub(super) on: String,
    pub(super) set: Map<String, Value>,
}

impl SuiteDefinition {
    /// The built-in suite of this name.
    pub(super) fn embedded(name: SuiteName) -> Self {
        serde_json::from_str(name.text()).expect("the embedded suites are checked by a test")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_suite_is_well_formed() {
        for name in SuiteName::ALL {
            let suite: SuiteDefinition = serde_json::from_str(name.text()).unwrap();
            let value = name.to_possible_value().unwrap();
            assert_eq!(suite.name, value.get_name());
            assert!(suite.source.starts_with("https://developer.okta.com/"), "{}", suite.source);
            assert!(!suite.description.is_empty());
            assert!(suite.steps.iter().all(|step| !step.assertions.is_empty()));
        }
    }

    #[track_caller]
    fn check_url(url: &str, expected: &[SuiteName]) {
        assert_eq!(SuiteName::of_url(url), expected, "{url}");
    }

    #[test]
    fn the_url_says_which_version_is_spoken() {
        let modern = [SuiteName::OktaSpec, SuiteName::OktaLifecycle];
        check_url("https://a.test/scim/v2", &modern);
        check_url("https://a.test/scim", &modern);
        check_url("https://a.test/v1/tenant", &modern);
        check_url("https://a.test/scim/v1/?connection=7", &[SuiteName::OktaSpec11]);
    }

    #[test]
    fn the_spec_suite_of_the_older_version_has_the_steps_of_the_original() {
        let suite = SuiteDefinition::embedded(SuiteName::OktaSpec11);
        let required = suite.steps.iter().filter(|step| step.required).count();
        assert_eq!((suite.steps.len(), required), (16, 9));
    }

    #[test]
    fn the_spec_suite_has_the_steps_of_the_original() {
        let suite = SuiteDefinition::embedded(SuiteName::OktaSpec);
        assert_eq!(suite.steps.len(), 12);
        let optional: Vec<_> = suite.steps.iter().filter(|step| !step.required).collect();
        assert_eq!(optional.len(), 1);
        assert_eq!(optional[0].name, "Verify Groups endpoint");
        assert_eq!(suite.steps.iter().map(|step| step.assertions.len()).sum::<usize>(), 53);
    }
}
