//! The two-state connector.
