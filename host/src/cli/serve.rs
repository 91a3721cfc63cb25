//! `muster serve`: reads the configuration, opens the host, and serves until a signal stops it.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use clap::builder::BoolishValueParser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::admin_token;
use super::config::Config;
use super::failpoint;
use super::output::{self, NAME, STRONG};
use super::watch::FolderWatch;
use crate::clock::Clock;
use crate::connector::{Keyring, PublicKey};
use crate::http::{self, Listeners, ServerOptions};
use crate::lifecycle::{Host, HostOptions};
use crate::panics;
use crate::terminal;

/// The settings that only the file has, for the help text.
const FILE_SETTINGS: &str = "\
Further settings in muster.toml, beside listen, data and public_url:
  answer_within_seconds  Most seconds that an identity provider waits for an outcome; it then gets
                         429 or 503 with Retry-After, and the operation continues; 1 to 55
                         [default: 25]
  behind_proxy           Array of addresses and networks of proxies, such as 10.0.0.0/8, whose
                         X-Forwarded-For is believed [default: none]
  body_within_seconds    Most seconds that the body of a request may take to arrive, and that a client
                         may read nothing of an answer; 1 to 3600 [default: 30]
  connections            Most open connections; idle ones are closed for new ones; 1 to 1000000
                         [default: three quarters of the files that the process may open, at most
                         10000]
  deciding_threads       Number of threads for the decisions of connectors that are not quick
                         [default: one for each core]
  failed_sign_ins_per_minute
                         Most failed sign-ins of one source, or with one token's id, that are
                         answered with 401 at once; beyond, they get 429; 0 for no limit [default: 10]
  first_back_off_seconds, longest_back_off_seconds
                         Seconds between the first two tries of an operation that an app does not
                         accept, and at most; 1 to 86400 [default: 5, 3600]
  first_head_within_seconds
                         Most seconds that a new connection may take to send the head of its first
                         request; 1 to 3600 [default: 10]
  grant_patience_hours   Hours for which something that grants or changes access is tried after
                         its identity provider asked for it the last time; 1 to 8760 [default: 24]
  head_within_seconds    Most seconds that a connection may be idle, or take to send the head of a
                         request; 1 to 3600 [default: 75]
  longest_call_seconds   Most seconds after which a call that was cut off can still arrive at the
                         app; 1 to 3600 [default: 120]
  open_operations        Most open operations of one tenant; beyond, its identity provider gets
                         429 or 503 with Retry-After [default: 10000]
  request_burst, requests_per_second
                         Most requests of one tenant that are answered at once, and in a second for
                         long; beyond, its identity provider gets 429 with Retry-After. 0 requests a
                         second is no limit; `muster tenant set --requests-per-second` sets another
                         one for a tenant [default: 500, 50]
  resource_kib           Most KiB of a user, or of a group without its members, as JSON; 16 to 1024
                         [default: 64]
  stop_within_seconds    Most seconds in which a stopping host finishes accepted requests; the
                         next start continues what is left; 1 to 3600 [default: 15]
  private_addresses      Array of CIDRs of private addresses that endpoints may lead to, beside
                         public ones [default: none]
  secret_files           Array of folders in the data directory that files with secrets of endpoints
                         may lie in [default: secrets]
  secret_variables       Array of environment variables that secrets of endpoints may come from; a
                         `*` at the end stands for the rest of a name [default: MUSTER_SECRET_*]
  trusted_keys           Array of files with public keys; only connectors that one of them signed,
                         and the embedded ones, are loaded [default: none, and no signature is
                         needed]";

/// Options of `muster serve`.
#[derive(Args, Debug)]
#[command(after_help = FILE_SETTINGS)]
pub(super) struct ServeArgs {
    /// The configuration file [default: muster.toml, if it exists].
    #[arg(long, env = "MUSTER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address and port to listen on [default: 127.0.0.1:8080].
    #[arg(long, env = "MUSTER_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The address and port of the admin API, which is then served nowhere else [default: that of
    /// --listen].
    #[arg(long, env = "MUSTER_ADMIN_LISTEN", value_name = "ADDR")]
    admin_listen: Option<SocketAddr>,
    /// The directory of the database, the host key and compiled connectors [default: muster-data].
    #[arg(long, env = "MUSTER_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The URL at which identity providers reach this host, such as `https://scim.example.com`
    /// [default: http:// and the address of --listen].
    #[arg(long, env = "MUSTER_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// A file with a public key: load only connectors that this key signed, and those embedded in
    /// muster. May be given more than once, and adds to `trusted_keys` in the file [default: none: no
    /// signature is needed].
    #[arg(
        long = "trusted-key",
        env = "MUSTER_TRUSTED_KEYS",
        value_name = "FILE",
        value_delimiter = ','
    )]
    trusted_keys: Vec<PathBuf>,
    /// For development: push each `.wasm` file in this folder, at the start and whenever it changes,
    /// promote it for the apps that already use its connector, and print the differences.
    #[arg(long, env = "MUSTER_WATCH", value_name = "DIR")]
    watch: Option<PathBuf>,
    /// Write the log to standard error as JSON, one line for each event.
    #[arg(long, env = "MUSTER_LOG_JSON", value_parser = BoolishValueParser::new())]
    log_json: bool,
}

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    log_to_stderr(args.log_json, "info")?;
    failpoint::arm()?;
    // Files that the host makes are for its user alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    survive_file_size_limit()?;
    let config = Config::read(args.config.as_deref())?;
    let watch = args.watch.map(|folder| FolderWatch::open(folder, args.log_json)).transpose()?;
    let listen = args.listen.or(config.listen);
    let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    let main = bound(listen, "--listen").await?;
    let address = main.local_addr()?;
    let server = server_options(&config)?;
    warn_of_plain_text(address, &server);
    let admin = match args.admin_listen.or(config.admin_listen) {
        Some(listen) => Some(bound(listen, "--admin-listen").await?),
        None => None,
    };
    let admin_address = admin.as_ref().map(TcpListener::local_addr).transpose()?;
    if let Some(address) = admin_address {
        warn_of_plain_text(address, &server);
    }
    let data = args.data.or_else(|| config.data.clone()).unwrap_or_else(|| "muster-data".into());
    let public_url = args.public_url.or_else(|| config.public_url.clone());
    let public_url = public_url.map(|url| valid_public_url(&url)).transpose()?;
    // Logged before the host is open: the first start compiles connectors, and recovery reads the
    // journal.
    tracing::info!(%address, data = %data.display(), "serve: starting");
    let host = Host::open(
        HostOptions {
            data: data.clone(),
            compiled: data.join("compiled"),
            public_url: public_url.unwrap_or_else(|| format!("http://{address}")),
            compiler: super::this_program()?,
            answer_within: config.answer_within(),
            deciding_threads: config.deciding_threads(),
            job_pause: Duration::from_secs(15),
            open_operations: config.open_operations(),
            request_rate: config.request_rate(),
            largest_resource: config.largest_resource(),
            back_off: config.back_off(),
            grant_patience: config.grant_patience(),
            longest_call: config.longest_call(),
            trusted_keys: trusted_keys(&args.trusted_keys, &config)?,
            outbound: config.outbound(&data)?,
            simulated: None,
        },
        Clock::system(),
    )
    .await?;
    host.versions.push_embedded().await?;
    let token = admin_token::keep(&host, &data).await?;
    // Before the host says that it serves: a script that waits for this line may stop it at once.
    let stop = stop_signal();
    announce(&host, address, admin_address, &token).await?;
    give_memory_back();
    let serving = http::serve(Arc::clone(&host), Listeners { main, admin }, server, stop);
    match watch {
        None => serving.await,
        Some(watch) => tokio::select! {
            () = serving => {}
            () = watch.follow(&host) => {}
        },
    }
    Ok(())
}

async fn bound(listen: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen).await.with_context(|| {
        format!("listening on {listen}; if another host is running, {option} sets another address")
    })
}

fn server_options(config: &Config) -> anyhow::Result<ServerOptions> {
    let connections = http::connection_limit(config.connections);
    let connections = connections.context("reading how many files may be open")?;
    if config.connections.is_some_and(|setting| setting > connections) {
        tracing::warn!(
            connections,
            "serve: fewer connections than the setting, since the process may open few files"
        );
    }
    Ok(ServerOptions {
        timeouts: config.timeouts(),
        connections,
        proxies: config.proxies()?,
        failed_sign_ins: config.failed_sign_ins(),
    })
}

/// TLS ends before muster: on an address that others reach, tokens are read on their way unless a proxy is in
/// front of it.
fn warn_of_plain_text(address: SocketAddr, server: &ServerOptions) {
    if !address.ip().is_loopback() && server.proxies.is_empty() {
        tracing::warn!(
            %address,
            "serve: other machines reach this address without TLS, and tokens are readable on their way: \
             put a proxy with TLS in front, and name it as behind_proxy in muster.toml"
        );
    }
}

/// Gives back to the system what the start has freed, such as the files of connectors: several megabytes, which
/// mimalloc would give back only while more is allocated.
#[expect(
    unsafe_code,
    reason = "mimalloc has no other interface for this; it may be called at any time"
)]
fn give_memory_back() {
    // SAFETY: it touches nothing that is allocated.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// The keys of the options and of the file. A key that cannot be read stops the start: a misspelt name
/// must not turn the check of signatures off.
fn trusted_keys(named: &[PathBuf], config: &Config) -> anyhow::Result<Keyring> {
    let keys = named.iter().chain(config.trusted_keys.iter().flatten());
    let keys: Vec<PublicKey> =
        keys.map(|path| PublicKey::read(path)).collect::<anyhow::Result<_>>()?;
    Ok(Keyring::of(keys))
}

/// The address by which identity providers reach the host, without a slash at the end. It may have a
/// path, which a proxy takes away.
fn valid_public_url(text: &str) -> anyhow::Result<String> {
    let url = url::Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    let url = url.with_context(|| {
        format!(
            "public URL {text:?}: give http:// or https:// and the host, and at most a path that the \
             proxy takes away, such as https://scim.example.com or https://example.com/scim"
        )
    })?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Says where the host serves. If it cannot be said, the host serves all the same.
async fn announce(
    host: &Host,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    token: &Path,
) -> anyhow::Result<()> {
    let apps = host.config.snapshot().apps.len();
    let tenants = host.store.count_tenants().await?;
    let mut text = format!(
        "{STRONG}muster{STRONG:#} serves {NAME}{}{NAME:#} on {address}: {}, {}; the admin token is in {}\n",
        host.options.public_url,
        output::count(apps as u64, "app", "apps"),
        output::count(tenants, "tenant", "tenants"),
        token.display(),
    );
    if let Some(admin) = admin {
        text += &format!("the admin API is on {admin}: give commands --url http://{admin}\n");
    }
    if tenants == 0 {
        text.push_str(
            "next: `muster app create NAME --connector roster`, then `muster tenant create NAME \
             --app …`, then `muster token add TENANT`\n",
        );
    }
    if let Err(error) = terminal::try_write_out(format_args!("{text}")) {
        tracing::warn!(%error, "serve: standard output not written");
    }
    Ok(())
}

/// Ready when the process receives SIGINT or SIGTERM. From this call on, neither ends the process by itself.
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        let received = signals.map(|signal| {
            Box::pin(async {
                match signal {
                    Ok(mut signal) => drop(signal.recv().await),
                    // The process ends by the signal, as if nothing listened.
                    Err(_) => std::future::pending().await,
                }
            })
        });
        futures_util::future::select_all(received).await;
    }
}

/// Makes a write beyond the limit for file sizes (`ulimit -f`, `LimitFSIZE=`) fail as on a full disk,
/// instead of ending the process. Child processes do not inherit it.
pub(super) fn survive_file_size_limit() -> anyhow::Result<()> {
    // SIGXFSZ: a handler replaces the default action, which ends the process.
    let signal = tokio::signal::unix::SignalKind::from_raw(25);
    tokio::signal::unix::signal(signal).map(drop).context("listening for signals")
}

/// Writes the log to standard error, filtered by `MUSTER_LOG` or else by this default filter. A filter
/// that cannot be read is an error: what an operator wants to see would be missing.
pub(super) fn log_to_stderr(json: bool, default: &str) -> anyhow::Result<()> {
    let filter = log_filter(std::env::var_os(LOG_FILTER), default)?;
    panics::log_each();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        // A line that cannot be written is lost: its report would panic in the middle of a request.
        .log_internal_errors(false)
        // The subscriber escapes some control characters of a text, and not line ends.
        .with_writer(|| terminal::LogLines);
    // It fails only if the process has a subscriber already, which serves as well.
    drop(if json { log.json().try_init() } else { log.try_init() });
    Ok(())
}

/// The environment variable that filters the log.
const LOG_FILTER: &str = "MUSTER_LOG";

fn log_filter(given: Option<OsString>, default: &str) -> anyhow::Result<EnvFilter> {
    let given = given.unwrap_or_default();
    let text = given.to_str().unwrap_or_default();
    if given.is_empty() {
        return Ok(EnvFilter::new(default));
    }
    let wrong = || {
        let given = given.display();
        format!(
            "{LOG_FILTER} is {given}, which is no filter: give a level (error, warn, info, debug, trace \
             or off), or levels by module, such as info,muster::request_log=off"
        )
    };
    anyhow::ensure!(!text.is_empty() && text.split(',').all(is_no_misspelt_level), "{}", wrong());
    EnvFilter::try_new(text).with_context(wrong)
}

/// Whether part of a filter is not a word like `inof`, which would be the name of a module: a filter
/// of a module that does not exist logs nothing.
fn is_no_misspelt_level(part: &str) -> bool {
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let part = part.trim().to_lowercase();
    levels.contains(&part.as_str())
        || levels.iter().all(|level| strsim::damerau_levenshtein(level, &part) > 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_address_and_nothing_else() {
        assert_eq!(
            valid_public_url("https://scim.example.com/x/").unwrap(),
            "https://scim.example.com/x"
        );
        assert_eq!(
            valid_public_url(" HTTPS://Scim.Example.com:443 ").unwrap(),
            "https://scim.example.com"
        );
        for wrong in ["scim.example.com", "ftp://a", "https://a?b", "https://a#b", "https://u:p@a"]
        {
            assert!(valid_public_url(wrong).unwrap_err().to_string().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn every_option_and_its_variable_are_documented() {
        let page = include_str!("../../docs/src/configuration.md");
        let command = ServeArgs::augment_args(clap::Command::new("serve"));
        for argument in command.get_arguments() {
            let option = argument.get_long().expect("every argument is an option");
            let variable = argument.get_env().and_then(|name| name.to_str());
            let variable = variable.expect("every option has a variable");
            let row = page.lines().find(|line| line.starts_with(&format!("| `--{option}")));
            let row = row.unwrap_or_else(|| panic!("--{option} is not documented"));
            assert!(row.contains(&format!("`{variable}`")), "{row}");
        }
    }
}
