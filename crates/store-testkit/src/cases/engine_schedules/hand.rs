//! A step of a slice that dies at one of its await points. The lanes of a walk are tasks of their own: a
//! worker that dies takes them along wherever they are, but not at a place of our choice.

use amend_domain::{RollbackOptions, RunId, RunOptions, RunState, Strategy};
use amend_engine::{
    clock::Clock as _,
    store::{Cut, Lease, Slice, SliceRequest, Store, StoreError, UndoRequest},
};
use chrono::TimeDelta;

use super::{Job, dice::Dice, life::Hasty};
use crate::{
    Fixture,
    bench::rule,
    crash::crash_at,
    driver::{limits, stored},
};

/// Await points of a step at most.
const WAITS: usize = 24;

/// Takes a slice of the run as a server that has just taken it over, and dies in the first step. Whether
/// there was one to take.
pub(super) async fn a_step_dies(
    f: &Fixture,
    store: &dyn Store,
    clock: &Hasty,
    (id, job): (&RunId, &Job),
    dice: &mut Dice,
) -> anyhow::Result<bool> {
    let run = stored(f, id).await?;
    let in_slices = run.view.walk.as_ref().is_some_and(|w| w.strategy != Strategy::Key);
    if !in_slices || run.view.state != RunState::Running {
        return Ok(false);
    }
    let (owner, now) = (format!("hand-{}", dice.roll(1 << 32)), clock.now());
    let until = now + TimeDelta::seconds(60);
    let Some(lease) = store.lease_run(id, &owner, now, until).await? else { return Ok(false) };
    let (blocks, parts, stripes) = match job {
        Job::Correct(_) => (dice.between(1, 16), dice.between(1, 4), 8),
        Job::Undo(..) => (1, 32, 1),
    };
    let slice = match store.take_slice(&lease, &owner, Cut { blocks, parts, stripes }, now, until).await {
        Ok(Some(slice)) => slice,
        // The walk has no blocks left, or has not begun.
        Ok(None) | Err(StoreError::Other(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let waits = dice.wait(WAITS);
    let ended = match job {
        Job::Correct(options) => crash_at(waits, correct(store, (&lease, &slice), options, clock)).0.await,
        Job::Undo(source, options) => crash_at(waits, undo(store, (&lease, &slice), (source, options), clock)).0.await,
    };
    ended.transpose()?;
    Ok(true)
}

async fn correct(
    store: &dyn Store,
    (lease, slice): (&Lease, &Slice),
    options: &RunOptions,
    clock: &Hasty,
) -> Result<(), StoreError> {
    let (limits, now) = (limits(10, 10), clock.now());
    let request = SliceRequest {
        lease,
        rule: &rule(),
        mode: options.mode,
        scope: &options.scope,
        slice,
        few: 1,
        rows_per_block: 5.0,
        lock_timeout: limits.lock_timeout,
        statement_timeout: limits.statement_timeout,
        now,
        until: now + TimeDelta::seconds(60),
    };
    store.correct_slice(&request).await.map(drop)
}

async fn undo(
    store: &dyn Store,
    (lease, slice): (&Lease, &Slice),
    (source, options): (&RunId, &RollbackOptions),
    clock: &Hasty,
) -> Result<(), StoreError> {
    let (limits, now) = (limits(10, 10), clock.now());
    let request = UndoRequest {
        lease,
        rule: &rule(),
        source,
        scope: &options.scope,
        slice,
        rows: 10,
        lock_timeout: limits.lock_timeout,
        statement_timeout: limits.statement_timeout,
        now,
        until: now + TimeDelta::seconds(60),
    };
    store.undo_slice(&request).await.map(drop)
}
