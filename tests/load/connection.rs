//! One keep-alive connection of HTTP/1.1: just enough of a client to cost little beside a server.

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
    /// JSON; nothing where it is empty.
    pub(crate) body: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer<'c> {
    pub(crate) status: u16,
    pub(crate) body: &'c [u8],
}

/// A connection to one server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// The headers of every request.
    headers: String,
    /// What stands before every path.
    prefix: String,
    sent: Vec<u8>,
    received: Vec<u8>,
    filled: usize,
}

/// What an answer's head says.
struct Head {
    status: u16,
    /// Where the answer ends.
    end: usize,
    /// Where its body begins.
    body: usize,
}

impl Request {
    pub(crate) fn get(path: String) -> Self {
        Self { method: "GET", path, body: String::new() }
    }
}

impl Answer<'_> {
    /// The body as JSON.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(self.body).context("the answer is no JSON")
    }

    /// An error unless this is the status.
    pub(crate) fn expect(self, status: u16) -> anyhow::Result<Self> {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(1000)]);
        ensure!(self.status == status, "{} instead of {status}: {body}", self.status);
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

    pub(crate) async fn send(&mut self, request: &Request) -> anyhow::Result<Answer<'_>> {
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
        Ok(Answer { status: head.status, body: &self.received[head.body..head.end] })
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

    /// Reads one answer to its end. There is never more than one under way.
    async fn read(&mut self) -> anyhow::Result<Head> {
        self.filled = 0;
        let mut head = None;
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut self.received[self.filled..]) {
                Ok(0) => bail!("the server hung up"),
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
                None if self.filled == self.received.len() => bail!("an answer without an end"),
                _ => {}
            }
        }
    }
}

/// The head of an answer, once all of it is there.
fn parse(received: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?;
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
        ensure!(!name.eq_ignore_ascii_case("transfer-encoding"), "the answer is chunked");
    }
    let body = end + 4;
    Ok(Some(Head { status: status.parse()?, end: body + length, body }))
}

/// A text with everything in it that a query string must not hold written as `%XX`.
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
