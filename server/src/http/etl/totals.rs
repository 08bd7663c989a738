//! Counts over all runs of a rule, from the store, so that a restart does not set them back.
//!
//! A rule has at most one active run, and a run that is over never changes its counts again. So
//! everything up to the newest run that is over is counted once and remembered; a scrape reads the
//! few runs since.

use std::collections::{BTreeMap, HashMap};

use amend_domain::{Caller, Problem, RuleSlug, RunId, RunState, RunView};
use amend_engine::{Engine, store::RunFilter};
use tokio::sync::Mutex;

/// Upper bounds of the histogram, in seconds; the last, `+Inf`, is the count itself.
pub const BUCKETS: [i64; 10] = [1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400];

const PAGE: u32 = 500;

/// Sums over runs of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleTotals {
    pub started: i64,
    /// Rows written, by corrections and rollbacks.
    pub changed: i64,
    /// By how they ended; active runs are not in it.
    pub by_state: BTreeMap<&'static str, i64>,
    /// Of runs that are over.
    pub duration_ms: i64,
    /// Runs that are over and took at most so many seconds, in the order of [`BUCKETS`].
    pub within: [i64; BUCKETS.len()],
}

impl RuleTotals {
    fn add(&mut self, run: &RunView) {
        self.started += 1;
        // A rehearsal counts what it would change.
        if !run.options.as_ref().is_some_and(|o| o.dry_run) && !run.rollback.as_ref().is_some_and(|o| o.dry_run) {
            self.changed += run.changed;
        }
        if run.state.is_active() {
            return;
        }
        *self.by_state.entry(run.state.as_str()).or_default() += 1;
        self.duration_ms += run.duration_ms;
        for (within, seconds) in self.within.iter_mut().zip(BUCKETS) {
            *within += i64::from(run.duration_ms <= seconds * 1_000);
        }
    }

    pub fn ended(&self) -> i64 {
        self.by_state.values().sum()
    }

    pub fn completed(&self) -> i64 {
        self.by_state.get(RunState::Succeeded.as_str()).copied().unwrap_or(0)
    }
}

#[derive(Debug, Clone, Default)]
struct Settled {
    /// Everything up to this run is in `totals`.
    upto: Option<RunId>,
    totals: RuleTotals,
}

/// What is remembered, by rule.
#[derive(Debug, Default)]
pub struct Totals {
    // Held while the store is read, so that two scrapes at once do not count a run twice.
    settled: Mutex<HashMap<RuleSlug, Settled>>,
}

impl Totals {
    /// The totals of a rule as of now.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn of(&self, engine: &Engine, who: &Caller, rule: &RuleSlug) -> Result<RuleTotals, Problem> {
        let mut all = self.settled.lock().await;
        let settled = all.entry(rule.clone()).or_default();
        let fresh = since(engine, who, rule, settled.upto.as_ref()).await?;
        let mut active = Vec::new();
        // Oldest first, so that an interruption between two never leaves a gap.
        for run in fresh.iter().rev() {
            if run.state.is_over() && active.is_empty() {
                settled.totals.add(run);
                settled.upto = Some(run.run_id.clone());
            } else {
                active.push(run);
            }
        }
        let mut totals = settled.totals.clone();
        active.into_iter().for_each(|run| totals.add(run));
        Ok(totals)
    }
}

/// Runs newer than `upto`, newest first.
async fn since(engine: &Engine, who: &Caller, rule: &RuleSlug, upto: Option<&RunId>) -> Result<Vec<RunView>, Problem> {
    let mut found: Vec<RunView> = Vec::new();
    loop {
        let before = found.last().map(|r| r.run_id.clone());
        let filter = RunFilter { rule: Some(rule.clone()), before, limit: PAGE, ..RunFilter::default() };
        let page = engine.runs(who, &filter).await?;
        let whole = page.len() < PAGE as usize;
        for run in page {
            if Some(&run.run_id) == upto {
                return Ok(found);
            }
            found.push(run);
        }
        if whole {
            return Ok(found);
        }
    }
}
