//! The proof: what must be true after a run, level by level.

use amend_domain::{Act, Caller, FindingCounts, Level, LevelResult, Mode, Problem, Rule, RuleSlug, Scope, Validation};

use crate::{
    analysis::counts_of,
    facade::{Engine, public},
    store::{JournalPair, StoredRun},
};

fn level(level: Level, passed: bool, violations: i64, detail: String) -> LevelResult {
    LevelResult { level, passed, violations, detail }
}

/// What the levels of a correction are judged by.
pub(crate) struct Evidence<'a> {
    pub rule: &'a Rule,
    pub mode: Mode,
    pub before: FindingCounts,
    pub after: FindingCounts,
    pub changed: i64,
    pub skipped: i64,
    /// The run ended at its limit of rows, so what remains, remains by choice.
    pub limited: bool,
    pub journal: &'a [JournalPair],
    pub touched_chunks: i64,
}

/// Judges a finished correction.
pub(crate) fn judge(e: &Evidence<'_>) -> Validation {
    let journalled: i64 = e.journal.iter().map(|p| p.rows).sum();
    Validation::of(vec![
        completeness(e),
        allowed_values(e.rule, e.journal),
        agreement(e),
        orphans(&e.before, &e.after),
        reconciliation(e, journalled),
        untouched(e.touched_chunks),
    ])
}

fn completeness(e: &Evidence<'_>) -> LevelResult {
    let left = e.after.missing();
    if e.limited {
        let detail = format!("The run stopped at its limit of rows; {left} rows that could be filled remain.");
        return level(Level::Completeness, true, 0, detail);
    }
    level(
        Level::Completeness,
        left == 0,
        left,
        format!("{left} rows that the reference could fill are missing a value."),
    )
}

fn allowed_values(rule: &Rule, journal: &[JournalPair]) -> LevelResult {
    let allowed = |value: &Option<String>| match value {
        Some(v) => rule.allowed_values.is_empty() || rule.allowed_values.contains(v),
        None => false,
    };
    let bad: i64 = journal.iter().filter(|p| !allowed(&p.new)).map(|p| p.rows).sum();
    level(Level::AllowedValues, bad == 0, bad, format!("{bad} rows were given a value that the rule does not allow."))
}

fn agreement(e: &Evidence<'_>) -> LevelResult {
    let left = e.after.mismatched + e.after.variant;
    match e.mode {
        Mode::Fill => level(
            Level::Agreement,
            true,
            0,
            format!("Filling leaves other values alone; {left} rows disagree with the reference."),
        ),
        Mode::Overwrite if e.limited => level(
            Level::Agreement,
            true,
            0,
            format!("The run stopped at its limit of rows; {left} rows disagree with the reference."),
        ),
        Mode::Overwrite => {
            level(Level::Agreement, left == 0, left, format!("{left} rows disagree with the reference."))
        }
    }
}

fn orphans(before: &FindingCounts, after: &FindingCounts) -> LevelResult {
    let more = after.orphan - before.orphan;
    // Only other writers can make orphans; when the table grew meanwhile, they did.
    let others_wrote = before.total() != after.total();
    let detail = format!("{} rows have no reference row; there were {} before.", after.orphan, before.orphan);
    level(Level::Orphans, more <= 0 || others_wrote, more.max(0), detail)
}

fn reconciliation(e: &Evidence<'_>, journalled: i64) -> LevelResult {
    let drop = e.mode.correctable(&e.before) - e.mode.correctable(&e.after);
    let others_wrote = e.before.total() != e.after.total() || e.skipped > 0;
    let exact = e.changed == journalled && drop == e.changed;
    let explained = e.changed == journalled && others_wrote;
    let mut detail =
        format!("{} rows changed, {journalled} journalled, correctable findings fell by {drop}.", e.changed);
    if !exact && explained {
        detail.push_str(" Other writers were at work on the table meanwhile, which explains the difference.");
    }
    let off = (e.changed - journalled).abs().max((e.changed - drop).abs());
    level(Level::Reconciliation, exact || explained, if exact || explained { 0 } else { off }, detail)
}

fn untouched(chunks: i64) -> LevelResult {
    let detail = format!("{chunks} chunks changed something besides the corrected column, by their digests.");
    level(Level::UntouchedColumns, chunks == 0, chunks, detail)
}

/// Judges a finished rollback.
pub(crate) fn judge_rollback(changed: i64, restorable_left: i64, journal: &[JournalPair], touched: i64) -> Validation {
    let journalled: i64 = journal.iter().map(|p| p.rows).sum();
    Validation::of(vec![
        level(
            Level::Completeness,
            restorable_left == 0,
            restorable_left,
            format!("{restorable_left} rows that could be restored were not."),
        ),
        level(
            Level::Reconciliation,
            changed == journalled,
            (changed - journalled).abs(),
            format!("{changed} rows restored, {journalled} journalled."),
        ),
        untouched(touched),
    ])
}

impl Engine {
    /// Judges the table as it stands, and the journal of the rule's newest finished correction.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`, `RULE_UNUSABLE`, trouble with the database.
    pub async fn validate(&self, who: &Caller, slug: &RuleSlug, mode: Mode) -> Result<Validation, Problem> {
        self.authorise(who, Act::Read, "validate", slug.as_str()).await?;
        let rule = self.rule_or_problem(slug).await?;
        self.check_readable(&rule).await?;
        let store = &self.inner.store;
        let summary = store.summarise(&rule, &Scope::default()).await.map_err(public)?;
        let now = counts_of(&summary);
        let mut levels = vec![
            level(
                Level::Completeness,
                now.missing() == 0,
                now.missing(),
                format!("{} rows that the reference could fill are missing a value.", now.missing()),
            ),
            self.table_allowed(&rule, &summary),
        ];
        let wrong = now.mismatched + now.variant;
        levels.push(match mode {
            Mode::Overwrite => {
                level(Level::Agreement, wrong == 0, wrong, format!("{wrong} rows disagree with the reference."))
            }
            Mode::Fill => level(
                Level::Agreement,
                true,
                0,
                format!("Filling leaves other values alone; {wrong} rows disagree with the reference."),
            ),
        });
        levels.push(level(
            Level::Orphans,
            true,
            0,
            format!("{} rows have no reference row; they wait for a person.", now.orphan),
        ));
        // Of a run whose journal was dropped nothing is left to be compared.
        if let Some(run) = self.newest_correction(slug).await?.filter(|r| r.view.purged_at.is_none()) {
            let id = &run.view.run_id;
            let journalled: i64 = store.journal_pairs(id).await.map_err(public)?.iter().map(|p| p.rows).sum();
            let off = (run.view.changed - journalled).abs();
            let detail = format!("Run {id}: {} rows changed, {journalled} journalled.", run.view.changed);
            levels.push(level(Level::Reconciliation, off == 0, off, detail));
            levels.push(untouched(store.touched_chunks(id).await.map_err(public)?));
        }
        Ok(Validation::of(levels))
    }

    #[expect(clippy::unused_self, reason = "kept beside its only caller")]
    fn table_allowed(&self, rule: &Rule, summary: &amend_domain::Summary) -> LevelResult {
        let bad: i64 = if rule.allowed_values.is_empty() {
            0
        } else {
            summary
                .groups
                .iter()
                .filter(|g| {
                    g.current
                        .as_ref()
                        .is_some_and(|v| !amend_domain::finding::is_blank(v) && !rule.allowed_values.contains(v))
                })
                .map(|g| g.rows)
                .sum()
        };
        level(Level::AllowedValues, bad == 0, bad, format!("{bad} rows carry a value that the rule does not allow."))
    }

    async fn newest_correction(&self, slug: &RuleSlug) -> Result<Option<StoredRun>, Problem> {
        let filter = crate::store::RunFilter {
            rule: Some(slug.clone()),
            states: vec![
                amend_domain::RunState::Succeeded,
                amend_domain::RunState::Failed,
                amend_domain::RunState::Cancelled,
            ],
            kind: Some(amend_domain::RunKind::Correction),
            before: None,
            limit: 50,
        };
        let runs = self.inner.store.runs(&filter).await.map_err(public)?;
        let Some(view) = runs.into_iter().find(|r| !r.options.as_ref().is_some_and(|o| o.dry_run)) else {
            return Ok(None);
        };
        self.inner.store.run(&view.run_id).await.map_err(public)
    }
}
