//! Holds what a connector decided against what was promised. Pure.

use super::answers::{accepted, gone, passing};
use super::case::{Case, Start};
use super::explore::Path;
use super::finding::{Kind, Right, Seen};
use crate::connector::{Manifest, Reached};
use crate::decision::{EventKind, Exchange, Membership, Outcome, Refusal};
use crate::kit::expectation::word;
use crate::kit::transcript;

/// What is wrong with how a path ended.
pub(super) fn of(
    manifest: &Manifest,
    case: &Case,
    path: &Path,
    end: &Result<Outcome, Refusal>,
) -> Vec<Seen> {
    let wrong: Vec<Wrong> = match end {
        Ok(outcome) => [
            unheard(case, path, outcome),
            let_in(case, outcome),
            forgotten(case, path, outcome).or_else(|| table(manifest, case, path, outcome)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Err(refusal) => [given_up(case, path, refusal), unsupported(manifest, case, path, refusal)]
            .into_iter()
            .flatten()
            .collect(),
    };
    let seen = |Wrong { kind, sentence, right }| Seen {
        kind,
        sentence,
        context: None,
        exchanges: path.exchanges.clone(),
        answers: path.names.clone(),
        right,
    };
    wrong.into_iter().map(seen).collect()
}

struct Wrong {
    kind: Kind,
    sentence: String,
    right: Option<Right>,
}

fn wrong(kind: Kind, sentence: String, right: Option<Right>) -> Option<Wrong> {
    Some(Wrong { kind, sentence, right })
}

/// An end is reported that the app did not have a part in: it said no, and nothing else was done.
fn unheard(case: &Case, path: &Path, outcome: &Outcome) -> Option<Wrong> {
    let (kind, reached) = (case.event.kind, transcript::membership(outcome));
    let leaves = kind.deprovisions() && case.start.membership() != Membership::Absent;
    let joins = matches!(kind, EventKind::Create | EventKind::Activate | EventKind::Update)
        && reached == Membership::Active
        && case.start != Start::Active;
    // What a leaver is to be taken from may be gone already; what a joiner needs must be there.
    let done = |it: &Exchange| accepted(&it.response) || leaves && gone(&it.response);
    let no = path.exchanges.iter().rposition(|it| !done(it))?;
    let (before, after) = (&path.exchanges[..no], &path.exchanges[no + 1..]);
    let changes = |it: &Exchange| it.request.method != "GET";
    if !(leaves || joins) || !after.is_empty() {
        return None;
    }
    let partly = before.iter().any(|it| changes(it) && done(it));
    let Exchange { request, .. } = &path.exchanges[no];
    let (asked, answer) = (format!("{} {}", request.method, request.path), path.names[no]);
    let reached = word(&reached);
    let right = Some(Right::Refused);
    if partly {
        let what = format!(
            "it reports `{reached}` though the app answered {answer} to {asked}, the last that it \
             was asked; what was asked before was done"
        );
        return if changes(&path.exchanges[no]) { wrong(Kind::Ignored, what, None) } else { None };
    }
    match leaves {
        true => wrong(
            Kind::LeaverStays,
            format!(
                "it reports a leaver as done (`{reached}`) though the app answered {answer} to \
                 {asked}: whoever should be out is still in"
            ),
            right,
        ),
        false => wrong(
            Kind::JoinerMissing,
            format!("it reports `active` though the app answered {answer} to {asked}"),
            right,
        ),
    }
}

/// Somebody is let in who is not active.
fn let_in(case: &Case, outcome: &Outcome) -> Option<Wrong> {
    let enters = matches!(case.event.kind, EventKind::Create | EventKind::Update);
    let active = transcript::membership(outcome) == Membership::Active;
    if !enters || case.active || !active || case.start == Start::Active {
        return None;
    }
    let what = "it reports `active` for somebody whose `active` is false".to_owned();
    wrong(Kind::LetIn, what, None)
}

/// The lifecycle table promises something else, where the app does as it is told.
fn table(manifest: &Manifest, case: &Case, path: &Path, outcome: &Outcome) -> Option<Wrong> {
    if !path.plausible.iter().all(|it| *it) {
        return None;
    }
    let kind = case.event.kind;
    let promised = manifest.lifecycle.get(&kind)?.membership;
    let (reached, start) = (transcript::membership(outcome), case.start.membership());
    let known = case.start != Start::None;
    let expected = match promised {
        // Whoever is not active is not in; see `let_in`.
        Reached::Active if !case.active => return None,
        Reached::Active => Membership::Active,
        // Where somebody is out already, or was never in, nothing needs to be done.
        Reached::Suspended | Reached::Absent if start == Membership::Absent => {
            return (reached == Membership::Active && kind.deprovisions())
                .then(|| promise(&word(&promised), reached, Membership::Absent))
                .flatten();
        }
        Reached::Suspended => Membership::Suspended,
        Reached::Absent => Membership::Absent,
        // Somebody who was never in may come in with an update.
        Reached::Unchanged if !known && kind != EventKind::Release => return None,
        Reached::Unchanged if kind == EventKind::Release => start,
        // What should have been done before may be done now.
        Reached::Unchanged if case.active != (start == Membership::Active) => return None,
        // Somebody who is out is out as well where they are suspended.
        Reached::Unchanged if start == Membership::Absent && reached != Membership::Active => {
            return None;
        }
        Reached::Unchanged => start,
    };
    if reached == expected { None } else { promise(&word(&promised), reached, expected) }
}

fn promise(promised: &str, reached: Membership, right: Membership) -> Option<Wrong> {
    let reached = word(&reached);
    let what = format!("its lifecycle table promises `{promised}`, and it reaches `{reached}`");
    wrong(Kind::Table, what, Some(Right::Reached(right)))
}

/// An account that is known, and was not said to be gone, is no longer known.
fn forgotten(case: &Case, path: &Path, outcome: &Outcome) -> Option<Wrong> {
    let keeps = matches!(
        case.event.kind,
        EventKind::Update | EventKind::Activate | EventKind::Release | EventKind::Password
    );
    let lost = case.start != Start::None && outcome.account.is_none();
    if !keeps || !lost || path.exchanges.iter().any(|it| gone(&it.response)) {
        return None;
    }
    let what = "it forgets the account, which is there: the next event makes another one";
    wrong(Kind::Forgotten, what.to_owned(), None)
}

/// A refusal for good, where the app may say something else in a while.
fn given_up(case: &Case, path: &Path, refusal: &Refusal) -> Option<Wrong> {
    let last = path.exchanges.last()?;
    let name = path.names.last()?;
    let final_one = matches!(
        refusal,
        Refusal::Rejected(_)
            | Refusal::Conflict(_)
            | Refusal::Forbidden(_)
            | Refusal::Unsupported(_)
    );
    let kind = transcript::refusal(refusal).0;
    let leaves = case.event.kind.deprovisions();
    if leaves && final_one && gone(&last.response) {
        let what = format!(
            "the app no longer knows the leaver ({name}), and it refuses: {kind}. It is tried again \
             for ever"
        );
        return wrong(Kind::NeverGone, what, None);
    }
    if !final_one || !passing(&last.response) {
        return None;
    }
    let what = format!("it refuses for good ({kind}) after {name}, which may be over in a while");
    let worse = if leaves { Kind::GivenUp } else { Kind::Lost };
    wrong(worse, what, Some(Right::Later))
}

/// An event that the table lists is not supported after all.
fn unsupported(manifest: &Manifest, case: &Case, path: &Path, refusal: &Refusal) -> Option<Wrong> {
    let listed = manifest.lifecycle.get(&case.event.kind)?;
    if !matches!(refusal, Refusal::Unsupported(_)) || !path.exchanges.is_empty() {
        return None;
    }
    let promised = word(&listed.membership);
    let what = format!("its lifecycle table promises `{promised}`, and it refuses: unsupported");
    wrong(Kind::Table, what, None)
}
