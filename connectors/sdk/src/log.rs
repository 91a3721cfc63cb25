//! Log lines for the people who operate the connector.
//!
//! They are attached to the current operation: at most 64 lines and 16 KiB for each decision;
//! further lines are dropped and counted. In native tests they are collected in
//! [`testing::Played::log`](crate::testing::Played::log).

pub use crate::bindings::muster::connector::log::Level;

/// Logs a detail for the connector's author.
pub fn debug(message: impl AsRef<str>) {
    line(Level::Debug, message.as_ref());
}

/// Logs something that explains the decision.
pub fn info(message: impl AsRef<str>) {
    line(Level::Info, message.as_ref());
}

/// Logs a problem that does not affect the operation yet.
pub fn warn(message: impl AsRef<str>) {
    line(Level::Warn, message.as_ref());
}

/// Logs a problem that an operator should look at.
pub fn error(message: impl AsRef<str>) {
    line(Level::Error, message.as_ref());
}

#[cfg(target_arch = "wasm32")]
fn line(level: Level, message: &str) {
    crate::bindings::muster::connector::log::log(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
fn line(level: Level, message: &str) {
    crate::testing::record(level, message);
}

/// Logs the message and the place of a panic before the sandbox ends.
#[cfg(target_arch = "wasm32")]
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("for no reason given");
        error(format!("panicked at {place}: {message}"));
    }));
}
