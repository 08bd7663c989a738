//! The gate before each chunk: whether the run may go on, must wait, or is to be paused or cancelled.
//!
//! Beside the worker, and never in a chunk's way, tasks watch the run (what people ask of it) and the
//! signals (what presses on the database), and write down when a hold begins and ends. Workers only
//! look at what the tasks know.

use std::time::Duration;

use amend_domain::{LiveMessage, RunState, RunView};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::{AbortHandle, JoinHandle},
};

use super::{Stop, Worker};
use crate::{
    facade::Engine,
    store::{ChunkOutcome, Lease, Pressure, RunPatch, StoreError, StoredRun},
    throttle::{Hold, Seen, Signals, operator_pace, sentence},
};

/// How often the run is looked at for what other processes asked of it. What this process asks is
/// heard at once.
const LOOK: Duration = Duration::from_millis(250);
/// Calm readings in a row that end a hold, so that a number at its limit does not rattle.
const CALM: u32 = 2;
/// How long a failed note of a hold waits before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What a worker may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Go,
    Pause,
    Cancel,
}

/// All that is known about the run and the database.
#[derive(Debug, Clone)]
struct Told {
    state: RunState,
    pace: u8,
    /// `None` until the first reading.
    signals: Option<Vec<Hold>>,
    /// Another worker has the run.
    lost: bool,
    /// The gate closes: what is held is let go.
    closing: bool,
}

impl Told {
    fn holds(&self) -> Vec<Hold> {
        if self.closing || self.ending().is_some() {
            return Vec::new();
        }
        operator_pace::hold(self.pace).into_iter().chain(self.signals.iter().flatten().cloned()).collect()
    }

    fn ending(&self) -> Option<Pass> {
        match self.state {
            RunState::Cancelling => Some(Pass::Cancel),
            RunState::Pausing => Some(Pass::Pause),
            _ => None,
        }
    }
}

#[derive(Clone)]
struct Watch {
    engine: Engine,
    lease: Lease,
    rule: amend_domain::Rule,
    told: watch::Sender<Told>,
}

/// The way through the gate, for everybody who works on the run.
#[derive(Clone)]
pub(super) struct Passage {
    watch: Watch,
    /// Whether the gate's eyes are still open.
    eyes: AbortHandle,
}

/// The gate of a run, for as long as it is walked.
pub(crate) struct Gate {
    passage: Passage,
    /// Writes holds down.
    notes: Option<JoinHandle<()>>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.passage.eyes.abort();
        if let Some(notes) = &self.notes {
            notes.abort();
        }
    }
}

impl Gate {
    pub(super) fn open(worker: &Worker) -> Self {
        let mut gate = Self::silent(&worker.engine, &worker.lease, &worker.rule, &worker.run.view);
        let (notes, idle_ms) = (gate.passage.watch.clone(), worker.run.view.idle_ms);
        gate.notes = Some(tokio::spawn(async move { notes.write_down(idle_ms).await }));
        gate
    }

    /// One that writes no holds down: the run's own worker does.
    pub(super) fn silent(engine: &Engine, lease: &Lease, rule: &amend_domain::Rule, view: &RunView) -> Self {
        let told =
            watch::Sender::new(Told { state: view.state, pace: view.pace, signals: None, lost: false, closing: false });
        let watch = Watch { engine: engine.clone(), lease: lease.clone(), rule: rule.clone(), told };
        let eyes = watch.clone();
        // Look at the run and at the signals.
        let eyes = tokio::spawn(async move {
            tokio::join!(eyes.hear(), eyes.look(), eyes.read_signals());
        });
        Self { passage: Passage { watch, eyes: eyes.abort_handle() }, notes: None }
    }

    /// Ends the watching; a hold that is still written down is taken off.
    pub(super) async fn close(mut self) {
        self.passage.eyes.abort();
        self.passage.watch.told.send_modify(|t| t.closing = true);
        if let Some(notes) = self.notes.take()
            && let Err(error) = notes.await
        {
            tracing::error!(%error, "what writes holds down ended by itself");
        }
    }
}

impl Passage {
    /// Whether the next chunk may begin right now.
    pub(super) fn is_open(&self) -> bool {
        let told = self.watch.told.borrow();
        !told.lost && told.ending().is_none() && told.signals.is_some() && told.holds().is_empty()
    }

    /// Waits until the next chunk may begin, or the run is to end here.
    pub(super) async fn pass(&self) -> Result<Pass, Stop> {
        let mut news = self.watch.told.subscribe();
        loop {
            {
                let told = news.borrow_and_update();
                if told.lost {
                    return Err(Stop::LeaseLost);
                }
                if let Some(ending) = told.ending() {
                    return Ok(ending);
                }
                if told.signals.is_some() && told.holds().is_empty() {
                    return Ok(Pass::Go);
                }
            }
            if self.eyes.is_finished() {
                let what = "What watches the run's signals ended by a defect; the run stopped between two chunks.";
                return Err(Stop::Failed(super::internal(what)));
            }
            self.news_or(&mut news, LOOK * 4).await;
        }
    }

    /// Takes in what a chunk saw of the run's state.
    pub(super) fn saw(&self, state: RunState) {
        self.watch.tell_state(state);
    }

    /// How long the operator's pace asks to rest after a chunk that took so many milliseconds.
    pub(super) fn rest_after(&self, chunk_ms: i64) -> TimeDelta {
        rest_for(chunk_ms, self.watch.told.borrow().pace)
    }

    /// Rests after a chunk for as long as the operator's pace asks.
    pub(super) async fn rest(&self, chunk_ms: i64) {
        let mut news = self.watch.told.subscribe();
        let begun = self.now();
        loop {
            let percent = {
                let told = news.borrow_and_update();
                if told.ending().is_some() || told.lost { 100 } else { told.pace }
            };
            let left = rest_for(chunk_ms, percent) - (self.now() - begun);
            match left.to_std() {
                Ok(left) if !left.is_zero() => self.news_or(&mut news, left).await,
                _ => return,
            }
        }
    }

    /// Sleeps, but for no longer than nobody asks the run to end or pause.
    pub(super) async fn nap(&self, time: Duration) {
        let mut news = self.watch.told.subscribe();
        let until = self.now() + TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
        loop {
            let asleep = {
                let told = news.borrow_and_update();
                told.ending().is_none() && !told.lost
            };
            match (until - self.now()).to_std() {
                Ok(left) if asleep && !left.is_zero() => self.news_or(&mut news, left).await,
                _ => return,
            }
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.watch.engine.inner.clock.now()
    }

    async fn news_or(&self, news: &mut watch::Receiver<Told>, limit: Duration) {
        tokio::select! {
            // The sender lives as long as the gate.
            _ = news.changed() => {}
            () = self.watch.engine.inner.clock.sleep(limit) => {}
        }
    }
}

/// What a share of the time leaves to rest after so long a chunk: at 25 %, three times as long.
fn rest_for(chunk_ms: i64, percent: u8) -> TimeDelta {
    match i64::from(percent) {
        // At zero the run is held instead.
        0 | 100.. => TimeDelta::zero(),
        percent => TimeDelta::milliseconds(chunk_ms.max(1).saturating_mul(100 - percent) / percent),
    }
}

impl Watch {
    /// What was asked for once is not taken back under the same worker: a late look at an older
    /// state changes nothing.
    fn tell_state(&self, state: RunState) {
        let rank = |state| match state {
            RunState::Cancelling => 2,
            RunState::Pausing => 1,
            _ => 0,
        };
        self.told.send_if_modified(|told| {
            let newer = rank(state) > rank(told.state);
            if newer {
                told.state = state;
            }
            newer
        });
    }

    fn tell(&self, view: &RunView) {
        self.tell_state(view.state);
        self.told.send_if_modified(|told| std::mem::replace(&mut told.pace, view.pace) != view.pace);
    }

    fn tell_lost(&self) {
        self.told.send_modify(|t| t.lost = true);
    }

    /// What this process asks of the run.
    async fn hear(&self) {
        let mut live = self.engine.subscribe();
        loop {
            match live.recv().await {
                Ok(LiveMessage::Run { run }) if run.run_id == self.lease.run_id => self.tell(&run),
                // What was missed is looked at below.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// What other processes ask of it.
    async fn look(&self) {
        loop {
            match self.engine.inner.store.run(&self.lease.run_id).await {
                Ok(Some(StoredRun { fence, .. })) if fence != self.lease.fence => return self.tell_lost(),
                Ok(Some(run)) => self.tell(&run.view),
                Ok(None) => return self.tell_lost(),
                Err(error) => tracing::warn!(run.id = %self.lease.run_id, %error, "the run cannot be looked at"),
            }
            self.engine.inner.clock.sleep(LOOK).await;
        }
    }

    /// One reading after another, never two at a time.
    async fn read_signals(&self) {
        let inner = &self.engine.inner;
        let mut signals = Signals::new(&inner.config.throttle);
        let mut calm = CALM;
        loop {
            let pressure = read(&self.engine, &self.rule, &signals).await;
            let seen = Seen { pressure: &pressure, table: &self.rule.target.table, now: inner.clock.now() };
            let holds = signals.holds(&seen);
            calm = if holds.is_empty() { calm + 1 } else { 0 };
            self.told.send_if_modified(|told| {
                let first = told.signals.is_none();
                if (!first && holds.is_empty() && calm < CALM) || told.signals.as_ref() == Some(&holds) {
                    return false;
                }
                told.signals = Some(holds);
                true
            });
            inner.clock.sleep(inner.config.throttle.every).await;
        }
    }

    /// Keeps the run's row and its history in step with what holds it.
    async fn write_down(&self, mut idle_ms: i64) {
        let mut news = self.told.subscribe();
        let mut written: Vec<Hold> = Vec::new();
        let mut since: Option<DateTime<Utc>> = None;
        loop {
            let (holds, closing) = {
                let told = news.borrow_and_update();
                (told.holds(), told.closing)
            };
            if holds != written {
                match self.note(&written, &holds, &mut since, &mut idle_ms).await {
                    Ok(()) => written = holds,
                    Err(StoreError::LeaseLost) => return self.tell_lost(),
                    Err(error) => {
                        tracing::warn!(run.id = %self.lease.run_id, %error, "a hold could not be written down");
                        if !closing {
                            self.engine.inner.clock.sleep(AGAIN).await;
                            continue;
                        }
                    }
                }
            }
            if closing || news.changed().await.is_err() {
                return;
            }
        }
    }

    async fn note(
        &self,
        before: &[Hold],
        now: &[Hold],
        since: &mut Option<DateTime<Utc>>,
        idle_ms: &mut i64,
    ) -> Result<(), StoreError> {
        let (store, at) = (&self.engine.inner.store, self.engine.inner.clock.now());
        let mut patch =
            RunPatch { held: Some(now.iter().map(|h| capital(&h.reason)).collect()), ..RunPatch::default() };
        if before.is_empty() {
            patch.idle_since = Some(Some(at));
        }
        let spent = since.map_or(0, |since| (at - since).num_milliseconds());
        if now.is_empty() {
            patch.idle_since = Some(None);
            patch.idle_ms = Some(*idle_ms + spent);
        }
        store.update_run(&self.lease, None, &patch).await?;
        *idle_ms = patch.idle_ms.unwrap_or(*idle_ms);
        *since = patch.idle_since.unwrap_or(*since);
        let names = |holds: &[Hold]| holds.iter().map(|h| h.name).collect::<Vec<_>>();
        // Numbers move from one second to the next; the history is about reasons.
        if names(before) != names(now) {
            let (kind, message) = if now.is_empty() {
                #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
                let seconds = spent as f64 / 1_000.0;
                ("released", format!("No longer held, after {seconds:.1} s."))
            } else {
                ("held", format!("Held: {}.", sentence(now)))
            };
            store.append_event(&self.lease.run_id, at, kind, &message).await?;
        }
        if let Err(problem) = self.engine.show(&self.lease.run_id).await {
            tracing::warn!(run.id = %self.lease.run_id, "a hold is written down but not shown: {problem}");
        }
        Ok(())
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

/// What presses on the database; where that cannot be read, each signal says so.
pub(crate) async fn read(engine: &Engine, rule: &amend_domain::Rule, signals: &Signals) -> Pressure {
    if !signals.read_database() {
        return Pressure::not_applicable();
    }
    engine.inner.store.pressure(rule).await.unwrap_or_else(|error| {
        tracing::warn!(rule = %rule.slug, %error, "the load of the database cannot be read");
        let message = error.problem().message;
        Pressure::unobservable(message.trim_end_matches('.'))
    })
}

impl Worker {
    /// The way through the gate, which is open for as long as the run is walked.
    pub(super) fn passage(&self) -> Result<Passage, Stop> {
        let gate = self.gate.as_ref().map(|g| g.passage.clone());
        gate.ok_or_else(|| Stop::Failed(super::internal("The run's gate was not open while it worked.")))
    }

    pub(super) async fn pass(&self) -> Result<Pass, Stop> {
        self.passage()?.pass().await
    }

    /// After a chunk.
    pub(super) async fn rest(&self, outcome: &ChunkOutcome) {
        if let Some(gate) = &self.gate {
            gate.passage.saw(outcome.state);
            gate.passage.rest(outcome.duration_ms).await;
        }
    }

    /// The pause between two tries.
    pub(super) async fn nap(&self, time: Duration) {
        match &self.gate {
            Some(gate) => gate.passage.nap(time).await,
            None => self.engine.inner.clock.sleep(time).await,
        }
    }

    /// Takes off what holds the run, which is over or paused from here.
    pub(super) async fn close_gate(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.close().await;
        }
    }

    /// What has been idle in periods that are over, with the present one when there is any.
    pub(super) fn idle(&self) -> TimeDelta {
        let now = self.engine.inner.clock.now();
        let present = self.run.idle_since.map_or(TimeDelta::zero(), |since| now - since);
        TimeDelta::milliseconds(self.run.view.idle_ms) + present
    }

    /// Commits nothing any more and leaves the run to whoever resumes it.
    pub(super) async fn paused(&mut self) -> Result<(), Stop> {
        let now = self.engine.inner.clock.now();
        let patch = RunPatch { duration_ms: Some(self.spent()), idle_since: Some(Some(now)), ..RunPatch::default() };
        if !self.update(Some((&[RunState::Pausing], RunState::Paused)), patch).await? {
            // Cancel wins over pause.
            return self.cancelled().await;
        }
        let message = format!("Paused after {} committed chunks; no worker holds it.", self.run.view.chunks);
        self.event("paused", &message).await
    }

    /// Ends a pause, or the hold of a worker that died in it.
    pub(super) async fn end_idling(&mut self) -> Result<(), Stop> {
        if self.run.idle_since.is_none() && self.run.view.held.is_empty() {
            return Ok(());
        }
        let patch = RunPatch {
            held: Some(Vec::new()),
            idle_ms: Some(self.idle().num_milliseconds()),
            idle_since: Some(None),
            ..RunPatch::default()
        };
        self.update(None, patch).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_time_is_kept() {
        for (percent, rest) in [(100, 0), (50, 400), (25, 1_200), (80, 100), (1, 39_600), (0, 0)] {
            assert_eq!(rest_for(400, percent), TimeDelta::milliseconds(rest), "{percent} %");
        }
    }
}
