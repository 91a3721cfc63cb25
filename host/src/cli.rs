//! The `muster` command: parses its arguments and runs the subcommand, each in a module of its name.
//!
//! Commands about a running host are clients of its admin API (`admin`), whose types both sides share.
//! `serve`, `dev` and `demo` start a host in this process. `backup`, `restore` and `host-key` work on the
//! files of a host. `connector new`, `build`, `test`, `check`, `key` and `sign` need no host.

mod admin;
mod admin_token;
mod app;
mod audit;
mod backup;
mod byte_progress;
mod config;
mod connector;
mod data_directory;
mod demo;
mod dev;
mod failpoint;
mod host_key;
mod job;
mod limits;
pub mod local_environment;
mod operation;
mod output;
mod passphrase;
mod person;
mod restore;
mod serve;
mod settings;
mod tenant;
mod token;
mod variable;
mod version_change;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::conformance::{self, ConformanceArgs};
use crate::terminal;

/// A SCIM server that hosts provisioning connectors.
///
/// Okta, Entra ID and other identity providers send it SCIM requests. For each change of a user or
/// group, muster asks the app's connector, a sandboxed WebAssembly component, which requests the
/// change needs in the app, and sends them.
///
/// To see it at work, run `muster demo`.
#[derive(Debug, Parser)]
#[command(name = "muster", version, propagate_version = true)]
struct Muster {
    #[command(subcommand)]
    command: MusterCommand,
}

#[derive(Debug, Subcommand)]
enum MusterCommand {
    /// Run the server: SCIM for identity providers, the admin API for operators.
    Serve(serve::ServeArgs),
    /// Show Okta provisioning users and groups into two apps, step by step, in the terminal.
    Demo(demo::DemoArgs),
    /// Run a temporary server with a sample app and one tenant for each embedded connector.
    Dev(dev::DevArgs),
    /// Manage apps: the connector of each, its settings and its endpoints.
    App(app::AppArgs),
    /// Manage tenants, each of which is one customer's integration with an app.
    Tenant(tenant::TenantArgs),
    /// Erase a person who is gone from the directory.
    Person(person::PersonArgs),
    /// Manage the tokens that identity providers and operators authenticate with.
    Token(token::TokenArgs),
    /// Create, build, test and sign connectors; push, replay and promote their versions on a server.
    Connector(connector::ConnectorArgs),
    /// Inspect, retry and drop operations in the journal.
    Operation(operation::OperationArgs),
    /// Jobs: long work over many people, such as a disconnect.
    Job(job::JobArgs),
    /// List what operators changed: who, when, what, before and after.
    Audit(audit::AuditArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreBackupArgs),
    /// Replace a host key that is lost.
    HostKey(host_key::HostKeyArgs),
    Conformance(ConformanceArgs),
    /// Compile one connector from standard input. The host runs this as a child process.
    #[command(hide = true)]
    CompileConnector,
    /// Run only the sample app.
    #[command(hide = true)]
    SampleApp(dev::SampleAppArgs),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let muster = match Muster::try_parse() {
        Ok(muster) => muster,
        Err(error) => return wrong_arguments(&variable::naming_variable(error, Muster::command())),
    };
    if let MusterCommand::CompileConnector = muster.command {
        return connector_compiler();
    }
    terminal::until_output_fails(|| end_of(muster.command))
}

/// Prints the help or the version if that was asked for, or why the arguments are refused.
fn wrong_arguments(error: &clap::Error) -> ExitCode {
    let text = error.render();
    terminal::until_output_fails(|| {
        match error.use_stderr() {
            true => terminal::eprint!("{}", text.ansi()),
            false => terminal::print!("{}", text.ansi()),
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
    })
}

/// Runs a command in a new runtime, and prints the error that it ends with.
fn end_of(command: MusterCommand) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended =
        runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(command)));
    match ended {
        Ok(code) => code,
        Err(error) => {
            terminal::eprintln!("{}error:{:#} {error:#}", output::BAD, output::BAD);
            ExitCode::FAILURE
        }
    }
}

/// The running program, which also compiles connectors as a child process. On Linux it is the running
/// version even if an upgrade has replaced the file.
fn this_program() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe().context("looking for the muster program, which compiles connectors")
}

fn connector_compiler() -> ExitCode {
    crate::connector::compile_main()
}

async fn run(command: MusterCommand) -> anyhow::Result<ExitCode> {
    match command {
        MusterCommand::Serve(args) => serve::run(args).await?,
        MusterCommand::Demo(args) => demo::run(args).await?,
        MusterCommand::Dev(args) => dev::run(args).await?,
        MusterCommand::App(args) => app::run(args).await?,
        MusterCommand::Tenant(args) => tenant::run(args).await?,
        MusterCommand::Person(args) => person::run(args).await?,
        MusterCommand::Token(args) => token::run(args).await?,
        MusterCommand::Connector(args) => return connector::run(args).await,
        MusterCommand::Operation(args) => operation::run(args).await?,
        MusterCommand::Job(args) => job::run(args).await?,
        MusterCommand::Audit(args) => audit::run(args).await?,
        MusterCommand::Backup(args) => backup::run(args).await?,
        MusterCommand::Restore(args) => restore::run(args).await?,
        MusterCommand::HostKey(args) => host_key::run(args).await?,
        MusterCommand::Conformance(args) => return conformance::main(args).await,
        MusterCommand::SampleApp(args) => dev::sample_app(args).await?,
        MusterCommand::CompileConnector => {}
    }
    Ok(ExitCode::SUCCESS)
}
