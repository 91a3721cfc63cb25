//! The open connections, and which of them is closed if there are too many.
//!
//! It is the one that has been idle for longest, of the source with the most idle ones: a source that opens
//! many takes its own place. Busy connections are never closed. One source has at most half of all, unless it
//! is a declared proxy, behind which there may be any number of clients.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::task::{AbortHandle, Id};

use super::super::source::{Proxies, network_of};
use super::activity::Activity;

/// The connections that are open.
pub(super) struct OpenConnections {
    limit: usize,
    proxies: Proxies,
    open: HashMap<Id, OpenConnection>,
}

struct OpenConnection {
    source: IpAddr,
    activity: Arc<Activity>,
    task: AbortHandle,
}

/// All connections that there may be are busy.
#[derive(Debug)]
pub(super) struct AllBusy;

impl OpenConnections {
    pub(super) fn new(limit: usize, proxies: Proxies) -> Self {
        Self { limit: limit.max(1), proxies, open: HashMap::new() }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn insert(&mut self, task: AbortHandle, peer: IpAddr, activity: Arc<Activity>) {
        let connection = OpenConnection { source: network_of(peer), activity, task };
        self.open.insert(connection.task.id(), connection);
    }

    pub(super) fn remove(&mut self, task: Id) {
        self.open.remove(&task);
    }

    /// Makes room for a connection from this address. Returns how many were closed for it.
    pub(super) fn make_room(&mut self, peer: IpAddr) -> Result<usize, AllBusy> {
        let share = self.limit.div_ceil(2);
        if self.open.len() < share {
            return Ok(0);
        }
        let source = network_of(peer);
        let its_own = self.open.values().filter(|it| it.source == source).count();
        let closed = if its_own >= share && !self.proxies.contain(peer) {
            self.close_idle(Some(source))
        } else if self.open.len() >= self.limit {
            self.close_idle(None)
        } else {
            return Ok(0);
        };
        if closed { Ok(1) } else { Err(AllBusy) }
    }

    /// Closes the connection that has been idle for longest, of this source, or of the one with the most idle
    /// ones. False if all are busy.
    pub(super) fn close_idle(&mut self, of: Option<IpAddr>) -> bool {
        let Some((task, since)) = self.longest_idle(of) else { return false };
        let Some(connection) = self.open.get(&task) else { return false };
        if !connection.activity.close(since) {
            // A request has just come; another one is looked for.
            return self.close_idle(of);
        }
        connection.task.abort();
        self.open.remove(&task);
        true
    }

    fn longest_idle(&self, of: Option<IpAddr>) -> Option<(Id, u64)> {
        let mut idle: HashMap<IpAddr, (usize, Id, u64)> = HashMap::new();
        for (&task, connection) in &self.open {
            let source = connection.source;
            let Some(since) = connection.activity.idle_since() else { continue };
            if of.is_some_and(|of| of != source) {
                continue;
            }
            let (count, longest, oldest) = idle.entry(source).or_insert((0, task, since));
            *count += 1;
            if since < *oldest {
                (*longest, *oldest) = (task, since);
            }
        }
        // The connections of a proxy serve many clients, and are closed last.
        let most = |(source, (count, ..)): &(IpAddr, (usize, Id, u64))| {
            (!self.proxies.contain(*source), *count)
        };
        idle.into_iter().max_by_key(most).map(|(_, (_, task, since))| (task, since))
    }
}

#[cfg(test)]
mod tests {
    use super::super::activity::Busy;
    use super::*;

    const A: &str = "192.0.2.1";
    const B: &str = "192.0.2.2";
    const PROXY: &str = "10.0.0.1";

    /// Connections from these addresses, in the order in which they became idle. `!` marks a busy one.
    struct Table(OpenConnections, Vec<(Id, &'static str)>, Vec<Busy>);

    fn table(limit: usize, addresses: &[&'static str]) -> Table {
        let proxies = Proxies::parse(&["10.0.0.0/8".to_owned()]).unwrap();
        let mut table = Table(OpenConnections::new(limit, proxies), Vec::new(), Vec::new());
        for &address in addresses {
            let activity = Arc::new(Activity::new());
            if address.starts_with('!') {
                table.2.extend(activity.request_came());
            }
            let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
            table.1.push((task.id(), address));
            table.0.insert(task, address.trim_start_matches('!').parse().unwrap(), activity);
        }
        table
    }

    /// The place in the list of the connection that is closed for a new one from this address.
    fn closed_for(limit: usize, open: &[&'static str], new: &str) -> Result<Vec<usize>, AllBusy> {
        let Table(mut connections, tasks, _busy) = table(limit, open);
        connections.make_room(new.parse().unwrap())?;
        let is_gone = |(at, (task, _)): (usize, &(Id, _))| {
            (!connections.open.contains_key(task)).then_some(at)
        };
        Ok(tasks.iter().enumerate().filter_map(is_gone).collect())
    }

    #[tokio::test]
    async fn a_source_that_opens_many_connections_takes_its_own_place() {
        assert_eq!(closed_for(4, &[B, A, A], B).unwrap(), [0_usize; 0]);
        assert_eq!(closed_for(4, &[B, A, A], A).unwrap(), [1]);
        assert_eq!(closed_for(4, &[B, A, "192.0.2.3", A], B).unwrap(), [1]);
        assert_eq!(closed_for(4, &[A, "192.0.2.3", B, B], "192.0.2.4").unwrap(), [2]);
    }

    #[tokio::test]
    async fn a_busy_connection_is_never_closed() {
        const BUSY_A: &str = "!192.0.2.1";
        const BUSY_B: &str = "!192.0.2.2";
        assert_eq!(closed_for(4, &[BUSY_A, A, BUSY_B, B], "192.0.2.4").unwrap().len(), 1);
        assert!(closed_for(4, &[BUSY_A, BUSY_A, BUSY_B, BUSY_B], "192.0.2.4").is_err());
        assert!(closed_for(4, &[BUSY_A, BUSY_A, B], A).is_err());
    }

    #[tokio::test]
    async fn a_declared_proxy_may_have_all_connections_and_loses_them_last() {
        assert_eq!(closed_for(4, &[PROXY, PROXY, PROXY], PROXY).unwrap(), [0_usize; 0]);
        assert_eq!(closed_for(4, &[PROXY, PROXY, PROXY, A], PROXY).unwrap(), [3]);
        assert_eq!(closed_for(4, &[PROXY, PROXY, PROXY, PROXY], A).unwrap(), [0]);
    }
}
