//! One run: the answer of `show`, `run`, `rollback`, `cancel`, `pause`, `resume` and `pace`.

use amend_domain::{Effect, ErrorCode, RollbackSource, RunDetail, RunId, RunKind, RunState, RunView, Validation};
use clap::Args;
use indicatif::HumanBytes;

use super::{
    Exit,
    context::Context,
    output::{self, Format, Rows},
    text::{grouped, rows, span, time},
};
use crate::open::Missing;

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The run
    #[arg(value_parser = RunId::parse)]
    id: RunId,
}

pub async fn command(context: Context, args: ShowArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let detail = engine.run_detail(&context.who, &args.id).await?;
    match context.format() {
        Format::Json => output::json(&detail)?,
        Format::Csv => chunks(&detail).csv()?,
        Format::Table => {
            output::print(&report(&detail.run))?;
            output::print(&history(&detail))?;
        }
    }
    Ok(Exit::Done)
}

/// Prints a run in the asked format.
///
/// # Errors
/// Standard output that cannot be written.
pub fn answer(context: &Context, view: &RunView) -> anyhow::Result<()> {
    match context.format() {
        Format::Json => output::json(view),
        Format::Csv => list(std::slice::from_ref(view)).csv(),
        Format::Table => output::print(&report(view)),
    }
}

/// Answers with a run that is over, says on standard error why it is not well, and ends accordingly.
///
/// # Errors
/// As [`answer`].
pub fn end(context: &Context, view: &RunView) -> anyhow::Result<Exit> {
    answer(context, view)?;
    let exit = exit_of(view);
    // The table has the reason already.
    if exit != Exit::Done && context.format() != Format::Table {
        match &view.error {
            Some(error) => {
                eprintln!("amend: {} {}", error.message, error.advice.as_deref().unwrap_or_default());
            }
            None => eprintln!("amend: Run {} is {}.", view.run_id, view.state.as_str()),
        }
    }
    Ok(exit)
}

fn exit_of(view: &RunView) -> Exit {
    match (view.state, &view.error) {
        (RunState::Succeeded, _) => Exit::Done,
        (_, Some(error)) if error.code.exit_code() == ErrorCode::Drift.exit_code() => Exit::Refused,
        _ => Exit::Failed,
    }
}

/// Runs as plain rows.
pub fn list(views: &[RunView]) -> Rows {
    let mut rows = Rows::new(&[
        "run_id",
        "kind",
        "state",
        "changed",
        "skipped",
        "failed",
        "conflicts",
        "deleted",
        "remaining",
        "chunks",
        "duration_ms",
        "plan_hash",
        "validation",
        "rule",
        "created_at",
        "started_by",
        "undoes",
        "undone_by",
    ]);
    for view in views {
        let numbers = [
            view.changed,
            view.skipped,
            view.failed,
            view.conflicts,
            view.deleted,
            view.remaining,
            view.chunks,
            view.duration_ms,
        ];
        let mut row = vec![view.run_id.to_string(), view.kind.as_str().into(), view.state.as_str().into()];
        row.extend(numbers.map(|n| n.to_string()));
        row.push(view.plan_hash.to_string());
        row.push(view.validation.as_ref().map_or("", |v| if v.passed { "passed" } else { "failed" }).into());
        row.push(view.rule.to_string());
        row.push(view.created_at.to_rfc3339());
        row.push(view.started_by.clone());
        row.extend([&view.undoes, &view.undone_by].map(|id| id.as_ref().map(ToString::to_string).unwrap_or_default()));
        rows.push(row);
    }
    rows
}

fn report(view: &RunView) -> String {
    let dry = view.options.as_ref().is_some_and(|o| o.dry_run) || view.rollback.as_ref().is_some_and(|o| o.dry_run);
    let verb = match (view.kind, dry) {
        (RunKind::Correction, false) => "changed",
        (RunKind::Correction, true) => "would be changed (dry run: nothing was written)",
        (RunKind::Rollback, false) => "restored",
        (RunKind::Rollback, true) => "would be restored (dry run: nothing was written)",
    };
    let mut text =
        format!("{} {} {}: {} {verb}", view.kind.as_str(), view.run_id, view.state.as_str(), rows(view.changed));
    for (number, what) in [
        (view.skipped, "skipped"),
        (view.failed, "failed"),
        (view.conflicts, "changed by somebody since"),
        (view.deleted, "gone since"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", grouped(number)));
        }
    }
    text.push_str(&format!(
        ", {} left, {} chunks, {}\n",
        grouped(view.remaining),
        grouped(view.chunks),
        span(view.duration_ms)
    ));
    if view.state.is_active() && view.pace < 100 {
        text.push_str(&format!("pace {} %\n", view.pace));
    }
    if !view.held.is_empty() {
        text.push_str(&format!("held: {}\n", view.held.join("; ")));
    }
    if let Some(walk) = &view.walk {
        text.push_str(&format!("{}\n", walk.reason));
    }
    if let Some(effect) = &view.effect {
        text.push_str(&files(effect));
    }
    if let Some(undoes) = &view.undoes {
        let snapshot = view.rollback.as_ref().is_some_and(|o| o.source == RollbackSource::Snapshot);
        text.push_str(&format!("undoes {undoes}{}\n", if snapshot { " from its snapshot" } else { "" }));
    }
    if let Some(by) = &view.undone_by {
        text.push_str(&format!("rolled back by {by}\n"));
    }
    match (view.purged_at, view.rollback_until) {
        (Some(at), _) => {
            text.push_str(&format!("its journal was dropped at {}; it cannot be rolled back from it\n", time(at)))
        }
        (None, Some(until)) if view.undone_by.is_none() => {
            text.push_str(&format!("rollback available until {}: amend rollback {}\n", time(until), view.run_id));
        }
        (None, _) => {}
    }
    if let Some(error) = &view.error {
        let advice = error.advice.as_deref().unwrap_or_default();
        text.push_str(format!("{}: {} {advice}", error.code.as_str(), error.message).trim_end());
        text.push('\n');
    }
    if let Some(validation) = &view.validation {
        text.push_str(&levels(validation).table());
    }
    text
}

/// What the run did to the table's files, against one plain UPDATE of as many rows.
fn files(effect: &Effect) -> String {
    let hot = effect.hot_percent().map_or_else(String::new, |p| format!("{p:.0} % of updates touched no index, "));
    format!(
        "{hot}heap grew by {} (a plain UPDATE: at least {}), indexes by {} ({}), log by {}\n",
        HumanBytes(u64::try_from(effect.heap_growth()).unwrap_or(0)),
        HumanBytes(u64::try_from(effect.plain_heap_bytes).unwrap_or(0)),
        HumanBytes(u64::try_from(effect.index_growth()).unwrap_or(0)),
        HumanBytes(u64::try_from(effect.plain_index_bytes).unwrap_or(0)),
        HumanBytes(u64::try_from(effect.wal()).unwrap_or(0)),
    )
}

/// The levels of a validation.
pub fn levels(validation: &Validation) -> Rows {
    let mut rows = Rows::new(&["level", "passed", "violations", "detail"]).right(&[2]);
    for level in &validation.levels {
        rows.push(vec![
            level.level.as_str().into(),
            if level.passed { "yes" } else { "no" }.into(),
            level.violations.to_string(),
            level.detail.clone(),
        ]);
        for example in &level.examples {
            rows.push(vec![String::new(), String::new(), String::new(), format!("  {example}")]);
        }
    }
    rows
}

fn history(detail: &RunDetail) -> String {
    let mut events = Rows::new(&["at", "event", "message"]);
    for event in &detail.events {
        events.push(vec![time(event.at), event.kind.clone(), event.message.clone()]);
    }
    let last = detail.chunk_log.len().saturating_sub(10);
    let mut text = format!("\n{}", events.table());
    if !detail.chunk_log.is_empty() {
        let mut shown = Rows::new(&["chunk", "at", "looked at", "changed", "took"]).right(&[0, 2, 3, 4]);
        for chunk in &detail.chunk_log[last..] {
            shown.push(vec![
                chunk.no.to_string(),
                time(chunk.at),
                grouped(chunk.scanned),
                grouped(chunk.changed),
                span(chunk.duration_ms),
            ]);
        }
        text.push_str(&format!("\n{}", shown.table()));
    }
    text
}

fn chunks(detail: &RunDetail) -> Rows {
    let mut rows = Rows::new(&[
        "chunk",
        "at",
        "scanned",
        "changed",
        "skipped",
        "conflicts",
        "deleted",
        "duration_ms",
        "batch_size",
    ]);
    for chunk in &detail.chunk_log {
        let numbers = [
            chunk.scanned,
            chunk.changed,
            chunk.skipped,
            chunk.conflicts,
            chunk.deleted,
            chunk.duration_ms,
            chunk.batch_size,
        ];
        let mut row = vec![chunk.no.to_string(), chunk.at.to_rfc3339()];
        row.extend(numbers.map(|n| n.to_string()));
        rows.push(row);
    }
    rows
}
