//! Working along on a run that another server leads. The slices of its walk are a queue in the database,
//! so whoever has hands free takes some; the leader keeps the books, decides what comes after the
//! walk, and is all that has the lease. Steps carry the leader's fence: when another worker takes the run
//! over, those who worked along are refused like the old leader.

use std::{sync::Arc, time::Duration};

use amend_domain::{Phase, Problem, RunId, RunState, Strategy};
use chrono::{DateTime, Utc};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Guard, Job, Stop, Worker,
    breaker::Breaker,
    gate::Gate,
    lanes::{Report, Shared, run_lane},
};
use crate::{
    facade::{Engine, public},
    store::{Lease, RunFilter, StoredRun},
};

/// Workers of all servers on one run at most.
const MOST: i64 = 4;
/// How often those who work along look at the run.
const LOOK: Duration = Duration::from_secs(1);

impl Engine {
    /// Looks once for walks of other servers that have work for more hands, and works along on them in
    /// tasks of this process. Gives the runs.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn lend_hands(&self) -> Result<Vec<RunId>, Problem> {
        let filter = RunFilter { states: vec![RunState::Running], limit: 50, ..RunFilter::default() };
        let running = self.inner.store.runs(&filter).await.map_err(public)?;
        let mut joined = Vec::new();
        for view in running {
            let shared_out = view.walk.as_ref().is_some_and(|w| w.strategy != Strategy::Key);
            if !shared_out || view.phase != Phase::Correcting {
                continue;
            }
            let id = view.run_id;
            joined.push(id.clone());
            let engine = self.clone();
            tokio::spawn(async move {
                if let Err(problem) = engine.work_along(&id).await {
                    tracing::warn!(run.id = %id, code = problem.code.as_str(), "working along ended: {problem}");
                }
            });
        }
        Ok(joined)
    }

    /// Works along on a run until its walk has nothing left to take. Returns at once when there is
    /// nothing to share, or when this process works on the run already.
    ///
    /// # Errors
    /// Trouble with the database. What was being done is undone whole, and the leader goes on.
    pub async fn work_along(&self, id: &RunId) -> Result<(), Problem> {
        if !self.begin_working(id) {
            return Ok(());
        }
        let _guard = Guard { engine: self.clone(), id: id.clone(), heart: None };
        let store = &self.inner.store;
        let (run, now) = (self.stored_or_problem(id).await?, self.inner.clock.now());
        if !is_led(&run, now, &self.inner.config.owner) {
            return Ok(());
        }
        let busy = store.slice_holders(id, now).await.map_err(public)?;
        let hands = i64::from(self.inner.config.workers(None)).min(MOST - busy);
        // Before the first slice is cut the walk has not begun, and only the leader may begin it.
        if busy == 0 || hands < 1 {
            return Ok(());
        }
        let rule = self.rule_or_problem(&run.view.rule).await?;
        let blocks = store.table_facts(&rule).await.map_err(public)?.blocks.unwrap_or(1).max(1);
        let hands = u32::try_from(hands).unwrap_or(1);
        let stripes = run.view.walk.as_ref().map_or(1, |w| w.stripes);
        let lease = Lease { run_id: id.clone(), owner: self.inner.config.owner.clone(), fence: run.fence };
        let gate = Gate::silent(self, &lease, &rule, &run.view);
        let hand = Worker {
            engine: self.clone(),
            job: Job::of(&run)?,
            lease,
            rule,
            run,
            seen: None,
            undone: None,
            gate: Some(gate),
            left_over: false,
            breaker: Breaker::new(self.inner.config.breaker_percent),
        };
        hand.lend(hands, stripes, blocks).await
    }
}

/// Whether somebody else is at a walk of this run just now.
fn is_led(run: &StoredRun, now: DateTime<Utc>, owner: &str) -> bool {
    run.view.state == RunState::Running
        && run.view.phase == Phase::Correcting
        && run.lease_owner.as_deref().is_some_and(|leader| leader != owner)
        && run.lease_until.is_some_and(|until| until > now)
}

impl Worker {
    async fn lend(mut self, hands: u32, stripes: u32, blocks: i64) -> Result<(), Problem> {
        let shared = match self.share(hands, stripes, blocks) {
            Ok(shared) => Arc::new(shared),
            Err(stop) => return over(Err(stop)),
        };
        let (id, owner) = (self.lease.run_id.clone(), self.lease.owner.clone());
        let inner = self.engine.inner.clone();
        let message = format!("Server {owner} works along with {hands} more workers.");
        inner.store.append_event(&id, inner.clock.now(), "joined", &message).await.map_err(public)?;
        let (reports, mut news) = mpsc::channel(64);
        let mut set = JoinSet::new();
        for lane in 1..=hands {
            set.spawn(run_lane(Arc::clone(&shared), lane, reports.clone()));
        }
        drop(reports);
        loop {
            tokio::select! {
                report = news.recv() => match report {
                    Some(report) => self.heard(&report, &shared),
                    None => break,
                },
                () = inner.clock.sleep(LOOK) => self.follow(&shared).await?,
            }
        }
        let mut ended = Ok(());
        while let Some(lane) = set.join_next().await {
            match lane {
                Ok(lane) => ended = ended.and(lane),
                Err(error) => tracing::error!(%error, "a lane that worked along ended by a defect"),
            }
        }
        self.close_gate().await;
        over(ended)
    }

    /// The leader meets what goes wrong here, too, and decides what comes of it.
    fn heard(&self, report: &Report, shared: &Shared) {
        let well = match report {
            Report::Done { outcome, .. } => !outcome.touched || matches!(self.job, Job::Restore(..)),
            Report::Failed(_) => false,
            Report::Slow { .. } => true,
        };
        if !well {
            shared.end();
        }
    }

    /// Keeps to the size of the leader's chunks, and goes when the leader is gone or through.
    async fn follow(&self, shared: &Shared) -> Result<(), Problem> {
        let run = self.engine.stored_or_problem(&self.lease.run_id).await?;
        shared.resize(run.view.batch_size);
        if run.fence != self.lease.fence || !is_led(&run, self.engine.inner.clock.now(), &self.lease.owner) {
            shared.end();
        }
        Ok(())
    }
}

/// A run that another took over is no trouble of those who worked along.
fn over(ended: Result<(), Stop>) -> Result<(), Problem> {
    match ended {
        Ok(()) | Err(Stop::LeaseLost) => Ok(()),
        Err(Stop::Failed(problem)) => Err(problem),
    }
}
