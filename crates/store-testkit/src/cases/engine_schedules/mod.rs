//! Thousands of random schedules: a run of a small table beside somebody who writes, which dies, is taken
//! over, paused, resumed and cancelled at random await points, and is then undone under the same conditions.
//! The table's own log (see [`audit`]) shows whether anything was lost, written twice or written without
//! its journal entry, and whether what others wrote is what stands there in the end.
//!
//! In the usual suite as many run as fit into some seconds. `AMEND_SCHEDULES=3000` runs that many, and
//! `AMEND_SCHEDULE_SEED=17` the one of that seed, or with both, so many from there on.

mod acts;
mod audit;
mod dice;
mod hand;
mod life;
mod schedule;
mod tally;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};

use amend_domain::{RollbackOptions, RunId, RunOptions};
use amend_engine::store::StoreKind;
use anyhow::Context as _;

use self::{dice::Dice, life::Hasty, schedule::Schedule, tally::Tally};
use crate::{
    Fixture,
    bench::{at, rule},
};

/// What the usual suite spends on them.
const BUDGET: Duration = Duration::from_secs(25);
/// A schedule that hangs is a failure; no schedule takes a hundredth of it.
const LONGEST: Duration = Duration::from_secs(60);
/// Schedules after which their runs are forgotten, so that the lists of runs stay short.
const FORGOTTEN_AFTER: u64 = 100;

/// How many schedules were asked for.
pub(crate) fn asked_for() -> Option<u64> {
    std::env::var("AMEND_SCHEDULES").ok().and_then(|n| n.parse().ok())
}

fn asked_seed() -> Option<u64> {
    std::env::var("AMEND_SCHEDULE_SEED").ok().and_then(|n| n.parse().ok())
}

/// What a run of a schedule has to do.
enum Job {
    Correct(RunOptions),
    Undo(RunId, RollbackOptions),
}

pub async fn random_schedules_lose_nothing_journal_once_and_undo_to_the_byte(f: &Fixture) -> anyhow::Result<()> {
    audit::create(f).await?;
    f.store().save_rule(&rule(), at(0)).await?;
    let stores = [f.shared_store(), f.another_store().await?];
    let clock = Arc::new(Hasty::new());
    let mut tally = Tally::default();
    // One that nobody has seen before, then always the same.
    let chance = RandomState::new().build_hasher().finish() >> 32;
    let seeds: Box<dyn Iterator<Item = u64> + Send> = match asked_seed() {
        Some(seed) => Box::new(seed..),
        None => Box::new(std::iter::once(chance).chain(1..)),
    };
    let begun = Instant::now();
    for seed in seeds {
        let enough = match asked_for() {
            Some(n) => tally.schedules >= n,
            None if asked_seed().is_some() => tally.schedules > 0,
            None => begun.elapsed() >= BUDGET,
        };
        if enough {
            break;
        }
        let mut schedule = Schedule::new(f, &stores, &clock, Dice::new(seed), &mut tally);
        let ended = tokio::time::timeout(LONGEST, schedule.play()).await.context("it does not end");
        let story = schedule.story().join("\n  ");
        ended.and_then(|ended| ended).with_context(|| {
            format!("AMEND_SCHEDULE_SEED={seed}, schedule {} of this test:\n  {story}", tally.schedules + 1)
        })?;
        tally.schedules += 1;
        if tally.schedules.is_multiple_of(FORGOTTEN_AFTER) {
            forget(f).await?;
        }
    }
    println!("{tally} in {:.1} s; the first was AMEND_SCHEDULE_SEED={chance}", begun.elapsed().as_secs_f64());
    // Whatever was asked for, some of each kind of thing has happened.
    tally.is_worth_its_name()?;
    Ok(())
}

/// Forgets all runs.
async fn forget(f: &Fixture) -> anyhow::Result<()> {
    let sql = match f.kind() {
        StoreKind::Postgres => "TRUNCATE amend.run, amend.analysis, amend.snapshot, amend.audit CASCADE".to_owned(),
        StoreKind::Sqlite => {
            let tables = ["journal", "chunk", "event", "failed_row", "backup", "snapshot", "audit", "run"];
            tables.map(|table| format!("DELETE FROM amend_{table};")).concat()
        }
    };
    f.execute(&sql).await
}
