//! The uncommitted state of a group, from which the next change is decided.

use std::collections::BTreeSet;

use anyhow::Context as _;

use super::change::{Before, stored};
use super::work::Work;
use crate::store::AccountRow;

/// A group as it is after a decided change that is not durable yet.
#[derive(Debug)]
pub(in crate::lifecycle) struct Standing {
    pub(in crate::lifecycle) before: Before,
    joined: Vec<String>,
    left: Vec<String>,
}

impl Standing {
    pub(in crate::lifecycle) fn of(
        work: &Work,
        account: Option<AccountRow>,
    ) -> anyhow::Result<Self> {
        let row = work.resource.clone().context("a group that stays has a row")?;
        Ok(Self {
            before: Before::of(stored(row, None), account)?,
            joined: work.event.joined.iter().map(|member| member.id.clone()).collect(),
            left: work.event.left.iter().map(|member| member.id.clone()).collect(),
        })
    }

    /// Applies the membership changes to a set of members.
    pub(in crate::lifecycle) fn overlay(&self, members: &mut BTreeSet<String>) {
        members.extend(self.joined.iter().cloned());
        for member in &self.left {
            members.remove(member);
        }
    }
}
