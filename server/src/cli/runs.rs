use amend_domain::{RuleSlug, RunKind, RunState};
use amend_engine::store::RunFilter;
use clap::Args;

use super::{
    Exit,
    context::Context,
    output::{self, Format, Rows},
    show,
    text::{grouped, span, time},
};
use crate::open::Missing;

#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Only runs of this rule
    #[arg(long, value_name = "SLUG", value_parser = RuleSlug::parse)]
    rule: Option<RuleSlug>,
    /// Only runs in this state
    #[arg(long, value_parser = state)]
    state: Option<RunState>,
    /// Only corrections or rollbacks
    #[arg(long, value_parser = kind)]
    kind: Option<RunKind>,
    /// At most so many, newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
}

fn state(text: &str) -> Result<RunState, String> {
    let names = || RunState::ALL.map(RunState::as_str).join(", ");
    RunState::parse(text).ok_or_else(|| format!("must be one of {}", names()))
}

fn kind(text: &str) -> Result<RunKind, String> {
    RunKind::parse(text).ok_or_else(|| "must be correction or rollback".to_owned())
}

pub async fn command(context: Context, args: RunsArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let filter = RunFilter {
        rule: args.rule,
        states: args.state.into_iter().collect(),
        kind: args.kind,
        before: None,
        limit: args.limit,
    };
    let views = engine.runs(&context.who, &filter).await?;
    match context.format() {
        Format::Json => output::json(&views)?,
        Format::Csv => show::list(&views).csv()?,
        Format::Table if views.is_empty() => output::line("There are no runs yet.")?,
        Format::Table => {
            let mut rows =
                Rows::new(&["run", "kind", "state", "changed", "left", "took", "started", "by"]).right(&[3, 4, 5]);
            for view in &views {
                rows.push(vec![
                    view.run_id.to_string(),
                    view.kind.as_str().into(),
                    view.state.as_str().into(),
                    grouped(view.changed),
                    grouped(view.remaining),
                    span(view.duration_ms),
                    time(view.created_at),
                    view.started_by.clone(),
                ]);
            }
            output::print(&rows.table())?;
        }
    }
    Ok(Exit::Done)
}
