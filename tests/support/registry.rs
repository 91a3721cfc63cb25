//! An in-memory OCI registry (distribution specification 1.1), with the endpoints that pushing and
//! pulling a single file needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The contents of the registry.
#[derive(Default)]
pub(crate) struct RegistryContents {
    /// By digest.
    pub(crate) blobs: HashMap<String, Vec<u8>>,
    /// Media type and manifest, by `name:tag` and by `name:digest`.
    pub(crate) manifests: HashMap<String, (String, Vec<u8>)>,
    uploads: HashMap<String, Vec<u8>>,
    /// Number of requests so far, from which upload ids are made.
    requests: usize,
}

pub(crate) type SharedContents = Arc<Mutex<RegistryContents>>;

/// Serves an empty registry on a free port. Returns its address and its contents.
pub(crate) async fn start() -> (String, SharedContents) {
    let contents = SharedContents::default();
    let router = Router::new()
        .route("/v2/", axum::routing::get(|| async { "{}" }))
        .fallback(serve)
        .with_state(Arc::clone(&contents));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address.to_string(), contents)
}

impl RegistryContents {
    /// The manifest of `name:reference`, as JSON.
    pub(crate) fn manifest(&self, at: &str) -> Value {
        serde_json::from_slice(&self.manifests[at].1).unwrap()
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, it| text + &format!("{it:02x}"))
}

async fn serve(
    State(contents): State<SharedContents>,
    method: Method,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches("/v2/").to_owned();
    let mut contents = contents.lock().unwrap();
    contents.requests += 1;
    if let Some((name, rest)) = path.split_once("/blobs/uploads/") {
        return contents.upload(&method, name, rest, query.get("digest"), &body);
    }
    if let Some((_, digest)) = path.split_once("/blobs/") {
        return found(contents.blobs.get(digest).map(|blob| ("application/octet-stream", blob)));
    }
    let Some((name, reference)) = path.split_once("/manifests/") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if method == Method::PUT {
        let media_type = headers["content-type"].to_str().unwrap().to_owned();
        let digest = digest(&body);
        for at in [reference, &digest] {
            contents.manifests.insert(format!("{name}:{at}"), (media_type.clone(), body.to_vec()));
        }
        let location = format!("/v2/{name}/manifests/{digest}");
        let headers = [("location", location), ("docker-content-digest", digest)];
        return (StatusCode::CREATED, headers).into_response();
    }
    let manifest = contents.manifests.get(&format!("{name}:{reference}"));
    found(manifest.map(|(media_type, manifest)| (media_type.as_str(), manifest)))
}

impl RegistryContents {
    fn upload(
        &mut self,
        method: &Method,
        name: &str,
        id: &str,
        digest: Option<&String>,
        body: &[u8],
    ) -> Response {
        let id = if id.is_empty() { self.requests.to_string() } else { id.to_owned() };
        let upload = self.uploads.entry(id.clone()).or_default();
        upload.extend_from_slice(body);
        let (length, location) = (upload.len(), format!("/v2/{name}/blobs/uploads/{id}"));
        let range = format!("0-{}", length.saturating_sub(1));
        match (method, digest) {
            (&Method::PUT, Some(digest)) if *digest == self::digest(upload) => {
                let blob = self.uploads.remove(&id).unwrap();
                self.blobs.insert(digest.clone(), blob);
                let location = format!("/v2/{name}/blobs/{digest}");
                (StatusCode::CREATED, [("location", location)]).into_response()
            }
            (&Method::PUT, _) => StatusCode::BAD_REQUEST.into_response(),
            _ => (StatusCode::ACCEPTED, [("location", location), ("range", range)]).into_response(),
        }
    }
}

fn found(content: Option<(&str, &Vec<u8>)>) -> Response {
    let Some((media_type, content)) = content else {
        let errors = r#"{"errors":[{"code":"NOT_FOUND","message":"not found","detail":{}}]}"#;
        return (StatusCode::NOT_FOUND, errors).into_response();
    };
    let digest = digest(content);
    let headers = [("content-type", media_type), ("docker-content-digest", &digest)];
    (headers, content.clone()).into_response()
}
