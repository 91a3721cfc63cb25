//! The uncommitted state of a group, from which the next change is decided.

use std::collections::BTreeSet;

use anyhow::Context as _;

use super::change::{Current, stored};
use super::journaled::Operation;
use crate::decision::ResourceKind;
use crate::store::AccountRow;

/// A group as it is after a decided change that is not durable yet.
#[derive(Debug)]
pub(in crate::lifecycle) struct UncommittedGroup {
    pub(in crate::lifecycle) current: Current,
    joined: Vec<String>,
    left: Vec<String>,
}

impl UncommittedGroup {
    pub(in crate::lifecycle) fn of(
        operation: &Operation,
        account: Option<AccountRow>,
    ) -> anyhow::Result<Self> {
        let row = operation.resource.clone().context("a group that stays has a row")?;
        let members = &operation.members;
        let joined = members.joined.iter().chain(&members.joined_untold);
        let left = members.left.iter().chain(&members.left_untold);
        Ok(Self {
            current: Current::of(ResourceKind::Group, stored(row, None), account)?,
            joined: joined.map(|member| member.id.clone()).collect(),
            left: left.map(|member| member.id.clone()).collect(),
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
