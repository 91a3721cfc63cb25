//! Write a muster connector.
