//! Reading a directory: versions, queries, order, pages, and `/Me` (RFC 7644 §3.4, §3.11 and §3.14,
//! RFC 9865). Assertion numbers are those of `tests/rfc.rs`.

mod filters;
mod me;
mod order;
mod projections;
mod searches;
mod versions;
mod walks;
