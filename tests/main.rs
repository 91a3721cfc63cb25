//! Whole-system tests: real sockets, a real database, real components in the real sandbox. Only
//! the app that connectors call is ours, and stands outside.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; the lint knows test functions only, not what \
              they call"
)]

mod authorization;
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
mod entitlements;
mod groups;
mod hot_load;
mod interfaces;
mod kit;
mod lies;
mod lifecycle;
mod limits;
mod operators;
mod outages;
mod promotion;
mod query;
mod registry;
mod replay;
mod retries;
mod rfc;
mod sandbox;
mod signing;
mod support;
mod tidy;
mod uploads;
mod version_one;
mod watch;
