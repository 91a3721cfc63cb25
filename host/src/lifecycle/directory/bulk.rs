//! Bulk requests (RFC 7644 §3.7), whose operations are processed like requests by themselves.
//!
//! Operations run one after another. Each is decided, journaled and durable before the next one
//! starts, and has an answer of its own; so each is as safe as a single request. Only operations
//! that others refer to are moved before them, and references in a circle are added as soon as the
//! resource that they point to exists.
//!
//! A caller that hangs up interrupts no operation that has started; the later ones never start, since
//! newer requests may be carried out by then. After a kill, the host resumes the operation that was
//! pending, and the later ones have never started. Once the time of a single request is over, no
//! operation is started any more, and each of the rest is answered with "retry later".

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Directory;
use super::target::WriteTarget;
use super::write::HangUpSignal;
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::change::WriteResult;
use crate::lifecycle::operation::disposition;
use crate::request_id::{self, RequestId};
use crate::scim::bulk::{BulkOperation, BulkRequest, References};
use crate::scim::patch::PATCH_SCHEMA;
use crate::scim::{self, PatchRequest, Precondition, ResourceType};

/// The result of one operation.
#[derive(Debug)]
pub struct BulkResult {
    /// The index of the operation in the request.
    pub operation: usize,
    /// The type and id of the resource, if known: a create has no id until it has succeeded.
    pub resource: Option<(Arc<ResourceType>, String)>,
    /// The result that the operation would have as a request by itself.
    pub outcome: Result<WriteResult, scim::Error>,
}

/// The path of an operation: a resource type, and the id of a resource unless it creates one.
struct ResourceAddress {
    resource_type: Arc<ResourceType>,
    id: Option<String>,
}

/// A resource that was created without references that could not be resolved yet.
struct Incomplete {
    /// The index of its result.
    performed: usize,
    target: WriteTarget,
    id: String,
    later: Value,
}

/// A bulk request while it runs.
struct BulkRun {
    directory: Arc<Directory>,
    tenant: Arc<Tenant>,
    request: BulkRequest,
    references: References,
    performed: Vec<BulkResult>,
    incomplete: Vec<Incomplete>,
    by: Instant,
    caller: HangUpSignal,
}

impl Directory {
    /// Carries the operations out, one after another. Operations that `failOnErrors` prevented have
    /// no result.
    pub async fn bulk(
        self: &Arc<Self>,
        tenant: Arc<Tenant>,
        request: BulkRequest,
    ) -> Result<Vec<BulkResult>, Error> {
        let (caller, _listening) = oneshot::channel();
        self.run_to_completion(|directory| async move {
            let run = BulkRun {
                references: References::of(&request.operations),
                by: directory.config.deadline(),
                directory,
                tenant,
                request,
                performed: Vec::new(),
                incomplete: Vec::new(),
                caller,
            };
            Ok(run.run().await)
        })
        .await
    }
}

impl BulkRun {
    async fn run(mut self) -> Vec<BulkResult> {
        for at in self.request.order() {
            if self.has_failed() {
                break;
            }
            self.perform(at).await;
            self.add_references().await;
        }
        self.references.end();
        self.add_references().await;
        self.performed.sort_by_key(|it| it.operation);
        self.performed
    }

    /// RFC 7644 §3.7.3: whether there are as many errors as `failOnErrors` accepts.
    fn has_failed(&self) -> bool {
        let errors = self.performed.iter().filter(|it| it.outcome.is_err()).count();
        self.request.fail_on_errors.is_some_and(|limit| errors as u64 >= limit)
    }

    async fn perform(&mut self, at: usize) {
        let operation = self.request.operations[at].clone();
        let outcome = self.outcome(&operation).await;
        let (resource, outcome) = match outcome {
            Ok((address, outcome)) => {
                let id = match &outcome {
                    Ok(WriteResult::Created(found)) => Some(found.id.clone()),
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

    /// The outer error means that the operation's path leads to no resource.
    async fn outcome(
        &mut self,
        operation: &BulkOperation,
    ) -> Result<(ResourceAddress, Result<WriteResult, scim::Error>), scim::Error> {
        let resolved = self.references.resolve(operation)?;
        let address = self.address(&resolved.path)?;
        let late = Instant::now() >= self.by || self.caller.is_closed();
        if late || self.directory.tasks.are_stopping() {
            return Ok((address, Err(disposition::not_started(self.tenant.dialect()))));
        }
        let outcome = match self.target(operation, &address) {
            Ok(target) => {
                let data = resolved.data;
                let written = self.write(operation, &target, address.id.clone(), data).await;
                if let (Ok(WriteResult::Created(found)), Some(later)) = (&written, resolved.later) {
                    // The index that the result is about to have.
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
    ) -> Result<WriteResult, scim::Error> {
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
                    "{method:?} is not possible on {}: POST takes the path of a resource type, \
                     PUT, PATCH and DELETE that of a resource",
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
        let whole = path.strip_prefix('/').unwrap_or_default();
        let mut parts = whole.strip_suffix('/').unwrap_or(whole).splitn(2, '/');
        let endpoint = parts.next().unwrap_or_default();
        let resource_type =
            self.tenant.schemas.by_endpoint(endpoint).cloned().ok_or_else(|| {
                scim::Error::invalid_syntax(format!("path: there is no resource type at {path:?}"))
            })?;
        Ok(ResourceAddress { resource_type, id: parts.next().map(str::to_owned) })
    }

    /// Adds references to created resources as soon as they can be resolved.
    async fn add_references(&mut self) {
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
                        Ok(WriteResult::Kept(found)) => {
                            let written = Ok(WriteResult::Created(found));
                            self.performed[incomplete.performed].outcome = written;
                            continue;
                        }
                        Ok(_) => continue,
                        Err(error) => client_error(error),
                    }
                }
                Err(error) => error,
            };
            // The resource exists, but it is not the one that was requested.
            let detail = format!("created, but some references are missing: {}", error.detail);
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

/// The answer to one operation.
fn client_error(error: Error) -> scim::Error {
    match error {
        Error::Client(error) => error,
        Error::Internal(error) => {
            let error = format!("{error:#}");
            let request = RequestId::logged();
            tracing::error!(request, error, "directory: internal error in a bulk operation");
            request_id::internal_error()
        }
    }
}
