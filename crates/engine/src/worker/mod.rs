//! The worker: takes the lease of a run and drives it from the last committed chunk to its end.

pub(crate) mod backoff;
mod backup;
mod breaker;
mod finish;
pub(crate) mod gate;
mod join;
mod lanes;
pub(crate) mod pace;
mod progress;
mod room;
mod search;
mod tries;
mod walk;

use std::time::Duration;

use amend_domain::{
    BatchSize, Effect, ErrorCode, FindingCounts, Phase, Problem, RollbackCounts, RollbackOptions, RollbackSource, Rule,
    RunError, RunId, RunKind, RunOptions, RunState, Summary,
    number::{grouped, rows, were},
};
use chrono::TimeDelta;
use tokio::task::JoinHandle;

use self::{
    backoff::Backoff,
    breaker::Breaker,
    gate::{Gate, Pass},
    walk::End,
};
use crate::{
    analysis::counts_of,
    facade::{Engine, public},
    plan::{drifted, plan_hash},
    store::{Lease, RunPatch, StoreError, StoredRun},
    strategy::{choose, choose_undo},
};

/// How long what was counted when a rollback was asked for is as good as counted anew.
const COUNTED: TimeDelta = TimeDelta::seconds(10);

/// Why a worker leaves its run.
pub(crate) enum Stop {
    /// The run fails with this.
    Failed(Problem),
    /// Another worker has it; nothing more may be written.
    LeaseLost,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost => Self::LeaseLost,
            other => Self::Failed(public(other)),
        }
    }
}

/// What the run has to do.
#[derive(Debug, Clone)]
pub(crate) enum Job {
    Correct(RunOptions),
    Restore(RunId, RollbackOptions),
}

impl Job {
    fn of(run: &StoredRun) -> Result<Self, Problem> {
        let view = &run.view;
        match (view.kind, &view.options, &view.rollback, &view.undoes) {
            (RunKind::Correction, Some(options), _, _) => Ok(Self::Correct(options.clone())),
            (RunKind::Rollback, _, Some(options), Some(source)) => Ok(Self::Restore(source.clone(), options.clone())),
            _ => Err(Problem::new(ErrorCode::Internal, format!("Run {} is stored without its options.", view.run_id))),
        }
    }

    pub(crate) const fn dry_run(&self) -> bool {
        match self {
            Self::Correct(o) => o.dry_run,
            Self::Restore(_, o) => o.dry_run,
        }
    }

    /// A rollback whose old values are those of a copy.
    pub(crate) fn is_from_snapshot(&self) -> bool {
        matches!(self, Self::Restore(_, options) if options.source == RollbackSource::Snapshot)
    }

    const fn batch_size(&self) -> BatchSize {
        match self {
            Self::Correct(o) => o.batch_size,
            Self::Restore(_, o) => o.batch_size,
        }
    }

    fn timeout(&self) -> TimeDelta {
        let seconds = match self {
            Self::Correct(o) => o.timeout_s.unwrap_or(RunOptions::DEFAULT_TIMEOUT_S),
            Self::Restore(..) => RunOptions::DEFAULT_TIMEOUT_S,
        };
        TimeDelta::seconds(seconds)
    }

    fn backoff(&self) -> Backoff {
        let ms = |v: Option<i64>, default| Duration::from_millis(u64::try_from(v.unwrap_or(default)).unwrap_or(0));
        match self {
            Self::Correct(o) => Backoff {
                retries: o.max_retries.unwrap_or(3),
                initial: ms(o.retry_initial_ms, 200),
                max: ms(o.retry_max_ms, 30_000),
            },
            Self::Restore(..) => Backoff { retries: 3, initial: ms(None, 200), max: ms(None, 30_000) },
        }
    }
}

pub(crate) struct Worker {
    pub(crate) engine: Engine,
    pub(crate) lease: Lease,
    pub(crate) rule: Rule,
    pub(crate) job: Job,
    /// As last read; counters are those of committed chunks.
    pub(crate) run: StoredRun,
    /// The pass of the closing look, so that the proof right after it needs no second one.
    pub(crate) seen: Option<Summary>,
    /// The same for a rollback.
    pub(crate) undone: Option<RollbackCounts>,
    /// Open while the run may be held or asked to pause.
    gate: Option<Gate>,
    /// A walk by blocks has passed over rows that made trouble.
    left_over: bool,
    breaker: Breaker,
}

/// Ends the heartbeat and frees the place in this process, also when the worker's task is dropped.
struct Guard {
    engine: Engine,
    id: RunId,
    heart: Option<JoinHandle<()>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(heart) = &self.heart {
            heart.abort();
        }
        self.engine.end_working(&self.id);
    }
}

impl Engine {
    /// Drives a queued or interrupted run in the calling task until it is over. Returns at once
    /// when another worker has it.
    ///
    /// # Errors
    /// The run's own failure is stored with the run, not returned; this is for trouble around it.
    pub async fn work(&self, id: &RunId) -> Result<(), Problem> {
        if !self.begin_working(id) {
            return Ok(());
        }
        let mut guard = Guard { engine: self.clone(), id: id.clone(), heart: None };
        let inner = &self.inner;
        // A paused run is for whoever resumes it.
        if self.stored_or_problem(id).await?.view.state == RunState::Paused {
            return Ok(());
        }
        let now = inner.clock.now();
        let until = now + lease_time(inner.config.lease);
        let Some(lease) = inner.store.lease_run(id, &inner.config.owner, now, until).await.map_err(public)? else {
            return Ok(());
        };
        guard.heart = Some(self.spawn_heartbeat(lease.clone()));
        let run = self.stored_or_problem(id).await?;
        let rule = self.rule_or_problem(&run.view.rule).await?;
        let job = Job::of(&run)?;
        let mut worker = Worker {
            engine: self.clone(),
            lease: lease.clone(),
            rule,
            job,
            run,
            seen: None,
            undone: None,
            gate: None,
            left_over: false,
            breaker: Breaker::new(self.inner.config.breaker_percent),
        };
        let ended = worker.drive().await;
        worker.close_gate().await;
        match ended {
            Ok(()) => {}
            Err(Stop::LeaseLost) => {
                tracing::info!(run.id = %id, "another worker has taken the run over");
                return Ok(());
            }
            Err(Stop::Failed(problem)) => match worker.fail(problem).await {
                Ok(()) => {}
                Err(Stop::LeaseLost) => return Ok(()),
                Err(Stop::Failed(problem)) => return Err(problem),
            },
        }
        worker.forget_list().await?;
        inner.store.release_lease(&lease).await.map_err(public)
    }

    fn spawn_heartbeat(&self, lease: Lease) -> JoinHandle<()> {
        let engine = self.clone();
        tokio::spawn(async move {
            let inner = &engine.inner;
            loop {
                inner.clock.sleep(inner.config.lease / 3).await;
                let until = inner.clock.now() + lease_time(inner.config.lease);
                match inner.store.renew_lease(&lease, until).await {
                    Ok(true) => {}
                    // The next chunk of the old worker is refused by its fence.
                    Ok(false) => return,
                    // A missed beat is harmless as long as a later one comes in time.
                    Err(error) => tracing::warn!(run.id = %lease.run_id, %error, "a heartbeat failed"),
                }
            }
        })
    }
}

fn lease_time(lease: Duration) -> TimeDelta {
    TimeDelta::from_std(lease).unwrap_or(TimeDelta::seconds(10))
}

impl Worker {
    async fn drive(&mut self) -> Result<(), Stop> {
        if !self.begin().await? {
            return Ok(());
        }
        match self.run.view.state {
            RunState::Validating => return self.finish(false).await,
            RunState::Pausing => return self.paused().await,
            RunState::Cancelling => return self.cancelled().await,
            _ => {}
        }
        self.gate = Some(Gate::open(self));
        let end = self.count_and_correct().await?;
        self.close_gate().await;
        self.reload().await?;
        match end {
            End::Done => self.finish(false).await,
            End::Limit => self.finish(true).await,
            End::Paused => self.paused().await,
            End::Cancelled => self.cancelled().await,
        }
    }

    async fn count_and_correct(&mut self) -> Result<End, Stop> {
        // Counting reads the whole table: that waits for better times, too.
        match self.pass().await? {
            Pass::Go => {}
            Pass::Pause => return Ok(End::Paused),
            Pass::Cancel => return Ok(End::Cancelled),
        }
        if self.run.view.to_change.is_none() {
            self.count().await?;
        }
        if self.run.view.walk.is_none() && self.run.footprint.is_none() {
            self.choose_walk().await?;
        }
        self.back_up().await?;
        self.correct_until_nothing_is_left().await
    }

    /// Takes the run over in its present state. False when it was cancelled or paused before anybody
    /// came.
    async fn begin(&mut self) -> Result<bool, Stop> {
        let now = self.engine.inner.clock.now();
        if self.run.view.state == RunState::Queued {
            let patch = RunPatch { started_at: Some(now), phase: Some(Phase::Analysing), ..RunPatch::default() };
            let started = self.update(Some((&[RunState::Queued], RunState::Running)), patch).await?;
            if started {
                self.event("started", "A worker took the run.").await?;
            }
            return Ok(started);
        }
        if self.run.view.state == RunState::Paused {
            return Ok(false);
        }
        let resumed = self.run.idle_since.is_some() && self.run.view.held.is_empty();
        self.end_idling().await?;
        if resumed {
            self.event("started", "A worker took the run again.").await?;
            return Ok(true);
        }
        let message = format!(
            "Taken over by another worker after {} committed chunks; {} changed so far.",
            grouped(self.run.view.chunks),
            rows(self.run.view.changed)
        );
        self.event("takeover", &message).await?;
        Ok(true)
    }

    /// Counts what there is to do, and stops before the first write when the numbers have drifted.
    async fn count(&mut self) -> Result<(), Stop> {
        let store = self.engine.inner.store.clone();
        let patch = match &self.job {
            Job::Correct(options) => {
                let summary = store.summarise(&self.rule, &options.scope).await?;
                let counts = counts_of(&summary);
                if let Some(seen) = &self.run.expected {
                    let tolerance = self.engine.inner.config.drift_tolerance;
                    if drifted(options, seen, &counts, tolerance) {
                        return Err(Stop::Failed(drift(options, seen, &counts)));
                    }
                }
                let assigned = store.assignments(&self.rule.slug).await?;
                let all = options.mode.correctable(&counts);
                RunPatch {
                    before: Some(counts),
                    to_change: Some(options.max_records.map_or(all, |max| all.min(max))),
                    to_scan: Some(counts.total()),
                    remaining: Some(all),
                    plan_hash: Some(plan_hash(&self.rule, options, &counts, &assigned).map_err(Stop::Failed)?),
                    phase: Some(Phase::Correcting),
                    ..RunPatch::default()
                }
            }
            Job::Restore(source, options) => {
                let age = self.engine.inner.clock.now() - self.run.view.created_at;
                let counts = match self.engine.take_counted(&self.lease.run_id).filter(|_| age < COUNTED) {
                    _ if self.job.is_from_snapshot() => self.list_snapshot(source, options).await?,
                    Some(counts) => counts,
                    None => store.rollback_counts(&self.rule, source, &options.scope).await?,
                };
                use amend_domain::ConflictPolicy::{Force, Stop as Halt};
                if options.on_conflict == Halt && counts.changed_since > 0 {
                    return Err(Stop::Failed(conflict(counts.changed_since, 0)));
                }
                let forced = if options.on_conflict == Force { counts.changed_since } else { 0 };
                RunPatch {
                    to_change: Some(counts.restorable + forced),
                    to_scan: Some(counts.total()),
                    remaining: Some(counts.restorable + forced),
                    phase: Some(Phase::Correcting),
                    ..RunPatch::default()
                }
            }
        };
        self.update(None, patch).await?;
        let message = format!("{} to be changed.", rows(self.run.view.to_change.unwrap_or(0)));
        self.event("counted", &message).await
    }

    /// Looks at the table, decides how to go through it, and remembers what its files are like.
    async fn choose_walk(&mut self) -> Result<(), Stop> {
        let store = self.engine.inner.store.clone();
        let walk = match &self.job {
            Job::Correct(options) => {
                let facts = store.table_facts(&self.rule).await?;
                Some(choose(&facts, options, &self.engine.inner.config))
            }
            // What it lists has no places.
            Job::Restore(..) if self.job.is_from_snapshot() => None,
            Job::Restore(source, options) => match store.places(&self.rule, source, &options.scope).await? {
                Some(places) => {
                    let facts = store.table_facts(&self.rule).await?;
                    Some(choose_undo(&facts, places, options, &self.engine.inner.config))
                }
                None => None,
            },
        };
        if let Some(walk) = &walk {
            self.event("walk", &walk.reason).await?;
        }
        let footprint = store.footprint(&self.rule).await?;
        self.update(None, RunPatch { walk, footprint, ..RunPatch::default() }).await?;
        Ok(())
    }

    /// What the run did to the table's files, where the database says.
    pub(crate) async fn effect(&self) -> Result<Option<Effect>, Stop> {
        let Some(before) = self.run.footprint else { return Ok(None) };
        let store = &self.engine.inner.store;
        let rows = match self.run.view.before {
            Some(counts) => counts.total(),
            // A rollback counts its own rows alone; the look at the whole table has just been kept.
            None => store.last_analysis(&self.rule.slug).await?.map_or(0, |analysis| analysis.total),
        };
        let after = store.footprint(&self.rule).await?;
        Ok(after.map(|after| Effect::new(before, after, self.run.view.changed, rows)))
    }

    async fn fail(&mut self, problem: Problem) -> Result<(), Stop> {
        let now = self.engine.inner.clock.now();
        self.event("failed", &problem.to_string()).await?;
        let error = RunError { code: problem.code, message: problem.message, advice: problem.advice };
        let patch = RunPatch {
            error: Some(error),
            held: Some(Vec::new()),
            ended_at: Some(now),
            duration_ms: Some(self.spent()),
            ..RunPatch::default()
        };
        let from = [RunState::Queued, RunState::Running, RunState::Pausing, RunState::Validating, RunState::Cancelling];
        self.update(Some((&from, RunState::Failed)), patch).await?;
        Ok(())
    }

    /// Writes about the run, reads it again and shows it to whoever looks.
    pub(crate) async fn update(&mut self, to: Option<(&[RunState], RunState)>, patch: RunPatch) -> Result<bool, Stop> {
        let done = self.engine.inner.store.update_run(&self.lease, to, &patch).await?;
        self.reload().await?;
        Ok(done)
    }

    pub(crate) async fn reload(&mut self) -> Result<(), Stop> {
        self.run = self.engine.show(&self.lease.run_id).await.map_err(Stop::Failed)?;
        Ok(())
    }

    pub(crate) async fn event(&self, kind: &str, message: &str) -> Result<(), Stop> {
        let inner = &self.engine.inner;
        Ok(inner.store.append_event(&self.lease.run_id, inner.clock.now(), kind, message).await?)
    }

    /// Milliseconds since the run began.
    pub(crate) fn spent(&self) -> i64 {
        let now = self.engine.inner.clock.now();
        self.run.view.started_at.map_or(0, |begun| (now - begun).num_milliseconds())
    }
}

/// Trouble of our own making.
pub(crate) fn internal(message: &str) -> Problem {
    Problem::new(ErrorCode::Internal, message)
}

fn drift(options: &RunOptions, seen: &FindingCounts, now: &FindingCounts) -> Problem {
    let (seen, now) = (options.mode.correctable(seen), options.mode.correctable(now));
    Problem::new(
        ErrorCode::Drift,
        format!("The preview counted {} to change, now there are {}. Nothing was written.", rows(seen), grouped(now)),
    )
    .advice("Look at a new preview and start from it.")
}

pub(crate) fn conflict(changed: i64, restored: i64) -> Problem {
    Problem::new(
        ErrorCode::WrongState,
        format!("{} changed by somebody since; {} restored before that was met.", were(changed), were(restored)),
    )
    .advice("Roll back with on-conflict skip to leave those rows as they are, or force to overwrite them.")
}
