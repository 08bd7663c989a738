//! Invariants over random tables with every kind of finding, driven chunk by chunk in random sizes.
//!
//! One database serves all tables of a test: they are dropped and made anew each time. A failing
//! table is shrunk to the smallest that still fails.

mod tables;

use std::{collections::BTreeSet, future::Future};

use amend_domain::{Mode, RollbackScope, RunState, Scope, ValuePair};
use amend_engine::store::{RunFilter, StoreKind};
use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use crate::{
    Fixture,
    bench::{TICKS, untouched_picture},
    driver::{Job, Step, Undo, journal, journalled, limits, only, run_correction, run_rollback, view},
    model::{Seen, World, agree},
};

use tables::{Sizes, Table, sizes, table};

/// How many tables a property is tried on: a table costs PostgreSQL more than SQLite.
const fn cases(kind: StoreKind) -> u32 {
    match kind {
        StoreKind::Sqlite => 48,
        StoreKind::Postgres => 24,
    }
}

/// Holds `check` against random inputs. The seed is fixed, so that a failure comes again; set
/// `PROPTEST_RNG_SEED` for others.
async fn hold<S, C, R>(f: &Fixture, strategy: S, check: C) -> anyhow::Result<()>
where
    S: Strategy,
    S::Value: std::fmt::Debug,
    C: Fn(S::Value) -> R,
    R: Future<Output = anyhow::Result<()>>,
{
    let config =
        Config { cases: cases(f.kind()), failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let seed: u64 = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_260_105);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let handle = tokio::runtime::Handle::current();
    let held = tokio::task::block_in_place(|| {
        runner.run(&strategy, |input| {
            handle
                .block_on(async {
                    end_active_runs(f).await?;
                    check(input).await
                })
                .map_err(|error| TestCaseError::fail(format!("{error:?}")))
        })
    });
    match held {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, input)) => anyhow::bail!("{why}\nsmallest input that fails (seed {seed}): {input:#?}"),
        Err(TestError::Abort(why)) => anyhow::bail!("gave up: {why}"),
    }
}

/// A table that failed leaves its run active; the next one needs the rule's place.
async fn end_active_runs(f: &Fixture) -> anyhow::Result<()> {
    let active = RunFilter { states: RunState::ACTIVE.to_vec(), limit: 100, ..RunFilter::default() };
    for run in f.store().runs(&active).await? {
        f.store().request_state(&run.run_id, &RunState::ACTIVE, RunState::Failed, None).await?;
    }
    Ok(())
}

fn there<'a>(mode: Mode, sizes: &Sizes) -> Step<'a> {
    Step { mode, limits: limits(sizes.rows, sizes.rows + sizes.more), ..Step::default() }
}

fn back<'a>(sizes: &Sizes) -> Undo<'a> {
    Undo { limits: limits(sizes.back, sizes.back), ..Undo::default() }
}

fn modes() -> impl Strategy<Value = Mode> {
    proptest::prop_oneof![proptest::strategy::Just(Mode::Fill), proptest::strategy::Just(Mode::Overwrite)]
}

pub async fn a_run_and_its_rollback_are_the_identity(f: &Fixture) -> anyhow::Result<()> {
    hold(f, (table(), modes(), sizes()), |(table, mode, sizes)| async move {
        let rule = table.make(f).await?;
        let picture = f.picture(TICKS).await?;
        let (job, there) = run_correction(f, &rule, &there(mode, &sizes)).await?;
        let (undone, back) = run_rollback(f, &rule, &job.id, &back(&sizes)).await?;
        anyhow::ensure!(f.picture(TICKS).await? == picture, "the table is another one");
        anyhow::ensure!(there.changed == back.changed, "{there:?} and {back:?}");
        anyhow::ensure!((back.conflicts, back.deleted, back.original) == (0, 0, 0), "{back:?}");
        anyhow::ensure!(journalled(f, &undone.id).await? == back.changed, "the rollback is journalled");
        Ok(())
    })
    .await
}

pub async fn a_second_run_changes_nothing(f: &Fixture) -> anyhow::Result<()> {
    hold(f, (table(), modes(), sizes(), sizes()), |(table, mode, first, second)| async move {
        let rule = table.make(f).await?;
        run_correction(f, &rule, &there(mode, &first)).await?;
        let picture = f.picture(TICKS).await?;
        let (job, totals) = run_correction(f, &rule, &there(mode, &second)).await?;
        anyhow::ensure!(totals.changed == 0 && journal(f, &job.id).await?.is_empty(), "{totals:?}");
        anyhow::ensure!(f.picture(TICKS).await? == picture, "the table is another one");
        Ok(())
    })
    .await
}

pub async fn rows_changed_are_rows_journalled_and_the_drop_in_findings(f: &Fixture) -> anyhow::Result<()> {
    hold(f, (table(), modes(), sizes()), |(table, mode, sizes)| async move {
        let rule = table.make(f).await?;
        let all = Scope::default();
        let before = World::read(f, &rule).await?.correctable(mode, &all);
        let (job, totals) = run_correction(f, &rule, &there(mode, &sizes)).await?;
        let after = World::read(f, &rule).await?.correctable(mode, &all);
        let pairs = journal(f, &job.id).await?;
        let journalled: i64 = pairs.iter().map(|p| p.rows).sum();
        let counted = view(f, &job.id).await?.changed;
        let logged: i64 = f.store().chunks(&job.id, 100_000).await?.iter().map(|c| c.changed).sum();
        let numbers = [totals.changed, journalled, counted, logged, before - after];
        anyhow::ensure!(numbers.iter().all(|n| *n == totals.changed), "{numbers:?}");
        anyhow::ensure!(after == 0, "{after} rows are left");
        anyhow::ensure!(pairs.iter().all(|p| p.old != p.new), "{pairs:?}");
        Ok(())
    })
    .await
}

pub async fn untouched_columns_and_rows_that_need_a_person_stay_as_they_are(f: &Fixture) -> anyhow::Result<()> {
    hold(f, (table(), modes(), sizes()), |(table, mode, sizes)| async move {
        let rule = table.make(f).await?;
        let (before, untouched) = (World::read(f, &rule).await?, untouched_picture(f).await?);
        let (job, _) = run_correction(f, &rule, &there(mode, &sizes)).await?;
        let after = World::read(f, &rule).await?;
        anyhow::ensure!(untouched_picture(f).await? == untouched, "another column was touched");
        anyhow::ensure!(f.store().touched_chunks(&job.id).await? == 0, "a digest differs");
        for (was, is) in before.rows.iter().zip(&after.rows) {
            let expected = if mode.corrects(was.finding) { &was.proposed } else { &was.current };
            anyhow::ensure!(is.current == *expected, "{was:?} became {is:?}");
        }
        Ok(())
    })
    .await
}

pub async fn the_summary_and_the_pages_equal_a_naive_model(f: &Fixture) -> anyhow::Result<()> {
    hold(f, table(), |table| async move {
        let rule = table.make(f).await?;
        agree(f, &rule).await?;
        Ok(())
    })
    .await
}

pub async fn a_scoped_run_and_its_rollback_leave_all_other_rows_alone(f: &Fixture) -> anyhow::Result<()> {
    hold(f, (table(), modes(), sizes(), 0_usize..12), |(table, mode, sizes, at)| async move {
        let rule = table.make(f).await?;
        let symbols: Vec<&str> = tables::SYMBOLS.iter().copied().skip(at).step_by(5).collect();
        let scope = only(&symbols);
        let (before, picture) = (World::read(f, &rule).await?, f.picture(TICKS).await?);
        let (job, totals) = run_correction(f, &rule, &Step { scope: scope.clone(), ..there(mode, &sizes) }).await?;
        anyhow::ensure!(totals.changed == before.correctable(mode, &scope), "{totals:?} in {scope:?}");
        for (was, is) in before.rows.iter().zip(&World::read(f, &rule).await?.rows) {
            anyhow::ensure!(was == is || was.in_scope(&scope), "{was:?} became {is:?}");
        }
        run_rollback(f, &rule, &job.id, &back(&sizes)).await?;
        anyhow::ensure!(f.picture(TICKS).await? == picture, "the table is another one");
        Ok(())
    })
    .await
}

/// Whoever meddles between a run and its rollback: counts, rollback and table agree, and no value
/// of theirs is lost.
pub async fn a_rollback_after_meddling_keeps_what_others_wrote(f: &Fixture) -> anyhow::Result<()> {
    hold(f, (table(), sizes(), tables::meddling()), |(table, sizes, meddling)| async move {
        let rule = table.make(f).await?;
        let before = World::read(f, &rule).await?;
        let (job, _) = run_correction(f, &rule, &there(Mode::Overwrite, &sizes)).await?;
        meddling.apply(f).await?;
        let between = World::read(f, &rule).await?;
        let counts = f.store().rollback_counts(&rule, &job.id, &RollbackScope::default()).await?;
        let (_, totals) = run_rollback(f, &rule, &job.id, &back(&sizes)).await?;
        let told = (totals.changed, totals.original, totals.conflicts, totals.deleted);
        let counted = (counts.restorable, counts.original, counts.changed_since, counts.deleted);
        anyhow::ensure!(told == counted, "counted {counted:?}, rolled back {told:?}");
        let after = World::read(f, &rule).await?;
        for (was, is) in between.rows.iter().zip(&after.rows) {
            let first = before.rows.iter().find(|r| r.key == was.key);
            let Some(first) = first else { continue };
            let ours = Mode::Overwrite.corrects(first.finding) && was.current == first.proposed;
            let expected = if ours { &first.current } else { &was.current };
            anyhow::ensure!(is.current == *expected, "{first:?}, {was:?}, {is:?}");
        }
        Ok(())
    })
    .await
}

/// How a run's rows are divided among rollbacks.
#[derive(Debug, Clone, Copy)]
enum Division {
    Symbols,
    OldValues,
    NewValues,
    Pairs,
    Chunks,
    Rows,
}

const DIVISIONS: [Division; 6] =
    [Division::Symbols, Division::OldValues, Division::NewValues, Division::Pairs, Division::Chunks, Division::Rows];

fn dealt<T: Clone>(items: &[T], part: usize, parts: usize) -> Option<Vec<T>> {
    Some(items.iter().skip(part).step_by(parts).cloned().collect()).filter(|list: &Vec<T>| !list.is_empty())
}

impl Division {
    /// Scopes without a common row that hold every row of the run; empty ones are left out.
    async fn scopes(
        self,
        f: &Fixture,
        job: &Job,
        changed: &[Seen],
        parts: usize,
    ) -> anyhow::Result<Vec<RollbackScope>> {
        let mut pairs: Vec<ValuePair> =
            journal(f, &job.id).await?.into_iter().map(|p| ValuePair { old: p.old, new: p.new }).collect();
        pairs.sort_unstable();
        let values = |get: fn(&ValuePair) -> &Option<String>| -> Vec<Option<String>> {
            pairs.iter().map(get).cloned().collect::<BTreeSet<_>>().into_iter().collect()
        };
        let (old, new) = (values(|p| &p.old), values(|p| &p.new));
        let chunks: Vec<i64> = f.store().chunks(&job.id, 100_000).await?.iter().map(|c| c.no).collect();
        let rows: Vec<String> = changed.iter().map(|r| crate::model::key_text(&r.key)).collect();
        let symbols: BTreeSet<String> = changed.iter().filter_map(|r| r.symbol.clone()).collect();
        let symbols: Vec<String> = symbols.into_iter().collect();
        let none = RollbackScope::default;
        Ok((0..parts)
            .map(|part| match self {
                Self::Symbols => RollbackScope { symbols: dealt(&symbols, part, parts), ..none() },
                Self::OldValues => RollbackScope { old_values: dealt(&old, part, parts), ..none() },
                Self::NewValues => RollbackScope { new_values: dealt(&new, part, parts), ..none() },
                Self::Pairs => RollbackScope { pairs: dealt(&pairs, part, parts), ..none() },
                Self::Chunks => RollbackScope { chunks: dealt(&chunks, part, parts), ..none() },
                Self::Rows => RollbackScope { rows: dealt(&rows, part, parts), ..none() },
            })
            .filter(|scope| !scope.is_whole())
            .collect())
    }
}

pub async fn rollbacks_of_all_disjoint_scopes_are_the_rollback_of_the_whole(f: &Fixture) -> anyhow::Result<()> {
    let division = proptest::sample::select(&DIVISIONS[..]);
    hold(f, (table(), sizes(), division, 1_usize..5), |(table, sizes, division, parts)| async move {
        let rule = table.make(f).await?;
        let (world, picture) = (World::read(f, &rule).await?, f.picture(TICKS).await?);
        let (job, there) = run_correction(f, &rule, &there(Mode::Overwrite, &sizes)).await?;
        let changed: Vec<Seen> = world.rows.into_iter().filter(|r| Mode::Overwrite.corrects(r.finding)).collect();
        let scopes = division.scopes(f, &job, &changed, parts).await?;
        let mut restored = 0;
        for scope in &scopes {
            let counts = f.store().rollback_counts(&rule, &job.id, scope).await?;
            let undo = Undo { scope: scope.clone(), ..back(&sizes) };
            let (_, totals) = run_rollback(f, &rule, &job.id, &undo).await?;
            anyhow::ensure!(totals.changed == counts.restorable, "{counts:?} counted, {totals:?} in {scope:?}");
            anyhow::ensure!((totals.conflicts, totals.deleted) == (0, 0), "{totals:?} in {scope:?}");
            restored += totals.changed;
        }
        anyhow::ensure!(restored == there.changed, "{restored} of {there:?} in {scopes:?}");
        anyhow::ensure!(f.picture(TICKS).await? == picture, "the table is another one");
        let left = f.store().rollback_counts(&rule, &job.id, &RollbackScope::default()).await?;
        anyhow::ensure!((left.restorable, left.original) == (0, there.changed), "{left:?}");
        Ok(())
    })
    .await
}

/// The random tables are worth their name: together they hold every kind of finding.
pub async fn random_tables_hold_every_kind_of_finding(f: &Fixture) -> anyhow::Result<()> {
    let seen = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let seen = &seen;
    hold(f, table(), |table: Table| async move {
        let rule = table.make(f).await?;
        let world = World::read(f, &rule).await?;
        seen.lock().map_err(|_| anyhow::anyhow!("poisoned"))?.extend(world.rows.iter().map(|r| r.finding));
        Ok(())
    })
    .await?;
    let seen = seen.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
    assert_eq!(seen.len(), amend_domain::Finding::ALL.len(), "{seen:?}");
    Ok(())
}
