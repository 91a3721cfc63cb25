//! `muster connector`: each subcommand in a file of its own.

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
mod retire;
mod rollback;
mod sandbox;
mod show;
mod sign;
mod test;

pub(super) use replay::moment;

/// Options of `muster connector`.
#[derive(Args, Debug)]
pub(super) struct ConnectorArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
    Key(key::KeyArgs),
    Sign(sign::SignArgs),
    Test(test::TestArgs),
    Check(check::CheckArgs),
}

pub(super) async fn run(args: ConnectorArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::New(args) => new::run(&args)?,
        Command::Build(args) => return build::run(args).await,
        Command::List(args) => list::run(args).await?,
        Command::Show(args) => show::run(args).await?,
        Command::Push(args) => push::run(args).await?,
        Command::Pull(args) => pull::run(args).await?,
        Command::Promote(args) => promote::run(args).await?,
        Command::Replay(args) => return replay::run(args).await,
        Command::Rollback(args) => rollback::run(args).await?,
        Command::Retire(args) => retire::run(args).await?,
        Command::Key(args) => key::run(&args)?,
        Command::Sign(args) => sign::run(&args)?,
        Command::Test(args) => return test::run(args).await,
        Command::Check(args) => return check::run(args).await,
    }
    Ok(ExitCode::SUCCESS)
}
