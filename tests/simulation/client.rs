//! Identity providers: they look ids up, ask, repeat when they are told to, and sometimes hang up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::belief::{Beliefs, Ended, Fact, Write};
use super::schedule::{Change, Group, Manner, Person, TENANTS};
use super::stage::{self, Answer, Death, Template};

/// Every request is answered within this time.
const LONGEST: Duration = Duration::from_secs(60);
/// An identity provider waits no longer before it asks again.
const LONGEST_PAUSE: u64 = 20;

/// The identity providers of all tenants. Clones share what they know.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) router: Router,
    pub(crate) template: Arc<Template>,
    pub(crate) beliefs: Arc<Mutex<Beliefs>>,
    pub(crate) violations: Arc<Mutex<Vec<String>>>,
    /// The death of the host that is asked.
    pub(crate) death: Arc<Death>,
}

/// A request to the host, and what the directory says when it is carried out.
#[derive(Default)]
struct Request {
    tenant: usize,
    method: &'static str,
    path: String,
    body: Option<Value>,
    writes: Vec<Write>,
    /// The id of a resource that has the name of the one to create.
    existing: Option<String>,
}

impl Request {
    /// Whether the answer to a creation is of a resource that was there already: the same request was
    /// carried out before, and is answered again without a change.
    fn is_repeated_by(&self, answer: &Value) -> bool {
        let known = self.existing.is_some() && self.existing.as_deref() == answer["id"].as_str();
        self.method == "POST" && known
    }

    /// Whether a creation in a bulk request may have been answered again: the answer has no body.
    fn is_repeated_by_bulk(&self, operation: &Value) -> bool {
        let location = operation["location"].as_str().unwrap_or_default();
        let known = self.existing.as_deref().is_some_and(|id| location.ends_with(id));
        self.method == "POST" && known
    }
}

impl Clients {
    /// Makes a change, as far as there is anything to change.
    pub(crate) async fn make(self, change: Change, manner: Manner) {
        match change {
            Change::Bulk(changes) => self.bulk(changes, manner).await,
            change => {
                if let Some(request) = self.request(&change).await {
                    self.perform(request, manner).await;
                }
            }
        }
    }

    pub(crate) fn beliefs(&self) -> MutexGuard<'_, Beliefs> {
        self.beliefs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything of a kind that a tenant's directory has.
    pub(crate) async fn list(&self, tenant: usize, kind: &str) -> Vec<Value> {
        let answer = self.get(tenant, &format!("/{kind}?count=200")).await;
        answer["Resources"].as_array().cloned().unwrap_or_default()
    }

    async fn perform(&self, request: Request, manner: Manner) {
        let number = self.beliefs().begin(request.writes.clone(), request.existing.is_some());
        let asking = self.ask_until_answered(&request, manner.repeats);
        let ended = match manner.patience {
            None => asking.await,
            Some(millis) => {
                let answered = timeout(Duration::from_millis(millis), asking).await;
                answered.unwrap_or(Ended::Unknown)
            }
        };
        self.beliefs().end(number, ended);
    }

    async fn ask_until_answered(&self, request: &Request, repeats: u32) -> Ended {
        let mut was_delayed = false;
        for _ in 0..=repeats {
            let Some(answer) = self.send(request).await else { return Ended::Unknown };
            match answer.status {
                200..=299 if request.is_repeated_by(&answer.body) => return Ended::Refused,
                200..=299 => return Ended::Acknowledged,
                429 | 503 => {
                    was_delayed = true;
                    let pause = answer.retry_after.unwrap_or(5).min(LONGEST_PAUSE);
                    tokio::time::sleep(Duration::from_secs(pause)).await;
                }
                400..=499 if !was_delayed => return Ended::Refused,
                _ => return Ended::Unknown,
            }
        }
        Ended::Unknown
    }

    async fn bulk(&self, changes: Vec<Change>, manner: Manner) {
        let mut requests = Vec::new();
        for change in &changes {
            requests.extend(self.request(change).await);
        }
        let Some(tenant) = requests.first().map(|request| request.tenant) else { return };
        let operations = (0..).zip(&requests).map(|(n, request)| {
            let mut operation = json!({
                "method": request.method, "path": request.path, "bulkId": format!("b{n}"),
            });
            if let Some(body) = &request.body {
                operation["data"] = body.clone();
            }
            operation
        });
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": operations.collect::<Vec<_>>(),
        });
        let begun: Vec<u64> = requests
            .iter()
            .map(|it| self.beliefs().begin(it.writes.clone(), it.existing.is_some()))
            .collect();
        let path = "/Bulk".to_owned();
        let writes = Vec::new();
        let whole =
            Request { tenant, method: "POST", path, body: Some(body), writes, existing: None };
        let sending = self.send(&whole);
        let answer = match manner.patience {
            None => sending.await,
            Some(millis) => {
                timeout(Duration::from_millis(millis), sending).await.unwrap_or_default()
            }
        };
        let answer = answer.map(|answer| answer.body).unwrap_or_default();
        for (n, number) in begun.into_iter().enumerate() {
            let operation = &answer["Operations"][n];
            let status = operation["status"].as_str().and_then(|status| status.parse().ok());
            let ended = match status {
                Some(200..=299) if requests[n].is_repeated_by_bulk(operation) => Ended::Unknown,
                Some(200..=299) => Ended::Acknowledged,
                Some(429) | None => Ended::Unknown,
                Some(400..=499_u16) => Ended::Refused,
                Some(_) => Ended::Unknown,
            };
            self.beliefs().end(number, ended);
        }
    }

    /// The request for a change; none if the directory does not have what would change.
    async fn request(&self, change: &Change) -> Option<Request> {
        let set = |person: Person, fields: Value, writes| {
            self.patch_person(person, json!([{ "op": "replace", "value": fields }]), writes)
        };
        match change {
            Change::Create { person, active, title } => Some(Request {
                existing: self.id_of(person.tenant, "Users", "userName", &person.email()).await,
                tenant: person.tenant,
                method: "POST",
                path: "/Users".to_owned(),
                body: Some(user(*person, *active, *title)),
                writes: vec![
                    (Fact::Exists(*person), "true".to_owned()),
                    (Fact::Active(*person), active.to_string()),
                    (Fact::Title(*person), title.to_string()),
                ],
            }),
            Change::Activate { person, title } => {
                let mut writes = vec![(Fact::Active(*person), "true".to_owned())];
                let mut fields = json!({ "active": true });
                if let Some(title) = title {
                    writes.push((Fact::Title(*person), title.to_string()));
                    fields["title"] = title.to_string().into();
                }
                set(*person, fields, writes).await
            }
            Change::Deactivate(person) => {
                let writes = vec![(Fact::Active(*person), "false".to_owned())];
                set(*person, json!({ "active": false }), writes).await
            }
            Change::Title { person, title } => {
                let writes = vec![(Fact::Title(*person), title.to_string())];
                set(*person, json!({ "title": title.to_string() }), writes).await
            }
            Change::Replace { person, title } => {
                let id = self.id_of(person.tenant, "Users", "userName", &person.email()).await?;
                let mut body = user(*person, true, *title);
                body.as_object_mut()?.remove("active");
                let writes = vec![(Fact::Title(*person), title.to_string())];
                Some(put(person.tenant, format!("/Users/{id}"), body, writes))
            }
            Change::Delete(person) => {
                let mut writes = vec![(Fact::Exists(*person), "false".to_owned())];
                let groups = Group::all(person.tenant);
                writes.extend(groups.map(|it| (Fact::Member(it, *person), "false".to_owned())));
                let id = self.id_of(person.tenant, "Users", "userName", &person.email()).await?;
                Some(delete(person.tenant, format!("/Users/{id}"), writes))
            }
            Change::CreateGroup { group, members, again } => {
                let there = self.id_of(group.tenant, "Groups", "displayName", group.name).await;
                if there.is_some() && !again {
                    return None;
                }
                Some(Request { existing: there, ..self.create_group(*group, members).await })
            }
            Change::Add { group, members } => {
                let (values, writes) = self.members(*group, members).await;
                let add = json!([{ "op": "add", "path": "members", "value": values }]);
                self.patch_group(*group, add, writes).await
            }
            Change::Remove { group, member } => {
                let id = self.id_of(member.tenant, "Users", "userName", &member.email()).await?;
                let path = format!("members[value eq \"{id}\"]");
                let writes = vec![(Fact::Member(*group, *member), "false".to_owned())];
                self.patch_group(*group, json!([{ "op": "remove", "path": path }]), writes).await
            }
            Change::ReplaceGroup { group, members } => {
                let id = self.id_of(group.tenant, "Groups", "displayName", group.name).await?;
                let Request { body, mut writes, .. } = self.create_group(*group, members).await;
                writes.remove(0);
                Some(put(group.tenant, format!("/Groups/{id}"), body?, writes))
            }
            Change::DeleteGroup(group) => {
                let mut writes = vec![(Fact::GroupExists(*group), "false".to_owned())];
                let people = Person::all(group.tenant);
                writes.extend(people.map(|it| (Fact::Member(*group, it), "false".to_owned())));
                let id = self.id_of(group.tenant, "Groups", "displayName", group.name).await?;
                Some(delete(group.tenant, format!("/Groups/{id}"), writes))
            }
            Change::Bulk(_) => None,
        }
    }

    async fn create_group(&self, group: Group, members: &[Person]) -> Request {
        let (values, there) = self.members(group, members).await;
        let mut writes = vec![(Fact::GroupExists(group), "true".to_owned())];
        for person in Person::all(group.tenant) {
            let fact = Fact::Member(group, person);
            let value = there.iter().any(|(it, _)| *it == fact).to_string();
            writes.push((fact, value));
        }
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": group.name, "members": values,
        });
        let path = "/Groups".to_owned();
        Request {
            tenant: group.tenant,
            method: "POST",
            path,
            body: Some(body),
            writes,
            existing: None,
        }
    }

    /// The people that the directory has, as members of a group.
    async fn members(&self, group: Group, people: &[Person]) -> (Vec<Value>, Vec<Write>) {
        let (mut values, mut writes) = (Vec::new(), Vec::new());
        for person in people {
            let id = self.id_of(person.tenant, "Users", "userName", &person.email()).await;
            if let Some(id) = id {
                values.push(json!({ "value": id }));
                writes.push((Fact::Member(group, *person), "true".to_owned()));
            }
        }
        (values, writes)
    }

    async fn patch_person(
        &self,
        person: Person,
        operations: Value,
        writes: Vec<Write>,
    ) -> Option<Request> {
        let id = self.id_of(person.tenant, "Users", "userName", &person.email()).await?;
        Some(patch(person.tenant, format!("/Users/{id}"), &operations, writes))
    }

    async fn patch_group(
        &self,
        group: Group,
        operations: Value,
        writes: Vec<Write>,
    ) -> Option<Request> {
        let id = self.id_of(group.tenant, "Groups", "displayName", group.name).await?;
        Some(patch(group.tenant, format!("/Groups/{id}"), &operations, writes))
    }

    pub(crate) async fn id_of(
        &self,
        tenant: usize,
        kind: &str,
        attribute: &str,
        name: &str,
    ) -> Option<String> {
        let path = format!("/{kind}?filter={attribute}%20eq%20%22{name}%22");
        let found = self.get(tenant, &path).await;
        found["Resources"][0]["id"].as_str().map(str::to_owned)
    }

    async fn get(&self, tenant: usize, path: &str) -> Value {
        let (path, writes) = (path.to_owned(), Vec::new());
        let request = Request { tenant, method: "GET", path, body: None, writes, existing: None };
        self.send(&request).await.map(|answer| answer.body).unwrap_or_default()
    }

    /// The host's answer; none if there was none in time.
    async fn send(&self, request: &Request) -> Option<Answer> {
        let Request { tenant, method, path, body, .. } = request;
        let whole = format!("/t/{}/scim/v2{path}", TENANTS[*tenant]);
        let token = &self.template.tokens[*tenant];
        let asking = stage::ask(&self.router, token, method, &whole, body.clone());
        let answered = timeout(LONGEST, asking).await;
        if self.death.is_dead() {
            // Nothing that a dead host says is heard.
            std::future::pending::<()>().await;
        }
        match answered {
            Ok(answer) => answer.ok(),
            Err(_) => {
                let mut violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
                violations.push(format!("not answered: {method} {path}"));
                None
            }
        }
    }
}

fn patch(tenant: usize, path: String, operations: &Value, writes: Vec<Write>) -> Request {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations,
    });
    Request { tenant, method: "PATCH", path, body: Some(body), writes, existing: None }
}

fn put(tenant: usize, path: String, body: Value, writes: Vec<Write>) -> Request {
    Request { tenant, method: "PUT", path, body: Some(body), writes, existing: None }
}

fn delete(tenant: usize, path: String, writes: Vec<Write>) -> Request {
    Request { tenant, method: "DELETE", path, body: None, writes, existing: None }
}

fn user(person: Person, active: bool, title: u32) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": person.email(),
        "externalId": format!("00u-{}", person.name),
        "name": { "givenName": person.name, "familyName": "Doe" },
        "emails": [{ "primary": true, "value": person.email(), "type": "work" }],
        "displayName": format!("{} Doe", person.name),
        "title": title.to_string(),
        "active": active,
    })
}
