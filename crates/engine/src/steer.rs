//! Steering a run while it works: pause, resume, pace. The run's row has the wish, so that every
//! server agrees; whoever works on it obeys after the chunk in flight (`worker::gate`).

use amend_domain::{Act, Caller, ErrorCode, Problem, RuleSlug, RunId, RunState, RunView};
use serde_json::{Value, json};

use crate::{
    facade::{Engine, public},
    throttle::{Seen, SignalState, Signals},
    worker::gate,
};

impl Engine {
    /// Asks a running run to pause after the chunk in flight. Its worker leaves; what is committed
    /// stays.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`; `WRONG_STATE` when it is not running; `FORBIDDEN`.
    pub async fn pause(&self, who: &Caller, id: &RunId) -> Result<RunView, Problem> {
        self.wish(who, "pause", id, Value::Null).await?;
        let asked = self.inner.store.request_state(id, &[RunState::Running], RunState::Pausing, None).await;
        if !asked.map_err(public)? {
            let state = self.stored_or_problem(id).await?.view.state;
            let advice = match state {
                RunState::Queued => format!("It has not begun. To give it up: amend cancel {id}"),
                RunState::Pausing | RunState::Paused => format!("To go on with it: amend resume {id}"),
                RunState::Validating => "It writes no more and only checks the table. Wait for it.".to_owned(),
                _ => "It writes no more.".to_owned(),
            };
            return Err(wrong_state(id, state, "only a running run can be paused").advice(advice));
        }
        self.tell(id, "pause_requested", &format!("{} asked to pause.", who.name)).await
    }

    /// Goes on with a paused run, in a task of this process.
    ///
    /// # Errors
    /// `CORRECTION_NOT_FOUND`; `WRONG_STATE` when it is not paused; `FORBIDDEN`.
    pub async fn resume(&self, who: &Caller, id: &RunId) -> Result<RunView, Problem> {
        let view = self.queue_resume(who, id).await?;
        self.spawn_resumed(id.clone());
        Ok(view)
    }

    /// The same for whichever process takes it.
    ///
    /// # Errors
    /// As [`Engine::resume`].
    pub async fn queue_resume(&self, who: &Caller, id: &RunId) -> Result<RunView, Problem> {
        self.wish(who, "resume", id, Value::Null).await?;
        let asked = self.inner.store.request_state(id, &[RunState::Paused], RunState::Running, None).await;
        if !asked.map_err(public)? {
            let state = self.stored_or_problem(id).await?.view.state;
            let advice = match state {
                RunState::Pausing => "Its chunk in flight is finished first: ask again in a moment.".to_owned(),
                state if state.is_over() => format!("To see how it ended: amend show {id}"),
                _ => "It goes on already.".to_owned(),
            };
            return Err(wrong_state(id, state, "only a paused run can be resumed").advice(advice));
        }
        self.tell(id, "resumed", &format!("{} resumed it.", who.name)).await
    }

    /// Sets the share of the time that a run may spend working, in percent; 0 holds it.
    ///
    /// # Errors
    /// `INVALID_OPTIONS` above 100; `CORRECTION_NOT_FOUND`; `WRONG_STATE` when it is over;
    /// `FORBIDDEN`.
    pub async fn set_pace(&self, who: &Caller, id: &RunId, percent: u8) -> Result<RunView, Problem> {
        if percent > 100 {
            return Err(Problem::field("percent", "must be 0 to 100"));
        }
        self.wish(who, "pace", id, json!({ "percent": percent })).await?;
        if !self.inner.store.set_pace(id, percent).await.map_err(public)? {
            let state = self.stored_or_problem(id).await?.view.state;
            return Err(wrong_state(id, state, "only an active run has a pace"));
        }
        self.tell(id, "pace", &format!("{} set the pace to {percent} %.", who.name)).await
    }

    /// What every signal says now, for people who want to know before a run does.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`, or trouble with the database.
    pub async fn signals(&self, who: &Caller, slug: &RuleSlug) -> Result<Vec<SignalState>, Problem> {
        self.authorise(who, Act::Read, "signals", slug.as_str()).await?;
        let rule = self.rule_or_problem(slug).await?;
        let mut signals = Signals::new(&self.inner.config.throttle);
        let pressure = gate::read(self, &rule, &signals).await;
        let seen = Seen { pressure: &pressure, table: &rule.target.table, now: self.inner.clock.now() };
        Ok(signals.states(&seen))
    }

    /// Permission, that the run is there, and the audit line, which comes first: an act that cannot
    /// be logged does not happen.
    async fn wish(&self, who: &Caller, act: &str, id: &RunId, detail: Value) -> Result<(), Problem> {
        self.authorise(who, Act::Steer, act, id.as_str()).await?;
        self.stored_or_problem(id).await?;
        self.audit(who, act, id.as_str(), "done", detail).await
    }

    /// Writes the wish into the run's history and shows the run.
    async fn tell(&self, id: &RunId, kind: &str, message: &str) -> Result<RunView, Problem> {
        let view = self.show(id).await?.view;
        self.inner.store.append_event(id, self.inner.clock.now(), kind, message).await.map_err(public)?;
        Ok(view)
    }
}

fn wrong_state(id: &RunId, state: RunState, why: &str) -> Problem {
    Problem::new(ErrorCode::WrongState, format!("Run {id} is {}; {why}.", state.as_str()))
}
