//! Testing a connector without a host: the scenarios that its author writes, and a conformance kit
//! for every connector, both in the real sandbox.
//!
//! Events are made by the code that the host makes them with, and the app's responses are scripted.
//! The kit does no I/O beyond the sandbox: files, terminals and running hosts belong to `cli`.

pub mod check;
mod event_input;
mod expectation;
mod play;
mod recording;
mod rules;
pub mod scenario;
mod settings;
mod transcript;

pub use event_input::PASSWORD_PLACEHOLDER;
pub use expectation::ExpectedAndActual;
pub use play::{ScenarioPlayer, ScenarioResult, ScenarioStepResult, StepProblem};
pub use recording::Recording;
pub use settings::{SettingsError, settings_for};
