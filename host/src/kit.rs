//! Testing a connector without a host: the scenarios that its author writes, and a kit that every
//! connector is put through, in the real sandbox.
//!
//! It makes events as the host makes them, and answers in the app's place. It does no I/O beyond the
//! sandbox: files, terminals and running hosts are `cli`'s.

pub mod check;
mod expectation;
mod person;
mod play;
mod recording;
mod rules;
pub mod scenario;
mod settings;
mod transcript;

pub use expectation::Expected;
pub use person::STAND_IN;
pub use play::{Played, Player, Problem, StepPlayed};
pub use recording::Recording;
pub use settings::{SettingsError, settings_for};
