//! A minimal HTTP/1.1 client: one keep-alive connection, one request at a time.
//!
//! The load generator shares the processors with the servers that it measures, so the client does
//! as little as possible: no allocation for each header, no chunked responses.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::net::TcpStream;

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// JSON; empty for a request without a body.
    pub(crate) body: String,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response<'c> {
    pub(crate) status: u16,
    pub(crate) body: &'c [u8],
}

/// A connection to one server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Headers sent with every request.
    headers: String,
    /// Prepended to every path.
    prefix: String,
    sent: Vec<u8>,
    received: Vec<u8>,
    filled: usize,
}

/// The parsed head of a response, with offsets into the received bytes.
struct Head {
    status: u16,
    /// End of the response.
    end: usize,
    /// Start of the body.
    body: usize,
}

impl Request {
    pub(crate) fn get(path: String) -> Self {
        Self { method: "GET", path, body: String::new() }
    }
}

impl Response<'_> {
    /// The body as JSON.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(self.body).context("the response is not JSON")
    }

    /// Returns the response if it has this status, and an error otherwise.
    pub(crate) fn expect(self, status: u16) -> anyhow::Result<Self> {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(1000)]);
        ensure!(self.status == status, "status {} instead of {status}: {body}", self.status);
        Ok(self)
    }
}

impl Connection {
    pub(crate) async fn open(
        address: SocketAddr,
        prefix: &str,
        token: &str,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let mut headers = format!("host: {address}\r\nauthorization: Bearer {token}\r\n");
        headers.push_str("accept: application/scim+json\r\n");
        let received = vec![0; 1 << 16];
        let prefix = prefix.to_owned();
        Ok(Self { stream, headers, prefix, sent: Vec::new(), received, filled: 0 })
    }

    pub(crate) async fn send(&mut self, request: &Request) -> anyhow::Result<Response<'_>> {
        let Request { method, path, body } = request;
        self.sent.clear();
        write!(self.sent, "{method} {}{path} HTTP/1.1\r\n{}", self.prefix, self.headers)?;
        if !body.is_empty() {
            let length = body.len();
            write!(
                self.sent,
                "content-type: application/scim+json; charset=utf-8\r\ncontent-length: {length}\r\n"
            )?;
        }
        write!(self.sent, "\r\n{body}")?;
        self.write().await.with_context(|| format!("sending {method} {path}"))?;
        let head = self.read().await.with_context(|| format!("reading {method} {path}"))?;
        Ok(Response { status: head.status, body: &self.received[head.body..head.end] })
    }

    async fn write(&mut self) -> anyhow::Result<()> {
        let mut rest = &self.sent[..];
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stream.writable().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads one response. At most one request is pending on a connection.
    async fn read(&mut self) -> anyhow::Result<Head> {
        self.filled = 0;
        let mut head = None;
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut self.received[self.filled..]) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            if head.is_none() {
                head = parse(&self.received[..self.filled])?;
            }
            match head {
                Some(head) if self.filled >= head.end => return Ok(head),
                Some(Head { end, .. }) if self.received.len() < end => self.received.resize(end, 0),
                None if self.filled == self.received.len() => {
                    bail!("the head of the response is too long")
                }
                _ => {}
            }
        }
    }
}

/// Parses the head of a response. Returns `None` until all of it is received.
fn parse(received: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .context("the response has no status")?;
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
        ensure!(!name.eq_ignore_ascii_case("transfer-encoding"), "the response is chunked");
    }
    let body = end + 4;
    Ok(Some(Head { status: status.parse()?, end: body + length, body }))
}

/// Percent-encodes a text for a query string.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}
