//! The one way in: every door calls this, with the caller in hand.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use amend_domain::{Act, Caller, ErrorCode, LiveMessage, Problem, Role, RollbackCounts, Rule, RuleSlug, RunId};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::{
    clock::{Clock, Ids, RandomIds, SystemClock},
    config::EngineConfig,
    store::{AuditEntry, Store, StoreError, StoredRun},
};

/// What an engine is made of.
pub struct EngineParts {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub config: EngineConfig,
}

impl EngineParts {
    /// The machine's clock, real randomness, default numbers.
    #[must_use]
    pub fn system(store: Arc<dyn Store>) -> Self {
        Self { store, clock: Arc::new(SystemClock), ids: Arc::new(RandomIds), config: EngineConfig::default() }
    }
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) config: EngineConfig,
    pub(crate) live: broadcast::Sender<LiveMessage>,
    /// Runs that a task of this process drives, so that it never fences itself off.
    pub(crate) working: Mutex<HashSet<RunId>>,
    /// What rollbacks were found to have to do when they were asked for, for the worker that begins one
    /// right after: counting again would be another pass over table and journal.
    counted: Mutex<HashMap<RunId, RollbackCounts>>,
    /// One reading of a run is shown before the next is made, so that no older state follows a newer.
    showing: tokio::sync::Mutex<()>,
}

/// The engine. Cloning it is cheap.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

impl Engine {
    #[must_use]
    pub fn new(parts: EngineParts) -> Self {
        let EngineParts { store, clock, ids, config } = parts;
        let (live, _) = broadcast::channel(256);
        Self {
            inner: Arc::new(Inner {
                store,
                clock,
                ids,
                config,
                live,
                working: Mutex::default(),
                counted: Mutex::default(),
                showing: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// The store, for what is no act on a rule (people, sessions, bulk loading).
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Live messages of this process. A receiver that lags loses old ones: each is whole by itself.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<LiveMessage> {
        self.inner.live.subscribe()
    }

    /// Looks into the permission table.
    ///
    /// # Errors
    /// `FORBIDDEN`, naming the role that may.
    pub fn permit(&self, who: &Caller, act: Act) -> Result<(), Problem> {
        if who.role.may(act) {
            return Ok(());
        }
        let needed = Role::ALL.into_iter().find(|r| r.may(act)).map_or("another role", Role::as_str);
        Err(Problem::new(
            ErrorCode::Forbidden,
            format!("{} has the role {}, which may not do this ({}).", who.name, who.role, act.as_str()),
        )
        .advice(format!("It needs the role {needed}.")))
    }

    /// Writes one line of the audit log.
    ///
    /// # Errors
    /// When the log cannot be written; the act it is about must then not happen.
    pub async fn audit(
        &self,
        who: &Caller,
        act: &str,
        object: &str,
        outcome: &str,
        detail: Value,
    ) -> Result<(), Problem> {
        let entry = AuditEntry {
            at: self.inner.clock.now(),
            who: who.name.clone(),
            role: who.role,
            door: who.door.as_str().into(),
            act: act.into(),
            object: object.into(),
            outcome: outcome.into(),
            detail: detail.to_string(),
        };
        self.inner.store.append_audit(&entry).await.map_err(public)
    }

    /// Permission, and a line in the log when it is refused.
    pub(crate) async fn authorise(&self, who: &Caller, act: Act, name: &str, object: &str) -> Result<(), Problem> {
        match self.permit(who, act) {
            Ok(()) => Ok(()),
            Err(problem) => {
                self.audit_refusal(who, name, object, &problem).await?;
                Err(problem)
            }
        }
    }

    pub(crate) async fn audit_refusal(
        &self,
        who: &Caller,
        act: &str,
        object: &str,
        problem: &Problem,
    ) -> Result<(), Problem> {
        let outcome = format!("refused: {}", problem.code.as_str());
        self.audit(who, act, object, &outcome, Value::Null).await
    }

    pub(crate) async fn rule_or_problem(&self, slug: &RuleSlug) -> Result<Rule, Problem> {
        self.inner.store.rule(slug).await.map_err(public)?.ok_or_else(|| {
            Problem::new(ErrorCode::RuleNotFound, format!("There is no rule {slug}."))
                .advice("`amend init` proposes one for the tables of this database.")
        })
    }

    /// Reads a run and shows it to whoever looks.
    pub(crate) async fn show(&self, id: &RunId) -> Result<StoredRun, Problem> {
        let _turn = self.inner.showing.lock().await;
        let run = self.stored_or_problem(id).await?;
        self.publish(LiveMessage::Run { run: Box::new(run.view.clone()) });
        Ok(run)
    }

    pub(crate) fn publish(&self, message: LiveMessage) {
        // No receiver is no error: nobody is looking.
        drop(self.inner.live.send(message));
    }

    pub(crate) fn begin_working(&self, id: &RunId) -> bool {
        self.inner.working.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone())
    }

    pub(crate) fn end_working(&self, id: &RunId) {
        self.inner.working.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.take_counted(id);
    }

    pub(crate) fn keep_counted(&self, id: RunId, counts: RollbackCounts) {
        self.inner.counted.lock().unwrap_or_else(PoisonError::into_inner).insert(id, counts);
    }

    pub(crate) fn take_counted(&self, id: &RunId) -> Option<RollbackCounts> {
        self.inner.counted.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }
}

/// Logs a store's error with the database's own words, and gives its public face.
#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
pub(crate) fn public(error: StoreError) -> Problem {
    let problem = error.problem();
    match error {
        StoreError::ActiveRun(_) | StoreError::Purged(_) | StoreError::LeaseLost | StoreError::Unsupported(_) => {}
        _ => tracing::warn!(error = %error, code = problem.code.as_str(), "{}", problem.message),
    }
    problem
}
