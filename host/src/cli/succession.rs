//! What changes where one version follows another, as people read it.

use std::fmt;

use serde_json::json;

use super::output::{self, BAD, FAINT, NAME, NOTE};
use crate::connector::{LifecycleChange, Transition};
use crate::lifecycle::Promoted;

/// Who follows whom, what it asks for, and what becomes of the lifecycle table: a line for each, and
/// the last one ends.
pub(super) struct Following<'a>(pub(super) &'a Promoted);

impl fmt::Display for Following<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Promoted { app, tenants, connector, before, ended, changes } = self.0;
        let before = before.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
        let of = if tenants.is_empty() {
            format!("app {app}")
        } else {
            format!("tenant {} of app {app}", tenants.join(", "))
        };
        writeln!(f, "{of}: {before} → {NAME}{connector}{NAME:#}")?;
        for ask in &changes.asks {
            writeln!(f, "  {NOTE}asks for more{NOTE:#}: {ask}")?;
        }
        for change in &changes.lifecycle {
            row(f, change)?;
        }
        if !ended.is_empty() {
            let names = ended.join(", ");
            writeln!(f, "  {BAD}no version of their own any more{BAD:#}: tenant {names}")?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, change: &LifecycleChange) -> fmt::Result {
    let (was, is) = (change.before.as_ref(), change.after.as_ref());
    let state = |it: Option<&Transition>| {
        it.map_or_else(|| "unsupported".to_owned(), |it| output::text(&json!(it.membership)))
    };
    let (event, before, after) = (change.event.name(), state(was), state(is));
    // Where only the words are other ones, they are told below.
    let states = if before == after { after } else { format!("{before} → {after}") };
    writeln!(f, "  {NOTE}{event}{NOTE:#}: {states}")?;
    for (word, it) in [("was", was), ("is ", is)] {
        if let Some(it) = it {
            writeln!(f, "    {FAINT}{word}{FAINT:#} {}", it.text)?;
        }
    }
    Ok(())
}
