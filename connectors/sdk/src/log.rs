//! Lines for the people who operate the connector.
//!
//! They are attached to the operation under way: at most 64 lines and 16 KiB for each decision,
//! what is beyond is dropped and counted. In native tests they are collected for
//! [`testing::Played::log`](crate::testing::Played::log).

pub use crate::bindings::muster::connector::log::Level;

/// Logs what only the connector's author needs.
pub fn debug(message: impl AsRef<str>) {
    line(Level::Debug, message.as_ref());
}

/// Logs what explains the decision.
pub fn info(message: impl AsRef<str>) {
    line(Level::Info, message.as_ref());
}

/// Logs what somebody should look at one day.
pub fn warn(message: impl AsRef<str>) {
    line(Level::Warn, message.as_ref());
}

/// Logs what somebody should look at now.
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

/// Sees to it that a panic tells its message and place before the sandbox ends.
#[cfg(target_arch = "wasm32")]
pub(crate) fn panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("for no reason given");
        error(format!("panicked at {place}: {message}"));
    }));
}
