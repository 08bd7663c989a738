//! Chunk after chunk, until nothing is left that the run may change.

use std::time::Duration;

use amend_domain::{
    BatchSize, ConflictPolicy, ErrorCode, Phase, Problem, RunState, Strategy,
    number::{grouped, rows},
};

use super::{
    Job, Stop, Worker, backoff::Backoff, conflict, gate::Pass, pace::Pace, progress::Progress, room::Room,
    search::Search,
};
use crate::{
    analysis::counts_of,
    store::{ChunkLimits, ChunkOutcome, Entries, RunPatch},
};

/// How the walks ended.
pub(super) enum End {
    /// A look at the whole table found nothing left.
    Done,
    /// The limit of rows was reached.
    Limit,
    Paused,
    Cancelled,
}

/// How one walk ended.
pub(super) enum Walked {
    Through { changed: i64 },
    Limit,
    Paused,
    Cancelled,
}

/// The pause after a sweep that changed nothing, at most; doubles with each.
const BETWEEN_SWEEPS: Duration = Duration::from_millis(500);
const MOST_BETWEEN_SWEEPS: Duration = Duration::from_secs(15);

/// What a dry run counts by itself, because nothing it does is committed.
#[derive(Default)]
struct Rehearsed {
    changed: i64,
    scanned: i64,
    failed: i64,
    conflicts: i64,
    deleted: i64,
}

impl Worker {
    /// Walks, looks, and sweeps again while the look finds rows that the run may still change. Sweeps that
    /// leave no fewer rows than the one before are counted, with a longer pause before each: somebody
    /// holds those rows, or writes them faster than they are swept.
    pub(super) async fn correct_until_nothing_is_left(&mut self) -> Result<End, Stop> {
        let most = self.engine.inner.config.max_walks.max(1);
        let mut least = i64::MAX;
        let mut fruitless = 0;
        for walk in 1.. {
            let changed = match self.walk_once(walk).await? {
                Walked::Limit => return Ok(End::Limit),
                Walked::Paused => return Ok(End::Paused),
                Walked::Cancelled => return Ok(End::Cancelled),
                Walked::Through { changed } => changed,
            };
            if self.job.dry_run() {
                return Ok(End::Done);
            }
            let left = self.look().await?;
            if left == 0 {
                return Ok(End::Done);
            }
            let message = format!("Walk {walk} changed {}; {} left and looked at again.", rows(changed), grouped(left));
            self.event("sweep", &message).await?;
            let patch = RunPatch { cursor: Some(None), phase: Some(Phase::Sweeping), ..RunPatch::default() };
            self.update(None, patch).await?;
            fruitless = if left < least { 0 } else { fruitless + 1 };
            least = least.min(left);
            if fruitless >= most {
                return Err(Stop::Failed(never_done(left, changed, most)));
            }
            if changed == 0 {
                self.wait_for_rows(fruitless).await;
            }
        }
        // The loop above has no end of its own.
        Err(Stop::Failed(super::internal("The walks came to an end without a verdict.")))
    }

    /// Rows that others hold come free sooner or later.
    async fn wait_for_rows(&self, fruitless: u32) {
        let inner = &self.engine.inner;
        let backoff = Backoff { retries: 0, initial: BETWEEN_SWEEPS, max: MOST_BETWEEN_SWEEPS };
        self.nap(backoff.delay(fruitless, inner.ids.fraction())).await;
    }

    /// The first walk goes as chosen. Later ones find few rows, for which stripes are not worth their
    /// passes; rows that made trouble in company are taken one by one, which goes by key. So do those of
    /// a rollback that are not where they were left.
    async fn walk_once(&mut self, walk: u32) -> Result<Walked, Stop> {
        let stripes = self.run.view.walk.as_ref().map_or(1, |w| w.stripes);
        match &self.job {
            Job::Correct(_) if self.by_blocks() && !self.left_over => {
                self.walk_in_slices(walk, if walk == 1 { stripes } else { 1 }).await
            }
            Job::Restore(..) if self.by_blocks() && walk == 1 => {
                let walked = self.walk_in_slices(walk, 1).await?;
                let Walked::Through { changed } = walked else { return Ok(walked) };
                if self.engine.inner.store.set_aside_rows(&self.lease.run_id).await? == 0 {
                    return Ok(walked);
                }
                Ok(match self.walk_by_key(Entries::SetAside).await? {
                    Walked::Through { changed: more } => Walked::Through { changed: changed + more },
                    other => other,
                })
            }
            job if job.is_from_snapshot() => self.walk_by_key(Entries::SetAside).await,
            _ => self.walk_by_key(Entries::Whole).await,
        }
    }

    fn by_blocks(&self) -> bool {
        self.run.view.walk.as_ref().is_some_and(|w| w.strategy != Strategy::Key)
    }

    /// The closing look: what the run may still change, by the same definition as the preview.
    async fn look(&mut self) -> Result<i64, Stop> {
        let store = self.engine.inner.store.clone();
        let refused = self.refused().await?;
        let (left, after) = match &self.job {
            Job::Correct(options) => {
                let summary = store.summarise(&self.rule, &options.scope).await?;
                let counts = counts_of(&summary);
                self.seen = Some(summary);
                (options.mode.correctable(&counts), Some(counts))
            }
            Job::Restore(source, options) => {
                let counts = self.left_to_undo(source, options).await?;
                let forced = if options.on_conflict == ConflictPolicy::Force { counts.changed_since } else { 0 };
                self.undone = Some(counts);
                (counts.restorable + forced, None)
            }
        };
        // A walk by blocks does not see what it passes over: that is what is left.
        let passes_over = self.by_blocks() && matches!(self.job, Job::Correct(_));
        let skipped = passes_over.then_some(self.run.view.skipped + left);
        let duration_ms = Some(self.spent());
        let patch = RunPatch { remaining: Some(left), after, skipped, duration_ms, ..RunPatch::default() };
        self.update(None, patch).await?;
        // Another walk would pass over these again.
        Ok((left - refused).max(0))
    }

    /// Rows that the table refused in this run and that are still as they were.
    pub(super) async fn refused(&self) -> Result<i64, Stop> {
        match &self.job {
            Job::Correct(options) if self.run.view.failed > 0 && !options.dry_run => {
                let (store, id) = (&self.engine.inner.store, &self.lease.run_id);
                Ok(store.standing_failures(&self.rule, id, options.mode, &options.scope).await?)
            }
            Job::Restore(_, options) if self.run.view.failed > 0 && !options.dry_run => {
                Ok(self.engine.inner.store.standing_refusals(&self.rule, &self.lease.run_id).await?)
            }
            _ => Ok(0),
        }
    }

    async fn walk_by_key(&mut self, entries: Entries) -> Result<Walked, Stop> {
        let fixed = match self.job.batch_size() {
            BatchSize::Fixed(n) => Some(i64::from(n)),
            BatchSize::Auto => None,
        };
        let mut pace = Pace::new(self.run.view.batch_size, self.engine.inner.config.target_chunk);
        let mut rehearsed = Rehearsed::default();
        let dry = self.job.dry_run();
        let mut cursor = if dry { None } else { self.run.cursor.clone() };
        // A run resumed after a dead worker has counted these rows already.
        let mut progress = Progress::new(if dry { 0 } else { self.run.view.changed });
        let mut search = Search::new(self.room());
        loop {
            match self.pass().await? {
                Pass::Go => {}
                Pass::Pause => return Ok(Walked::Paused),
                Pass::Cancel => return Ok(Walked::Cancelled),
            }
            // A chunk whose commit was not answered counts all the same: the run itself knows.
            let changed = if dry { progress.all() } else { progress.all().max(self.run.view.changed) };
            let Some(limits) = self.limits(fixed.unwrap_or_else(|| pace.size()), changed) else {
                return Ok(Walked::Limit);
            };
            let narrowed = search.is_on();
            let Some(outcome) = self.step_with_retries((entries, cursor.as_deref()), limits, &mut search).await? else {
                // The gate knows whether to pause or to cancel.
                continue;
            };
            self.refuse_conflict(&outcome, progress.all())?;
            self.refuse_touched(outcome.touched)?;
            let now = self.engine.inner.clock.now();
            progress.add(now, outcome.changed);
            rehearsed.changed += outcome.changed;
            rehearsed.scanned += outcome.scanned;
            rehearsed.failed += outcome.failed;
            rehearsed.conflicts += outcome.conflicts;
            rehearsed.deleted += outcome.deleted;
            cursor.clone_from(&outcome.cursor);
            // A chunk that was made smaller says nothing about the usual size.
            let telling = fixed.is_none() && !narrowed && !search.is_on() && outcome.failed == 0;
            let change = match search.take_slow().filter(|_| fixed.is_none()) {
                Some(limit) => pace.ran_out(limit),
                None if telling => pace.observe(outcome.duration_ms),
                None => None,
            };
            if let Some(change) = change {
                progress.resized(change.size);
                let message = format!("Chunks of {} from here: {}.", rows(change.size), change.reason);
                self.event("batch_size", &message).await?;
            }
            if progress.is_due(now) || outcome.done {
                let mut patch = progress.patch(self.spent());
                if dry {
                    patch.changed = Some(rehearsed.changed);
                    patch.scanned = Some(rehearsed.scanned);
                    patch.failed = Some(rehearsed.failed);
                    patch.conflicts = Some(rehearsed.conflicts);
                    patch.deleted = Some(rehearsed.deleted);
                }
                self.update(None, patch).await?;
            }
            if outcome.state == RunState::Cancelling {
                return Ok(Walked::Cancelled);
            }
            if outcome.done {
                return Ok(Walked::Through { changed: progress.changed() });
            }
            self.refuse_overtime()?;
            self.rest(&outcome).await;
        }
    }

    /// `None` when the limit of rows is reached.
    fn limits(&self, rows: i64, changed: i64) -> Option<ChunkLimits> {
        let left = match &self.job {
            Job::Correct(options) => options.max_records.map_or(i64::MAX, |max| max - changed),
            Job::Restore(..) => i64::MAX,
        };
        if left <= 0 {
            return None;
        }
        let config = &self.engine.inner.config;
        Some(ChunkLimits {
            rows: rows.min(left),
            scan: rows.saturating_mul(config.scan_factor.max(1)),
            lock_timeout: config.lock_timeout,
            statement_timeout: self.room().limit(),
        })
    }

    /// How long a chunk of this run may last.
    pub(super) fn room(&self) -> Room {
        Room::of(self.engine.inner.config.target_chunk)
    }

    fn refuse_conflict(&self, outcome: &ChunkOutcome, restored: i64) -> Result<(), Stop> {
        match &self.job {
            Job::Restore(_, o) if o.on_conflict == ConflictPolicy::Stop && outcome.conflicts > 0 => {
                Err(Stop::Failed(conflict(outcome.conflicts, restored)))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn refuse_overtime(&self) -> Result<(), Stop> {
        let now = self.engine.inner.clock.now();
        let limit = self.job.timeout();
        match self.run.view.started_at {
            Some(begun) if now - begun - self.idle() > limit => Err(Stop::Failed(
                Problem::new(
                    ErrorCode::Timeout,
                    format!(
                        "The run reached its time limit of {} s and stopped between two chunks.",
                        limit.num_seconds()
                    ),
                )
                .advice("What was changed stays and can be rolled back. Run again to go on."),
            )),
            _ => Ok(()),
        }
    }
}

/// Why a run gives its sweeping up.
fn never_done(left: i64, changed: i64, sweeps: u32) -> Problem {
    if changed > 0 {
        return Problem::new(
            ErrorCode::Locked,
            format!(
                "The table is written faster than it can be swept: {} left, and {sweeps} sweeps made them no \
                 fewer.",
                rows(left)
            ),
        )
        .advice("What was changed stays and can be rolled back. Stop what writes the wrong values, then run again.");
    }
    Problem::new(
        ErrorCode::Locked,
        format!(
            "{} could not be changed in {sweeps} sweeps: others keep them locked, or a trigger keeps them.",
            rows(left)
        ),
    )
    .advice("What was changed stays and can be rolled back. Find who holds the rows, then run again.")
}
