//! Writers, crashes and cut connections in a random order beside a run: nothing of others is lost,
//! nothing is journalled twice, and the rollback gives back exactly what the run wrote.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use amend_domain::{Mode, RollbackOptions, RunId, RunOptions, RunState};
use amend_engine::{Engine, store::StoreKind};
use tokio::runtime::Runtime;

use super::engine_walks::{ROWS, many};
use crate::{
    Fixture,
    bench::{TICKS, at, rule},
    driver::view,
    engine_driver::{engine_by_blocks, operator, over},
};

/// Rounds of one case, each with another order of events.
const SEEDS: u64 = 3;
/// Things that happen beside one run, at most.
const EVENTS: usize = 60;

/// The generator of Numerical Recipes; its high bits are random enough to shake a table.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) & 0xffff_ffff;
        (self.0 >> 8) % sides
    }
}

/// What others did to the table.
#[derive(Default)]
struct Others {
    wrote: HashSet<i64>,
    deleted: HashSet<i64>,
    added: i64,
}

/// A server of its own, which can be killed.
struct Victim {
    process: Runtime,
    engine: Engine,
}

async fn victim(f: &Fixture, name: &str) -> anyhow::Result<Victim> {
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let store = f.another_store_in(&process).await??;
    Ok(Victim { engine: engine_by_blocks(store, name), process })
}

pub(super) async fn values(f: &Fixture) -> anyhow::Result<BTreeMap<i64, Option<String>>> {
    let rows = f.query(&format!("SELECT \"id\", \"class\" FROM {TICKS}")).await?;
    rows.into_iter()
        .map(|mut row| {
            let class = row.pop().flatten();
            let id = row.pop().flatten().ok_or_else(|| anyhow::anyhow!("a row without a key"))?;
            Ok((id.parse()?, class))
        })
        .collect()
}

/// Every key that the journal has of a run, as often as it has it.
pub(super) async fn keys(f: &Fixture, id: &RunId) -> anyhow::Result<Vec<Option<String>>> {
    let sql = match f.kind() {
        StoreKind::Postgres => format!(
            "SELECT k.key FROM amend.journal j CROSS JOIN LATERAL unnest(j.row_keys) k(key) WHERE j.run_id = '{id}'"
        ),
        StoreKind::Sqlite => {
            format!("SELECT e.value FROM amend_journal j, json_each(j.row_keys) e WHERE j.run_id = '{id}'")
        }
    };
    Ok(f.query(&sql).await?.into_iter().filter_map(|mut row| row.pop()).collect())
}

/// One thing that somebody else does.
async fn disturb(f: &Fixture, dice: &mut Dice, others: &mut Others) -> anyhow::Result<()> {
    let id = i64::try_from(dice.roll(u64::try_from(ROWS)?))? + 1;
    match dice.roll(10) {
        0 => {
            f.execute(&format!("DELETE FROM {TICKS} WHERE \"id\" = {id}")).await?;
            others.deleted.insert(id);
        }
        1 => {
            others.added += 1;
            let id = ROWS + others.added;
            let columns = "(\"id\", \"symbol\", \"frame\", \"note\")";
            f.execute(&format!("INSERT INTO {TICKS} {columns} VALUES ({id}, 'S1', '1d', 'new')")).await?;
        }
        2 if f.kind() == StoreKind::Postgres => {
            f.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = 'amend' AND datname = current_database() AND state = 'active' LIMIT 1",
            )
            .await?;
        }
        _ => {
            f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'THEIRS' WHERE \"id\" = {id}")).await?;
            if !others.deleted.contains(&id) {
                others.wrote.insert(id);
            }
        }
    }
    Ok(())
}

/// Drives a run to its end, killing its server now and then.
async fn shaken(f: &Fixture, seed: u64, others: &mut Others) -> anyhow::Result<RunId> {
    let mut dice = Dice(seed);
    let mut server = victim(f, &format!("server-{seed}-0")).await?;
    let options = RunOptions { mode: Mode::Fill, ..RunOptions::default() };
    let id = {
        let engine = server.engine.clone();
        let slug = rule().slug;
        let starting = async move { engine.start_run(&operator(), &slug, options, None).await };
        server.process.spawn(starting).await??.run_id
    };
    let begun = tokio::time::Instant::now();
    let (mut events, mut kills) = (0, 0);
    while view(f, &id).await?.state.is_active() {
        anyhow::ensure!(begun.elapsed() < Duration::from_secs(120), "the run does not end");
        if events < EVENTS {
            disturb(f, &mut dice, others).await?;
            events += 1;
        }
        if kills < 2 && dice.roll(12) == 0 {
            kills += 1;
            server.process.shutdown_background();
            server = victim(f, &format!("server-{seed}-{kills}")).await?;
        }
        let engine = server.engine.clone();
        server.process.spawn(async move { engine.resume_interrupted().await }).await??;
        tokio::time::sleep(Duration::from_millis(dice.roll(20))).await;
    }
    server.process.shutdown_background();
    Ok(id)
}

pub async fn writers_and_crashes_in_any_order_lose_nothing(f: &Fixture) -> anyhow::Result<()> {
    for seed in 1..=SEEDS {
        many(f).await?;
        f.store().save_rule(&rule(), at(0)).await?;
        let before = values(f).await?;
        let mut others = Others::default();
        let id = shaken(f, seed, &mut others).await?;
        let done = view(f, &id).await?;
        let after = values(f).await?;
        for theirs in others.wrote.difference(&others.deleted) {
            assert_eq!(after[theirs].as_deref(), Some("THEIRS"), "seed {seed}: row {theirs} was overwritten");
        }
        let journalled = keys(f, &id).await?;
        let once: HashSet<_> = journalled.iter().collect();
        assert_eq!(once.len(), journalled.len(), "seed {seed}: a row was journalled twice");
        assert_eq!(i64::try_from(journalled.len())?, done.changed, "seed {seed}");
        if done.state == RunState::Succeeded {
            assert_eq!(done.remaining, 0, "seed {seed}");
        }
        // Whatever its end, what it wrote comes back, and nothing else is touched.
        if done.changed > 0 {
            let engine = engine_by_blocks(f.shared_store(), "undo");
            let started = engine.start_rollback(&operator(), &id, RollbackOptions::default()).await?;
            let back = over(&engine, &started.run_id).await?;
            assert_eq!(back.state, RunState::Succeeded, "seed {seed}: {back:#?}");
        }
        let restored = values(f).await?;
        for (id, value) in &before {
            if !others.wrote.contains(id) && !others.deleted.contains(id) {
                assert_eq!(restored.get(id), Some(value), "seed {seed}: row {id}");
            }
        }
        assert!((1..=others.added).all(|n| restored.get(&(ROWS + n)) == Some(&None)), "seed {seed}: a new row");
    }
    Ok(())
}
