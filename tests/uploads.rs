//! Uploads of connectors: the whole file, or nothing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::guests::guest;
use crate::support::{Muster, client};

async fn connectors(muster: &Muster) -> Value {
    muster.admin("GET", "/connectors", None).await.expect(200).body
}

/// The head of an upload of this many bytes.
async fn head(muster: &Muster, length: usize) -> String {
    let token = muster.stage.admin_token().await.unwrap().token;
    format!(
        "POST /admin/v1/connectors HTTP/1.1\r\nhost: muster\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// Sends bytes, closes the sending side, and returns the response.
async fn sent(muster: &Muster, bytes: Vec<u8>) -> String {
    let address = muster.stage.url.trim_start_matches("http://").to_owned();
    let talk = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = String::new();
        drop(stream.read_to_string(&mut said));
        said
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

#[tokio::test]
async fn an_upload_that_is_cut_stores_nothing() {
    let muster = Muster::start().await;
    let (before, wasm) = (connectors(&muster).await, guest("roster-next"));
    let head = head(&muster, wasm.len()).await;
    for cut in [0, 1, wasm.len() / 2, wasm.len() - 1] {
        let said = sent(&muster, [head.as_bytes(), &wasm[..cut]].concat()).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{cut}: {said}");
        assert_eq!(connectors(&muster).await, before, "{cut}");
    }
    muster.push(wasm).await.expect(201);
}

#[tokio::test]
async fn an_upload_with_another_digest_than_stated_is_refused() {
    let muster = Muster::start().await;
    let (before, wasm) = (connectors(&muster).await, guest("roster-next"));
    let token = muster.stage.admin_token().await.unwrap().token;
    let url = format!("{}/admin/v1/connectors", muster.stage.url);
    let push = async |digest: &str, wasm: &[u8]| {
        let request = client().post(&url).bearer_auth(&token).header("content-digest", digest);
        let answer = request.body(wasm.to_vec()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let stated = stated(&wasm);
    // Complete as WebAssembly: only the digest shows the difference.
    let (longer, hexadecimal) = ([&wasm[..], &[0, 2, 1, b'x']].concat(), muster::connector::digest);
    for (sent, word) in [
        (&wasm[..wasm.len() - 1], hexadecimal(&wasm)),
        (&longer, hexadecimal(&wasm)),
        (&longer, hexadecimal(&longer)),
    ] {
        let (status, said) = push(&stated, sent).await;
        assert!(status == 400 && said.contains(&word) && said.contains("send it again"), "{said}");
    }
    let (status, said) = push("sha-256=nonsense", &wasm).await;
    assert!(status == 400 && said.contains("cannot be read"), "{said}");
    assert_eq!(connectors(&muster).await, before);

    assert_eq!(push(&stated, &wasm).await.0, 201);
    // A digest with an unknown algorithm is ignored.
    assert_eq!(push("sha3-512=:AAAA:", &wasm).await.0, 200);
}

fn stated(wasm: &[u8]) -> String {
    use base64::Engine as _;
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(wasm));
    format!("sha-256=:{digest}:")
}

#[test]
fn the_command_line_states_the_digest() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", host.local_addr().unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"a connector").unwrap();
    let listening = thread::spawn(move || {
        let (mut stream, _) = host.accept().unwrap();
        let (mut said, mut part) = (Vec::new(), [0; 1024]);
        while !said.ends_with(b"a connector") {
            let read = stream.read(&mut part).unwrap();
            said.extend_from_slice(&part[..read]);
        }
        let body = json!({ "detail": "no" }).to_string();
        let head = format!("HTTP/1.1 422 No\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all([head, body].concat().as_bytes()).unwrap();
        String::from_utf8(said).unwrap()
    });
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["connector", "push", "--url", &url, "--admin-token", "x"]).arg(file.path());
    assert!(!command.output().unwrap().status.success());
    let said = listening.join().unwrap();
    assert!(said.contains(&format!("content-digest: {}\r\n", stated(b"a connector"))), "{said}");
}
