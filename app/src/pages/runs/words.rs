//! A run in words, the same on every page.

use amend_domain::{Backup, Mode, RollbackSource, RunKind, RunView};

use crate::format::{self, count, counted};

/// What it does: `fill missing values, all symbols`.
#[must_use]
pub fn what(run: &RunView) -> String {
    let mut text = match (run.kind, &run.options) {
        (RunKind::Rollback, _) => {
            run.undoes.as_ref().map_or_else(|| "roll back".to_owned(), |id| format!("roll back {id}"))
        }
        (RunKind::Correction, Some(options)) => match options.mode {
            Mode::Fill => "fill missing values".into(),
            Mode::Overwrite => "fill and overwrite".into(),
        },
        (RunKind::Correction, None) => "correct".into(),
    };
    if run.rollback.as_ref().is_some_and(|r| r.source == RollbackSource::Snapshot) {
        text.push_str(" from its snapshot");
    }
    let undo = run.rollback.as_ref().map(|r| &r.scope);
    let symbols = match run.kind {
        RunKind::Rollback => undo.and_then(|s| s.symbols.as_deref()),
        RunKind::Correction => run.options.as_ref().and_then(|o| o.scope.symbols.as_deref()),
    };
    match symbols {
        Some([one]) => text.push_str(&format!(", {one} alone")),
        Some(several) => text.push_str(&format!(", {}", counted(several.len() as i64, "symbol", "symbols"))),
        None if run.kind == RunKind::Correction => text.push_str(", all symbols"),
        None if undo.is_some_and(|s| !s.is_whole()) => text.push_str(", in part"),
        None => {}
    }
    if is_dry(run) {
        text.push_str(", dry run");
    }
    text
}

/// The same where there is little room: `fill`, `overwrite`, `roll back`.
#[must_use]
pub fn what_short(run: &RunView) -> String {
    let word = match (run.kind, &run.options) {
        (RunKind::Rollback, _) => "roll back",
        (RunKind::Correction, Some(options)) => options.mode.as_str(),
        (RunKind::Correction, None) => "correct",
    };
    if is_dry(run) { format!("{word}, dry run") } else { word.into() }
}

/// Whether it made a copy, from which it can be restored without its journal.
#[must_use]
pub fn made_snapshot(run: &RunView) -> bool {
    run.options.as_ref().is_some_and(|o| o.backup == Backup::Snapshot)
}

/// Whether it writes nothing.
#[must_use]
pub fn is_dry(run: &RunView) -> bool {
    match run.kind {
        RunKind::Correction => run.options.as_ref().is_some_and(|o| o.dry_run),
        RunKind::Rollback => run.rollback.as_ref().is_some_and(|o| o.dry_run),
    }
}

/// `447,112 of 731,860 rows`.
#[must_use]
pub fn changed_of(run: &RunView) -> String {
    match run.to_change {
        Some(all) => format!("{} of {}", count(run.changed), counted(all, "row", "rows")),
        None => counted(run.changed, "row", "rows"),
    }
}

/// Rows a second: of the last chunks while it runs, of the whole when it is over.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub fn rate(run: &RunView) -> String {
    let average =
        (run.changed > 0 && run.worked_ms() > 0).then(|| run.changed as f64 * 1000.0 / run.worked_ms() as f64);
    let shown = if run.state.is_over() { average } else { run.rate.or(average) };
    shown.map_or_else(|| "\u{2013}".into(), format::rate)
}

/// `2.2 s`, or a dash where it cannot be told.
#[must_use]
pub fn eta(run: &RunView) -> String {
    run.eta_ms().map_or_else(|| "\u{2013}".into(), format::duration)
}
