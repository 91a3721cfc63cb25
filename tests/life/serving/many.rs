//! A host whose tenants have a version each: what a decision takes there, as its journal has it.

use std::sync::Arc;
use std::time::Duration;

use muster::connector;
use muster::lifecycle::snapshot::Tenant;
use muster::scim::Precondition;
use muster::store::{ConnectorRow, TenantRow};
use serde_json::Value;

use super::{House, person};
use crate::loading::variant;
use crate::{quantile, told};

/// People who join in a row, of one tenant or of one after the other.
const ROW: usize = 100;
/// Such rows, of both kinds in turn.
const ROWS: usize = 40;

impl House {
    /// Lets so many versions decide for a tenant each, and compares a decision of any with one of
    /// the same.
    pub(crate) async fn many(&self, versions: u32) {
        let tenants = self.tenants_with_versions_of_their_own(versions).await;
        let (mut alone, mut any) = (Vec::new(), Vec::new());
        for row in 0..ROWS {
            let first = self.newest().await;
            for n in row * ROW..(row + 1) * ROW {
                let tenant = if row % 2 == 0 { 0 } else { n % tenants.len() };
                self.join(&tenants[tenant], n).await;
            }
            let times = if row % 2 == 0 { &mut alone } else { &mut any };
            times.extend(self.took_since(&first).await);
        }
        assert_eq!(alone.len() + any.len(), ROW * ROWS);
        let (alone, any) = (quantile(&mut alone, 0.5), quantile(&mut any, 0.5));
        let ratio = any.as_secs_f64() / alone.as_secs_f64();
        told(
            &format!("any of {versions}, in one, where a host serves (goal: 1.5)"),
            &format!("{ratio:.2} times, {any:.0?} and {alone:.0?}"),
        );
    }

    /// Written past the front door, which reads all of them anew whenever one comes.
    async fn tenants_with_versions_of_their_own(&self, versions: u32) -> Vec<Arc<Tenant>> {
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
                dialect: "okta".to_owned(),
                state: "connected".to_owned(),
                settings: "{}".to_owned(),
                connector: Some(digest),
                previous: None,
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

    async fn join(&self, tenant: &Arc<Tenant>, n: usize) {
        let host = &self.stage.host;
        let users = Arc::clone(tenant.schemas.by_endpoint("Users").unwrap());
        let target =
            host.directory.target(Arc::clone(tenant), users, Precondition::default()).unwrap();
        host.directory.create(target, serde_json::from_str(&person(n)).unwrap()).await.unwrap();
    }

    /// How long the decisions took since this operation.
    async fn took_since(&self, first: &str) -> Vec<Duration> {
        let rows = self.since(first).await;
        let took = |used: &str| {
            let used: Value = serde_json::from_str(used).unwrap();
            Duration::from_micros(used["micros"].as_u64().unwrap())
        };
        rows.iter().map(|row| took(row.used.as_deref().unwrap())).collect()
    }
}
