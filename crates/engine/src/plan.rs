//! The plan: what a run would do, with a hash that binds the preview to the run.

use std::collections::HashMap;

use amend_domain::{
    Act, Assignment, BatchSize, Caller, ErrorCode, FindingCounts, Mode, Plan, PlanHash, Problem, Risk, Rule, RuleSlug,
    RunKind, RunOptions, RunState, Severity, Summary,
    number::{grouped, rows},
};
use serde::{Deserialize, Serialize};

use crate::{
    analysis::counts_of,
    facade::{Engine, public},
    store::RunFilter,
};

/// Rows per second assumed before any run has shown the real rate of this database.
const CAUTIOUS_RATE: i64 = 20_000;
/// Rows of a chunk that the controller usually arrives at.
const USUAL_CHUNK: i64 = 10_000;

/// A plan that a person has seen. The hash covers rule, options and counts, so the counts cannot
/// be other than those shown, and no plan needs to be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    pub hash: PlanHash,
    pub counts: FindingCounts,
}

/// BLAKE3 over the JSON of rule, options, counts and what people assigned (without who and when); 16
/// hexadecimal digits. A plan without assignments has the hash that it had before there were any.
///
/// # Errors
/// Never for these types; the serialiser's error is passed on rather than hidden.
pub fn plan_hash(
    rule: &Rule,
    options: &RunOptions,
    counts: &FindingCounts,
    assigned: &[Assignment],
) -> Result<PlanHash, Problem> {
    let mut assigned: Vec<_> = assigned.iter().map(|a| (&a.matches, &a.decision)).collect();
    assigned.sort();
    let written = if assigned.is_empty() {
        serde_json::to_vec(&(rule, options, counts))
    } else {
        serde_json::to_vec(&(rule, options, counts, assigned))
    };
    let text =
        written.map_err(|e| Problem::new(ErrorCode::Internal, format!("The plan cannot be written as JSON: {e}.")))?;
    Ok(PlanHash::from_trusted(blake3::hash(&text).to_hex()[..16].to_owned()))
}

/// Whether the rows to change have moved further from the preview than is tolerated.
pub(crate) fn drifted(options: &RunOptions, seen: &FindingCounts, now: &FindingCounts, tolerance: f64) -> bool {
    let (seen, now) = (options.mode.correctable(seen), options.mode.correctable(now));
    #[expect(clippy::cast_precision_loss, reason = "compared with a share")]
    let moved = (seen - now).abs() as f64;
    #[expect(clippy::cast_precision_loss, reason = "compared with a share")]
    let allowed = seen as f64 * tolerance;
    moved > allowed
}

impl Engine {
    /// Counts what a run with these options would do. Writes nothing.
    ///
    /// # Errors
    /// `INVALID_OPTIONS`, `RULE_NOT_FOUND`, `RULE_UNUSABLE`, or trouble with the database.
    pub async fn plan(&self, who: &Caller, slug: &RuleSlug, options: &RunOptions) -> Result<Plan, Problem> {
        self.authorise(who, Act::Read, "preview", slug.as_str()).await?;
        options.check()?;
        let rule = self.rule_or_problem(slug).await?;
        self.check_backup(&rule, options)?;
        self.check_readable(&rule).await?;
        let summary = self.inner.store.summarise(&rule, &options.scope).await.map_err(public)?;
        let counts = counts_of(&summary);
        let assigned = self.inner.store.assignments(slug).await.map_err(public)?;
        let all = options.mode.correctable(&counts);
        let to_change = options.max_records.map_or(all, |max| all.min(max));
        let chunk = match options.batch_size {
            BatchSize::Auto => USUAL_CHUNK,
            BatchSize::Fixed(n) => i64::from(n),
        };
        let rate = self.last_rate(slug).await?.unwrap_or(CAUTIOUS_RATE);
        Ok(Plan {
            rule: slug.clone(),
            hash: plan_hash(&rule, options, &counts, &assigned)?,
            options: options.clone(),
            counts,
            to_change,
            estimated_batches: (to_change + chunk - 1) / chunk,
            estimated_ms: to_change * 1_000 / rate.max(1),
            by_proposed: by_proposed(&summary, options.mode),
            risks: risks(options, &counts, to_change),
            generated_at: self.inner.clock.now(),
        })
    }

    /// Rows per second of the newest finished correction that wrote at least 1,000 rows.
    async fn last_rate(&self, slug: &RuleSlug) -> Result<Option<i64>, Problem> {
        let filter = RunFilter {
            rule: Some(slug.clone()),
            states: vec![RunState::Succeeded],
            kind: Some(RunKind::Correction),
            before: None,
            limit: 20,
        };
        let runs = self.inner.store.runs(&filter).await.map_err(public)?;
        Ok(runs.iter().find(|r| r.changed >= 1_000 && r.duration_ms > 0).map(|r| r.changed * 1_000 / r.duration_ms))
    }
}

fn by_proposed(summary: &Summary, mode: Mode) -> Vec<(String, i64)> {
    let mut rows: HashMap<&str, i64> = HashMap::new();
    for group in &summary.groups {
        if let Some(proposed) = group.proposed.as_deref().filter(|_| mode.corrects(group.finding)) {
            *rows.entry(proposed).or_default() += group.rows;
        }
    }
    let mut rows: Vec<_> = rows.into_iter().map(|(value, n)| (value.to_owned(), n)).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    rows
}

fn risks(options: &RunOptions, counts: &FindingCounts, to_change: i64) -> Vec<Risk> {
    let mut risks = Vec::new();
    let mut add = |kind: &str, severity, affected_rows, description: String, mitigation: &str| {
        if affected_rows > 0 {
            risks.push(Risk { kind: kind.into(), description, severity, mitigation: mitigation.into(), affected_rows });
        }
    };
    if options.mode == Mode::Overwrite {
        add(
            "OVERWRITES_VALUES",
            Severity::Medium,
            counts.mismatched,
            format!("{} with another value, which the reference's replaces.", rows(counts.mismatched)),
            "Every old value is kept in the journal and can be rolled back. Look at the current-to-proposed matrix first.",
        );
    }
    let total = counts.total();
    if total > 0 && to_change * 2 > total {
        add(
            "LARGE_SHARE",
            Severity::High,
            to_change,
            format!("More than half of the table would change ({} of {}).", grouped(to_change), rows(total)),
            "Try a few symbols first, or set a limit of rows, and look at the result.",
        );
    }
    add(
        "AMBIGUOUS_REFERENCE",
        Severity::Low,
        counts.ambiguous,
        format!("{} with reference rows that disagree. They stay as they are.", rows(counts.ambiguous)),
        "Settle the reference, or choose a value (amend unresolved); the next run corrects them.",
    );
    add(
        "ORPHANS",
        Severity::Low,
        counts.orphan,
        format!("{} without a reference row. They stay as they are.", rows(counts.orphan)),
        "Add the missing reference rows, or say whose other spelling they are (amend unresolved); the next run corrects them.",
    );
    add(
        "UNRESOLVABLE_REFERENCE",
        Severity::Medium,
        counts.unresolvable,
        format!(
            "{} with a reference value that is blank or not allowed. They stay as they are.",
            rows(counts.unresolvable)
        ),
        "Mend the reference value, or allow it in the rule.",
    );
    risks
}

#[cfg(test)]
mod tests {
    use amend_domain::Decision;
    use chrono::DateTime;

    use super::*;

    fn counts(missing: i64) -> FindingCounts {
        FindingCounts { missing_null: missing, ..FindingCounts::default() }
    }

    #[test]
    fn a_plan_with_other_counts_has_another_hash() {
        let rule = Rule::asset_class();
        let options = RunOptions::default();
        let one = plan_hash(&rule, &options, &counts(1), &[]);
        assert_eq!(one, plan_hash(&rule, &options, &counts(1), &[]));
        assert_ne!(one, plan_hash(&rule, &options, &counts(2), &[]));
    }

    #[test]
    fn a_plan_under_another_assignment_has_another_hash_whoever_made_it() {
        let (rule, options) = (Rule::asset_class(), RunOptions::default());
        let of = |symbol: &str, by: &str| Assignment {
            matches: vec![symbol.into()],
            decision: Decision::As(vec!["AAPL".into()]),
            assigned_by: by.into(),
            assigned_at: DateTime::UNIX_EPOCH,
        };
        let hash = |assigned: &[Assignment]| plan_hash(&rule, &options, &counts(1), assigned);
        let both = hash(&[of("aapl", "ada"), of("AAPL.O", "ada")]);
        assert_eq!(both, hash(&[of("AAPL.O", "bob"), of("aapl", "bob")]));
        let others = [hash(&[]), hash(&[of("aapl", "ada")]), hash(&[of("AAPL.O", "ada")])];
        assert!(!others.contains(&both));
    }

    #[test]
    fn drift_is_measured_against_what_was_shown() {
        let options = RunOptions::default();
        assert!(!drifted(&options, &counts(1_000), &counts(1_010), 0.01));
        assert!(drifted(&options, &counts(1_000), &counts(1_011), 0.01));
        assert!(drifted(&options, &counts(0), &counts(1), 0.01));
    }
}
