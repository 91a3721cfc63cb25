//! A scripted app: it sends the bytes that a test gives it, and records the requests.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// The app's reaction to one request. The last reply is used for all further requests.
#[derive(Clone)]
pub(super) enum ScriptedReply {
    /// Sends these bytes, and keeps the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes, and closes the connection.
    Cut(Vec<u8>),
    /// Sends nothing for this time, then closes the connection.
    Silence(Duration),
}

/// The app. It runs until the end of the test.
pub(super) struct ScriptedApp {
    pub(super) base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// A complete response.
pub(super) fn answer(status: u16, headers: &str, body: &str) -> ScriptedReply {
    let length = body.len();
    let text = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\n\r\n{body}");
    ScriptedReply::Bytes(text.into_bytes())
}

impl ScriptedApp {
    pub(super) async fn start(replies: impl IntoIterator<Item = ScriptedReply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let seen = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, replies.clone(), seen.clone()));
            }
        });
        Self { base_url, requests }
    }

    /// The requests so far: head and body as received, the head in lower case.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    replies: Arc<Mutex<VecDeque<ScriptedReply>>>,
    seen: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    while let Some(request) = read(&mut stream).await? {
        seen.lock().unwrap().push(request);
        let reply = {
            let mut replies = replies.lock().unwrap();
            if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
        };
        match reply.expect("a reply is left") {
            ScriptedReply::Bytes(bytes) => stream.write_all(&bytes).await?,
            ScriptedReply::Cut(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            ScriptedReply::Silence(time) => {
                sleep(time).await;
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn read(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|each| each == b"\r\n\r\n") {
            break String::from_utf8_lossy(&bytes[..end + 4]).to_lowercase();
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |text| text.parse().unwrap());
    while bytes.len() < head.len() + length {
        stream.read_buf(&mut bytes).await?;
    }
    Ok(Some(head.clone() + &String::from_utf8_lossy(&bytes[head.len()..])))
}
