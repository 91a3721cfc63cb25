//! `muster serve`.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::admin::TOKEN_FILE;
use super::config::Config;
use super::failpoint;
use super::output::{NAME, STRONG};
use super::watch::Watch;
use crate::clock::Clock;
use crate::connector::{Keyring, PublicKey};
use crate::http;
use crate::lifecycle::{Error, Host, HostOptions, TokenSpec};

/// What can be set in the file alone.
const IN_THE_FILE: &str = "\
In muster.toml, beside listen, data and public_url:
  answer_within_seconds  How long an identity provider waits for an outcome [default: 25]
  body_within_seconds    How long the body of a request may take to arrive [default: 30]
  deciding_threads       Threads for decisions of connectors that are not quick
                         [default: one for each core]
  head_within_seconds    How long a connection may be idle, or take to send the head of a request
                         [default: 75]
  open_operations        How many operations of one tenant may wait for its app; who asks for more
                         is told to come back [default: 10000]
  stop_within_seconds    How long a host that is asked to stop finishes what it has accepted; what
                         takes longer is taken up by the next start [default: 15]
  trusted_keys           Files with public keys: no connector is loaded but what one of them signed
                         [default: none, so that every connector is]";

/// Options of `muster serve`.
#[derive(Args, Debug)]
#[command(after_help = IN_THE_FILE)]
pub(super) struct ServeArgs {
    /// The configuration file; `muster.toml` is read where it exists.
    #[arg(long, env = "MUSTER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:8080].
    #[arg(long, env = "MUSTER_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where database, key and compiled connectors live [default: muster-data].
    #[arg(long, env = "MUSTER_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// How identity providers reach this host, such as `https://scim.example.com`
    /// [default: the address it listens on].
    #[arg(long, env = "MUSTER_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Load no connector but those that this key signed, and those that come with muster; several
    /// keys are several options, or `trusted_keys` in the file.
    #[arg(
        long = "trusted-key",
        env = "MUSTER_TRUSTED_KEYS",
        value_name = "FILE",
        value_delimiter = ','
    )]
    trusted_keys: Vec<PathBuf>,
    /// For development: promote each `.wasm` file in this folder, now and whenever it changes, for
    /// the apps that its connector decides for already, and tell what that changes.
    #[arg(long, env = "MUSTER_WATCH", value_name = "DIR")]
    watch: Option<PathBuf>,
    /// Write the log as JSON, a line for each event.
    #[arg(long, env = "MUSTER_LOG_JSON")]
    log_json: bool,
}

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    log_to_stderr(args.log_json, "info");
    failpoint::arm()?;
    survive_file_size_limit()?;
    let config = Config::read(args.config.as_deref())?;
    let watch = args.watch.map(|folder| Watch::open(folder, args.log_json)).transpose()?;
    let listen = args.listen.or(config.listen);
    let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("listening on {listen}; is another host running? --listen takes another address")
    })?;
    let address = listener.local_addr()?;
    let data = args.data.or_else(|| config.data.clone()).unwrap_or_else(|| "muster-data".into());
    let public_url = args.public_url.or_else(|| config.public_url.clone());
    // The first start compiles connectors, and a large journal takes its time as well.
    tracing::info!(%address, data = %data.display(), "starting");
    let host = Host::open(
        HostOptions {
            data: data.clone(),
            compiled: data.join("compiled"),
            public_url: public_url
                .unwrap_or_else(|| format!("http://{address}"))
                .trim_end_matches('/')
                .to_owned(),
            compiler: super::this_program()?,
            answer_within: config.answer_within(),
            deciding_threads: config.deciding_threads(),
            job_pause: Duration::from_secs(15),
            open_operations: config.open_operations(),
            trusted_keys: trusted_keys(&args.trusted_keys, &config)?,
        },
        Clock::system(),
    )
    .await?;
    host.versions.push_embedded().await?;
    let token = admin_token(&host, &data).await?;
    announce(&host, address, &token).await?;
    let serving = http::serve(Arc::clone(&host), listener, config.patience(), stop_signal());
    match watch {
        None => serving.await,
        Some(watch) => tokio::select! {
            () = serving => {}
            () = watch.follow(&host) => {}
        },
    }
    Ok(())
}

/// The keys of options and file. One that cannot be read keeps the host from starting: it is not for
/// a misspelt name to open the door.
fn trusted_keys(named: &[PathBuf], config: &Config) -> anyhow::Result<Keyring> {
    let keys = named.iter().chain(config.trusted_keys.iter().flatten());
    let keys: Vec<PublicKey> =
        keys.map(|path| PublicKey::read(path)).collect::<anyhow::Result<_>>()?;
    Ok(Keyring::of(keys))
}

/// Makes the first admin token, in a file that only the operator can read.
async fn admin_token(host: &Host, data: &Path) -> anyhow::Result<PathBuf> {
    let path = data.join(TOKEN_FILE);
    let known = !host.config.snapshot().operator_tokens.is_empty();
    if known && std::fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
        return Ok(path);
    }
    let token = match host.config.add_token(None, TokenSpec::default()).await {
        Ok(token) => token.token,
        Err(Error::Client(error)) => anyhow::bail!("{}", error.detail),
        Err(Error::Internal(error)) => return Err(error),
    };
    // Temporary files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(data)?;
    writeln!(file, "{token}")?;
    file.as_file().sync_all()?;
    file.persist(&path).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

async fn announce(host: &Host, address: SocketAddr, token: &Path) -> anyhow::Result<()> {
    let apps = host.config.snapshot().apps.len();
    let tenants = host.store.count_tenants().await?;
    anstream::println!(
        "{STRONG}muster{STRONG:#} serves {NAME}{}{NAME:#} on {address}: {apps} apps, {tenants} tenants; \
         the admin token is in {}",
        host.options.public_url,
        token.display(),
    );
    if tenants == 0 {
        anstream::println!(
            "next: `muster app create NAME --connector roster`, then `muster tenant create NAME --app …`, \
             then `muster token add TENANT`"
        );
    }
    Ok(())
}

/// Ready when the process is asked to stop.
pub(super) async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    else {
        drop(interrupt.await);
        return;
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}

/// Has a write beyond the limit of a file's size (`ulimit -f`, `LimitFSIZE=`) fail as on a full disk,
/// and not end the process. What the host starts does not inherit it.
fn survive_file_size_limit() -> anyhow::Result<()> {
    // SIGXFSZ; whoever listens keeps it from its default.
    let signal = tokio::signal::unix::SignalKind::from_raw(25);
    tokio::signal::unix::signal(signal).map(drop).context("listening for signals")
}

/// The log, filtered by `MUSTER_LOG`.
pub(super) fn log_to_stderr(json: bool, otherwise: &str) {
    let filter =
        EnvFilter::try_from_env("MUSTER_LOG").unwrap_or_else(|_| EnvFilter::new(otherwise));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Only a second subscriber in one process fails, and the first serves as well.
    drop(if json { log.json().try_init() } else { log.try_init() });
}
