//! The list of rows that a run could not correct, and trying them again.

use amend_domain::{
    Act, Caller, ErrorCode, FailedRow, Problem, RollbackOptions, RollbackScope, RunId, RunKind, RunOptions, RunView,
    Scope,
};

use crate::{
    facade::{Engine, public},
    store::StoredRun,
};

/// Rows that a scope may name: [`RollbackScope::MOST`].
const MOST_NAMED: u32 = 10_000;

impl Engine {
    /// Rows that the table refused in a run, in the order of failing, after `after` (0 for the first
    /// ones). The database's own text is for those who may run corrections.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`; `FORBIDDEN`; a limit outside 1 to 1,000; trouble with the database.
    pub async fn failed_rows(
        &self,
        who: &Caller,
        id: &RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<FailedRow>, Problem> {
        self.authorise(who, Act::Read, "failed_rows", id.as_str()).await?;
        if !(1..=1_000).contains(&limit) {
            return Err(Problem::field("limit", "must be 1 to 1000"));
        }
        self.stored_or_problem(id).await?;
        let mut rows = self.inner.store.failed_rows(id, after, limit).await.map_err(public)?;
        if !who.role.may(Act::Run) {
            rows.iter_mut().for_each(|row| row.detail = None);
        }
        Ok(rows)
    }

    /// Starts a correction of the rows that a run lists as failed, or a rollback of those that a rollback
    /// lists, with that run's options, and drives it in a task of this process.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`; `WRONG_STATE` where the run is active or lists nothing; otherwise as
    /// [`Engine::start_run`].
    pub async fn retry_failed(&self, who: &Caller, id: &RunId) -> Result<RunView, Problem> {
        if let Some(StoredRun { view: RunView { kind: RunKind::Rollback, .. }, .. }) =
            self.inner.store.run(id).await.map_err(public)?
        {
            return self.retry_rollback(who, id).await;
        }
        self.authorise(who, Act::Run, "retry", id.as_str()).await?;
        let new = async {
            let run = self.stored_or_problem(id).await?.view;
            refuse_dropped(&run)?;
            if run.state.is_active() {
                return Err(Problem::new(ErrorCode::WrongState, format!("Run {id} is still {}.", run.state.as_str()))
                    .advice("Wait until it is over: it may list more rows."));
            }
            let options = match run.options {
                Some(options) if run.kind == RunKind::Correction && run.failed > 0 && !options.dry_run => options,
                _ => {
                    return Err(Problem::new(
                        ErrorCode::WrongState,
                        format!("Run {id} lists no failed rows; there is nothing to try again."),
                    ));
                }
            };
            let options = RunOptions {
                scope: Scope { failed_of: Some(id.clone()), ..options.scope },
                max_records: None,
                ..options
            };
            self.prepare(who, &run.rule, options, None).await
        };
        let new = match new.await {
            Ok(new) => new,
            Err(problem) => {
                self.audit_refusal(who, "retry", id.as_str(), &problem).await?;
                return Err(problem);
            }
        };
        let view = self.create(who, "retry", new).await?;
        self.spawn_worker(view.run_id.clone());
        Ok(view)
    }

    /// The rows that a rollback lists, with its scope beside where they are too many to be named: they
    /// are what it has left.
    async fn retry_rollback(&self, who: &Caller, id: &RunId) -> Result<RunView, Problem> {
        self.authorise(who, Act::Rollback, "retry", id.as_str()).await?;
        let options = async {
            let run = self.stored_or_problem(id).await?.view;
            refuse_dropped(&run)?;
            match (run.rollback, &run.undoes) {
                (Some(options), Some(source)) if run.failed > 0 && !options.dry_run && !run.state.is_active() => {
                    let keys = self.inner.store.failed_rows(id, 0, MOST_NAMED + 1).await.map_err(public)?;
                    let named = keys.len() <= RollbackScope::MOST;
                    let rows =
                        if named { Some(keys.into_iter().map(|row| row.key).collect()) } else { options.scope.rows };
                    let scope = RollbackScope { rows, ..options.scope };
                    Ok((source.clone(), RollbackOptions { scope, ..options }))
                }
                _ => Err(Problem::new(
                    ErrorCode::WrongState,
                    format!("Rollback {id} is not over or lists no failed rows; there is nothing to try again."),
                )),
            }
        };
        match options.await {
            Ok((source, options)) => self.start_rollback(who, &source, options).await,
            Err(problem) => {
                self.audit_refusal(who, "retry", id.as_str(), &problem).await?;
                Err(problem)
            }
        }
    }
}

/// The list goes with the journal.
fn refuse_dropped(run: &RunView) -> Result<(), Problem> {
    match run.purged_at {
        Some(_) if run.failed > 0 => Err(Problem::new(
            ErrorCode::WrongState,
            format!("The list of run {} was dropped when its retention was over.", run.run_id),
        )
        .advice("Run again: rows that still need correcting are found anew.")),
        _ => Ok(()),
    }
}
