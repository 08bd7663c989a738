use amend_domain::RunId;
use clap::Args;

use super::{Exit, context::Context, show};
use crate::open::Missing;

#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The run
    #[arg(value_parser = RunId::parse)]
    id: RunId,
}

pub async fn command(context: Context, args: CancelArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let view = engine.cancel(&context.who, &args.id).await?;
    show::answer(&context, &view)?;
    Ok(Exit::Done)
}
