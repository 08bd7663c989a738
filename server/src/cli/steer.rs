//! `amend pause`, `amend resume`, `amend pace`: steering a run that somebody works on.

use amend_domain::RunId;
use clap::Args;

use super::{Exit, context::Context, show, work};
use crate::open::Missing;

#[derive(Debug, Args)]
pub struct SteerArgs {
    /// The run
    #[arg(value_parser = RunId::parse)]
    id: RunId,
}

#[derive(Debug, Args)]
pub struct PaceArgs {
    /// The run
    #[arg(value_parser = RunId::parse)]
    id: RunId,
    /// Share of the time that it may spend working, 0 to 100; 0 holds it
    #[arg(value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
}

pub async fn pause(context: Context, args: SteerArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let view = engine.pause(&context.who, &args.id).await?;
    show::answer(&context, &view)?;
    Ok(Exit::Done)
}

/// Goes on in a process of its own: this one ends with its answer, and no server need be there.
pub async fn resume(context: Context, args: SteerArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let view = engine.queue_resume(&context.who, &args.id).await?;
    work::detach(&context, &args.id)?;
    show::answer(&context, &view)?;
    Ok(Exit::Done)
}

pub async fn pace(context: Context, args: PaceArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let view = engine.set_pace(&context.who, &args.id, args.percent).await?;
    show::answer(&context, &view)?;
    Ok(Exit::Done)
}
