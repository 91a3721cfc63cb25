//! System tests: real sockets, a real database, real components in the real sandbox. Only the app
//! that the connectors call is a fake, and it runs outside of the host.

#![expect(
    clippy::unwrap_used,
    reason = "a panic fails the test; the lint permits it in test functions only, not in the \
              functions that they call"
)]

mod accounts;
mod admin_api;
mod agreement;
mod answers;
mod authorization;
mod backup;
mod bad_files;
mod bad_input;
mod bulk;
mod command_line;
mod conformance;
mod connections;
mod conversations;
mod crash;
mod dialects;
mod disconnect;
#[cfg(target_os = "linux")]
mod disk;
mod edges;
mod entitlements;
mod erasure;
mod false_manifests;
mod groups;
mod heavy_patches;
mod hot_load;
mod interfaces;
mod kit;
mod lifecycle;
mod limits;
mod old_databases;
mod operators;
mod outages;
mod outbound;
mod panics;
mod promotion;
mod query;
mod registry;
mod replay;
mod request_ids;
mod request_limit;
mod retries;
mod rfc;
mod sandbox;
mod signing;
mod sizes;
mod support;
mod terminal;
mod tidy;
mod uploads;
mod version_one;
mod watch;
mod writable_types;
