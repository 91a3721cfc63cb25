//! The admin API's data: what requests and responses look like as JSON.
//!
//! The HTTP handlers serialise these types, the command line deserialises the same ones, and the
//! reference at `/admin/v1/openapi.json` is generated from them. Requests and reports that the
//! lifecycle defines itself are used as they are. Nothing here does I/O.

mod app;
mod audit;
mod connector;
mod error;
mod job;
mod operation;
mod page;
mod tenant;
mod token;

pub use app::{AppPath, AppView};
pub use audit::{AuditQuery, AuditView};
pub use connector::{ConnectorFile, ConnectorPath, ConnectorQuery};
pub use error::ErrorBody;
pub use job::{JobPath, JobQuery, JobView};
pub use operation::{
    AccountView, AttemptView, ExchangeView, OperationDetail, OperationPath, OperationQuery,
    OperationSummary, OperationUsage,
};
pub use page::{DEFAULT_LIMIT, MAX_LIMIT, Page, PageQuery, cursor, key_of};
pub use tenant::{
    BacklogView, ConnectAnswer, DeviationView, DisconnectProgress, DisconnectRequest,
    ErasureRequest, PersonPath, TenantPath, TenantQuery, TenantView,
};
pub use token::{AdminTokenPath, AdminTokenView, TokenPath, TokenView};
