//! One schedule: a run and its rollback, with all that happens to them.

use std::{sync::Arc, time::Duration};

use amend_domain::{
    BatchSize, ErrorCode, Mode, Problem, RollbackOptions, RunId, RunKind, RunOptions, RunState, RunView,
};
use amend_engine::{
    Engine, EngineConfig, EngineParts,
    store::{Store, StoreKind},
};
use anyhow::{Context as _, ensure};

use super::{
    Job,
    acts::{self, Writer},
    audit::{self, Change},
    dice::Dice,
    hand,
    life::{Hasty, Life},
    tally::Tally,
};
use crate::{
    Fixture,
    bench::{Tick, rule},
    driver::view,
    engine_driver::operator,
};

/// Await points among which things happen: about as many as a run of this size has in all, so that most
/// that is planned happens.
const WAITS: usize = 110;
/// Lives of workers after which a run must be over.
const LIVES: usize = 40;
/// Longer than a worker stands still here, by the hasty clock.
const LEASE: Duration = Duration::from_secs(60);

/// What happens to a run.
enum Act {
    Write(String),
    /// The same in a transaction that stays open for a while, and is then undone or not.
    Hold {
        sql: String,
        time: Duration,
        kept: bool,
    },
    Pause,
    Cancel,
    /// Another server takes the run over while this worker stands still.
    Oust,
    /// Another server works along.
    Join,
    /// After a while in which what the worker has begun elsewhere goes on.
    Die(Duration),
}

pub(super) struct Schedule<'a> {
    f: &'a Fixture,
    stores: &'a [Arc<dyn Store>; 2],
    clock: &'a Arc<Hasty>,
    dice: Dice,
    tally: &'a mut Tally,
    /// Workers so far.
    workers: usize,
    by_blocks: bool,
    story: Vec<String>,
}

impl<'a> Schedule<'a> {
    pub(super) fn new(
        f: &'a Fixture,
        stores: &'a [Arc<dyn Store>; 2],
        clock: &'a Arc<Hasty>,
        dice: Dice,
        tally: &'a mut Tally,
    ) -> Self {
        Self { f, stores, clock, dice, tally, workers: 0, by_blocks: false, story: Vec::new() }
    }

    /// What has happened, for whoever has to find out why.
    pub(super) fn story(&self) -> &[String] {
        &self.story
    }

    /// # Errors
    /// Whatever does not hold.
    pub(super) async fn play(&mut self) -> anyhow::Result<()> {
        let ticks = acts::table(&mut self.dice);
        audit::refill(self.f, &ticks).await?;
        let mut writer = Writer::of(&ticks);
        self.by_blocks = self.f.kind() == StoreKind::Postgres && self.dice.once_in(2);
        let options = self.options();
        self.story.push(format!("{} rows, {options:?}", ticks.len()));
        let queued = self.engine().queue_run(&operator(), &rule().slug, options.clone(), None).await?;
        let job = Job::Correct(options);
        let done = self.lead(&queued.run_id, &job, &mut writer).await?;
        let changes = audit::since(self.f, 0).await?;
        self.check_correction(&done, &job, &changes).await?;
        if done.changed > 0 {
            let seen = changes.last().map_or(0, |c| c.seq);
            self.undo(&done.run_id, seen, &mut writer).await?;
        }
        self.is_as_others_left_it(&ticks).await
    }

    fn options(&mut self) -> RunOptions {
        let dice = &mut self.dice;
        let mode = if dice.once_in(2) { Mode::Fill } else { Mode::Overwrite };
        if self.by_blocks {
            return RunOptions { mode, ..RunOptions::default() };
        }
        let batch_size = BatchSize::Fixed(u32::try_from(dice.between(5, 20)).unwrap_or(5));
        let max_records = dice.once_in(6).then(|| dice.between(1, 60));
        RunOptions { mode, batch_size, max_records, ..RunOptions::default() }
    }

    /// A server of its own: another one with each call.
    fn engine(&mut self) -> Engine {
        self.workers += 1;
        let blocks_from = if self.by_blocks { 0 } else { i64::MAX };
        let workers = u32::try_from(self.dice.between(1, 3)).unwrap_or(1);
        let owner = format!("server-{}-{}", self.tally.schedules, self.workers);
        let config = EngineConfig { owner, lease: LEASE, blocks_from, workers, ..EngineConfig::default() };
        let clock: Arc<Hasty> = Arc::clone(self.clock);
        Engine::new(EngineParts { config, clock, ..EngineParts::system(Arc::clone(&self.stores[self.workers % 2])) })
    }

    /// Everything is undone, by as many rollbacks as that takes.
    async fn undo(&mut self, source: &RunId, mut seen: i64, writer: &mut Writer) -> anyhow::Result<()> {
        let undone = audit::journal(self.f, source).await?;
        for _ in 0..LIVES {
            let sized = !self.by_blocks || self.dice.once_in(3);
            let fixed = BatchSize::Fixed(u32::try_from(self.dice.between(5, 20)).unwrap_or(5));
            let batch_size = if sized { fixed } else { BatchSize::Auto };
            let options = RollbackOptions { batch_size, ..RollbackOptions::default() };
            self.story.push(format!("rollback {options:?}"));
            let queued = match self.engine().queue_rollback(&operator(), source, options.clone()).await {
                // By one that was cancelled after its last row, or by others.
                Err(problem) if problem.code == ErrorCode::AlreadyRolledBack => return Ok(()),
                queued => queued?,
            };
            let done = self.lead(&queued.run_id, &Job::Undo(source.clone(), options), writer).await?;
            let changes = audit::since(self.f, seen).await?;
            seen = changes.last().map_or(seen, |c| c.seq);
            let journal = audit::journal(self.f, &done.run_id).await?;
            audit::check_rollback(&changes, &undone, &journal)?;
            self.books_agree(&done, journal.len()).await?;
            self.tally.add("restored", done.changed);
            self.tally.add("conflicts", done.conflicts);
            self.tally.add("deleted", done.deleted);
            if done.state != RunState::Cancelled {
                return ended_well(&done, &changes);
            }
        }
        anyhow::bail!("every rollback was cancelled")
    }

    /// Drives a run to its end, through lives and deaths.
    async fn lead(&mut self, id: &RunId, job: &Job, writer: &mut Writer) -> anyhow::Result<RunView> {
        let mut deaths = self.dice.roll(4);
        let mut asks = self.dice.roll(3);
        for _ in 0..LIVES {
            let now = view(self.f, id).await?;
            if now.state.is_over() {
                return Ok(now);
            }
            if now.state == RunState::Paused {
                self.story.push("resumed".into());
                self.engine().queue_resume(&operator(), id).await?;
            }
            let mut acts = self.acts(writer, &mut asks, job);
            if deaths > 0 {
                deaths -= 1;
                let after = Duration::from_micros(self.dice.roll(1_500));
                acts.push((self.dice.wait(WAITS), Act::Die(after)));
            }
            acts.sort_by_key(|(at, _)| *at);
            self.live(id, job, acts).await?;
            self.clock.jump();
            if self.by_blocks && self.dice.once_in(3) {
                let store = Arc::clone(&self.stores[self.workers % 2]);
                if hand::a_step_dies(self.f, store.as_ref(), self.clock, (id, job), &mut self.dice).await? {
                    self.story.push("a step of a slice died".into());
                    self.tally.add("died in a step of a slice", 1);
                    self.clock.jump();
                }
            }
        }
        anyhow::bail!("run {id} is not over after {LIVES} workers: {:#?}", view(self.f, id).await?)
    }

    /// What happens in one life of a worker, and at which of its await points.
    fn acts(&mut self, writer: &mut Writer, asks: &mut u64, job: &Job) -> Vec<(usize, Act)> {
        let mut acts = Vec::new();
        for _ in 0..self.dice.roll(7) {
            let sql = writer.statement(&mut self.dice);
            let act = if self.f.kind() == StoreKind::Postgres && self.dice.once_in(6) {
                let time = Duration::from_micros(self.dice.roll(8_000));
                Act::Hold { sql, time, kept: !self.dice.once_in(3) }
            } else {
                Act::Write(sql)
            };
            acts.push((self.dice.wait(WAITS), act));
            self.tally.add(
                match job {
                    Job::Correct(_) => "written beside a correction",
                    Job::Undo(..) => "written beside a rollback",
                },
                1,
            );
        }
        if *asks > 0 && self.dice.once_in(2) {
            *asks -= 1;
            let act = if self.dice.once_in(3) { Act::Cancel } else { Act::Pause };
            acts.push((self.dice.wait(WAITS), act));
        }
        if self.dice.once_in(6) {
            acts.push((self.dice.wait(WAITS), Act::Oust));
        }
        if self.by_blocks && self.dice.once_in(4) {
            acts.push((self.dice.wait(WAITS), Act::Join));
        }
        acts
    }

    async fn live(&mut self, id: &RunId, job: &Job, acts: Vec<(usize, Act)>) -> anyhow::Result<()> {
        let (f, engine) = (self.f, self.engine());
        let others = [self.engine(), self.engine(), self.engine()];
        let mut life = Life::of(engine.work(id));
        for (at, act) in acts {
            if life.go_on_to(at).await? {
                break;
            }
            match act {
                Act::Write(sql) => {
                    self.story.push(format!("at {at}: {sql}"));
                    life.beside(async move { audit::write(f, &sql).await }).await?;
                }
                Act::Hold { sql, time, kept } => {
                    self.story.push(format!("at {at}, {time:?} long, kept {kept}: {sql}"));
                    life.beside(async move {
                        let held = f.hold(&[&sql]).await?;
                        tokio::time::sleep(time).await;
                        if kept { held.commit().await } else { held.roll_back().await }
                    })
                    .await?;
                }
                Act::Pause => {
                    self.story.push(format!("at {at}: pause"));
                    self.tally.add("paused", 1);
                    life.beside(async { asked(others[0].pause(&operator(), id).await) }).await?;
                }
                Act::Cancel => {
                    self.story.push(format!("at {at}: cancel"));
                    self.tally.add("cancelled", 1);
                    life.beside(async { asked(others[0].cancel(&operator(), id).await) }).await?;
                }
                Act::Oust => {
                    self.story.push(format!("at {at}: taken over by another"));
                    self.tally.add("taken over while it stood still", 1);
                    self.clock.jump();
                    life.beside(async { Ok(others[1].work(id).await?) }).await?;
                }
                Act::Join => {
                    self.story.push(format!("at {at}: another works along"));
                    self.tally.add("worked along", 1);
                    life.beside(async { Ok(others[2].work_along(id).await?) }).await?;
                }
                Act::Die(after) => {
                    tokio::time::sleep(after).await;
                    life.die();
                    self.story.push(format!("at {at}: died"));
                    self.tally.add(
                        match job {
                            Job::Correct(_) => "died in a correction",
                            Job::Undo(..) => "died in a rollback",
                        },
                        1,
                    );
                }
            }
        }
        life.go_on_to(usize::MAX).await?;
        self.tally.add("await points", i64::try_from(life.waits())?);
        life.all_beside().await
    }

    async fn check_correction(&mut self, done: &RunView, job: &Job, changes: &[Change]) -> anyhow::Result<()> {
        let Job::Correct(options) = job else { return Ok(()) };
        let journal = audit::journal(self.f, &done.run_id).await?;
        audit::check_correction(changes, options.mode, &journal)?;
        self.books_agree(done, journal.len()).await?;
        if let Some(most) = options.max_records {
            ensure!(done.changed <= most, "changed {} of at most {most} rows", done.changed);
            self.tally.add("limits reached", i64::from(done.changed == most));
        }
        self.tally.add("changed", done.changed);
        self.tally.add("skipped", done.skipped);
        self.tally.add("took over", done.takeovers);
        ended_well(done, changes)
    }

    /// Counters, chunk log and journal say the same number.
    async fn books_agree(&self, done: &RunView, journalled: usize) -> anyhow::Result<()> {
        let chunks = self.f.store().chunks(&done.run_id, 100_000).await?;
        let logged: i64 = chunks.iter().map(|c| c.changed).sum();
        let journalled = i64::try_from(journalled)?;
        ensure!(
            (done.changed, logged) == (journalled, journalled),
            "{} counted, {logged} in the chunk log, {journalled} journalled",
            done.changed
        );
        let counted = i64::try_from(chunks.len())?;
        ensure!(counted == done.chunks, "{counted} chunks logged, {} counted", done.chunks);
        Ok(())
    }

    async fn is_as_others_left_it(&self, ticks: &[Tick]) -> anyhow::Result<()> {
        let expected = audit::left_by_others(ticks, &audit::since(self.f, 0).await?);
        let now = super::super::engine_chaos::values(self.f).await?;
        let different: Vec<_> =
            expected.iter().filter(|(id, class)| now.get(id) != Some(class)).map(|(id, _)| id).collect();
        let keys: Vec<_> = now.keys().filter(|id| !expected.contains_key(id)).collect();
        if different.is_empty() && keys.is_empty() {
            return Ok(());
        }
        let changes = audit::since(self.f, 0).await?;
        let about = |c: &&Change| {
            let ids = [c.was.as_ref(), c.is.as_ref()].map(|i| i.map_or(0, |i| i.id));
            different.iter().any(|id| ids.contains(id))
        };
        let history: Vec<_> = changes.iter().filter(about).collect();
        anyhow::bail!("rows {different:?} are not as others left them, {keys:?} should not be there: {history:#?}")
    }
}

/// A wish that comes too late is refused, which is as good.
fn asked(answer: Result<RunView, Problem>) -> anyhow::Result<()> {
    match answer {
        Err(problem) if problem.code != ErrorCode::WrongState => Err(problem.into()),
        _ => Ok(()),
    }
}

/// Succeeded and proven, or cancelled; failed only where others wrote something wrong after the last walk,
/// which the proof finds.
fn ended_well(done: &RunView, changes: &[Change]) -> anyhow::Result<()> {
    match (done.state, &done.error) {
        (RunState::Cancelled, _) => Ok(()),
        (RunState::Succeeded, _) => {
            let proof = done.validation.as_ref().context("a run that succeeded has its proof")?;
            ensure!(proof.passed, "{proof:?}");
            Ok(())
        }
        (RunState::Failed, Some(error))
            if error.code == ErrorCode::ValidationFailed
                && done.kind == RunKind::Correction
                && audit::meddled(changes) =>
        {
            Ok(())
        }
        _ => anyhow::bail!("{done:#?}"),
    }
}
