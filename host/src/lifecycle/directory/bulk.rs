//! Bulk requests: each operation goes the way of a request by itself (RFC 7644 §3.7).
//!
//! So each is as safe as one: decided, journaled and durable before the next one begins, whatever
//! becomes of the rest. A caller that hangs up interrupts nothing. A host that is killed leaves what
//! was done, and takes up what was under way; what had not begun never happened.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Directory;
use super::write::WriteTarget;
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::change::Written;
use crate::lifecycle::operation::fate;
use crate::scim::bulk::{BulkOperation, BulkRequest, References};
use crate::scim::patch::PATCH_SCHEMA;
use crate::scim::{self, PatchRequest, Precondition, ResourceType};

/// What became of one operation.
#[derive(Debug)]
pub struct BulkResult {
    /// Its place in the request.
    pub operation: usize,
    /// What it was about, as far as that is known: for what is created, only once it is.
    pub resource: Option<(Arc<ResourceType>, String)>,
    /// What a request by itself would have been client_error.
    pub outcome: Result<Written, scim::Error>,
}

/// Where an operation points.
struct ResourceAddress {
    resource_type: Arc<ResourceType>,
    id: Option<String>,
}

/// Something that was created without what it refers to.
struct Incomplete {
    performed: usize,
    target: WriteTarget,
    id: String,
    later: Value,
}

struct BulkRun {
    directory: Arc<Directory>,
    tenant: Arc<Tenant>,
    request: BulkRequest,
    references: References,
    performed: Vec<BulkResult>,
    incomplete: Vec<Incomplete>,
    by: Instant,
}

impl Directory {
    /// Carries the operations out, one after another. Those that `failOnErrors` left undone are not
    /// in the answer.
    pub async fn bulk(
        self: &Arc<Self>,
        tenant: Arc<Tenant>,
        request: BulkRequest,
    ) -> Result<Vec<BulkResult>, Error> {
        self.run_to_completion(|directory| async move {
            let references = References::of(&request.operations);
            let by = directory.config.deadline();
            let (performed, incomplete) = (Vec::new(), Vec::new());
            let run = BulkRun { directory, tenant, request, references, performed, incomplete, by };
            Ok(run.run().await)
        })
        .await
    }
}

impl BulkRun {
    async fn run(mut self) -> Vec<BulkResult> {
        for at in self.request.order() {
            if self.is_over() {
                break;
            }
            self.perform(at).await;
            self.finish().await;
        }
        self.references.end();
        self.finish().await;
        self.performed.sort_by_key(|it| it.operation);
        self.performed
    }

    /// RFC 7644 §3.7.3: so many errors are accepted.
    fn is_over(&self) -> bool {
        let errors = self.performed.iter().filter(|it| it.outcome.is_err()).count();
        self.request.fail_on_errors.is_some_and(|limit| errors as u64 >= limit)
    }

    async fn perform(&mut self, at: usize) {
        let operation = self.request.operations[at].clone();
        let outcome = self.outcome(&operation).await;
        let (resource, outcome) = match outcome {
            Ok((address, outcome)) => {
                let id = match &outcome {
                    Ok(Written::Created(found)) => Some(found.id.clone()),
                    _ => address.id,
                };
                (id.map(|id| (address.resource_type, id)), outcome)
            }
            Err(error) => (None, Err(error)),
        };
        if let Some(bulk_id) = operation.bulk_id.as_deref().filter(|_| operation.creates()) {
            match resource.as_ref().filter(|_| outcome.is_ok()) {
                Some((_, id)) => self.references.created(bulk_id, id),
                None => self.references.failed(bulk_id),
            }
        }
        self.performed.push(BulkResult { operation: at, resource, outcome });
    }

    /// The outer error is that it cannot be told what the operation is about.
    async fn outcome(
        &mut self,
        operation: &BulkOperation,
    ) -> Result<(ResourceAddress, Result<Written, scim::Error>), scim::Error> {
        let resolved = self.references.resolve(operation)?;
        let address = self.address(&resolved.path)?;
        if self.directory.tasks.are_stopping() || Instant::now() >= self.by {
            return Ok((address, Err(fate::not_started(self.tenant.dialect()))));
        }
        let outcome = match self.target(operation, &address) {
            Ok(target) => {
                let data = resolved.data;
                let written = self.write(operation, &target, address.id.clone(), data).await;
                if let (Ok(Written::Created(found)), Some(later)) = (&written, resolved.later) {
                    // Where what became of it is about to be written down.
                    let (performed, id) = (self.performed.len(), found.id.clone());
                    let target = target.unconditional();
                    self.incomplete.push(Incomplete { performed, target, id, later });
                }
                written
            }
            Err(error) => Err(error),
        };
        Ok((address, outcome))
    }

    async fn write(
        &self,
        operation: &BulkOperation,
        target: &WriteTarget,
        id: Option<String>,
        data: Value,
    ) -> Result<Written, scim::Error> {
        let (directory, target) = (&self.directory, target.clone());
        let written = match (operation.method.as_str(), id) {
            ("POST", None) if operation.bulk_id.is_none() => {
                // RFC 7644 §3.7: "bulkId" is required when method is POST.
                return Err(scim::Error::invalid_syntax("a POST needs a bulkId"));
            }
            ("POST", None) => directory.create(target, data).await,
            ("PUT", Some(id)) => directory.replace(target, id, data).await,
            ("PATCH", Some(id)) => {
                let request = PatchRequest::parse(&patch_body(data), &mut target.reading())?;
                directory.patch(target, id, request).await
            }
            ("DELETE", Some(id)) => directory.delete(target, id).await,
            (method, _) => {
                return Err(scim::Error::invalid_syntax(format!(
                    "{method:?} is not possible on {}: POST creates below a type of resource, PUT, \
                     PATCH and DELETE take one resource",
                    operation.path
                )));
            }
        };
        written.map_err(client_error)
    }

    fn target(
        &self,
        operation: &BulkOperation,
        at: &ResourceAddress,
    ) -> Result<WriteTarget, scim::Error> {
        let precondition = Precondition::parse(operation.version.as_deref(), None)?;
        let resource_type = Arc::clone(&at.resource_type);
        self.directory.target(Arc::clone(&self.tenant), resource_type, precondition)
    }

    /// `/Users` or `/Users/{id}`.
    fn address(&self, path: &str) -> Result<ResourceAddress, scim::Error> {
        let mut parts = path.strip_prefix('/').unwrap_or_default().splitn(2, '/');
        let endpoint = parts.next().unwrap_or_default();
        let resource_type =
            self.tenant.schemas.by_endpoint(endpoint).cloned().ok_or_else(|| {
                scim::Error::invalid_syntax(format!("path: there is no resource type at {path:?}"))
            })?;
        Ok(ResourceAddress { resource_type, id: parts.next().map(str::to_owned) })
    }

    /// Adds to what was created whatever it refers to, as soon as that is there.
    async fn finish(&mut self) {
        for incomplete in std::mem::take(&mut self.incomplete) {
            let error = match self.references.complete(&incomplete.later) {
                Ok(None) => {
                    self.incomplete.push(incomplete);
                    continue;
                }
                Ok(Some(attributes)) => {
                    let Incomplete { target, id, .. } = &incomplete;
                    let addition = PatchRequest::addition(attributes);
                    match self.directory.patch(target.clone(), id.clone(), addition).await {
                        Ok(Written::Kept(found)) => {
                            let written = Ok(Written::Created(found));
                            self.performed[incomplete.performed].outcome = written;
                            continue;
                        }
                        Ok(_) => continue,
                        Err(error) => client_error(error),
                    }
                }
                Err(error) => error,
            };
            // The truth about it: it is there, and it is not what was asked for.
            let detail = format!("created, but without all it refers to: {}", error.detail);
            self.performed[incomplete.performed].outcome = Err(scim::Error { detail, ..error });
        }
    }
}

/// RFC 7644 §3.7.3 shows the operations of a PATCH without their envelope.
fn patch_body(data: Value) -> Value {
    match data {
        Value::Array(_) => json!({ "schemas": [PATCH_SCHEMA], "Operations": data }),
        data => data,
    }
}

/// What the caller reads of one operation.
fn client_error(error: Error) -> scim::Error {
    match error {
        Error::Client(error) => error,
        Error::Internal(error) => {
            tracing::error!(error = format!("{error:#}"), "an operation met with an accident");
            scim::Error::new(500, "the host met with an accident; its log says more")
        }
    }
}
