//! How a directory is read: versions, queries, order, pages (RFC 7644 §3.4 and §3.14, RFC 9865).

mod filters;
mod order;
mod projections;
mod searches;
mod versions;
mod walks;
