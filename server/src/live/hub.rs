//! The newest state of everything, fed by this process's engine and by a look at the store.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use amend_domain::{
    Caller, Door, LiveMessage, Numbered, Problem, Role, RuleSlug, RunId, RunState, RunView, analysis::Snapshot,
};
use amend_engine::{Engine, store::RunFilter};
use tokio::{
    sync::{Notify, broadcast::error::RecvError, watch},
    task::JoinHandle,
};

/// How often the store is looked at for runs of other processes, while anybody watches.
const LOOK: Duration = Duration::from_millis(500);
/// A run that this process spoke of so lately is its own: the store knows nothing newer.
const OWN: Duration = Duration::from_secs(3);
/// Runs kept at most.
const KEPT: usize = 256;
/// Newest runs looked at, so that one that began and ended between two looks is seen as well.
const RECENT: u32 = 20;

#[derive(Debug, Clone)]
struct Entry<T> {
    seq: u64,
    state: T,
}

#[derive(Debug, Default)]
struct Newest {
    seq: u64,
    runs: HashMap<RunId, Entry<RunView>>,
    quality: HashMap<RuleSlug, Entry<Snapshot>>,
    /// When this process's own engine last spoke of a run.
    own: HashMap<RunId, Instant>,
    /// The store has been looked at once.
    looked: bool,
}

#[derive(Debug)]
struct Inner {
    newest: Mutex<Newest>,
    /// The number of the last change; wakes clients.
    changed: watch::Sender<u64>,
    closing: watch::Sender<bool>,
    clients: AtomicUsize,
    arrived: Notify,
    left: Notify,
}

/// Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            inner: Arc::new(Inner {
                newest: Mutex::default(),
                changed: watch::Sender::new(0),
                closing: watch::Sender::new(false),
                clients: AtomicUsize::new(0),
                arrived: Notify::new(),
                left: Notify::new(),
            }),
        }
    }
}

/// Counts a client for as long as it lives.
pub(super) struct Presence(Hub);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.inner.clients.fetch_sub(1, Ordering::AcqRel);
        self.0.inner.left.notify_waiters();
    }
}

/// The hub looks as Amend itself.
pub(super) fn system() -> Caller {
    Caller { name: "live".into(), role: Role::Viewer, door: Door::System }
}

/// Where a state came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Engine,
    Store,
}

impl Hub {
    fn newest(&self) -> std::sync::MutexGuard<'_, Newest> {
        self.inner.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the last change.
    pub(super) fn seq(&self) -> u64 {
        self.newest().seq
    }

    /// The oldest change after `seq`, in its newest state.
    pub(super) fn after(&self, seq: u64) -> Option<Numbered> {
        let newest = self.newest();
        let run = newest.runs.values().filter(|e| e.seq > seq).min_by_key(|e| e.seq);
        let quality = newest.quality.iter().filter(|(_, e)| e.seq > seq).min_by_key(|(_, e)| e.seq);
        match (run, quality) {
            (Some(run), Some((_, q))) if run.seq < q.seq => Some(of_run(run)),
            (_, Some((rule, entry))) => Some(Numbered {
                seq: entry.seq,
                message: LiveMessage::Quality { rule: rule.clone(), snapshot: entry.state.clone() },
            }),
            (Some(run), None) => Some(of_run(run)),
            (None, None) => None,
        }
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        self.inner.closing.subscribe()
    }

    pub(super) fn join(&self) -> Presence {
        self.inner.clients.fetch_add(1, Ordering::AcqRel);
        self.inner.arrived.notify_one();
        Presence(self.clone())
    }

    /// Tells all clients that the server stops.
    pub(crate) fn close(&self) {
        self.inner.closing.send_replace(true);
    }

    /// Until all clients are gone, or the time is up.
    pub(crate) async fn emptied(&self, limit: Duration) {
        let empty = async {
            loop {
                let left = self.inner.left.notified();
                if self.inner.clients.load(Ordering::Acquire) == 0 {
                    return;
                }
                left.await;
            }
        };
        if tokio::time::timeout(limit, empty).await.is_err() {
            tracing::info!("websockets were cut off");
        }
    }

    /// Feeds the hub until the task is aborted.
    #[must_use]
    pub(crate) fn spawn(&self, engine: Engine) -> JoinHandle<()> {
        let hub = self.clone();
        tokio::spawn(async move {
            tokio::join!(hub.hear(&engine), hub.look(&engine));
        })
    }

    /// What this process does.
    async fn hear(&self, engine: &Engine) {
        let mut messages = engine.subscribe();
        loop {
            match messages.recv().await {
                Ok(LiveMessage::Run { run }) => self.put_run(*run, Source::Engine),
                Ok(LiveMessage::Quality { rule, snapshot }) => self.put_quality(rule, snapshot),
                // The engine sends no others.
                Ok(LiveMessage::Hello { .. } | LiveMessage::Tick { .. }) => {}
                // What was missed is in the store: nothing is taken for our own until we hear of it
                // again.
                Err(RecvError::Lagged(_)) => self.newest().own.clear(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// What other processes do, for as long as anybody watches.
    async fn look(&self, engine: &Engine) {
        let mut failing = false;
        loop {
            if self.inner.clients.load(Ordering::Acquire) == 0 {
                self.inner.arrived.notified().await;
            }
            match self.look_once(engine).await {
                Ok(()) => failing = false,
                // Once, not twice a second.
                Err(problem) if !failing => {
                    failing = true;
                    tracing::warn!(code = problem.code.as_str(), "cannot look for runs of other processes: {problem}");
                }
                Err(_) => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look_once(&self, engine: &Engine) -> Result<(), Problem> {
        let who = system();
        let recent = engine.runs(&who, &RunFilter { limit: RECENT, ..RunFilter::default() }).await?;
        let active = active(engine).await?;
        let told: Vec<RunId> = recent.iter().chain(&active).map(|r| r.run_id.clone()).collect();
        for run in recent.into_iter().chain(active) {
            self.put_run(run, Source::Store);
        }
        for id in self.believed_active(&told) {
            self.put_run(engine.run(&who, &id).await?, Source::Store);
        }
        self.newest().looked = true;
        Ok(())
    }

    /// Runs that were active when last seen and are among none of `told`.
    fn believed_active(&self, told: &[RunId]) -> Vec<RunId> {
        let newest = self.newest();
        let active = newest.runs.values().filter(|e| e.state.state.is_active());
        active.map(|e| e.state.run_id.clone()).filter(|id| !told.contains(id)).collect()
    }

    fn put_run(&self, run: RunView, source: Source) {
        let mut newest = self.newest();
        let now = Instant::now();
        match source {
            Source::Engine => {
                newest.own.retain(|_, at| now - *at < OWN);
                newest.own.insert(run.run_id.clone(), now);
            }
            Source::Store if newest.own.get(&run.run_id).is_some_and(|at| now - *at < OWN) => return,
            Source::Store => {}
        }
        if let Some(known) = newest.runs.get(&run.run_id) {
            // A late look never takes a run back from its end.
            if known.state == run || (known.state.state.is_over() && run.state.is_active()) {
                return;
            }
        } else if source == Source::Store && run.state.is_over() && !newest.looked {
            // The first look at all finds history, which is no news: it has no number, so that
            // nobody is told.
            newest.runs.insert(run.run_id.clone(), Entry { seq: 0, state: run });
            return;
        }
        newest.seq += 1;
        let seq = newest.seq;
        newest.runs.insert(run.run_id.clone(), Entry { seq, state: run });
        forget(&mut newest.runs);
        drop(newest);
        self.inner.changed.send_replace(seq);
    }

    fn put_quality(&self, rule: RuleSlug, snapshot: Snapshot) {
        let mut newest = self.newest();
        newest.seq += 1;
        let seq = newest.seq;
        newest.quality.insert(rule, Entry { seq, state: snapshot });
        drop(newest);
        self.inner.changed.send_replace(seq);
    }
}

fn of_run(entry: &Entry<RunView>) -> Numbered {
    Numbered { seq: entry.seq, message: LiveMessage::Run { run: Box::new(entry.state.clone()) } }
}

/// Drops the run over for longest when there are too many.
fn forget(runs: &mut HashMap<RunId, Entry<RunView>>) {
    while runs.len() > KEPT {
        let oldest = runs.values().filter(|e| e.state.state.is_over()).min_by_key(|e| e.seq);
        let Some(id) = oldest.map(|e| e.state.run_id.clone()) else { return };
        runs.remove(&id);
    }
}

/// Every active run, of any rule.
pub(super) async fn active(engine: &Engine) -> Result<Vec<RunView>, Problem> {
    let filter = RunFilter { states: RunState::ACTIVE.to_vec(), limit: 100, ..RunFilter::default() };
    engine.runs(&system(), &filter).await
}
