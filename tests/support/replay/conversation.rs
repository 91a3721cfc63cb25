//! The files of a conversation and its client.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use muster::sample::Fault;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::matching::{self, Bindings};
use super::socket::Sent;

/// How an identity provider calls, in every conversation: `client.json` of a folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    pub(crate) title: String,
    /// The last segment of the base URL.
    #[serde(default = "newer")]
    pub(crate) version: String,
    /// The tenant's dialect.
    pub(crate) dialect: String,
    /// The user whose password is the token, if the client uses Basic authentication (RFC 7617).
    pub(crate) user: Option<String>,
    pub(crate) authorization: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// Headers of requests with a body.
    pub(crate) body_headers: BTreeMap<String, String>,
    /// The media type of every answer, if it is not that of the version.
    pub(crate) media_type: Option<String>,
}

fn newer() -> String {
    "v2".to_owned()
}

/// One flow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conversation {
    /// The path below `tests/fixtures/conversations`.
    #[serde(skip)]
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) source: String,
    /// The guest connector for this conversation, in place of the default ones.
    pub(crate) connector: Option<String>,
    /// The settings of the guest's app.
    #[serde(default)]
    pub(crate) settings: Value,
    pub(crate) steps: Vec<Step>,
    /// For a collected name, the number of values, which must all be distinct.
    #[serde(default)]
    pub(crate) distinct: BTreeMap<String, usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[serde(default)]
    pub(super) name: String,
    /// The step is repeated for each number of this range, with `{{n}}` replaced.
    repeat: Option<[u32; 2]>,
    pub(super) request: Request,
    /// Faults of the app during the step.
    #[serde(default)]
    pub(super) faults: Vec<Fault>,
    pub(super) answer: ExpectedAnswer,
    #[serde(default)]
    pub(super) collect: BTreeMap<String, String>,
    /// The expected calls of the app, by connector.
    #[serde(default)]
    app: BTreeMap<String, Vec<ExpectedCall>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    /// The body of the last answer, with these members replaced.
    overlay: Option<Value>,
    /// A body that is not JSON.
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedAnswer {
    pub(super) status: Status,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Value>,
    pub(super) body: Option<Value>,
}

/// One status, or any of several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Status {
    One(u16),
    Any(Vec<u16>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedCall {
    /// Method and path, such as `PUT /organizations/{{any}}/members/{{account}}`.
    #[serde(rename = "call")]
    pub(super) line: String,
    pub(super) body: Option<Value>,
    pub(super) status: Option<u16>,
}

/// The connectors against which a conversation is replayed, unless it names one.
pub(crate) const CONNECTORS: [&str; 3] = ["roster", "three-state", "two-state"];

/// The client and the conversations of a folder, sorted by file name.
///
/// # Panics
///
/// If the folder does not exist, is empty, or holds a file that does not follow the format.
pub(crate) fn load(folder: &str) -> (Client, Vec<Conversation>) {
    let root = root();
    let files = entries(&root.join(folder));
    let files = files.iter().filter(|path| !path.ends_with("client.json"));
    let conversations: Vec<_> = files.map(|file| conversation(&root, file)).collect();
    assert!(!conversations.is_empty(), "{folder} holds no conversation");
    (read(&root.join(folder).join("client.json")), conversations)
}

/// The folders, one for each client, sorted by name.
pub(crate) fn folders() -> Vec<String> {
    let folders = entries(&root()).into_iter().filter(|path| path.is_dir());
    let names = folders.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
    names.collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/conversations")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder can be listed").path())
        .collect();
    paths.sort();
    paths
}

fn conversation(root: &Path, file: &Path) -> Conversation {
    let mut conversation: Conversation = read(file);
    conversation.file = file.strip_prefix(root).unwrap_or(file).display().to_string();
    for connector in conversation.steps.iter().flat_map(|step| step.app.keys()) {
        let known = conversation.connectors().contains(&connector.as_str());
        assert!(known, "{}: there is no connector {connector}", conversation.file);
    }
    conversation
}

fn read<T: DeserializeOwned>(file: &Path) -> T {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

impl Client {
    /// A client that follows the RFCs.
    pub(crate) fn standard(dialect: &str) -> Self {
        let header = |name: &str| (name.to_owned(), "application/scim+json".to_owned());
        Self {
            title: "a client that follows the RFCs".to_owned(),
            version: newer(),
            dialect: dialect.to_owned(),
            user: None,
            authorization: "Bearer {{token}}".to_owned(),
            headers: BTreeMap::from([header("Accept")]),
            body_headers: BTreeMap::from([header("Content-Type")]),
            media_type: None,
        }
    }
}

impl Conversation {
    /// A conversation without a file.
    pub(crate) fn new(title: &str, steps: Vec<Step>) -> Self {
        let (title, file, source) = (title.to_owned(), String::new(), String::new());
        let (connector, settings, distinct) = (None, Value::Null, BTreeMap::new());
        Self { file, title, source, connector, settings, steps, distinct }
    }

    /// The connectors against which it is replayed.
    pub(crate) fn connectors(&self) -> Vec<&str> {
        self.connector.as_deref().map_or_else(|| CONNECTORS.to_vec(), |guest| vec![guest])
    }
}

impl Step {
    pub(super) fn turns(&self) -> RangeInclusive<u32> {
        let [first, last] = self.repeat.unwrap_or([1, 1]);
        first..=last
    }

    /// The expected calls of the app in this step; empty for a connector that is not named.
    pub(super) fn calls(&self, connector: &str) -> &[ExpectedCall] {
        self.app.get(connector).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Request {
    /// The request with the values of earlier steps filled in.
    pub(super) fn filled(&self, bindings: &Bindings, last: &Value) -> Result<Sent, String> {
        let body = match (&self.text, &self.overlay, &self.body) {
            (Some(text), ..) => Some(text.clone()),
            (None, Some(overlay), _) => {
                let mut body = last.clone();
                put_over(&mut body, matching::fill(overlay, bindings)?);
                Some(body.to_string())
            }
            (None, None, Some(body)) => Some(matching::fill(body, bindings)?.to_string()),
            (None, None, None) => None,
        };
        let path = matching::fill_text(&self.path, bindings)?;
        Ok(Sent { method: self.method.clone(), path, headers: self.headers.clone(), body })
    }
}

/// Replaces members of objects one by one, and other values as a whole.
fn put_over(target: &mut Value, overlay: Value) {
    match (target, overlay) {
        (Value::Object(target), Value::Object(overlay)) => {
            for (name, value) in overlay {
                put_over(target.entry(name).or_insert(Value::Null), value);
            }
        }
        (target, overlay) => *target = overlay,
    }
}

impl Status {
    pub(super) fn contains(&self, status: u16) -> bool {
        match self {
            Self::One(one) => *one == status,
            Self::Any(any) => any.contains(&status),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => write!(f, "{one}"),
            Self::Any(any) => write!(f, "one of {any:?}"),
        }
    }
}
