//! `muster connector`: its subcommands, each in a module of its name.
//!
//! Some work on files alone, for authors of connectors (`new`, `build`, `test`, `check`, `key`, `sign`); the
//! others are for operators, and talk to a host or to a registry.

use std::process::ExitCode;

use clap::{Args, Subcommand};

mod build;
mod check;
mod key;
mod list;
mod new;
mod project;
mod promote;
mod pull;
mod push;
mod registry;
mod replay;
mod restore;
mod retire;
mod rollback;
mod sandbox;
mod show;
mod sign;
mod test;

pub(super) use replay::{duration, moment};

/// Options of `muster connector`.
#[derive(Args, Debug)]
pub(super) struct ConnectorArgs {
    #[command(subcommand)]
    command: ConnectorCommand,
}

#[derive(Debug, Subcommand)]
enum ConnectorCommand {
    New(new::NewArgs),
    Build(build::BuildArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Push(push::PushArgs),
    Pull(pull::PullArgs),
    Promote(promote::PromoteArgs),
    Replay(replay::ReplayArgs),
    Rollback(rollback::RollbackArgs),
    Retire(retire::RetireArgs),
    Restore(restore::RestoreArgs),
    Key(key::KeyArgs),
    Sign(sign::SignArgs),
    Test(test::TestArgs),
    Check(check::CheckArgs),
}

pub(super) async fn run(args: ConnectorArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        ConnectorCommand::New(args) => new::run(&args)?,
        ConnectorCommand::Build(args) => return build::run(args).await,
        ConnectorCommand::List(args) => list::run(args).await?,
        ConnectorCommand::Show(args) => show::run(args).await?,
        ConnectorCommand::Push(args) => push::run(args).await?,
        ConnectorCommand::Pull(args) => pull::run(args).await?,
        ConnectorCommand::Promote(args) => promote::run(args).await?,
        ConnectorCommand::Replay(args) => return replay::run(args).await,
        ConnectorCommand::Rollback(args) => rollback::run(args).await?,
        ConnectorCommand::Retire(args) => retire::run(args).await?,
        ConnectorCommand::Restore(args) => restore::run(args).await?,
        ConnectorCommand::Key(args) => key::run(&args)?,
        ConnectorCommand::Sign(args) => sign::run(&args)?,
        ConnectorCommand::Test(args) => return test::run(args).await,
        ConnectorCommand::Check(args) => return check::run(args).await,
    }
    Ok(ExitCode::SUCCESS)
}
