//! The role that each route of the admin API needs. A change that is not named here needs the highest one.

use axum::http::Method;

use crate::store::AdminRole;

/// What an operator decides day by day, without a change of the configuration.
const OPERATE: [&str; 9] = [
    "/apps/{app}/replay",
    "/jobs/{id}/cancel",
    "/operations/{id}/drop",
    "/operations/{id}/retry",
    "/tenants/{tenant}/connect",
    "/tenants/{tenant}/disconnect",
    "/tenants/{tenant}/pause",
    "/tenants/{tenant}/people/{id}/protect",
    "/tenants/{tenant}/people/{id}/unprotect",
];

/// The role that a request needs. A path without a route is answered with 404, and needs none but to read.
pub(in crate::http) fn needed(method: &Method, route: &str) -> AdminRole {
    match *method {
        Method::GET | Method::HEAD => AdminRole::Read,
        _ if route.is_empty() => AdminRole::Read,
        _ if OPERATE.contains(&route) => AdminRole::Operate,
        _ => AdminRole::Configure,
    }
}
