//! One chunk of a walk by key, with the cure that each class of trouble allows.

use amend_domain::{ErrorCode, Problem, RollbackOptions, RunId, RunOptions, RunState};

use super::{Job, Stop, Worker, room::widened, search::Search};
use crate::store::{
    ChunkLimits, ChunkOutcome, ChunkRequest, Entries, RefusedRow, RestoreRequest, RunPatch, StoreError, Trouble, Write,
};

/// What is listed with a row.
const REFUSED: &str = "A constraint or trigger of the table refused the new value.";
/// Refused rows that are named in the history; all of them are listed.
const NAMED: i64 = 10;

/// Where a step begins: what a rollback goes through, and the cursor.
type From<'a> = (Entries, Option<&'a str>);

impl Worker {
    /// `None` when a pause or cancel came between two tries.
    pub(super) async fn step_with_retries(
        &mut self,
        from: From<'_>,
        usual: ChunkLimits,
        search: &mut Search,
    ) -> Result<Option<ChunkOutcome>, Stop> {
        let backoff = self.job.backoff();
        let mut attempt = 0;
        let mut refusal: Option<StoreError> = None;
        loop {
            let limits = search.narrow(usual);
            let tried = match &refusal {
                Some(error) => self.pass_over(from, limits, error).await,
                None => self.step(from, limits).await,
            };
            let error = match (tried, &refusal) {
                (Ok(outcome), None) => {
                    search.went_well(self.dealt_with(&outcome));
                    search.room.took(outcome.duration_ms);
                    self.breaker.went_well();
                    return Ok(Some(outcome));
                }
                (Ok(outcome), Some(error)) => {
                    search.found();
                    self.passed_over(&outcome, error).await?;
                    return Ok(Some(outcome));
                }
                (Err(error), _) => error,
            };
            let slow = matches!(error, StoreError::TooSlow(_));
            if slow {
                search.ran_out();
                let before = search.room.limit();
                if limits.rows == 1 && search.room.widen() {
                    tracing::warn!(run.id = %self.lease.run_id, %error, "a row needs more time");
                    self.event("slow", &widened("A chunk of one row", before, search.room.limit())).await?;
                    if self.is_asked_to_end().await? {
                        return Ok(None);
                    }
                    continue;
                }
            }
            // A row that has had all the time there is, is tried again in better times.
            let trouble = if slow && limits.rows == 1 { Trouble::Retry } else { error.trouble() };
            match trouble {
                Trouble::Retry if attempt < backoff.retries => {
                    self.chunk_failed(&error.problem().message).await?;
                    let pause = backoff.delay(attempt, self.engine.inner.ids.fraction());
                    attempt += 1;
                    tracing::warn!(run.id = %self.lease.run_id, %error, "a chunk failed and is tried again");
                    self.event("retry", &backoff.announce(&error, attempt - 1, pause)).await?;
                    self.nap(pause).await;
                }
                Trouble::Split if limits.rows > 1 && refusal.is_none() => {
                    let one = matches!(error, StoreError::Row(_));
                    // A tight limit is the run's own doing.
                    let tight = slow && !search.room.is_widest();
                    if !one && !tight {
                        self.chunk_failed(&error.problem().message).await?;
                    }
                    tracing::warn!(run.id = %self.lease.run_id, %error, "a chunk failed and is halved");
                    // The halvings on the way to one row are one story.
                    if !one || !search.is_on() {
                        let message =
                            format!("{} Half as many rows are tried: {}.", error.problem().message, limits.rows / 2);
                        self.event("split", &message).await?;
                    }
                    search.failed(limits.rows, one);
                }
                Trouble::Split if refusal.is_none() && matches!(error, StoreError::Row(_)) => {
                    tracing::warn!(run.id = %self.lease.run_id, %error, "a row is refused and passed over");
                    refusal = Some(error);
                }
                _ => {
                    if matches!(error, StoreError::Row(_)) {
                        let failed = Some(self.run.view.failed + 1);
                        self.update(None, RunPatch { failed, ..RunPatch::default() }).await?;
                    }
                    return Err(error.into());
                }
            }
            if self.is_asked_to_end().await? {
                return Ok(None);
            }
        }
    }

    /// Between two tries.
    async fn is_asked_to_end(&mut self) -> Result<bool, Stop> {
        self.reload().await?;
        Ok(matches!(self.run.view.state, RunState::Cancelling | RunState::Pausing))
    }

    /// Rows of a step, as its limits count them: a rollback counts keys of the journal.
    const fn dealt_with(&self, outcome: &ChunkOutcome) -> i64 {
        match self.job {
            Job::Correct(_) => outcome.changed + outcome.skipped,
            Job::Restore(..) => outcome.scanned,
        }
    }

    /// A row is on the list now, or somebody else took it away meanwhile.
    async fn passed_over(&mut self, outcome: &ChunkOutcome, error: &StoreError) -> Result<(), Stop> {
        if outcome.failed == 0 {
            self.breaker.went_well();
            return Ok(());
        }
        if self.run.view.failed < NAMED {
            let id = &self.lease.run_id;
            let message = format!("The table refused a row, which is passed over; `amend failed {id}` lists it.");
            self.event("row_failed", &message).await?;
        }
        self.reload().await?;
        self.chunk_failed(&error.problem().message).await
    }

    /// Counts a try that failed.
    ///
    /// # Errors
    /// Ends the run when too many of the last ones did.
    pub(super) async fn chunk_failed(&mut self, why: &str) -> Result<(), Stop> {
        let Some((failed, seen)) = self.breaker.failed() else { return Ok(()) };
        let percent = self.engine.inner.config.breaker_percent;
        let message = format!(
            "{failed} of the last {seen} chunks failed; at {percent} % a run stops by itself. The last one: {why}"
        );
        self.event("breaker", &message).await?;
        let id = &self.lease.run_id;
        Err(Stop::Failed(Problem::new(ErrorCode::BreakerOpen, message).advice(format!(
            "What was changed stays and can be rolled back: amend rollback {id}. Mend the cause and run again, or set \
             breaker_percent in [engine] higher."
        ))))
    }

    async fn pass_over(
        &self,
        (entries, cursor): From<'_>,
        limits: ChunkLimits,
        error: &StoreError,
    ) -> Result<ChunkOutcome, StoreError> {
        let inner = &self.engine.inner;
        let (code, detail) = (error.problem().code, error.to_string());
        match &self.job {
            Job::Correct(options) => {
                let chunk = self.correction(options, cursor, limits);
                inner.store.fail_row(&RefusedRow { chunk: &chunk, code, message: REFUSED, detail: &detail }).await
            }
            Job::Restore(source, options) => {
                let chunk = self.rollback((source, options), (entries, cursor), limits);
                inner.store.fail_restore(&RefusedRow { chunk: &chunk, code, message: REFUSED, detail: &detail }).await
            }
        }
    }

    fn correction<'a>(
        &'a self,
        options: &'a RunOptions,
        cursor: Option<&'a str>,
        limits: ChunkLimits,
    ) -> ChunkRequest<'a> {
        ChunkRequest {
            lease: &self.lease,
            rule: &self.rule,
            mode: options.mode,
            scope: &options.scope,
            cursor,
            limits,
            write: self.write(),
            now: self.engine.inner.clock.now(),
        }
    }

    fn rollback<'a>(
        &'a self,
        (source, options): (&'a RunId, &'a RollbackOptions),
        (entries, cursor): From<'a>,
        limits: ChunkLimits,
    ) -> RestoreRequest<'a> {
        RestoreRequest {
            lease: &self.lease,
            rule: &self.rule,
            source,
            entries,
            on_conflict: options.on_conflict,
            scope: &options.scope,
            cursor,
            limits,
            write: self.write(),
            now: self.engine.inner.clock.now(),
        }
    }

    const fn write(&self) -> Write {
        if self.job.dry_run() { Write::Rehearse } else { Write::Commit }
    }

    async fn step(&self, (entries, cursor): From<'_>, limits: ChunkLimits) -> Result<ChunkOutcome, StoreError> {
        let store = &self.engine.inner.store;
        match &self.job {
            Job::Correct(options) => store.correct_chunk(&self.correction(options, cursor, limits)).await,
            Job::Restore(source, options) => {
                store.restore_chunk(&self.rollback((source, options), (entries, cursor), limits)).await
            }
        }
    }
}
