//! The `muster` command.

mod admin;
mod app;
mod config;
mod connector;
mod demo;
mod dev;
mod failpoint;
mod job;
mod limits;
mod operation;
mod output;
mod serve;
mod settings;
pub mod stage;
mod succession;
mod tenant;
mod token;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::conformance::{self, ConformanceArgs};

/// A SCIM server that hosts provisioning connectors.
///
/// Okta, Entra ID and other identity providers call it; for every change in a person's life in an
/// app it asks that app's connector, a sandboxed WebAssembly component, what the change means
/// there, and carries the answer out.
///
/// Begin with `muster demo`.
#[derive(Debug, Parser)]
#[command(name = "muster", version, propagate_version = true)]
struct Muster {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve identity providers and operators.
    Serve(serve::ServeArgs),
    /// Play a whole story in the terminal: Okta's conversation with two apps, told step by step.
    Demo(demo::DemoArgs),
    /// Serve a throw-away host with a sample app and one tenant for each embedded connector.
    Dev(dev::DevArgs),
    /// Apps: which connector decides for them, with which settings and endpoints.
    App(app::AppArgs),
    /// Tenants: one customer organisation's integration with an app.
    Tenant(tenant::TenantArgs),
    /// Tokens that identity providers present.
    Token(token::TokenArgs),
    /// Connectors: begin, build, test and sign them; load, try and promote them on a host.
    Connector(connector::ConnectorArgs),
    /// The journal: what was asked, decided and done.
    Operation(operation::OperationArgs),
    /// Jobs: long work over many people, such as a disconnect.
    Job(job::JobArgs),
    Conformance(ConformanceArgs),
    /// Compiles one connector from standard input; the host runs this in a process of its own.
    #[command(hide = true)]
    CompileConnector,
    /// Serve the sample app alone.
    #[command(hide = true)]
    SampleApp(dev::SampleAppArgs),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let muster = Muster::parse();
    if let Command::CompileConnector = muster.command {
        return connector_compiler();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(muster.command)));
    match ended {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("{}error:{:#} {error:#}", output::BAD, output::BAD);
            ExitCode::FAILURE
        }
    }
}

/// This very program, which compiles connectors in a process of its own: the one that runs, also
/// where an upgrade has put another one in its place since.
fn this_program() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe().context("looking for muster itself, which compiles connectors")
}

fn connector_compiler() -> ExitCode {
    crate::connector::compile_main()
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(args).await?,
        Command::Demo(args) => demo::run(args).await?,
        Command::Dev(args) => dev::run(args).await?,
        Command::App(args) => app::run(args).await?,
        Command::Tenant(args) => tenant::run(args).await?,
        Command::Token(args) => token::run(args).await?,
        Command::Connector(args) => return connector::run(args).await,
        Command::Operation(args) => operation::run(args).await?,
        Command::Job(args) => job::run(args).await?,
        Command::Conformance(args) => return conformance::main(args).await,
        Command::SampleApp(args) => dev::sample_app(args).await?,
        Command::CompileConnector => {}
    }
    Ok(ExitCode::SUCCESS)
}
