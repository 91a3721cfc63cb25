//! A host with a different connector version for each tenant: the time of a decision, as the journal
//! records it.

use std::sync::Arc;
use std::time::Duration;

use muster::connector;
use muster::lifecycle::snapshot::Tenant;
use muster::scim::{Dialect, Precondition};
use muster::store::{ConnectorRow, TenantRow, TenantState};
use serde_json::Value;

use super::{ServingHost, person};
use crate::loading::variant;
use crate::{print_figure, quantile};

/// Users created in one batch, all in one tenant or each in another tenant.
const BATCH: usize = 100;
/// Batches, of both kinds in turn.
const BATCHES: usize = 40;

impl ServingHost {
    /// Gives each of `versions` tenants its own connector version, and compares decisions of all
    /// versions in turn with decisions of one.
    pub(crate) async fn many(&self, versions: u32) {
        let tenants = self.tenants_with_own_versions(versions).await;
        let (mut one, mut all) = (Vec::new(), Vec::new());
        for batch in 0..BATCHES {
            let first = self.newest().await;
            for n in batch * BATCH..(batch + 1) * BATCH {
                let tenant = if batch % 2 == 0 { 0 } else { n % tenants.len() };
                self.create_in(&tenants[tenant], n).await;
            }
            let times = if batch % 2 == 0 { &mut one } else { &mut all };
            times.extend(self.decision_times_since(&first).await);
        }
        assert_eq!(one.len() + all.len(), BATCH * BATCHES);
        let (one, all) = (quantile(&mut one, 0.5), quantile(&mut all, 0.5));
        let ratio = all.as_secs_f64() / one.as_secs_f64();
        print_figure(
            &format!("median decision, {versions} versions ÷ one, serving (goal: 1.5)"),
            &format!("{ratio:.2} times, {all:.0?} and {one:.0?}"),
        );
    }

    /// Creates the tenants and versions directly in the store, because creating them is not measured.
    async fn tenants_with_own_versions(&self, versions: u32) -> Vec<Arc<Tenant>> {
        let (host, store) = (&self.stage.host, &self.stage.host.store);
        let known = store.connectors().await.unwrap();
        let next = known.iter().find(|row| row.version == "0.2.0").unwrap();
        let mut rows = Vec::new();
        for n in 0..versions {
            let component = variant(n);
            let digest = connector::digest(&component);
            let version = format!("0.2.{}", n + 1);
            let row = ConnectorRow { digest: digest.clone(), version, component, ..next.clone() };
            store.put_connector(&row).await.unwrap();
            rows.push(TenantRow {
                id: format!("many-{n}"),
                app: "roster".to_owned(),
                dialect: Dialect::Okta,
                group_names: None,
                unknown_members: None,
                requests_per_second: None,
                state: TenantState::Connected,
                settings: "{}".to_owned(),
                connector: Some(digest),
                previous: None,
                domains: Vec::new(),
                created: next.created.clone(),
            });
        }
        for row in &rows {
            store.put_tenant(row).await.unwrap();
        }
        store.assign(&rows).await.unwrap();
        let mut tenants = Vec::new();
        for row in &rows {
            tenants.push(host.config.tenant(&row.id).await.unwrap().unwrap());
        }
        tenants
    }

    async fn create_in(&self, tenant: &Arc<Tenant>, n: usize) {
        let host = &self.stage.host;
        let users = Arc::clone(tenant.schemas.by_endpoint("Users").unwrap());
        let target =
            host.directory.target(Arc::clone(tenant), users, Precondition::default()).unwrap();
        host.directory.create(target, serde_json::from_str(&person(n)).unwrap()).await.unwrap();
    }

    /// The times of the decisions since this operation.
    async fn decision_times_since(&self, first: &str) -> Vec<Duration> {
        let rows = self.since(first).await;
        let time = |used: &str| {
            let used: Value = serde_json::from_str(used).unwrap();
            Duration::from_micros(used["micros"].as_u64().unwrap())
        };
        rows.iter().map(|row| time(row.used.as_deref().unwrap())).collect()
    }
}
