//! Driving a run to its end in this process, with a bar, and leaving it in good order on Ctrl-C.

use std::time::Duration;

use amend_domain::{Problem, RunId, RunState, RunView};
use amend_engine::Engine;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};

use super::{context::Context, progress::RunBar};
use crate::open::told;

/// Between two looks at the run.
const LOOK: Duration = Duration::from_millis(150);
/// How long nobody may hold the lease before this process takes the run.
const ORPHANED: Duration = Duration::from_secs(3);

/// Works on a queued or interrupted run until it is over, or watches whoever else does.
///
/// # Errors
/// Trouble around the run; its own failure is in its view.
pub async fn drive(context: &Context, engine: &Engine, id: RunId) -> Result<RunView, Problem> {
    let worker = spawn(engine, &id);
    watch(context, engine, id, Some(worker)).await
}

/// Watches a run that another task of this process works on.
///
/// # Errors
/// As [`drive`].
pub async fn follow(context: &Context, engine: &Engine, id: RunId) -> Result<RunView, Problem> {
    watch(context, engine, id, None).await
}

type Worker = JoinHandle<Result<(), Problem>>;

fn spawn(engine: &Engine, id: &RunId) -> Worker {
    let (engine, id) = (engine.clone(), id.clone());
    tokio::spawn(async move { engine.work(&id).await })
}

async fn watch(context: &Context, engine: &Engine, id: RunId, mut worker: Option<Worker>) -> Result<RunView, Problem> {
    let bar = RunBar::new();
    let mut interrupts = Interrupts::listen();
    let mut orphaned_since = None;
    let mut standing = Standing::default();
    let ended = loop {
        tokio::select! {
            view = engine.wait(&id, Some(LOOK)) => {
                match view {
                    Ok(view) => {
                        bar.show(&view);
                        standing.tell(&bar, &view);
                        if view.state.is_over() {
                            break Ok(view);
                        }
                    }
                    // The worker has its own patience with the database; as long as it goes on, so do we.
                    Err(problem) if worker.is_some() => {
                        tracing::info!(run.id = %id, "cannot look at the run: {problem}");
                        engine.clock().sleep(LOOK).await;
                    }
                    Err(problem) => break Err(problem),
                }
            }
            () = interrupts.next() => {
                if let Err(problem) = interrupted(context, engine, &id, &bar, interrupts.count).await {
                    break Err(problem);
                }
                continue;
            }
        }
        if let Some(done) = worker.take_if(|w| w.is_finished()) {
            match done.await {
                Ok(Ok(())) => {}
                Ok(Err(problem)) => break Err(left_behind(problem, &id)),
                Err(error) => break Err(left_behind(panicked(&error), &id)),
            }
        }
        // The run may lose its worker without an end: the machine of another one, say.
        if worker.is_none() {
            let now = engine.clock().now();
            let held = engine.store().run(&id).await.map_err(|e| told(&e))?.and_then(|run| run.lease_until);
            let since = *orphaned_since.get_or_insert(now);
            if held.is_some_and(|until| until > now) {
                orphaned_since = None;
            } else if (now - since).to_std().is_ok_and(|time| time > ORPHANED) {
                worker = Some(spawn(engine, &id));
                orphaned_since = None;
            }
        }
    };
    bar.clear();
    // The worker still frees the lease after the last write.
    if let Some(worker) = worker
        && let Ok(Err(problem)) = worker.await
    {
        tracing::warn!(run.id = %id, "the run is over, but its worker ended with: {problem}");
    }
    ended
}

/// Says once why nothing moves.
#[derive(Default)]
struct Standing(Option<String>);

impl Standing {
    fn tell(&mut self, bar: &RunBar, view: &RunView) {
        let id = &view.run_id;
        let why = if view.state == RunState::Paused {
            Some(format!("Run {id} is paused. `amend resume {id}` goes on with it; Ctrl-C cancels it."))
        } else if view.held.is_empty() {
            None
        } else {
            Some(format!("Held: {}. `amend show {id}` has the history.", view.held.join("; ")))
        };
        if self.0 == why {
            return;
        }
        if let Some(why) = &why {
            bar.say(why);
        }
        self.0 = why;
    }
}

/// Counts presses of Ctrl-C.
struct Interrupts {
    /// One listener for the whole time, so that no press falls between two.
    listener: Option<Signal>,
    count: u32,
}

impl Interrupts {
    fn listen() -> Self {
        // Without a listener the system's own habit holds: Ctrl-C ends the process.
        let listener = signal(SignalKind::interrupt())
            .inspect_err(|error| tracing::warn!(%error, "Ctrl-C cannot be listened to"))
            .ok();
        Self { listener, count: 0 }
    }

    async fn next(&mut self) {
        if let Some(listener) = &mut self.listener
            && listener.recv().await.is_some()
        {
            self.count += 1;
        } else {
            std::future::pending().await
        }
    }
}

async fn interrupted(context: &Context, engine: &Engine, id: &RunId, bar: &RunBar, count: u32) -> Result<(), Problem> {
    if count > 1 {
        bar.clear();
        eprintln!("Left. Run {id} keeps what is committed; `amend run` or a server ends it as asked.");
        std::process::exit(1);
    }
    bar.say(&format!("Cancelling {id} after the chunk in flight. Ctrl-C again leaves it unfinished."));
    match engine.cancel(&context.who, id).await {
        Ok(_) => Ok(()),
        // It ended, or was asked already, in the same moment.
        Err(problem) if problem.code == amend_domain::ErrorCode::WrongState => Ok(()),
        Err(problem) => Err(problem),
    }
}

fn left_behind(problem: Problem, id: &RunId) -> Problem {
    let advice = problem.advice.clone().unwrap_or_default();
    problem.advice(format!("{advice} Run {id} is not over; `amend run` resumes it.").trim().to_owned())
}

fn panicked(error: &tokio::task::JoinError) -> Problem {
    tracing::error!(%error, "the worker ended by itself");
    Problem::new(amend_domain::ErrorCode::Internal, "The worker of the run ended by a defect; what is committed stays.")
}
