//! A group as it will be once what was decided is durable.

use std::collections::BTreeSet;

use anyhow::Context as _;

use super::change::{Before, stored};
use super::work::Work;
use crate::store::AccountRow;

/// How a group will be once what was decided is on disk.
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

    /// Brings a set of members up to it.
    pub(in crate::lifecycle) fn overlay(&self, members: &mut BTreeSet<String>) {
        members.extend(self.joined.iter().cloned());
        for member in &self.left {
            members.remove(member);
        }
    }
}
