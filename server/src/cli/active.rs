//! Whether a rule has an active run, and whether somebody works on it.

use std::time::Duration;

use amend_domain::{ErrorCode, Problem, RuleSlug, RunState, RunView};
use amend_engine::{
    Engine,
    store::{RunFilter, StoredRun},
};

use super::people;
use crate::open::told;

pub enum Active {
    None,
    /// Its worker is gone and its lease is over.
    Interrupted(Box<RunView>),
    /// Somebody works on it, or a person paused it: the refusal.
    Working(Problem),
}

/// How often a lease that is about to end is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Looks at the active run of a rule. Where its worker is known to be dead, waits for its lease to
/// run out, which is the only thing that makes taking over safe.
///
/// # Errors
/// Trouble with the database.
pub async fn look(engine: &Engine, slug: &RuleSlug) -> Result<Active, Problem> {
    let filter =
        RunFilter { rule: Some(slug.clone()), states: RunState::ACTIVE.to_vec(), limit: 1, ..RunFilter::default() };
    let store = engine.store();
    let Some(view) = store.runs(&filter).await.map_err(|e| told(&e))?.into_iter().next() else {
        return Ok(Active::None);
    };
    let mut said = false;
    loop {
        let Some(run) = store.run(&view.run_id).await.map_err(|e| told(&e))? else { return Ok(Active::None) };
        if run.view.state.is_over() {
            return Ok(Active::None);
        }
        if run.view.state == RunState::Paused || worker_lives(engine, &run) {
            return Ok(Active::Working(refusal(&run)));
        }
        let Some(left) = lease_left(engine, &run) else { return Ok(Active::Interrupted(Box::new(run.view))) };
        if !said {
            eprintln!(
                "Run {} was interrupted: its process is gone. Waiting up to {} s for its lease to end.",
                run.view.run_id,
                left.as_secs() + 1
            );
            said = true;
        }
        engine.clock().sleep(LOOK.min(left)).await;
    }
}

fn lease_left(engine: &Engine, run: &StoredRun) -> Option<Duration> {
    let until = run.lease_until.filter(|_| run.lease_owner.is_some())?;
    (until - engine.clock().now()).to_std().ok().filter(|left| !left.is_zero())
}

fn worker_lives(engine: &Engine, run: &StoredRun) -> bool {
    lease_left(engine, run).is_some() && !run.lease_owner.as_deref().is_some_and(people::is_gone)
}

fn refusal(run: &StoredRun) -> Problem {
    let id = &run.view.run_id;
    let next = if run.view.state == RunState::Paused {
        format!("Go on with it: amend resume {id}; or give it up: amend cancel {id}")
    } else {
        format!("Wait for it (`amend show {id}`), or cancel it: amend cancel {id}")
    };
    Problem::new(
        ErrorCode::OperationInProgress,
        format!("{} {id} of this rule is {}.", capitalised(run.view.kind.as_str()), run.view.state.as_str()),
    )
    .advice(next)
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |c| c.to_uppercase().chain(characters).collect())
}
