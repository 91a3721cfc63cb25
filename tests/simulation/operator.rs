//! Operators: what they do in a schedule, and how they have everything settle at its end.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::run::{Forbidden, Life, Quiet, Run, text};
use super::schedule::{Operator, TENANTS};
use super::stage::{self, Answer};

/// Rounds of an hour in which open operations are finished.
const ROUNDS: u32 = 40;

impl Run<'_> {
    pub(crate) async fn operate(&mut self, life: &Life, operator: Operator) {
        match operator {
            Operator::Pause(tenant) => {
                // Without an answer it may be paused, or as before.
                self.loud(life, tenant);
                let answer = self.admin(life, "POST", &of(tenant, "pause"), Value::Null).await;
                if answer.status < 300 {
                    self.quiet(life, tenant, Forbidden::Leaving);
                }
            }
            Operator::Connect(tenant) => self.connect(life, tenant).await,
            Operator::Disconnect { tenant, people } => {
                let body = json!({ "people": people });
                self.loud(life, tenant);
                if people != "release" {
                    self.exempt.taken_away.insert(tenant);
                }
                self.disconnecting.insert(tenant);
                self.admin(life, "POST", &of(tenant, "disconnect"), body).await;
            }
            Operator::Retry { tenant, nth } => {
                if let Some(operation) = self.undone(life, tenant, nth).await {
                    // A retry is carried out although the tenant is paused.
                    self.loud(life, tenant);
                    let path = format!("/operations/{}/retry", text(&operation["id"]));
                    self.admin(life, "POST", &path, Value::Null).await;
                }
            }
            Operator::Drop { tenant, nth } => {
                if let Some(operation) = self.undone(life, tenant, nth).await {
                    let path = format!("/operations/{}/drop", text(&operation["id"]));
                    self.exempt.names.insert((tenant, text(&operation["subject"])));
                    self.admin(life, "POST", &path, Value::Null).await;
                }
            }
            Operator::Protect { person, protected } => {
                let clients = self.clients(life);
                let email = person.email();
                let id = clients.id_of(person.tenant, "Users", "userName", &email).await;
                if let Some(id) = id {
                    let verb = if protected { "protect" } else { "unprotect" };
                    let path = of(person.tenant, &format!("people/{id}/{verb}"));
                    self.exempt.names.insert((person.tenant, email));
                    self.admin(life, "POST", &path, Value::Null).await;
                }
            }
            Operator::Promote => {
                let body = json!({ "connector": self.template.next });
                self.admin(life, "POST", "/apps/app/promote", body).await;
            }
            Operator::RollBack => {
                self.admin(life, "POST", "/apps/app/rollback", json!({})).await;
            }
        }
    }

    /// From the moment that a tenant is seen to be disconnected, nothing of it changes.
    pub(crate) async fn watch_disconnects(&mut self, life: &Life) {
        for tenant in self.disconnecting.clone() {
            if self.state(life, tenant).await == "disconnected" {
                self.disconnecting.remove(&tenant);
                // What the disconnect takes away may have to be confirmed later.
                let forbidden = match self.exempt.taken_away.contains(&tenant) {
                    true => Forbidden::Joining,
                    false => Forbidden::Everything,
                };
                self.quiet(life, tenant, forbidden);
            }
        }
    }

    async fn connect(&mut self, life: &Life, tenant: usize) {
        self.loud(life, tenant);
        let body = json!({ "held": "carry-out", "manage_released": true });
        self.admin(life, "POST", &of(tenant, "connect"), body).await;
    }

    /// From now on some calls are forbidden.
    fn quiet(&mut self, life: &Life, tenant: usize, forbidden: Forbidden) {
        self.quiet.push(Quiet { tenant, from: life.now(), until: None, forbidden });
    }

    /// From now on no call is forbidden.
    fn loud(&mut self, life: &Life, tenant: usize) {
        self.disconnecting.remove(&tenant);
        for quiet in self.quiet.iter_mut().filter(|it| it.tenant == tenant && it.until.is_none()) {
            quiet.until = Some(life.now());
        }
    }

    async fn undone(&self, life: &Life, tenant: usize, nth: usize) -> Option<Value> {
        let mut all = Vec::new();
        for state in ["open", "held", "failed"] {
            all.extend(self.operations(life, TENANTS[tenant], state).await);
        }
        all.into_iter().nth(nth)
    }

    async fn operations(&self, life: &Life, tenant: &str, state: &str) -> Vec<Value> {
        let path = format!("/operations?tenant={tenant}&state={state}&limit=100");
        let answer = self.admin(life, "GET", &path, Value::Null).await;
        answer.body["items"].as_array().cloned().unwrap_or_default()
    }

    /// Calls the admin API. An operator who gets no answer gives up after ten minutes.
    async fn admin(&self, life: &Life, method: &str, path: &str, body: Value) -> Answer {
        let path = format!("/admin/v1{path}");
        let body = (!body.is_null()).then_some(body);
        let asking = stage::ask(&life.router, &self.template.admin, method, &path, body);
        let answered = timeout(Duration::from_secs(600), asking).await;
        if answered.is_err() {
            self.violate(format!("not answered: {method} {path}"));
        }
        let none = Answer { status: 0, retry_after: None, body: Value::Null };
        answered.ok().and_then(Result::ok).unwrap_or(none)
    }

    /// The faults end, the operator connects what is paused and retries what failed, and time
    /// passes until nothing is open.
    pub(crate) async fn settle(&mut self, life: &mut Life) {
        self.network().heal();
        let mut states = Vec::new();
        for tenant in 0..TENANTS.len() {
            let state = self.state(life, tenant).await;
            if state == "paused" {
                self.connect(life, tenant).await;
            }
            states.push(state);
        }
        sleep(Duration::from_secs(45)).await;
        let mut rested = false;
        for _ in 0..ROUNDS {
            self.watch_disconnects(life).await;
            life.simulation.shift(SignedDuration::from_mins(61));
            sleep(Duration::from_secs(4)).await;
            let mut left = 0;
            for (tenant, name) in TENANTS.into_iter().enumerate() {
                let state = self.state(life, tenant).await;
                if state == "disconnecting" {
                    left += 1;
                    // A disconnect that is blocked begins again.
                    let people = json!({ "people": self.people(tenant) });
                    self.admin(life, "POST", &of(tenant, "disconnect"), people).await;
                    continue;
                }
                if state == "disconnected" {
                    continue;
                }
                left += self.operations(life, name, "open").await.len();
                let shown = self.admin(life, "GET", &of(tenant, ""), Value::Null).await;
                left += usize::from(shown.body["backlog"]["in_doubt"] != 0);
                for state in ["failed", "held"] {
                    for operation in self.operations(life, name, state).await {
                        left += 1;
                        let path = format!("/operations/{}/retry", text(&operation["id"]));
                        self.admin(life, "POST", &path, Value::Null).await;
                    }
                }
            }
            // Once more, since what a late call may have done is compared when it cannot arrive any more.
            if left == 0 && rested {
                return;
            }
            rested = left == 0;
        }
        // What was retried last is being tried, and has no note.
        sleep(Duration::from_secs(4)).await;
        for (tenant, name) in TENANTS.into_iter().enumerate() {
            match self.state(life, tenant).await.as_str() {
                "connected" => {}
                "disconnected" => continue,
                state => self.violate(format!("{state} for ever: {name}")),
            }
            let tenant = name;
            for state in ["open", "failed", "held"] {
                for it in self.operations(life, tenant, state).await {
                    let (kind, note) = (text(&it["kind"]), text(&it["note"]));
                    // A second group of a name was acknowledged before the app was asked.
                    if self.setup.when_recorded && note.contains("belongs to another group") {
                        continue;
                    }
                    self.violate(format!(
                        "{state} for ever: {kind} of {tenant}/{}: {note}",
                        text(&it["subject"])
                    ));
                }
            }
        }
    }

    /// What a tenant's people get when it is disconnected in the end.
    fn people(&self, tenant: usize) -> &'static str {
        if self.exempt.taken_away.contains(&tenant) { "deactivate" } else { "release" }
    }

    pub(crate) async fn state(&self, life: &Life, tenant: usize) -> String {
        let answer = self.admin(life, "GET", &of(tenant, ""), Value::Null).await;
        text(&answer.body["state"])
    }
}

fn of(tenant: usize, rest: &str) -> String {
    format!("/tenants/{}/{rest}", TENANTS[tenant]).trim_end_matches('/').to_owned()
}
