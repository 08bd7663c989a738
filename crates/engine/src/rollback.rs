//! Undoing a run: counted first, then a run of its own.

use amend_domain::{
    Act, BatchSize, Caller, ConflictPolicy, ErrorCode, PlanHash, Problem, RollbackCounts, RollbackOptions,
    RollbackPair, RollbackPlan, RollbackScope, RollbackSource, Rule, RunId, RunKind, RunView, ValuePair,
};

use crate::{
    facade::{Engine, public},
    store::{NewRun, StoredRun},
    worker::pace::Pace,
};

/// Rows of each kind that the wizard shows.
const SAMPLES: u32 = 20;
/// Pairs of values that the wizard offers.
const PAIRS: usize = 50;

impl Engine {
    /// What a rollback of this run would find.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`; `WRONG_STATE` while it is active; trouble with the database.
    pub async fn rollback_plan(
        &self,
        who: &Caller,
        id: &RunId,
        scope: &RollbackScope,
    ) -> Result<RollbackPlan, Problem> {
        self.rollback_plan_from(who, id, RollbackSource::Journal, scope).await
    }

    /// The same from either source.
    ///
    /// # Errors
    /// As [`Self::rollback_plan`]; `WRONG_STATE` where there is no snapshot, or none that fits the table.
    pub async fn rollback_plan_from(
        &self,
        who: &Caller,
        id: &RunId,
        from: RollbackSource,
        scope: &RollbackScope,
    ) -> Result<RollbackPlan, Problem> {
        self.authorise(who, Act::Read, "rollback_plan", id.as_str()).await?;
        from.check(scope)?;
        let source = self.finished(id, from).await?;
        let rule = self.rule_or_problem(&source.view.rule).await?;
        check_rows(&rule, scope)?;
        let store = &self.inner.store;
        let snapshot = store.backups(Some(id)).await.map_err(public)?.into_iter().next();
        let counts = self.undo_counts(&rule, id, from, scope).await?;
        let samples = match from {
            RollbackSource::Journal => store.rollback_samples(&rule, id, scope, SAMPLES).await,
            RollbackSource::Snapshot => store.snapshot_samples(&rule, id, scope, SAMPLES).await,
        };
        // A snapshot knows no pairs: it is not about what the run wrote.
        let pairs = match from {
            RollbackSource::Journal => store.journal_pairs(id).await.map_err(public)?,
            RollbackSource::Snapshot => Vec::new(),
        };
        Ok(RollbackPlan {
            run_id: id.clone(),
            counts,
            samples: samples.map_err(public)?,
            pairs: pairs
                .into_iter()
                .take(PAIRS)
                .map(|p| RollbackPair { pair: ValuePair { old: p.old, new: p.new }, rows: p.rows })
                .collect(),
            source: from,
            snapshot,
            journal_gone: source.view.purged_at.is_some(),
        })
    }

    async fn undo_counts(
        &self,
        rule: &Rule,
        id: &RunId,
        from: RollbackSource,
        scope: &RollbackScope,
    ) -> Result<RollbackCounts, Problem> {
        let store = &self.inner.store;
        let counts = match from {
            RollbackSource::Journal => store.rollback_counts(rule, id, scope).await,
            RollbackSource::Snapshot => store.snapshot_counts(rule, id, scope).await,
        };
        counts.map_err(public)
    }

    /// Starts a rollback and drives it in a task of this process.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`, `WRONG_STATE`, `ALREADY_ROLLED_BACK`, `OPERATION_IN_PROGRESS`,
    /// `INVALID_OPTIONS`, `FORBIDDEN`, `READ_ONLY`.
    pub async fn start_rollback(&self, who: &Caller, id: &RunId, options: RollbackOptions) -> Result<RunView, Problem> {
        let (view, counts) = self.counted_rollback(who, id, options).await?;
        self.keep_counted(view.run_id.clone(), counts);
        self.spawn_worker(view.run_id.clone());
        Ok(view)
    }

    /// The same, left to whoever takes it.
    ///
    /// # Errors
    /// As [`Self::start_rollback`].
    pub async fn queue_rollback(&self, who: &Caller, id: &RunId, options: RollbackOptions) -> Result<RunView, Problem> {
        self.counted_rollback(who, id, options).await.map(|(view, _)| view)
    }

    async fn counted_rollback(
        &self,
        who: &Caller,
        id: &RunId,
        options: RollbackOptions,
    ) -> Result<(RunView, RollbackCounts), Problem> {
        self.authorise(who, Act::Rollback, "rollback", id.as_str()).await?;
        let (new, counts) = match self.prepare_rollback(who, id, options).await {
            Ok(prepared) => prepared,
            Err(problem) => {
                self.audit_refusal(who, "rollback", id.as_str(), &problem).await?;
                return Err(problem);
            }
        };
        Ok((self.create(who, "rollback", new).await?, counts))
    }

    async fn prepare_rollback(
        &self,
        who: &Caller,
        id: &RunId,
        options: RollbackOptions,
    ) -> Result<(NewRun, RollbackCounts), Problem> {
        options.check()?;
        let source = self.finished(id, options.source).await?;
        let rule = self.rule_or_problem(&source.view.rule).await?;
        check_rows(&rule, &options.scope)?;
        self.check_rule(&rule).await?;
        let counts = self.undo_counts(&rule, id, options.source, &options.scope).await?;
        // First, because of a scope without rows nobody has undone anything.
        if counts.total() == 0 {
            let what = match options.source {
                RollbackSource::Journal => format!("Run {id} wrote no rows in this scope"),
                RollbackSource::Snapshot => format!("The snapshot of run {id} has no rows in this scope"),
            };
            return Err(Problem::new(ErrorCode::WrongState, format!("{what}; there is nothing to undo.")));
        }
        let forced = options.on_conflict == ConflictPolicy::Force && counts.changed_since > 0;
        if let Some(by) = source.view.undone_by.filter(|_| counts.restorable == 0 && !forced) {
            return Err(Problem::new(
                ErrorCode::AlreadyRolledBack,
                format!("Run {id} was rolled back by {by}; no row in this scope still has the value it wrote."),
            ));
        }
        self.refuse_checked(&rule, id, &options.scope).await?;
        let batch_size = match options.batch_size {
            BatchSize::Auto => Pace::START,
            BatchSize::Fixed(n) => i64::from(n),
        };
        let new = NewRun {
            id: RunId::from_trusted(format!("b-{}", self.inner.ids.short())),
            rule: rule.slug,
            kind: RunKind::Rollback,
            options: None,
            rollback: Some(options),
            undoes: Some(id.clone()),
            started_by: who.name.clone(),
            at: self.inner.clock.now(),
            plan_hash: PlanHash::from_trusted(source.view.plan_hash.as_str()),
            expected: None,
            batch_size,
        };
        Ok((new, counts))
    }

    async fn finished(&self, id: &RunId, from: RollbackSource) -> Result<StoredRun, Problem> {
        let source = self.stored_or_problem(id).await?;
        if source.view.state.is_active() {
            return Err(Problem::new(
                ErrorCode::WrongState,
                format!("Run {id} is still {}.", source.view.state.as_str()),
            )
            .advice(format!("Wait for it, or cancel it first: amend cancel {id}")));
        }
        // A snapshot does without the run's journal.
        if from == RollbackSource::Journal {
            Self::refuse_purged(id, &source.view)?;
        }
        Ok(source)
    }
}

/// Keys of several columns are told apart from those of one, before a store is asked.
fn check_rows(rule: &Rule, scope: &RollbackScope) -> Result<(), Problem> {
    let width = rule.target.key.len();
    let fits = |text: &String| serde_json::from_str::<Vec<String>>(text).is_ok_and(|parts| parts.len() == width);
    if width == 1 || scope.rows.iter().flatten().all(fits) {
        return Ok(());
    }
    Err(Problem::field(
        "scope.rows",
        &format!("must hold JSON arrays of {width} texts, one for each column of the key"),
    ))
}
