//! The three-state connector.
