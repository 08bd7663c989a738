use amend_domain::{Backup, BatchSize, ErrorCode, Mode, Problem, RuleSlug, RunOptions, RunView, Scope};
use amend_engine::{Approved, Engine};
use clap::{Args, builder::NonEmptyStringValueParser};

use super::{
    Exit,
    active::{self, Active},
    context::{Context, RuleArg},
    show, watch, work,
};

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    rule: RuleArg,
    #[command(flatten)]
    options: OptionArgs,
    /// Count and check everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave the run to a process of its own and return at once
    #[arg(long)]
    detach: bool,
    /// Run only while the table is as the preview with this hash saw it
    #[arg(long, value_name = "HASH")]
    plan_hash: Option<String>,
}

/// What shapes a run and its preview alike.
#[derive(Debug, Args)]
pub struct OptionArgs {
    /// fill: rows without a value; overwrite: also those with another value
    #[arg(long, value_parser = mode, default_value = "fill")]
    mode: Mode,
    /// Rows in one transaction: auto, or 1 to 10000
    #[arg(long, value_name = "auto|N", value_parser = batch_size, default_value = "auto")]
    batch_size: BatchSize,
    /// Stop after so many changed rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    max_records: Option<i64>,
    /// Only rows of these symbols, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    symbols: Option<Vec<String>>,
    /// journal: old values are kept by row (always); snapshot: also copy all keys and values of the
    /// table before the first write
    #[arg(long, value_name = "journal|snapshot", value_parser = backup, default_value = "journal")]
    backup: Backup,
}

fn backup(text: &str) -> Result<Backup, Problem> {
    Backup::parse(text)
}

impl OptionArgs {
    pub fn read(&self) -> RunOptions {
        RunOptions {
            mode: self.mode,
            scope: Scope { symbols: self.symbols.clone(), failed_of: None },
            batch_size: self.batch_size,
            max_records: self.max_records,
            backup: self.backup,
            ..RunOptions::default()
        }
    }
}

fn mode(text: &str) -> Result<Mode, Problem> {
    Mode::parse(text).ok_or_else(|| Problem::field("mode", "must be fill or overwrite"))
}

pub fn batch_size(text: &str) -> Result<BatchSize, Problem> {
    BatchSize::parse(text)
}

pub async fn command(context: Context, args: RunArgs) -> anyhow::Result<Exit> {
    let (engine, slug) = context.rule(&args.rule).await?;
    let view = match active::look(&engine, &slug).await? {
        Active::None => {
            let options = RunOptions { dry_run: args.dry_run, ..args.options.read() };
            let approved = approve(&context, &engine, &slug, &options, args.plan_hash.as_deref()).await?;
            engine.queue_run(&context.who, &slug, options, approved).await?
        }
        Active::Interrupted(view) if args.dry_run => {
            return Err(Problem::new(
                ErrorCode::OperationInProgress,
                format!("Run {} was interrupted and is not over.", view.run_id),
            )
            .advice(format!("`amend run` resumes it; `amend cancel {}` gives it up.", view.run_id))
            .into());
        }
        Active::Interrupted(view) => {
            eprintln!("{}", resuming(&view));
            *view
        }
        Active::Working(problem) => return Err(problem.into()),
    };
    if args.detach {
        work::detach(&context, &view.run_id)?;
        eprintln!("Run {} goes on in a process of its own; `amend show {}` looks at it.", view.run_id, view.run_id);
        show::answer(&context, &view)?;
        return Ok(Exit::Done);
    }
    let view = watch::drive(&context, &engine, view.run_id).await?;
    show::end(&context, &view)
}

async fn approve(
    context: &Context,
    engine: &Engine,
    slug: &RuleSlug,
    options: &RunOptions,
    hash: Option<&str>,
) -> Result<Option<Approved>, Problem> {
    let Some(hash) = hash else { return Ok(None) };
    let plan = engine.plan(&context.who, slug, options).await?;
    if plan.hash.as_str() != hash {
        return Err(Problem::new(
            ErrorCode::Drift,
            format!("The plan is no longer {hash}: the table, the rule or the options are not those of that preview."),
        )
        .advice("Look at a new `amend preview` and use its hash."));
    }
    Ok(Some(Approved { hash: plan.hash, counts: plan.counts }))
}

fn resuming(view: &RunView) -> String {
    format!(
        "Resuming {} {}, which was interrupted after {} chunks and {} changed rows; its own options hold.",
        view.kind.as_str(),
        view.run_id,
        view.chunks,
        view.changed
    )
}
