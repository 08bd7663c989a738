//! Runs outlive their workers: whoever is left takes them over where the last chunk ended.

use std::time::Duration;

use amend_domain::{Problem, RunId, RunState};
use chrono::TimeDelta;
use tokio::task::JoinHandle;

use crate::facade::{Engine, public};

const LOOK: Duration = Duration::from_secs(2);
/// How long a resumed run waits for its last worker to leave; then somebody else has it.
const LEAVING: TimeDelta = TimeDelta::seconds(2);
const MOMENT: Duration = Duration::from_millis(20);

impl Engine {
    /// Drives a run in a task of this process, unless one does already.
    pub(crate) fn spawn_worker(&self, id: RunId) {
        let engine = self.clone();
        tokio::spawn(async move {
            if let Err(problem) = engine.work(&id).await {
                tracing::warn!(run.id = %id, code = problem.code.as_str(), "the worker stopped: {problem}");
            }
        });
    }

    /// The same for a run that was paused: its last worker may still be about to leave.
    pub(crate) fn spawn_resumed(&self, id: RunId) {
        let engine = self.clone();
        tokio::spawn(async move {
            let clock = &engine.inner.clock;
            let begun = clock.now();
            loop {
                let tried = engine.work(&id).await;
                let waiting = match &tried {
                    Ok(()) => engine.stored_or_problem(&id).await.map(|r| r.view.state == RunState::Running),
                    Err(problem) => Err(problem.clone()),
                };
                match waiting {
                    Ok(true) if clock.now() - begun < LEAVING => clock.sleep(MOMENT).await,
                    Ok(_) => return,
                    Err(problem) => {
                        tracing::warn!(run.id = %id, code = problem.code.as_str(), "the worker stopped: {problem}");
                        return;
                    }
                }
            }
        });
    }

    /// Looks once for runs whose lease is absent or over and starts a worker for each.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn resume_interrupted(&self) -> Result<Vec<RunId>, Problem> {
        let ids = self.inner.store.claimable(self.inner.clock.now()).await.map_err(public)?;
        for id in &ids {
            self.spawn_worker(id.clone());
        }
        Ok(ids)
    }

    /// Looks every two seconds, for as long as the task lives.
    #[must_use]
    pub fn spawn_takeover(&self) -> JoinHandle<()> {
        let engine = self.clone();
        tokio::spawn(async move {
            loop {
                if let Err(problem) = engine.resume_interrupted().await {
                    tracing::warn!(code = problem.code.as_str(), "cannot look for interrupted runs: {problem}");
                }
                if let Err(problem) = engine.lend_hands().await {
                    tracing::warn!(code = problem.code.as_str(), "cannot look for runs to work along on: {problem}");
                }
                engine.inner.clock.sleep(LOOK).await;
            }
        })
    }
}
