//! The report on a connector version that replaces another, for `connector promote` and `--watch`: for whom,
//! what more it asks for, and how its lifecycle table differs.

use std::fmt;

use serde_json::json;

use super::output::{self, BAD, FAINT, NAME, NOTE};
use crate::connector::{LifecycleChange, Transition};
use crate::lifecycle::Promoted;

/// Displays a promotion, or its preview, as lines that each end with a newline.
pub(super) struct VersionChange<'a>(pub(super) &'a Promoted);

impl fmt::Display for VersionChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Promoted { app, tenants, connector, before, ended, changes } = self.0;
        let before = before.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let scope = if tenants.is_empty() {
            format!("app {app}")
        } else {
            format!("tenant {} of app {app}", tenants.join(", "))
        };
        writeln!(f, "{scope}: {before} → {NAME}{connector}{NAME:#}")?;
        for ask in &changes.asks {
            writeln!(f, "  {NOTE}asks for more{NOTE:#}: {ask}")?;
        }
        for change in &changes.lifecycle {
            lifecycle_change(f, change)?;
        }
        if !ended.is_empty() {
            let names = ended.join(", ");
            writeln!(f, "  {BAD}loses its own version{BAD:#}: tenant {names}")?;
        }
        Ok(())
    }
}

fn lifecycle_change(f: &mut fmt::Formatter<'_>, change: &LifecycleChange) -> fmt::Result {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    let state = |it: Option<&Transition>| {
        it.map_or_else(|| "unsupported".to_owned(), |it| output::text(&json!(it.membership)))
    };
    let (event, from, to) = (change.event.name(), state(before), state(after));
    // If only the texts differ, the state is printed once.
    let states = if from == to { to } else { format!("{from} → {to}") };
    writeln!(f, "  {NOTE}{event}{NOTE:#}: {states}")?;
    for (word, it) in [("was", before), ("is ", after)] {
        if let Some(it) = it {
            writeln!(f, "    {FAINT}{word}{FAINT:#} {}", it.text)?;
        }
    }
    Ok(())
}
