use amend_domain::{
    BatchSize, ConflictPolicy, Problem, RollbackOptions, RollbackPlan, RollbackScope, RollbackSource, RunId, RunKind,
};
use clap::{Args, builder::NonEmptyStringValueParser};

use super::{
    Exit,
    active::{self, Active},
    backups::bytes,
    context::Context,
    run::batch_size,
    show,
    text::{grouped, time},
    watch,
};
use crate::open::Missing;

#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The run to undo
    #[arg(value_parser = RunId::parse)]
    id: RunId,
    /// Where the old values come from: the run's journal, or the snapshot that it made with --backup snapshot.
    /// From a snapshot everything goes back that Amend wrote since, by whichever run
    #[arg(long, value_name = "journal|snapshot", value_parser = source, default_value = "journal")]
    from: RollbackSource,
    /// Why; kept with the run
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// What to do with rows that somebody changed since
    #[arg(long, value_name = "skip|force|stop", value_parser = policy, default_value = "skip")]
    on_conflict: ConflictPolicy,
    /// Only rows of these symbols, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    symbols: Option<Vec<String>>,
    /// Only rows that had this value before the run; several times for several
    #[arg(long, value_name = "VALUE")]
    old_value: Vec<String>,
    /// Only rows that were null before the run (with --old-value: or had one of those)
    #[arg(long)]
    old_null: bool,
    /// Only rows in which the run wrote this value; several times for several
    #[arg(long, value_name = "VALUE")]
    new_value: Vec<String>,
    /// Only rows in which the run wrote null (which a rollback may have done)
    #[arg(long)]
    new_null: bool,
    /// Only rows of these chunks of the run, separated by commas; `amend show` lists them
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(i64).range(1..))]
    chunk: Vec<i64>,
    /// Only the row with this key; several times for several. A key of several columns is a JSON array
    /// of texts
    #[arg(long, value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    row: Vec<String>,
    /// Rows in one transaction: auto, or 1 to 10000
    #[arg(long, value_name = "auto|N", value_parser = batch_size, default_value = "auto")]
    batch_size: BatchSize,
    /// Count everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl RollbackArgs {
    fn scope(&self) -> RollbackScope {
        RollbackScope {
            symbols: self.symbols.clone(),
            old_values: values(&self.old_value, self.old_null),
            new_values: values(&self.new_value, self.new_null),
            pairs: None,
            chunks: some(&self.chunk),
            rows: some(&self.row),
        }
    }
}

fn some<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn values(texts: &[String], null: bool) -> Option<Vec<Option<String>>> {
    let all: Vec<_> = texts.iter().cloned().map(Some).chain(null.then_some(None)).collect();
    some(&all)
}

fn policy(text: &str) -> Result<ConflictPolicy, Problem> {
    ConflictPolicy::parse(text).ok_or_else(|| Problem::field("onConflict", "must be skip, force or stop"))
}

fn source(text: &str) -> Result<RollbackSource, Problem> {
    RollbackSource::parse(text).ok_or_else(|| Problem::field("from", "must be journal or snapshot"))
}

/// What a restore from a snapshot would find, said before it begins.
fn announce(plan: &RollbackPlan) {
    if let Some(copy) = &plan.snapshot {
        eprintln!(
            "From snapshot {} ({} rows, {}, made at {}):",
            copy.name,
            grouped(copy.rows),
            bytes(copy.bytes),
            time(copy.created_at)
        );
    }
    let counts = plan.counts;
    eprintln!(
        "{} rows to put back, {} as they were, {} changed since by others, {} deleted.",
        grouped(counts.restorable),
        grouped(counts.original),
        grouped(counts.changed_since),
        grouped(counts.deleted)
    );
    if let Some(warning) = plan.unproved() {
        eprintln!("{warning}");
    }
}

pub async fn command(context: Context, args: RollbackArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let source = engine.run(&context.who, &args.id).await?;
    let view = match active::look(&engine, &source.rule).await? {
        // The same rollback, interrupted: this call goes on with it.
        Active::Interrupted(view)
            if view.kind == RunKind::Rollback && view.undoes.as_ref() == Some(&args.id) && !args.dry_run =>
        {
            eprintln!("Resuming rollback {}, which was interrupted; its own options hold.", view.run_id);
            watch::drive(&context, &engine, view.run_id).await?
        }
        Active::Working(problem) => return Err(problem.into()),
        // With another run interrupted the engine refuses, and says which.
        Active::Interrupted(_) | Active::None => {
            let scope = args.scope();
            let options = RollbackOptions {
                reason: args.reason,
                on_conflict: args.on_conflict,
                scope,
                batch_size: args.batch_size,
                dry_run: args.dry_run,
                source: args.from,
            };
            if args.from == RollbackSource::Snapshot {
                announce(&engine.rollback_plan_from(&context.who, &args.id, args.from, &options.scope).await?);
            }
            let started = engine.start_rollback(&context.who, &args.id, options).await?;
            watch::follow(&context, &engine, started.run_id).await?
        }
    };
    show::end(&context, &view)
}
