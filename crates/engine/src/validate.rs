//! The proof: what must be true after a run, level by level.

use amend_domain::{
    Act, Caller, Finding, FindingCounts, Level, LevelResult, Mode, Problem, Rule, RuleSlug, Scope, Summary, Validation,
    number::{grouped, rows, were},
};

use crate::{
    analysis::counts_of,
    facade::{Engine, public},
    store::{JournalPair, StoredRun},
};

/// Examples that a level lists at most.
const EXAMPLES: usize = 5;

fn level(level: Level, passed: bool, violations: i64, detail: String) -> LevelResult {
    LevelResult { level, passed, violations, detail, examples: Vec::new() }
}

impl Examples {
    /// Of the groups of a counting pass, so that they cost nothing more.
    pub(crate) fn of(summary: &Summary) -> Self {
        let those = |wanted: &[Finding]| {
            let mut groups: Vec<_> = summary.groups.iter().filter(|g| wanted.contains(&g.finding)).collect();
            groups.sort_by(|a, b| {
                b.rows.cmp(&a.rows).then_with(|| (&a.symbol, &a.current).cmp(&(&b.symbol, &b.current)))
            });
            groups
                .into_iter()
                .take(EXAMPLES)
                .map(|g| {
                    let says = g.proposed.as_deref().map_or_else(String::new, |p| format!(", the reference says {p}"));
                    let (symbol, now) = (g.symbol.as_deref().unwrap_or("null"), carried(g.current.as_deref()));
                    format!("{symbol}: {} {now}{says}", rows(g.rows))
                })
                .collect()
        };
        Self {
            missing: those(&[Finding::Missing]),
            wrong: those(&[Finding::Mismatched, Finding::Variant]),
            orphan: those(&[Finding::Orphan]),
        }
    }
}

/// Quoted, because blanks and surrounding space are what some values are wrong by.
fn carried(value: Option<&str>) -> String {
    value.map_or_else(|| "without a value".into(), |v| format!("with {v:?}"))
}

/// Values that the journal says were written, though the rule does not allow them.
fn not_allowed(rule: &Rule, journal: &[JournalPair]) -> (i64, Vec<String>) {
    let allowed = |value: &Option<String>| match value {
        Some(v) => rule.allowed_values.is_empty() || rule.allowed_values.contains(v),
        None => false,
    };
    let mut bad: Vec<_> = journal.iter().filter(|p| !allowed(&p.new)).collect();
    bad.sort_by_key(|p| std::cmp::Reverse(p.rows));
    let listed = bad.iter().take(EXAMPLES).map(|p| format!("{} {}", rows(p.rows), carried(p.new.as_deref()))).collect();
    (bad.iter().map(|p| p.rows).sum(), listed)
}

/// A few of what a counting pass found, in a line each.
#[derive(Debug, Default)]
pub(crate) struct Examples {
    missing: Vec<String>,
    wrong: Vec<String>,
    orphan: Vec<String>,
}

/// What the levels of a correction are judged by.
pub(crate) struct Evidence<'a> {
    pub rule: &'a Rule,
    pub mode: Mode,
    pub before: FindingCounts,
    pub after: FindingCounts,
    pub changed: i64,
    /// The run ended at its limit of rows, so what remains, remains by choice.
    pub limited: bool,
    pub journal: &'a [JournalPair],
    pub touched_chunks: i64,
    /// Of the look that counted `after`.
    pub examples: Examples,
}

/// Judges a finished correction.
pub(crate) fn judge(e: &Evidence<'_>) -> Validation {
    let journalled: i64 = e.journal.iter().map(|p| p.rows).sum();
    let (bad, listed) = not_allowed(e.rule, e.journal);
    Validation::of(vec![
        LevelResult { examples: e.examples.missing.clone(), ..completeness(e) },
        LevelResult { examples: listed, ..allowed_values(bad) },
        LevelResult { examples: e.examples.wrong.clone(), ..agreement(e) },
        LevelResult { examples: e.examples.orphan.clone(), ..orphans(&e.before, &e.after) },
        reconciliation(e, journalled),
        untouched(e.touched_chunks),
    ])
}

fn no_value(left: i64) -> String {
    format!("{} without a value that the reference could fill.", rows(left))
}

fn disagree(left: i64) -> String {
    format!("{} in disagreement with the reference.", rows(left))
}

fn completeness(e: &Evidence<'_>) -> LevelResult {
    let left = e.after.missing();
    if e.limited {
        let detail = format!("The run stopped at its limit, with {} left that could be filled.", rows(left));
        return level(Level::Completeness, true, 0, detail);
    }
    level(Level::Completeness, left == 0, left, no_value(left))
}

fn allowed_values(bad: i64) -> LevelResult {
    let detail = format!("{} given a value that the rule does not allow.", were(bad));
    level(Level::AllowedValues, bad == 0, bad, detail)
}

fn agreement(e: &Evidence<'_>) -> LevelResult {
    let left = e.after.mismatched + e.after.variant;
    match e.mode {
        Mode::Fill => {
            level(Level::Agreement, true, 0, format!("Filling leaves other values alone: {}", disagree(left)))
        }
        Mode::Overwrite if e.limited => {
            level(Level::Agreement, true, 0, format!("The run stopped at its limit: {}", disagree(left)))
        }
        Mode::Overwrite => level(Level::Agreement, left == 0, left, disagree(left)),
    }
}

fn orphans(before: &FindingCounts, after: &FindingCounts) -> LevelResult {
    let more = after.orphan - before.orphan;
    // Only other writers can make orphans; when the table grew meanwhile, they did.
    let others_wrote = before.total() != after.total();
    let detail =
        format!("{} without a reference row; there were {} before.", rows(after.orphan), grouped(before.orphan));
    level(Level::Orphans, more <= 0 || others_wrote, more.max(0), detail)
}

/// Rows changed = rows journalled, always; = the drop in findings, but for what others wrote meanwhile. So
/// that a fault of our own never passes as somebody else's write, no entry of the journal may be a
/// change that this run had no business with.
fn reconciliation(e: &Evidence<'_>, journalled: i64) -> LevelResult {
    let drop = e.mode.correctable(&e.before) - e.mode.correctable(&e.after);
    let mut strange: Vec<_> = e.journal.iter().filter(|p| !is_correction(e.mode, p)).collect();
    strange.sort_by_key(|p| std::cmp::Reverse(p.rows));
    let strangers: i64 = strange.iter().map(|p| p.rows).sum();
    let mut detail = format!(
        "{} changed, {} journalled, correctable findings fell by {}.",
        rows(e.changed),
        grouped(journalled),
        grouped(drop)
    );
    if strangers > 0 {
        detail.push_str(&format!(" {} no correction of this run.", were(strangers)));
    } else if e.changed == journalled && drop != e.changed {
        let difference = grouped((drop - e.changed).abs());
        detail.push_str(&format!(" The difference of {difference} is what others wrote meanwhile."));
    }
    let off = (e.changed - journalled).abs().max(strangers);
    let examples = strange
        .into_iter()
        .take(EXAMPLES)
        .map(|p| format!("{} {}, now {}", rows(p.rows), carried(p.old.as_deref()), carried(p.new.as_deref())))
        .collect();
    LevelResult { examples, ..level(Level::Reconciliation, off == 0, off, detail) }
}

/// Whether a run of this mode may make this change at all.
fn is_correction(mode: Mode, pair: &JournalPair) -> bool {
    let was_missing = pair.old.as_deref().is_none_or(amend_domain::finding::is_blank);
    pair.old != pair.new && (was_missing || mode == Mode::Overwrite)
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
            format!(
                "{} that could be restored and {} not.",
                rows(restorable_left),
                if restorable_left == 1 { "was" } else { "were" }
            ),
        ),
        level(
            Level::Reconciliation,
            changed == journalled,
            (changed - journalled).abs(),
            format!("{} restored, {} journalled.", rows(changed), grouped(journalled)),
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
        let Examples { missing, wrong: wrongs, orphan } = Examples::of(&summary);
        let left = now.missing();
        let mut levels = vec![
            LevelResult { examples: missing, ..level(Level::Completeness, left == 0, left, no_value(left)) },
            table_allowed(&rule, &summary),
        ];
        let wrong = now.mismatched + now.variant;
        let agreement = match mode {
            Mode::Overwrite => level(Level::Agreement, wrong == 0, wrong, disagree(wrong)),
            Mode::Fill => {
                level(Level::Agreement, true, 0, format!("Filling leaves other values alone: {}", disagree(wrong)))
            }
        };
        levels.push(LevelResult { examples: wrongs, ..agreement });
        let orphans = format!("{} without a reference row, which waits for a person.", rows(now.orphan));
        levels.push(LevelResult { examples: orphan, ..level(Level::Orphans, true, 0, orphans) });
        // Of a run whose journal was dropped nothing is left to be compared.
        if let Some(run) = self.newest_correction(slug).await?.filter(|r| r.view.purged_at.is_none()) {
            let id = &run.view.run_id;
            let journalled: i64 = store.journal_pairs(id).await.map_err(public)?.iter().map(|p| p.rows).sum();
            let off = (run.view.changed - journalled).abs();
            let detail = format!("Run {id}: {} changed, {} journalled.", rows(run.view.changed), grouped(journalled));
            levels.push(level(Level::Reconciliation, off == 0, off, detail));
            levels.push(untouched(store.touched_chunks(id).await.map_err(public)?));
        }
        Ok(Validation::of(levels))
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

/// Values that the table carries, though the rule does not allow them. Where the reference cannot decide
/// a row, its value is a person's to mend: such rows are counted beside, and break no promise.
fn table_allowed(rule: &Rule, summary: &Summary) -> LevelResult {
    let is_bad = |value: &Option<String>| {
        let carried = value.as_ref().filter(|v| !amend_domain::finding::is_blank(v));
        !rule.allowed_values.is_empty() && carried.is_some_and(|v| !rule.allowed_values.contains(v))
    };
    let (undecided, bad): (Vec<_>, Vec<_>) =
        summary.groups.iter().filter(|g| is_bad(&g.current)).partition(|g| g.finding.needs_a_person());
    let waiting: i64 = undecided.iter().map(|g| g.rows).sum();
    let count: i64 = bad.iter().map(|g| g.rows).sum();
    let mut detail = format!("{} with a value that the rule does not allow", rows(count));
    if waiting > 0 {
        detail.push_str(&format!(", beside {} that the reference cannot decide", grouped(waiting)));
    }
    detail.push('.');
    let mut listed = if bad.is_empty() { undecided } else { bad };
    listed.sort_by_key(|g| std::cmp::Reverse(g.rows));
    let examples = listed
        .into_iter()
        .take(EXAMPLES)
        .map(|g| {
            let symbol = g.symbol.as_deref().unwrap_or("null");
            format!("{symbol}: {} {}", rows(g.rows), carried(g.current.as_deref()))
        })
        .collect();
    LevelResult { examples, ..level(Level::AllowedValues, count == 0, count, detail) }
}

#[cfg(test)]
mod tests {
    use amend_domain::GroupCount;

    use super::*;

    fn group(finding: Finding, current: &str, rows: i64) -> GroupCount {
        GroupCount {
            symbol: Some("AAA".into()),
            current: Some(current.into()),
            proposed: None,
            finding,
            rows,
            first_seen: None,
            last_seen: None,
        }
    }

    #[test]
    fn a_value_that_is_not_allowed_is_forgiven_where_only_a_person_can_decide() {
        let rule = Rule { allowed_values: vec!["STOCK".into()], ..Rule::asset_class() };
        let groups = vec![group(Finding::Orphan, "odd", 2_000), group(Finding::Correct, "STOCK", 9)];
        let waiting = table_allowed(&rule, &Summary { groups: groups.clone(), ..Summary::default() });
        assert!(waiting.passed && waiting.detail.contains("2,000"), "{waiting:?}");
        assert_eq!(waiting.examples, ["AAA: 2,000 rows with \"odd\""]);
        let groups = [groups, vec![group(Finding::Mismatched, "wrong", 1)]].concat();
        let broken = table_allowed(&rule, &Summary { groups, ..Summary::default() });
        assert_eq!((broken.passed, broken.violations), (false, 1));
        assert_eq!(broken.examples, ["AAA: 1 row with \"wrong\""]);
    }

    fn reconciled(mode: Mode, changed: i64, wrong_after: i64, old: Option<&str>) -> LevelResult {
        let counts = |missing_null| FindingCounts { missing_null, ..FindingCounts::default() };
        let journal = [JournalPair { old: old.map(Into::into), new: Some("STOCK".into()), rows: 3 }];
        let evidence = Evidence {
            rule: &Rule::asset_class(),
            mode,
            before: counts(10),
            after: counts(wrong_after),
            changed,
            limited: false,
            journal: &journal,
            touched_chunks: 0,
            examples: Examples::default(),
        };
        reconciliation(&evidence, 3)
    }

    #[test]
    fn what_others_wrote_meanwhile_is_said_and_fails_no_run() {
        assert_eq!(
            reconciled(Mode::Fill, 3, 7, None).detail,
            "3 rows changed, 3 journalled, correctable findings fell by 3."
        );
        let beside = reconciled(Mode::Fill, 3, 6, Some(" "));
        assert!(beside.passed && beside.detail.ends_with("The difference of 1 is what others wrote meanwhile."));
    }

    #[test]
    fn a_change_without_its_journal_entry_or_none_of_the_runs_business_fails_it() {
        assert_eq!(
            (reconciled(Mode::Fill, 4, 6, None).passed, reconciled(Mode::Fill, 4, 6, None).violations),
            (false, 1)
        );
        assert!(reconciled(Mode::Overwrite, 3, 7, Some("ETF")).passed);
        for wrong in [reconciled(Mode::Fill, 3, 7, Some("ETF")), reconciled(Mode::Overwrite, 3, 7, Some("STOCK"))] {
            assert_eq!((wrong.passed, wrong.violations, wrong.examples.len()), (false, 3, 1), "{wrong:?}");
        }
    }

    #[test]
    fn examples_are_few_and_the_largest_come_first() {
        let groups = (1..=9).map(|n| group(Finding::Missing, " ", n)).collect();
        let examples = Examples::of(&Summary { groups, ..Summary::default() });
        assert_eq!(examples.missing.len(), EXAMPLES);
        assert_eq!(examples.missing[0], "AAA: 9 rows with \" \"");
    }
}
