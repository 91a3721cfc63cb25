//! How a directory is read: versions, queries, order, pages, and `/Me` (RFC 7644 §3.4, §3.11 and
//! §3.14, RFC 9865).

mod filters;
mod me;
mod order;
mod projections;
mod searches;
mod versions;
mod walks;
