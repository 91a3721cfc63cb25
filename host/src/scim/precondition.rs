//! Preconditions: a request is carried out only if the resource has, or does not have, certain
//! versions (RFC 7644 §3.14, RFC 9110 §13.1).

use crate::scim::Error;
use crate::scim::render::entity_tag;

/// The contents of `If-Match` and `If-None-Match`; empty by default.
///
/// Entity tags are weak and compared weakly (RFC 9110 §8.8.3.2): RFC 7644 §3.14 guards writes with
/// tags that it calls weak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    if_match: Option<EntityTags>,
    if_none_match: Option<EntityTags>,
}

/// The versions that a header names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum EntityTags {
    /// `*`: any version.
    Any,
    /// The texts between the quotes of each tag.
    These(Vec<String>),
}

impl Precondition {
    /// Parses both headers. A header that is not a list of entity tags is 400, because a condition
    /// on a write must not be ignored.
    pub fn parse(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, Error> {
        let read = |name: &str, text: Option<&str>| {
            let read = |text: &str| {
                EntityTags::parse(text).ok_or_else(|| {
                    Error::invalid_value(format!(
                        "{name} must be * or a list of versions in quotes such as W/\"3\", as \
                         meta.version has them"
                    ))
                })
            };
            text.map(read).transpose()
        };
        Ok(Self {
            if_match: read("If-Match", if_match)?,
            if_none_match: read("If-None-Match", if_none_match)?,
        })
    }

    /// Whether there is any condition.
    pub fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// Checks that a resource of this version may be written; else 412.
    pub fn check(&self, version: i64) -> Result<(), Error> {
        self.check_match(version)?;
        if self.is_unchanged(version) {
            return Err(refused(version, "is one of those that If-None-Match excludes"));
        }
        Ok(())
    }

    /// Whether the reader has this version already, which is answered with 304.
    ///
    /// 412 if `If-Match` names other versions; it is evaluated first (RFC 9110 §13.2.2).
    pub fn is_not_modified(&self, version: i64) -> Result<bool, Error> {
        self.check_match(version)?;
        Ok(self.is_unchanged(version))
    }

    fn check_match(&self, version: i64) -> Result<(), Error> {
        match &self.if_match {
            Some(tags) if !tags.include(version) => {
                Err(refused(version, "is not one of those that If-Match names"))
            }
            _ => Ok(()),
        }
    }

    fn is_unchanged(&self, version: i64) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.include(version))
    }
}

fn refused(version: i64, why: &str) -> Error {
    let tag = entity_tag(version);
    Error::new(412, format!("the resource's version is {tag}, which {why}; nothing was changed"))
}

impl EntityTags {
    /// RFC 9110 §8.8.3 and §13.1.1; elements of a list may be empty (§5.6.1).
    fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = text.trim_matches([' ', '\t', ',']);
        while !rest.is_empty() {
            let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
            let (tag, after) = quoted.split_once('"')?;
            tags.push(tag.to_owned());
            let after = after.trim_start_matches([' ', '\t']);
            if !after.is_empty() && !after.starts_with(',') {
                return None;
            }
            rest = after.trim_start_matches([' ', '\t', ',']);
        }
        (!tags.is_empty()).then_some(Self::These(tags))
    }

    fn include(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| *tag == version.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tags: &str, included: Option<bool>) {
        let matches = Precondition::parse(Some(tags), None).map(|it| it.check(7).is_ok());
        assert_eq!(matches.ok(), included, "If-Match: {tags}");
        let differs = Precondition::parse(None, Some(tags)).map(|it| it.check(7).is_err());
        assert_eq!(differs.ok(), included, "If-None-Match: {tags}");
    }

    #[test]
    fn tags_are_compared_weakly_and_come_in_lists() {
        check("W/\"7\"", Some(true));
        check("\"7\"", Some(true));
        check("W/\"6\"", Some(false));
        check("W/\"6\" ,\"7\"", Some(true));
        check(", W/\"6\",, W/\"8\" ,", Some(false));
        check("W/\"a,b\", W/\"7\"", Some(true));
        check(" * ", Some(true));
        check("\"\"", Some(false));
    }

    #[test]
    fn a_malformed_tag_is_refused_and_never_ignored() {
        for tags in ["", " , ", "7", "W/7", "\"7", "w/\"7\"", "W/ \"7\"", "*, \"7\"", "\"6\" \"7\""]
        {
            check(tags, None);
        }
    }

    #[test]
    fn if_match_is_evaluated_before_if_none_match() {
        let both = Precondition::parse(Some("\"6\""), Some("\"7\"")).unwrap();
        assert_eq!(both.is_not_modified(7).unwrap_err().status, 412);
        assert_eq!(both.is_not_modified(6), Ok(false));
        let same = Precondition::parse(Some("\"7\""), Some("\"7\"")).unwrap();
        assert_eq!(same.is_not_modified(7), Ok(true));
    }

    #[test]
    fn a_request_without_conditions_is_never_refused() {
        let nothing = Precondition::parse(None, None).unwrap();
        assert!(!nothing.is_given());
        assert_eq!(nothing.check(1), Ok(()));
        assert_eq!(nothing.is_not_modified(1), Ok(false));
    }
}
