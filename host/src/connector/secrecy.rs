//! Placeholders for passwords in what a connector tells: its notes, its account, its refusals and its log.
//! People read these, and a later event returns some of them. A placeholder in a request is a matter of
//! the outbound client, which knows its encodings.

use super::failure::Failure;
use super::log::LogLine;
use crate::decision::{Account, Outcome, Refusal, Step};

/// The answer, unless it or a log line holds the placeholder outside of a request.
pub(super) fn checked(
    answer: Result<Step, Refusal>,
    log: &[LogLine],
    placeholder: &str,
) -> Result<Result<Step, Refusal>, Failure> {
    let holds = |text: &str| text.contains(placeholder);
    let place = match &answer {
        Ok(Step::Call(_)) | Err(Refusal::RetryLater(_)) => None,
        Ok(Step::Done(outcome)) => place_in_outcome(outcome, holds),
        Err(
            Refusal::Rejected(text)
            | Refusal::Conflict(text)
            | Refusal::Forbidden(text)
            | Refusal::Unsupported(text)
            | Refusal::Misconfigured(text),
        ) => holds(text).then_some("a refusal"),
    };
    match place.or_else(|| log.iter().any(|line| holds(&line.message)).then_some("the log")) {
        Some(place) => Err(Failure::Secret(place)),
        None => Ok(answer),
    }
}

fn place_in_outcome(outcome: &Outcome, holds: impl Fn(&str) -> bool) -> Option<&'static str> {
    let Outcome { account, note, .. } = outcome;
    match account {
        _ if holds(note) => Some("its note"),
        Some(Account { id, .. }) if holds(id) => Some("the account's id"),
        Some(Account { data, .. }) if holds(data) => Some("the account's data"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Level;
    use crate::decision::{Membership, Visibility};

    const PLACEHOLDER: &str = "stand-in-1";

    fn done(id: &str, data: &str, note: &str) -> Result<Step, Refusal> {
        let (id, data, note) = (id.to_owned(), data.to_owned(), note.to_owned());
        let account = Some(Account { id, membership: Membership::Active, data });
        Ok(Step::Done(Outcome { account, visibility: Visibility::Present, note }))
    }

    #[track_caller]
    fn check(answer: Result<Step, Refusal>, line: &str, place: Option<&'static str>) {
        let log = [LogLine { level: Level::Info, message: line.to_owned() }];
        let found = checked(answer.clone(), &log, PLACEHOLDER);
        assert_eq!(found, place.map_or(Ok(answer), |place| Err(Failure::Secret(place))));
    }

    #[test]
    fn a_placeholder_is_found_wherever_people_read() {
        check(done("7", "{}", "Set the password."), "called", None);
        check(done("7", "{}", "Set it to stand-in-1."), "", Some("its note"));
        check(done("stand-in-1", "{}", ""), "", Some("the account's id"));
        check(done("7", r#"["stand-in-1"]"#, ""), "", Some("the account's data"));
        check(Err(Refusal::Rejected("stand-in-1 is weak".to_owned())), "", Some("a refusal"));
        check(Err(Refusal::RetryLater(None)), "it is stand-in-1", Some("the log"));
    }
}
