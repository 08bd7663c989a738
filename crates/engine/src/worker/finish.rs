//! The end of a run: the proof, the verdict, the new analysis.

use amend_domain::{
    ErrorCode, Phase, Problem, RunError, RunState, Scope, Validation,
    number::{rows, were},
};

use super::{Job, Stop, Worker};
use crate::{
    analysis::{counts_of, fold},
    facade::Engine,
    store::RunPatch,
    validate::{Evidence, Examples, judge, judge_rollback},
};

impl Worker {
    /// Validates and ends the run. `limited` when it stopped at its limit of rows.
    pub(super) async fn finish(&mut self, limited: bool) -> Result<(), Stop> {
        if self.run.view.state != RunState::Validating {
            let patch =
                RunPatch { phase: Some(Phase::Validating), duration_ms: Some(self.spent()), ..RunPatch::default() };
            let from = [RunState::Running, RunState::Pausing];
            if !self.update(Some((&from, RunState::Validating)), patch).await? {
                return self.cancelled().await;
            }
        }
        if self.job.dry_run() {
            return self.end_dry_run().await;
        }
        let limited = limited || self.at_limit();
        let validation = self.prove(limited).await?;
        let failed: Vec<_> = validation.levels.iter().filter(|l| !l.passed).map(|l| l.detail.clone()).collect();
        let refused = self.refused().await?;
        let error = if refused > 0 {
            Some(self.rows_refused(refused))
        } else {
            (!validation.passed).then(|| RunError {
                code: ErrorCode::ValidationFailed,
                message: failed.join(" "),
                advice: Some("What was changed stays and can be rolled back. Analyse again to see the rows.".into()),
            })
        };
        let passed = error.is_none();
        self.event(if validation.passed { "validated" } else { "validation_failed" }, &summary(&validation)).await?;
        let now = self.engine.inner.clock.now();
        let effect = self.effect().await?;
        let patch = RunPatch {
            phase: Some(Phase::Done),
            effect,
            validation: Some(validation),
            error,
            ended_at: Some(now),
            duration_ms: Some(self.spent()),
            ..RunPatch::default()
        };
        let to = if passed { RunState::Succeeded } else { RunState::Failed };
        if !self.update(Some((&[RunState::Validating], to)), patch).await? {
            return self.cancelled().await;
        }
        Ok(())
    }

    /// Everything else was done, and the validation says what is missing.
    fn rows_refused(&self, refused: i64) -> RunError {
        let id = &self.lease.run_id;
        RunError {
            code: ErrorCode::RowsRefused,
            message: format!(
                "{} refused by the table (a constraint or a trigger) and kept as before; the others are done.",
                were(refused)
            ),
            advice: Some(format!(
                "The run's page and `amend failed {id}` list them. Mend the cause, then: amend retry {id}"
            )),
        }
    }

    fn at_limit(&self) -> bool {
        match &self.job {
            Job::Correct(o) => o.max_records.is_some_and(|max| self.run.view.changed >= max),
            Job::Restore(..) => false,
        }
    }

    async fn prove(&mut self, limited: bool) -> Result<Validation, Stop> {
        let store = self.engine.inner.store.clone();
        let id = self.lease.run_id.clone();
        let journal = store.journal_pairs(&id).await?;
        let touched_chunks = store.touched_chunks(&id).await?;
        match &self.job {
            Job::Correct(options) => {
                let begun = self.engine.inner.clock.now();
                let summary = match self.seen.take() {
                    Some(summary) => summary,
                    None => store.summarise(&self.rule, &options.scope).await?,
                };
                let (after, examples) = (counts_of(&summary), Examples::of(&summary));
                let now = self.engine.inner.clock.now();
                if options.scope == Scope::default() {
                    let analysis = fold(&self.rule, summary, now, (now - begun).num_milliseconds());
                    self.engine.keep(&analysis).await.map_err(Stop::Failed)?;
                } else {
                    self.engine.analyse_and_keep(&self.rule).await.map_err(Stop::Failed)?;
                }
                let evidence = Evidence {
                    rule: &self.rule,
                    mode: options.mode,
                    before: self.run.view.before.unwrap_or_default(),
                    after,
                    changed: self.run.view.changed,
                    limited,
                    journal: &journal,
                    touched_chunks,
                    examples,
                };
                let validation = judge(&evidence);
                let remaining = Some(options.mode.correctable(&after));
                self.update(None, RunPatch { after: Some(after), remaining, ..RunPatch::default() }).await?;
                Ok(validation)
            }
            Job::Restore(source, options) => {
                let counts = match self.undone.take() {
                    Some(counts) => counts,
                    None => self.left_to_undo(source, options).await?,
                };
                self.engine.analyse_and_keep(&self.rule).await.map_err(Stop::Failed)?;
                Ok(judge_rollback(self.run.view.changed, counts.restorable, &journal, touched_chunks))
            }
        }
    }

    async fn end_dry_run(&mut self) -> Result<(), Stop> {
        let message = format!("Dry run: {} would change; nothing was written.", rows(self.run.view.changed));
        self.event("dry_run", &message).await?;
        let now = self.engine.inner.clock.now();
        let patch = RunPatch {
            phase: Some(Phase::Done),
            ended_at: Some(now),
            duration_ms: Some(self.spent()),
            ..RunPatch::default()
        };
        if !self.update(Some((&[RunState::Validating], RunState::Succeeded)), patch).await? {
            return self.cancelled().await;
        }
        Ok(())
    }

    /// Closes a run that a person asked to end. Its committed chunks stay, whole and journalled.
    pub(super) async fn cancelled(&mut self) -> Result<(), Stop> {
        let now = self.engine.inner.clock.now();
        let patch = RunPatch { ended_at: Some(now), duration_ms: Some(self.spent()), ..RunPatch::default() };
        let closed = self.update(Some((&[RunState::Cancelling], RunState::Cancelled)), patch).await?;
        if !closed {
            let state = self.run.view.state.as_str();
            return Err(Stop::Failed(Problem::new(
                ErrorCode::WrongState,
                format!("The run became {state} while its worker was closing it."),
            )));
        }
        let message = format!("Cancelled; {} changed before and can be rolled back.", were(self.run.view.changed));
        self.event("cancelled", &message).await?;
        self.engine.refresh_after_cancel(self).await
    }
}

fn summary(validation: &Validation) -> String {
    let passed = validation.levels.iter().filter(|l| l.passed).count();
    format!("Validation: {passed} of {} levels passed.", validation.levels.len())
}

impl Engine {
    /// The trend must not show the numbers from before a half-done run.
    async fn refresh_after_cancel(&self, worker: &Worker) -> Result<(), Stop> {
        if worker.run.view.changed > 0 {
            self.analyse_and_keep(&worker.rule).await.map_err(Stop::Failed)?;
        }
        Ok(())
    }
}
