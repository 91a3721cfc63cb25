//! How a directory is read: versions, queries, order, pages (RFC 7644 §3.4 and §3.14, RFC 9865).

mod order;
mod searches;
mod versions;
mod walks;
