//! Analysis: one pass by the store, everything else folded from its groups.

use std::collections::HashMap;

use amend_domain::{
    Act, Analysis, Caller, ClassCounts, Finding, FindingCounts, LiveMessage, MissingCounts, PairCount, Problem, Rule,
    RuleSlug, Scope, Summary,
    analysis::{Snapshot, SymbolCounts},
    finding::percent,
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::facade::{Engine, public};

/// Pairs and symbols that a report lists at most.
const LISTED: usize = 200;

/// Rows by finding.
pub(crate) fn counts_of(summary: &Summary) -> FindingCounts {
    let mut counts = FindingCounts::default();
    for group in &summary.groups {
        counts.add(group.finding, group.current.as_deref(), group.rows);
    }
    counts
}

/// Folds the groups of one pass into the report.
pub(crate) fn fold(rule: &Rule, summary: Summary, at: DateTime<Utc>, duration_ms: i64) -> Analysis {
    let counts = counts_of(&summary);
    let mut classes: HashMap<Option<&str>, FindingCounts> = HashMap::new();
    let mut pairs: HashMap<(Option<&str>, &str), (Finding, i64)> = HashMap::new();
    let mut symbols: HashMap<Option<&str>, SymbolCounts> = HashMap::new();
    let mut valued = 0;
    for group in &summary.groups {
        let current = group.current.as_deref();
        let carried = current.filter(|v| !amend_domain::finding::is_blank(v));
        if carried.is_some() {
            valued += group.rows;
        }
        let class = group.proposed.as_deref().or(carried);
        classes.entry(class).or_default().add(group.finding, current, group.rows);
        if let Some(proposed) = group.proposed.as_deref() {
            pairs.entry((current, proposed)).or_insert((group.finding, 0)).1 += group.rows;
        }
        let symbol = symbols.entry(group.symbol.as_deref()).or_insert_with(|| SymbolCounts {
            symbol: group.symbol.clone(),
            proposed: group.proposed.clone(),
            rows: 0,
            wrong: 0,
            counts: FindingCounts::default(),
            first_seen: None,
            last_seen: None,
        });
        symbol.rows += group.rows;
        symbol.counts.add(group.finding, current, group.rows);
        if group.finding != Finding::Correct {
            symbol.wrong += group.rows;
            symbol.first_seen = earliest(symbol.first_seen, group.first_seen);
            symbol.last_seen = symbol.last_seen.max(group.last_seen);
        }
    }
    let mut by_class: Vec<_> = classes
        .into_iter()
        .map(|(class, counts)| ClassCounts { class: class.map(String::from), total: counts.total(), counts })
        .collect();
    by_class.sort_by(|a, b| b.total.cmp(&a.total).then_with(|| a.class.cmp(&b.class)));
    let mut pairs: Vec<_> = pairs
        .into_iter()
        .map(|((current, proposed), (finding, rows))| PairCount {
            current: current.map(String::from),
            proposed: proposed.into(),
            finding,
            rows,
        })
        .collect();
    pairs.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| (&a.current, &a.proposed).cmp(&(&b.current, &b.proposed))));
    pairs.truncate(LISTED);
    let resolved = symbols.values().filter(|s| s.proposed.is_some()).count();
    let mut mismatches: Vec<_> = summary
        .groups
        .iter()
        .filter(|g| matches!(g.finding, Finding::Mismatched | Finding::Variant))
        .cloned()
        .collect();
    mismatches.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| (&a.symbol, &a.current).cmp(&(&b.symbol, &b.current))));
    mismatches.truncate(LISTED);
    let mut worst: Vec<_> = symbols.into_values().filter(|s| s.wrong > 0).collect();
    let symbols_wrong = i64::try_from(worst.len()).unwrap_or(i64::MAX);
    worst.sort_by(|a, b| b.wrong.cmp(&a.wrong).then_with(|| a.symbol.cmp(&b.symbol)));
    worst.truncate(LISTED);
    let unresolved = counts.orphan + counts.ambiguous + counts.unresolvable;
    Analysis {
        rule: rule.slug.clone(),
        total: counts.total(),
        correct: counts.correct,
        missing: MissingCounts { null: counts.missing_null, blank: counts.missing_blank },
        mismatched: counts.mismatched,
        variant: counts.variant,
        orphan: counts.orphan,
        ambiguous: counts.ambiguous,
        unresolvable: counts.unresolvable,
        by_class,
        symbols_referenced: summary.symbols_referenced,
        symbols_unused: summary.symbols_unused,
        duration_ms,
        generated_at: at,
        score: counts.score(),
        completeness: percent(valued, counts.total()),
        integrity: percent(counts.total() - unresolved, counts.total()),
        pairs,
        worst_symbols: worst,
        dimensions: summary.dimensions,
        symbols_wrong,
        symbols_resolved: i64::try_from(resolved).unwrap_or(i64::MAX),
        mismatches,
    }
}

fn earliest(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Engine {
    /// A fresh pass over the table, kept as the newest analysis and as a point of the trend.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`, `RULE_UNUSABLE`, or trouble with the database.
    pub async fn analyze(&self, who: &Caller, slug: &RuleSlug) -> Result<Analysis, Problem> {
        self.authorise(who, Act::Read, "analyze", slug.as_str()).await?;
        let rule = self.rule_or_problem(slug).await?;
        self.check_readable(&rule).await?;
        self.analyse_and_keep(&rule).await
    }

    pub(crate) async fn analyse_and_keep(&self, rule: &Rule) -> Result<Analysis, Problem> {
        let begun = self.inner.clock.now();
        let summary = self.inner.store.summarise(rule, &Scope::default()).await.map_err(public)?;
        let now = self.inner.clock.now();
        let analysis = fold(rule, summary, now, (now - begun).num_milliseconds());
        self.keep(&analysis).await?;
        Ok(analysis)
    }

    pub(crate) async fn keep(&self, analysis: &Analysis) -> Result<(), Problem> {
        self.inner.store.save_analysis(analysis).await.map_err(public)?;
        self.publish(LiveMessage::Quality {
            rule: analysis.rule.clone(),
            snapshot: Snapshot { at: analysis.generated_at, counts: analysis.counts(), score: analysis.score },
        });
        Ok(())
    }

    /// The newest kept analysis.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`, or trouble with the database.
    pub async fn last_analysis(&self, who: &Caller, slug: &RuleSlug) -> Result<Option<Analysis>, Problem> {
        self.authorise(who, Act::Read, "analyze", slug.as_str()).await?;
        self.rule_or_problem(slug).await?;
        self.inner.store.last_analysis(slug).await.map_err(public)
    }

    /// The trend of the last `days` days, oldest first, at most 2,000 points.
    ///
    /// # Errors
    /// `days` outside 1 to 3,660; `RULE_NOT_FOUND`; trouble with the database.
    pub async fn snapshots(&self, who: &Caller, slug: &RuleSlug, days: i64) -> Result<Vec<Snapshot>, Problem> {
        self.authorise(who, Act::Read, "analyze", slug.as_str()).await?;
        if !(1..=3_660).contains(&days) {
            return Err(Problem::field("days", "must be 1 to 3660"));
        }
        self.rule_or_problem(slug).await?;
        let since = self.inner.clock.now() - TimeDelta::days(days);
        self.inner.store.snapshots(slug, since, 2_000).await.map_err(public)
    }
}
