//! The loud tenant: everything at once that costs the host work, from a process of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::connection::{Connection, Request, encoded};
use crate::tenant::{Tenant, person, post};

/// How long an answer is left unread before the connection is closed.
const UNREAD: Duration = Duration::from_secs(20);
/// The pause after a connection that was refused or closed.
const PAUSE: Duration = Duration::from_millis(10);
/// Addresses of a user that is changed value by value.
const ADDRESSES: usize = 150;

/// How the process that makes the noise is started.
#[derive(Debug, Args)]
pub(crate) struct NoiseArgs {
    /// Make noise on this host until stdin is closed.
    #[arg(long, hide = true, value_name = "ADDRESS")]
    noise: Option<SocketAddr>,
    #[arg(long, hide = true, default_value = "")]
    prefix: String,
    #[arg(long, hide = true, default_value = "", env = "NOISE_TOKEN")]
    token: String,
}

impl NoiseArgs {
    pub(crate) fn is_wanted(&self) -> bool {
        self.noise.is_some()
    }
}

/// The process that makes the noise. It ends when its input is closed, however this one ends.
pub(crate) struct Child {
    process: std::process::Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts the noise, and returns when it has begun.
    pub(crate) fn start(tenant: &Tenant) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--noise", &tenant.address.to_string(), "--prefix", &tenant.prefix]);
        command.env("NOISE_TOKEN", &tenant.token);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("starting the noise")?;
        let stdin = process.stdin.take().context("a child without an input")?;
        let stdout = process.stdout.take().context("a child without an output")?;
        let mut lines = BufReader::new(stdout).lines();
        lines.next().context("the noise did not begin")??;
        Ok(Self { process, stdin, lines })
    }

    /// Stops the noise. A line for each kind: how often it was answered, by status.
    pub(crate) fn stop(mut self) -> anyhow::Result<Vec<String>> {
        drop(self.stdin);
        let all = self.lines.by_ref().collect::<Result<_, _>>()?;
        self.process.wait()?;
        Ok(all)
    }
}

/// What the loud tenant does, and over how many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Create,
    Filter,
    Patch,
    SignIn,
    Unread,
}

const KINDS: [(Kind, usize); 5] =
    [(Kind::Create, 8), (Kind::Filter, 8), (Kind::Patch, 8), (Kind::SignIn, 8), (Kind::Unread, 12)];

/// The answers so far: by kind and status. Status 0 is a connection that was refused or closed.
type Counts = Arc<Mutex<BTreeMap<(Kind, u16), usize>>>;

/// Makes noise until stdin is closed.
pub(crate) async fn make(args: &NoiseArgs) -> anyhow::Result<()> {
    let tenant = Tenant {
        address: args.noise.context("no address is given")?,
        prefix: args.prefix.clone(),
        token: args.token.clone(),
    };
    let user = large_user(&tenant).await?;
    anstream::println!("begins");
    let counts = Counts::default();
    let mut tasks = JoinSet::new();
    for (kind, connections) in KINDS {
        for number in 0..connections {
            let (tenant, user, counts) = (tenant.clone(), user.clone(), Arc::clone(&counts));
            tasks.spawn(async move { repeat(kind, number, &tenant, &user, &counts).await });
        }
    }
    let closed = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(closed).await??;
    tasks.shutdown().await;
    let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    for (kind, _) in KINDS {
        let of_kind = counts.iter().filter(|((of, _), _)| *of == kind);
        let all: Vec<_> = of_kind.map(|((_, status), n)| format!("{n} × {status}")).collect();
        anstream::println!("{kind:?}: {}", all.join(", "));
    }
    Ok(())
}

/// The id of a user with many addresses, which is created if it is missing.
async fn large_user(tenant: &Tenant) -> anyhow::Result<String> {
    let mut connection = tenant.connect().await?;
    let find = format!("/Users?filter={}", encoded(r#"userName eq "large@example.com""#));
    loop {
        let response = connection.send(&Request::get(find.clone())).await?;
        if response.status == 200 {
            let page = response.json()?;
            return match page["Resources"][0]["id"].as_str() {
                Some(id) => Ok(id.to_owned()),
                None => tenant.create(&mut connection, &large()).await,
            };
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn large() -> Value {
    let address = |n| json!({ "value": address(n), "type": "work" });
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "large@example.com",
        "emails": (0..ADDRESSES).map(address).collect::<Vec<_>>(),
    })
}

fn address(n: usize) -> String {
    format!("{n:03}{}@example.com", "x".repeat(240))
}

async fn repeat(kind: Kind, number: usize, tenant: &Tenant, user: &str, counts: &Counts) {
    let mut n = 0;
    loop {
        // An error is a connection that the host refused or closed.
        if over_one_connection(kind, number, &mut n, tenant, user, counts).await.is_err() {
            count(counts, kind, 0);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn count(counts: &Counts, kind: Kind, status: u16) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry((kind, status)).or_default() += 1;
}

async fn over_one_connection(
    kind: Kind,
    number: usize,
    n: &mut usize,
    tenant: &Tenant,
    user: &str,
    counts: &Counts,
) -> anyhow::Result<()> {
    if kind == Kind::Unread {
        return leave_unread(tenant, counts).await;
    }
    let token = if kind == Kind::SignIn { "muster-000000000000-wrong" } else { &tenant.token };
    let mut connection = Connection::open(tenant.address, &tenant.prefix, token).await?;
    loop {
        *n += 1;
        let request = match kind {
            Kind::Create => {
                let mut user = person(*n);
                let name = format!("{}.{number}.{n}@example.com", std::process::id());
                user["userName"] = Value::String(name);
                post(&user)
            }
            Kind::Filter => slow_filter(*n),
            Kind::Patch => large_patch(user, *n),
            Kind::SignIn | Kind::Unread => Request::get("/Users?count=1".to_owned()),
        };
        let status = connection.send(&request).await?.status;
        count(counts, kind, status);
    }
}

/// Conditions without an index over all users.
fn slow_filter(n: usize) -> Request {
    let part = |k| format!(r#"(name.familyName co "zz{n}{k}" or emails.value ew "{k}.zz")"#);
    let all = (0..5).map(part).collect::<Vec<_>>().join(" or ");
    Request::get(format!("/Users?filter={}&sortBy=name.familyName", encoded(&all)))
}

/// Changes of single addresses, each of which is looked for among all.
fn large_patch(user: &str, n: usize) -> Request {
    let operation = |k| {
        let path = format!(r#"emails[value eq "{}"].type"#, address((n + k) % ADDRESSES));
        let value = if n.is_multiple_of(2) { "home" } else { "work" };
        json!({ "op": "replace", "path": path, "value": value })
    };
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": (0..40).map(operation).collect::<Vec<_>>(),
    });
    Request { method: "PATCH", path: format!("/Users/{user}"), body: body.to_string() }
}

/// Asks for large pages, and reads nothing of the answers.
async fn leave_unread(tenant: &Tenant, counts: &Counts) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(tenant.address).await?;
    count(counts, Kind::Unread, 200);
    let Tenant { address, prefix, token } = tenant;
    let request = format!(
        "GET {prefix}/Users?count=1000 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.repeat(20).as_bytes()).await?;
    tokio::time::sleep(UNREAD).await;
    Ok(())
}
