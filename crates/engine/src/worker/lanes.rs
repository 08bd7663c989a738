//! A walk in slices: a few lanes take slices of the table's blocks, or of the journal that is undone,
//! from one queue and deal with them side by side, while the worker itself keeps the books: pace, rate, what people see.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use amend_domain::{RunState, number};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
};

use super::{
    Job, Stop, Worker,
    backoff::Backoff,
    gate::{Pass, Passage},
    internal,
    pace::{Pace, PaceChange},
    progress::Progress,
    room::{Room, widened},
    walk::Walked,
};
use crate::{
    facade::Engine,
    store::{Cut, Lease, Slice, SliceOutcome, SliceRequest, StoreError, Trouble, UndoRequest},
    strategy::PARTS,
};

/// Blocks of a part at least and at most, whatever the pace says: fewer cost more in statements than
/// they change, more than that (256 MB) is no small step however few rows are wrong.
const BLOCKS: (i64, i64) = (16, 32_768);
/// What a part may have however small the database's cache is: its blocks are found in the system's
/// cache then.
const FEW_BLOCKS: i64 = 256;
/// Chunks of a journal in one slice: those of one slice of the walk that wrote them, whose ranges take
/// turns, so that undoing them in the same order has the same effect.
const UNDONE_CHUNKS: i64 = 32;
/// Rows of the first chunks at least: a walk by blocks has a cost for each chunk that fewer are not
/// worth.
const FIRST: i64 = 5_000;
/// How long a slice stays with its holder after a step; longer than any step may take.
const HELD: chrono::TimeDelta = chrono::TimeDelta::seconds(90);
/// A lane that rests for longer than this at the operator's pace does not keep its slice meanwhile.
const LONG_REST: chrono::TimeDelta = chrono::TimeDelta::seconds(30);
/// How often a lane without work looks for some that another one left.
const LOOK: Duration = Duration::from_millis(200);

/// What every lane of a walk knows.
pub(super) struct Shared {
    engine: Engine,
    lease: Lease,
    rule: amend_domain::Rule,
    job: Job,
    backoff: Backoff,
    gate: Passage,
    lock_timeout: Duration,
    room: Room,
    stripes: i64,
    parts: i64,
    /// Blocks of a part at most.
    most_blocks: i64,
    /// Rows that a chunk is to change.
    rows: AtomicI64,
    /// Rows to be changed of each million blocks, at the run's beginning.
    rows_a_million_blocks: i64,
    rows_per_block: f64,
    /// The walk is to end where it is: an error, a cancel, a pause.
    ending: AtomicBool,
    /// Rows were passed over that only a walk by key can deal with.
    left_over: AtomicBool,
}

impl Shared {
    pub(super) fn ends(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Chunks are to change about so many rows from here.
    pub(super) fn resize(&self, rows: i64) {
        self.rows.store(rows.max(FIRST), Ordering::Release);
    }

    /// Blocks whose stripe has as many candidates as a chunk is to change; chunks of a journal as they
    /// were written.
    fn cut(&self) -> Cut {
        if matches!(self.job, Job::Restore(..)) {
            return Cut { blocks: 1, parts: UNDONE_CHUNKS, stripes: 1 };
        }
        let rows = self.rows.load(Ordering::Acquire);
        let blocks = rows.saturating_mul(self.stripes).saturating_mul(1_000_000) / self.rows_a_million_blocks.max(1);
        Cut { blocks: blocks.clamp(BLOCKS.0, self.most_blocks), parts: self.parts, stripes: self.stripes }
    }
}

/// What a lane tells the worker.
pub(super) enum Report {
    /// A committed chunk.
    Done {
        outcome: SliceOutcome,
        /// The size that the chunk was cut for; the pace may have moved on since.
        rows: i64,
    },
    /// A try of a chunk that failed, with what is said about it in public.
    Failed(String),
    /// A try of a chunk, cut for so many rows, that ran into this limit and is given more time.
    Slow { limit: Duration, rows: i64 },
}

impl Worker {
    /// Walks over all blocks that the target has now, or over all chunks of the journal that is undone.
    pub(super) async fn walk_in_slices(&mut self, walk: u32, stripes: u32) -> Result<Walked, Stop> {
        let store = self.engine.inner.store.clone();
        let blocks = match &self.job {
            Job::Correct(_) => store.begin_block_walk(&self.lease, &self.rule, i64::from(walk)).await?,
            Job::Restore(source, options) => {
                store.begin_undo_walk(&self.lease, &self.rule, source, &options.scope, i64::from(walk)).await?;
                1
            }
        };
        let lanes = self.run.view.walk.as_ref().map_or(1, |w| w.workers.max(1));
        let shared = Arc::new(self.share(lanes, stripes, blocks.max(1))?);
        let (reports, mut news) = mpsc::channel(64);
        let mut set = JoinSet::new();
        for lane in 1..=lanes {
            set.spawn(run_lane(Arc::clone(&shared), lane, reports.clone()));
        }
        drop(reports);
        let mut pace = Pace::new(shared.rows.load(Ordering::Acquire), self.engine.inner.config.target_chunk);
        let mut progress = Progress::new(self.run.view.changed);
        let mut trouble = Ok(());
        while let Some(report) = news.recv().await {
            let taken = match &report {
                Report::Done { outcome, rows } => {
                    self.breaker.went_well();
                    self.take_in(outcome, *rows, &shared, &mut pace, &mut progress).await
                }
                Report::Failed(why) => self.chunk_failed(why).await,
                Report::Slow { limit, rows } => {
                    // Once for all chunks of one size.
                    let change = if *rows == pace.size() { pace.ran_out(*limit) } else { None };
                    self.resized(change, &shared, &mut progress).await
                }
            };
            if let Err(stop) = taken {
                shared.end();
                trouble = trouble.and(Err(stop));
            }
        }
        while let Some(ended) = set.join_next().await {
            trouble = trouble.and(ended.unwrap_or_else(|error| Err(crashed(&error))));
        }
        trouble?;
        self.left_over |= shared.left_over.load(Ordering::Acquire);
        self.update(None, progress.patch(self.spent())).await?;
        match self.run.view.state {
            RunState::Cancelling => Ok(Walked::Cancelled),
            RunState::Pausing if shared.ends() => Ok(Walked::Paused),
            _ => Ok(Walked::Through { changed: progress.changed() }),
        }
    }

    pub(super) fn share(&self, lanes: u32, stripes: u32, blocks: i64) -> Result<Shared, Stop> {
        let engine = self.engine.clone();
        let config = &engine.inner.config;
        let to_change = self.run.view.remaining.max(1);
        let rows = self.run.view.to_scan.unwrap_or(0);
        Ok(Shared {
            lease: self.lease.clone(),
            rule: self.rule.clone(),
            job: self.job.clone(),
            backoff: self.job.backoff(),
            gate: self.passage()?,
            lock_timeout: config.lock_timeout,
            room: self.room(),
            stripes: i64::from(stripes.max(1)),
            parts: if lanes > 1 { PARTS } else { 1 },
            most_blocks: {
                let wished = self.run.view.walk.as_ref().and_then(|w| w.most_blocks);
                wished.map_or(BLOCKS.1, |most| most.clamp(FEW_BLOCKS, BLOCKS.1))
            },
            rows: AtomicI64::new(self.run.view.batch_size.max(FIRST)),
            rows_a_million_blocks: to_change.saturating_mul(1_000_000) / blocks,
            rows_per_block: per_block(rows, blocks),
            ending: AtomicBool::new(false),
            left_over: AtomicBool::new(false),
            engine,
        })
    }

    /// One committed chunk: the books, the pace, the end.
    async fn take_in(
        &mut self,
        outcome: &SliceOutcome,
        rows: i64,
        shared: &Shared,
        pace: &mut Pace,
        progress: &mut Progress,
    ) -> Result<(), Stop> {
        self.refuse_touched(outcome.touched)?;
        let now = self.engine.inner.clock.now();
        progress.add(now, outcome.changed);
        // A chunk of another size says nothing about the present one, and one of few candidates nothing
        // about either, unless it was slow.
        let telling = rows == pace.size() && outcome.changed * 2 >= rows;
        let target = i64::try_from(self.engine.inner.config.target_chunk.as_millis()).unwrap_or(i64::MAX);
        let change = if telling || outcome.duration_ms > target { pace.observe(outcome.duration_ms) } else { None };
        self.resized(change, shared, progress).await?;
        if progress.is_due(now) {
            self.update(None, progress.patch(self.spent())).await?;
        }
        self.refuse_overtime()
    }
}

impl Worker {
    async fn resized(&self, change: Option<PaceChange>, shared: &Shared, progress: &mut Progress) -> Result<(), Stop> {
        let Some(change) = change else { return Ok(()) };
        shared.rows.store(change.size, Ordering::Release);
        progress.resized(change.size);
        let message = format!("Chunks of about {} from here: {}.", number::rows(change.size), change.reason);
        self.event("batch_size", &message).await
    }
}

#[expect(clippy::cast_precision_loss, reason = "an average")]
fn per_block(rows: i64, blocks: i64) -> f64 {
    rows as f64 / blocks as f64
}

fn crashed(error: &JoinError) -> Stop {
    tracing::error!(%error, "a lane of a walk ended by a defect");
    Stop::Failed(internal("A worker of the run ended by a defect; what it had in hand was undone whole."))
}

/// Slice after slice until none is left, in anybody's hands. An error ends the other lanes, too.
pub(super) async fn run_lane(shared: Arc<Shared>, lane: u32, reports: mpsc::Sender<Report>) -> Result<(), Stop> {
    let ended = Lane { holder: format!("{}/{lane}", shared.lease.owner), shared: Arc::clone(&shared), reports };
    let ended = ended.work().await;
    if ended.is_err() {
        shared.end();
    }
    ended
}

struct Lane {
    holder: String,
    shared: Arc<Shared>,
    reports: mpsc::Sender<Report>,
}

impl Lane {
    async fn work(&self) -> Result<(), Stop> {
        let shared = &self.shared;
        let inner = &shared.engine.inner;
        let (mut failures, mut room) = (0, shared.room);
        while !shared.ends() {
            if shared.gate.pass().await? != Pass::Go {
                shared.end();
                break;
            }
            let (rows, now) = (shared.rows.load(Ordering::Acquire), inner.clock.now());
            let taken = inner.store.take_slice(&shared.lease, &self.holder, shared.cut(), now, now + HELD).await;
            match taken {
                Ok(Some(slice)) => self.deal_with(&slice, rows, &mut room).await?,
                Ok(None) if inner.store.slices_in_work(&shared.lease.run_id).await? == 0 => return Ok(()),
                // Another lane, or one of a dead worker whose time is not up yet, has the last of them.
                Ok(None) => inner.clock.sleep(LOOK).await,
                Err(error) if error.trouble() == Trouble::Retry && failures < shared.backoff.retries => {
                    self.wait_and_retry(&error, failures).await?;
                    failures += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            failures = 0;
        }
        Ok(())
    }

    async fn deal_with(&self, slice: &Slice, rows: i64, room: &mut Room) -> Result<(), Stop> {
        let shared = &self.shared;
        let store = &shared.engine.inner.store;
        loop {
            // Whoever must wait leaves the slice to others, and to himself when he comes again.
            if shared.ends() || !shared.gate.is_open() {
                return Ok(store.release_slice(&shared.lease, slice).await?);
            }
            let done = match self.step(slice, rows, room).await? {
                Some(outcome) => {
                    let (done, took) = (outcome.done, outcome.duration_ms);
                    shared.gate.saw(outcome.state);
                    // Nobody listens any more when the worker is dropped, and then this task is, too.
                    drop(self.reports.send(Report::Done { outcome, rows }).await);
                    if !done && shared.gate.rest_after(took) > LONG_REST {
                        store.release_slice(&shared.lease, slice).await?;
                        shared.gate.rest(took).await;
                        return Ok(());
                    }
                    shared.gate.rest(took).await;
                    done
                }
                None => self.leave(slice, rows).await?,
            };
            if done {
                return Ok(());
            }
        }
    }

    /// One chunk, with the cure that each class of trouble allows. `None` when its rows are left to a
    /// walk by key, which can tell the one that makes the trouble from the others.
    async fn step(&self, slice: &Slice, rows: i64, room: &mut Room) -> Result<Option<SliceOutcome>, Stop> {
        let shared = &self.shared;
        let mut attempt = 0;
        loop {
            let error = match self.attempt(slice, rows, *room).await {
                Ok(outcome) => {
                    room.took(outcome.duration_ms);
                    return Ok(Some(outcome));
                }
                Err(error) => error,
            };
            let limit = room.limit();
            if matches!(error, StoreError::TooSlow(_)) && room.widen() {
                drop(self.reports.send(Report::Slow { limit, rows }).await);
                tracing::warn!(run.id = %shared.lease.run_id, %error, slice = slice.no, "a step needs more time");
                self.event("slow", &widened("A step of a slice", limit, room.limit())).await?;
                if shared.ends() {
                    return Ok(None);
                }
                continue;
            }
            if error.trouble() != Trouble::Stop {
                drop(self.reports.send(Report::Failed(error.problem().message)).await);
            }
            match error.trouble() {
                Trouble::Retry if attempt < shared.backoff.retries && !shared.ends() => {
                    self.wait_and_retry(&error, attempt).await?;
                    attempt += 1;
                }
                Trouble::Split => {
                    shared.left_over.store(true, Ordering::Release);
                    tracing::warn!(run.id = %shared.lease.run_id, %error, slice = slice.no, "rows are left to a walk by key");
                    let message =
                        format!("{} These rows are looked at again in the order of the key.", error.problem().message);
                    self.event("left_over", &message).await?;
                    return Ok(None);
                }
                _ => return Err(error.into()),
            }
        }
    }

    async fn attempt(&self, slice: &Slice, rows: i64, room: Room) -> Result<SliceOutcome, StoreError> {
        let shared = &self.shared;
        let inner = &shared.engine.inner;
        let now = inner.clock.now();
        let Job::Correct(options) = &shared.job else {
            return inner.store.undo_slice(&self.undo(slice, rows, room)?).await;
        };
        let request = SliceRequest {
            lease: &shared.lease,
            rule: &shared.rule,
            mode: options.mode,
            scope: &options.scope,
            slice,
            few: rows / 8,
            rows_per_block: shared.rows_per_block,
            lock_timeout: room.lock_timeout(shared.lock_timeout),
            statement_timeout: room.limit(),
            now,
            until: now + HELD,
        };
        inner.store.correct_slice(&request).await
    }

    /// Leaves the rows of a step to a walk by key.
    async fn leave(&self, slice: &Slice, rows: i64) -> Result<bool, Stop> {
        let store = &self.shared.engine.inner.store;
        Ok(match &self.shared.job {
            Job::Correct(_) => store.skip_slice_step(&self.shared.lease, slice).await?,
            Job::Restore(..) => store.set_aside_step(&self.undo(slice, rows, self.shared.room)?).await?,
        })
    }

    fn undo<'a>(&'a self, slice: &'a Slice, rows: i64, room: Room) -> Result<UndoRequest<'a>, StoreError> {
        let shared = &self.shared;
        let Job::Restore(source, options) = &shared.job else {
            return Err(StoreError::Other("a correction undoes nothing".into()));
        };
        let now = shared.engine.inner.clock.now();
        Ok(UndoRequest {
            lease: &shared.lease,
            rule: &shared.rule,
            source,
            scope: &options.scope,
            slice,
            rows,
            lock_timeout: room.lock_timeout(shared.lock_timeout),
            statement_timeout: room.limit(),
            now,
            until: now + HELD,
        })
    }

    async fn wait_and_retry(&self, error: &StoreError, attempt: u32) -> Result<(), Stop> {
        let shared = &self.shared;
        let pause = shared.backoff.delay(attempt, shared.engine.inner.ids.fraction());
        tracing::warn!(run.id = %shared.lease.run_id, %error, "a chunk failed and is tried again");
        self.event("retry", &shared.backoff.announce(error, attempt, pause)).await?;
        shared.gate.nap(pause).await;
        Ok(())
    }

    async fn event(&self, kind: &str, message: &str) -> Result<(), Stop> {
        let inner = &self.shared.engine.inner;
        Ok(inner.store.append_event(&self.shared.lease.run_id, inner.clock.now(), kind, message).await?)
    }
}
