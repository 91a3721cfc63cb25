//! The roster connector.
