use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use amend_domain::{ErrorCode, Problem, RunId, RunState};
use clap::Args;

use super::{Exit, context::Context, show, watch};
use crate::open::Missing;

#[derive(Debug, Args)]
pub struct WorkArgs {
    /// The run
    #[arg(value_parser = RunId::parse)]
    id: RunId,
}

pub async fn command(context: Context, args: WorkArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let view = engine.run(&context.who, &args.id).await?;
    let view = if view.state.is_over() || view.state == RunState::Paused {
        view
    } else {
        watch::drive(&context, &engine, args.id).await?
    };
    show::end(&context, &view)
}

/// Starts `amend work ID` as a process of its own that outlives this one.
///
/// # Errors
/// The program cannot start itself.
pub fn detach(context: &Context, id: &RunId) -> Result<(), Problem> {
    let start = || -> std::io::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["work", id.as_str()]);
        if let Some(file) = &context.global.config {
            command.arg("--config").arg(file);
        }
        // By the environment, because everybody can read the arguments of a process.
        command.env("AMEND_DATABASE_URL", &context.config.database.url);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Out of the terminal's group, so that Ctrl-C there does not reach it.
        command.process_group(0).spawn().map(drop)
    };
    start().map_err(|error| {
        Problem::new(ErrorCode::Internal, format!("No process for run {id} could be started: {error}."))
            .advice(format!("The run is queued; `amend work {id}` or a server takes it."))
    })
}
