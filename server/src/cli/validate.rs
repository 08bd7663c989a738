use amend_domain::{Mode, Problem};
use clap::Args;

use super::{
    Exit,
    context::{Context, RuleArg},
    output::{self, Format},
    progress, show,
};

#[derive(Debug, Args)]
pub struct ValidateArgs {
    #[command(flatten)]
    rule: RuleArg,
    /// fill: no value may be missing; overwrite: none may be wrong either
    #[arg(long, value_parser = mode, default_value = "fill")]
    mode: Mode,
}

fn mode(text: &str) -> Result<Mode, Problem> {
    Mode::parse(text).ok_or_else(|| Problem::field("mode", "must be fill or overwrite"))
}

pub async fn command(context: Context, args: ValidateArgs) -> anyhow::Result<Exit> {
    let (engine, slug) = context.rule(&args.rule).await?;
    let spinner = progress::spinner("validating");
    let validation = engine.validate(&context.who, &slug, args.mode).await;
    spinner.finish_and_clear();
    let validation = validation?;
    match context.format() {
        Format::Json => output::json(&validation)?,
        Format::Csv => show::levels(&validation).csv()?,
        Format::Table => {
            let verdict = if validation.passed { "passed" } else { "failed" };
            output::print(&format!("validation {verdict}\n{}", show::levels(&validation).table()))?;
        }
    }
    Ok(if validation.passed { Exit::Done } else { Exit::Failed })
}
