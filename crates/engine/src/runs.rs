//! Starting, watching, cancelling runs.

use std::time::Duration;

use amend_domain::{
    Act, BatchSize, Caller, ErrorCode, PlanHash, Problem, RuleSlug, RunDetail, RunId, RunKind, RunOptions, RunState,
    RunView, number::were,
};
use chrono::TimeDelta;
use serde_json::json;

use crate::{
    facade::{Engine, public},
    plan::{Approved, plan_hash},
    store::{NewRun, RunFilter, StoreError, StoredRun},
    worker::pace::Pace,
};

/// How often a waiting caller looks.
const LOOK: Duration = Duration::from_millis(100);

impl Engine {
    /// Starts a run and drives it in a task of this process. Returns as soon as it is queued.
    ///
    /// # Errors
    /// `INVALID_OPTIONS`, `RULE_NOT_FOUND`, `RULE_UNUSABLE`, `READ_ONLY`, `FORBIDDEN`,
    /// `OPERATION_IN_PROGRESS`, `DRIFT` when the approval does not belong to these options.
    pub async fn start_run(
        &self,
        who: &Caller,
        slug: &RuleSlug,
        options: RunOptions,
        approved: Option<Approved>,
    ) -> Result<RunView, Problem> {
        let view = self.queue_run(who, slug, options, approved).await?;
        self.spawn_worker(view.run_id.clone());
        Ok(view)
    }

    /// Queues a run for whichever process takes it.
    ///
    /// # Errors
    /// As [`Engine::start_run`].
    pub async fn queue_run(
        &self,
        who: &Caller,
        slug: &RuleSlug,
        options: RunOptions,
        approved: Option<Approved>,
    ) -> Result<RunView, Problem> {
        self.authorise(who, Act::Run, "run", slug.as_str()).await?;
        let new = match self.prepare(who, slug, options, approved).await {
            Ok(new) => new,
            Err(problem) => {
                self.audit_refusal(who, "run", slug.as_str(), &problem).await?;
                return Err(problem);
            }
        };
        self.create(who, "run", new).await
    }

    pub(crate) async fn prepare(
        &self,
        who: &Caller,
        slug: &RuleSlug,
        options: RunOptions,
        approved: Option<Approved>,
    ) -> Result<NewRun, Problem> {
        options.check()?;
        let rule = self.rule_or_problem(slug).await?;
        Self::refuse_retired(&rule)?;
        self.check_backup(&rule, &options)?;
        self.check_rule(&rule).await?;
        if let Some(source) = &options.scope.failed_of
            && self.stored_or_problem(source).await?.view.rule != *slug
        {
            return Err(Problem::field("scope.failed_of", "must be a run of the same rule"));
        }
        let (plan_hash, expected) = match approved {
            Some(Approved { hash, counts }) => {
                let assigned = self.inner.store.assignments(slug).await.map_err(public)?;
                if plan_hash(&rule, &options, &counts, &assigned)? != hash {
                    return Err(Problem::new(
                        ErrorCode::Drift,
                        "The approved plan does not belong to this rule, these options and what is assigned now.",
                    )
                    .advice("Look at a new preview and start from it."));
                }
                (hash, Some(counts))
            }
            // The worker writes the real one as soon as it has counted.
            None => (PlanHash::from_trusted(""), None),
        };
        let batch_size = match options.batch_size {
            BatchSize::Auto => Pace::START,
            BatchSize::Fixed(n) => i64::from(n),
        };
        Ok(NewRun {
            id: RunId::from_trusted(format!("r-{}", self.inner.ids.short())),
            rule: slug.clone(),
            kind: RunKind::Correction,
            options: Some(options),
            rollback: None,
            undoes: None,
            started_by: who.name.clone(),
            at: self.inner.clock.now(),
            plan_hash,
            expected,
            batch_size,
        })
    }

    pub(crate) async fn create(&self, who: &Caller, act: &str, new: NewRun) -> Result<RunView, Problem> {
        let store = &self.inner.store;
        match store.create_run(&new).await {
            Ok(()) => {}
            Err(error) => {
                let refused = matches!(error, StoreError::ActiveRun(_));
                let problem = public(error);
                if refused {
                    self.audit_refusal(who, act, new.rule.as_str(), &problem).await?;
                }
                return Err(problem);
            }
        }
        let detail = json!({ "options": new.options, "rollback": new.rollback, "undoes": new.undoes });
        if let Err(problem) = self.audit(who, act, new.id.as_str(), "done", detail).await {
            // An act that cannot be logged does not happen: nobody may pick the queued run up.
            let now = self.inner.clock.now();
            store.request_state(&new.id, &[RunState::Queued], RunState::Cancelled, Some(now)).await.map_err(public)?;
            return Err(problem);
        }
        let message = format!("Queued by {} through {}.", who.name, who.door.as_str());
        store.append_event(&new.id, new.at, "queued", &message).await.map_err(public)?;
        Ok(self.show(&new.id).await?.view)
    }

    /// Asks an active run to end after the chunk in flight. What is committed stays, and can be
    /// rolled back.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`; `WRONG_STATE` when it is over or already ending; `FORBIDDEN`.
    pub async fn cancel(&self, who: &Caller, id: &RunId) -> Result<RunView, Problem> {
        self.authorise(who, Act::Cancel, "cancel", id.as_str()).await?;
        self.stored_or_problem(id).await?;
        let store = &self.inner.store;
        let now = self.inner.clock.now();
        // The audit line comes first: an act that cannot be logged does not happen.
        self.audit(who, "cancel", id.as_str(), "done", json!(null)).await?;
        // Where no worker is, nothing is in flight and the run is over at once.
        let idle = [RunState::Queued, RunState::Paused];
        let stopping = [RunState::Running, RunState::Pausing, RunState::Validating];
        let mut closed = store.request_state(id, &idle, RunState::Cancelled, Some(now)).await.map_err(public)?;
        let mut asked =
            closed || store.request_state(id, &stopping, RunState::Cancelling, None).await.map_err(public)?;
        if !asked {
            // It may have become paused between the two.
            closed = store.request_state(id, &idle, RunState::Cancelled, Some(now)).await.map_err(public)?;
            asked = closed;
        }
        let view = self.show(id).await?.view;
        if !asked {
            return Err(Problem::new(
                ErrorCode::WrongState,
                format!("Run {id} is {}; there is nothing to cancel.", view.state.as_str()),
            )
            .advice(format!("To undo what it wrote: amend rollback {id}")));
        }
        let message = format!("{} asked to cancel.", who.name);
        store.append_event(id, now, "cancel_requested", &message).await.map_err(public)?;
        if closed && view.changed > 0 {
            let message = format!("Cancelled; {} changed before and can be rolled back.", were(view.changed));
            store.append_event(id, now, "cancelled", &message).await.map_err(public)?;
            self.spawn_analysis(&view.rule);
        }
        Ok(view)
    }

    /// The trend must not show the numbers from before a half-done run; nobody waits for it.
    fn spawn_analysis(&self, slug: &RuleSlug) {
        let (engine, slug) = (self.clone(), slug.clone());
        tokio::spawn(async move {
            let counted = async {
                let rule = engine.rule_or_problem(&slug).await?;
                engine.analyse_and_keep(&rule).await
            };
            if let Err(problem) = counted.await {
                tracing::warn!(rule = %slug, "the table could not be counted after a cancelled run: {problem}");
            }
        });
    }

    /// One run.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`, or trouble with the database.
    pub async fn run(&self, who: &Caller, id: &RunId) -> Result<RunView, Problem> {
        self.authorise(who, Act::Read, "runs", id.as_str()).await?;
        Ok(self.stored_or_problem(id).await?.view)
    }

    /// One run with its log and last chunks.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`, or trouble with the database.
    pub async fn run_detail(&self, who: &Caller, id: &RunId) -> Result<RunDetail, Problem> {
        let run = self.run(who, id).await?;
        let store = &self.inner.store;
        let events = store.events(id, 0, 1_000).await.map_err(public)?;
        let chunk_log = store.chunks(id, 500).await.map_err(public)?;
        let backup = store.backups(Some(id)).await.map_err(public)?.into_iter().next();
        Ok(RunDetail { run, events, chunk_log, backup })
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// A limit outside 1 to 500; trouble with the database.
    pub async fn runs(&self, who: &Caller, filter: &RunFilter) -> Result<Vec<RunView>, Problem> {
        self.authorise(who, Act::Read, "runs", "").await?;
        if !(1..=500).contains(&filter.limit) {
            return Err(Problem::field("limit", "must be 1 to 500"));
        }
        let mut views = self.inner.store.runs(filter).await.map_err(public)?;
        self.tell_retentions(&mut views).await?;
        Ok(views)
    }

    /// Waits until the run is over or the time is up; gives its state then.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`, or trouble with the database.
    pub async fn wait(&self, id: &RunId, limit: Option<Duration>) -> Result<RunView, Problem> {
        let clock = &self.inner.clock;
        let until = limit.and_then(|l| TimeDelta::from_std(l).ok()).map(|l| clock.now() + l);
        loop {
            let view = self.stored_or_problem(id).await?.view;
            if view.state.is_over() || until.is_some_and(|t| clock.now() >= t) {
                return Ok(view);
            }
            clock.sleep(LOOK).await;
        }
    }

    pub(crate) async fn stored_or_problem(&self, id: &RunId) -> Result<StoredRun, Problem> {
        let mut run = self.inner.store.run(id).await.map_err(public)?.ok_or_else(|| {
            Problem::new(ErrorCode::CorrectionNotFound, format!("There is no run {id}."))
                .advice("`amend runs` lists them.")
        })?;
        self.tell_retention(&mut run.view).await?;
        Ok(run)
    }
}
