//! The contract: which promises of the interface and of the lifecycle table a decision breaks.
//! Pure.

use super::answers::{is_gone, is_success, is_temporary};
use super::app::FOUND;
use super::case::{Case, NAME, StartState, TITLE, USER};
use super::explore::CasePath;
use super::finding::{CorrectResult, FindingKind, Observation};
use crate::connector::{Manifest, Reached};
use crate::decision::{EventKind, Exchange, Membership, Outcome, Refusal};
use crate::kit::expectation::interface_word;
use crate::kit::transcript;
use crate::lifecycle::typed_view;

/// The violations in how a path ended.
pub(super) fn violations(
    manifest: &Manifest,
    case: &Case,
    path: &CasePath,
    end: &Result<Outcome, Refusal>,
) -> Vec<Observation> {
    let wrong: Vec<Violation> = match end {
        Ok(outcome) => [
            reported_despite_refusal(case, path, outcome),
            changes_profile_first(case, path),
            rewrites_foreign_account(case, path, outcome),
            admits_inactive_user(case, outcome),
            drops_account(case, path, outcome)
                .or_else(|| contradicts_table(manifest, case, path, outcome)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Err(refusal) => [
            refuses_for_good(case, path, refusal),
            refuses_listed_event(manifest, case, path, refusal),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    let observations = |Violation { kind, sentence, right }| Observation {
        kind,
        sentence,
        context: None,
        exchanges: path.exchanges.clone(),
        answers: path.names.clone(),
        right,
    };
    wrong.into_iter().map(observations).collect()
}

struct Violation {
    kind: FindingKind,
    sentence: String,
    right: Option<CorrectResult>,
}

fn violation(
    kind: FindingKind,
    sentence: String,
    right: Option<CorrectResult>,
) -> Option<Violation> {
    Some(Violation { kind, sentence, right })
}

/// An outcome is reported although the app refused the last request, and nothing else was done.
fn reported_despite_refusal(case: &Case, path: &CasePath, outcome: &Outcome) -> Option<Violation> {
    let (kind, reached) = (case.event.kind, transcript::membership(outcome));
    // Without a known account, an earlier request may have added the person.
    let leaves = kind.deprovisions() && case.start != StartState::Absent;
    let joins = matches!(kind, EventKind::Create | EventKind::Activate | EventKind::Update)
        && reached == Membership::Active
        && case.start != StartState::Active;
    // For a leaver the account may be gone already. For a joiner every request must succeed.
    let done = |it: &Exchange| is_success(&it.response) || leaves && is_gone(&it.response);
    let refused = path.exchanges.iter().rposition(|it| !done(it))?;
    let (before, after) = (&path.exchanges[..refused], &path.exchanges[refused + 1..]);
    if !(leaves || joins) || !after.is_empty() {
        return None;
    }
    let partly = before.iter().any(|it| changes(it) && done(it));
    let Exchange { request, .. } = &path.exchanges[refused];
    let (asked, answer) = (format!("{} {}", request.method, request.path), path.names[refused]);
    let reached = interface_word(&reached);
    let right = Some(CorrectResult::Refused);
    if partly {
        let sentence = format!(
            "it reports `{reached}` although the app answered {answer} to {asked}, its last request; \
             the requests before it succeeded"
        );
        return if changes(&path.exchanges[refused]) {
            violation(FindingKind::Ignored, sentence, None)
        } else {
            None
        };
    }
    match leaves {
        true => violation(
            FindingKind::LeaverStays,
            format!(
                "it reports a leaver as done (`{reached}`) although the app answered {answer} to \
                 {asked}: the person still has access"
            ),
            right,
        ),
        false => violation(
            FindingKind::JoinerMissing,
            format!("it reports `active` although the app answered {answer} to {asked}"),
            right,
        ),
    }
}

/// Whether a request changes something in the app.
fn changes(exchange: &Exchange) -> bool {
    !matches!(exchange.request.method.as_str(), "GET" | "HEAD")
}

/// A leaver's profile is changed before access is taken away, so that the app can keep the person in
/// by refusing the profile. A single request may do both, since some APIs take only whole users.
fn changes_profile_first(case: &Case, path: &CasePath) -> Option<Violation> {
    let mut changing = path.exchanges.iter().filter(|it| changes(it));
    let (Exchange { request, .. }, Some(_)) = (changing.next()?, changing.next()) else {
        return None;
    };
    let body = String::from_utf8_lossy(request.body.as_deref()?);
    let profile = [TITLE, NAME].into_iter().any(|value| body.contains(value));
    if !case.event.kind.deprovisions()
        || !matches!(request.method.as_str(), "PATCH" | "PUT")
        || !profile
    {
        return None;
    }
    let sentence = format!(
        "it changes a leaver's profile ({} {}) before it takes access away: if the app refused the \
         profile, the person would stay",
        request.method, request.path
    );
    violation(FindingKind::ProfileFirst, sentence, None)
}

/// The profile or password of an account that is not the tenant's own is changed, or the account is deleted. The
/// account has an id of the app, known or found: an id by which the tenant names the person may be that of a
/// place in the tenant's organisation.
fn rewrites_foreign_account(case: &Case, path: &CasePath, outcome: &Outcome) -> Option<Violation> {
    if case.context.elsewhere == 0 {
        return None;
    }
    let known = case.context.account.as_ref().map(|account| account.id.as_str());
    let names = typed_view::names(&case.event.subject);
    let is_foreign =
        |id: &str| (Some(id) == known || id == FOUND) && !names.contains(&id) && id != USER;
    let personal = [Some(TITLE), Some(NAME), case.event.password.as_deref()];
    let Exchange { request, .. } = path.exchanges.iter().find(|it| {
        let body = String::from_utf8_lossy(it.request.body.as_deref().unwrap_or_default());
        let personal = personal.iter().flatten().any(|value| body.contains(value));
        let deletes = it.request.method == "DELETE" && outcome.account.is_none();
        is_success(&it.response)
            && changes(it)
            && it.request.path.split('/').any(is_foreign)
            && (personal || deletes)
    })?;
    let sentence = format!(
        "it rewrites an account that is not the tenant's own ({} {}): `elsewhere` is not 0, so that it may only \
         join and leave the account",
        request.method, request.path
    );
    violation(FindingKind::Rewrites, sentence, None)
}

/// A user who is not active becomes a member.
fn admits_inactive_user(case: &Case, outcome: &Outcome) -> Option<Violation> {
    let enters = matches!(case.event.kind, EventKind::Create | EventKind::Update);
    let active = transcript::membership(outcome) == Membership::Active;
    if !enters || case.active || !active || case.start == StartState::Active {
        return None;
    }
    let sentence = "it reports `active` for a user whose `active` is false".to_owned();
    violation(FindingKind::LetIn, sentence, None)
}

/// The state differs from the lifecycle table, although the app accepted every request.
fn contradicts_table(
    manifest: &Manifest,
    case: &Case,
    path: &CasePath,
    outcome: &Outcome,
) -> Option<Violation> {
    if !path.plausible.iter().all(|it| *it) {
        return None;
    }
    let kind = case.event.kind;
    let promised = manifest.lifecycle.get(&kind)?.membership;
    let (reached, start) = (transcript::membership(outcome), case.start.membership());
    let known = case.start != StartState::None;
    // An account that others may have is not deleted, whatever the table promises of the tenant's own.
    let stays = kind == EventKind::Delete && case.context.elsewhere > 0;
    let expected = match promised {
        Reached::Absent if stays && reached == Membership::Suspended => return None,
        // A user who is not active must not become a member; see `admits_inactive_user`.
        Reached::Active if !case.active => return None,
        Reached::Active => Membership::Active,
        // For a person who is not a member already, nothing needs to be done.
        Reached::Suspended | Reached::Absent if start == Membership::Absent => {
            return (reached == Membership::Active && kind.deprovisions())
                .then(|| table_violation(&interface_word(&promised), reached, Membership::Absent))
                .flatten();
        }
        Reached::Suspended => Membership::Suspended,
        Reached::Absent => Membership::Absent,
        // A person who was never a member may become one with an update.
        Reached::Unchanged if !known && kind != EventKind::Release => return None,
        Reached::Unchanged if kind == EventKind::Release => start,
        // The event may make up for a change that should have been made before.
        Reached::Unchanged if case.active != (start == Membership::Active) => return None,
        // For a person who is not a member, suspended and absent are equally right.
        Reached::Unchanged if start == Membership::Absent && reached != Membership::Active => {
            return None;
        }
        Reached::Unchanged => start,
    };
    if reached == expected {
        None
    } else {
        table_violation(&interface_word(&promised), reached, expected)
    }
}

fn table_violation(promised: &str, reached: Membership, right: Membership) -> Option<Violation> {
    let reached = interface_word(&reached);
    let sentence = format!("its lifecycle table promises `{promised}`, and it reaches `{reached}`");
    violation(FindingKind::Table, sentence, Some(CorrectResult::Reached(right)))
}

/// The outcome has no account, although the app did not say that the account is gone.
fn drops_account(case: &Case, path: &CasePath, outcome: &Outcome) -> Option<Violation> {
    let keeps = matches!(
        case.event.kind,
        EventKind::Update | EventKind::Activate | EventKind::Release | EventKind::Password
    );
    let lost = case.start != StartState::None && outcome.account.is_none();
    if !keeps || !lost || path.exchanges.iter().any(|it| is_gone(&it.response)) {
        return None;
    }
    let sentence = "its outcome drops the account, which exists: the next event makes another one";
    violation(FindingKind::Forgotten, sentence.to_owned(), None)
}

/// A final refusal after a response that may be temporary.
fn refuses_for_good(case: &Case, path: &CasePath, refusal: &Refusal) -> Option<Violation> {
    let last = path.exchanges.last()?;
    let name = path.names.last()?;
    let is_final = matches!(
        refusal,
        Refusal::Rejected(_)
            | Refusal::Conflict(_)
            | Refusal::Forbidden(_)
            | Refusal::Unsupported(_)
    );
    let kind = transcript::refusal(refusal).0;
    let leaves = case.event.kind.deprovisions();
    if leaves && is_final && is_gone(&last.response) {
        let sentence = format!(
            "the app does not know the leaver ({name}), and it refuses: {kind}. The host retries it \
             without end"
        );
        return violation(FindingKind::NeverGone, sentence, None);
    }
    if !is_final || !is_temporary(&last.response) {
        return None;
    }
    let sentence = format!("it refuses for good ({kind}) after {name}, which may be temporary");
    let worse = if leaves { FindingKind::GivenUp } else { FindingKind::Lost };
    violation(worse, sentence, Some(CorrectResult::Later))
}

/// An event that the table lists is refused as unsupported.
fn refuses_listed_event(
    manifest: &Manifest,
    case: &Case,
    path: &CasePath,
    refusal: &Refusal,
) -> Option<Violation> {
    let listed = manifest.lifecycle.get(&case.event.kind)?;
    if !matches!(refusal, Refusal::Unsupported(_)) || !path.exchanges.is_empty() {
        return None;
    }
    let promised = interface_word(&listed.membership);
    let sentence =
        format!("its lifecycle table promises `{promised}`, and it refuses: unsupported");
    violation(FindingKind::Table, sentence, None)
}
