//! Stopping the fault at write time: what is installed in the target table, and taken off again.
//!
//! Installing takes locks that writers wait for. Each is asked for with a short limit and tried again
//! later, so that no writer ever stands behind us for longer than that limit.

use std::time::Duration;

use amend_domain::{
    Act, Caller, ErrorCode, PreventionChoice, PreventionStatus, Problem, RollbackScope, Rule, RuleSlug, RunId,
};
use serde_json::json;

use crate::{
    facade::{Engine, public},
    store::{PreventionRequest, StoreError},
    worker::backoff::Backoff,
};

/// How long one statement waits for the table's lock, and everybody else behind it.
const LOCK: Duration = Duration::from_millis(300);
const TRIES: Backoff = Backoff { retries: 8, initial: Duration::from_millis(200), max: Duration::from_secs(2) };

impl Engine {
    /// What is installed for a rule, whether it works, and how often it acted.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`; trouble with the database.
    pub async fn prevention_status(&self, who: &Caller, slug: &RuleSlug) -> Result<PreventionStatus, Problem> {
        self.authorise(who, Act::Read, "prevention", slug.as_str()).await?;
        let rule = self.rule_or_problem(slug).await?;
        self.prevention_now(&rule).await
    }

    async fn prevention_now(&self, rule: &Rule) -> Result<PreventionStatus, Problem> {
        let mut status = self.inner.store.prevention(rule).await.map_err(public)?;
        if status.on && status.trouble.is_none() {
            let assigned = self.inner.store.assignments(&rule.slug).await.map_err(public)?.len();
            status.trouble = (assigned > 0).then(|| {
                format!(
                    "It goes by the reference alone: rows of what people assigned ({assigned}) pass as they are written, \
                     and the next run corrects them."
                )
            });
        }
        Ok(status)
    }

    /// The statements that [`Self::prevention_on`] would run.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`; `RULE_UNUSABLE` when the rule does not fit its tables; `INVALID_OPTIONS`.
    pub async fn prevention_sql(
        &self,
        who: &Caller,
        slug: &RuleSlug,
        choice: PreventionChoice,
    ) -> Result<Vec<String>, Problem> {
        self.authorise(who, Act::Read, "prevention_sql", slug.as_str()).await?;
        let rule = self.preventable(slug, choice).await?;
        self.inner.store.prevention_sql(&rule, choice).await.map_err(public)
    }

    /// The statements that [`Self::prevention_off`] would run.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn prevention_off_sql(&self, who: &Caller, slug: &RuleSlug) -> Result<Vec<String>, Problem> {
        self.authorise(who, Act::Read, "prevention_sql", slug.as_str()).await?;
        self.inner.store.removal_sql(slug).await.map_err(public)
    }

    /// Installs it, in the place of what was installed before.
    ///
    /// # Errors
    /// As [`Self::prevention_sql`]; `FORBIDDEN`; `LOCKED` when the table was never free;
    /// `VALIDATION_FAILED` when rows break the CHECK, which then holds for new rows alone.
    pub async fn prevention_on(
        &self,
        who: &Caller,
        slug: &RuleSlug,
        choice: PreventionChoice,
    ) -> Result<PreventionStatus, Problem> {
        self.authorise(who, Act::ChangeRules, "prevention_on", slug.as_str()).await?;
        let rule = match self.preventable(slug, choice).await {
            Ok(rule) => rule,
            Err(problem) => {
                self.audit_refusal(who, "prevention_on", slug.as_str(), &problem).await?;
                return Err(problem);
            }
        };
        // The audit line comes first: an act that cannot be logged does not happen.
        self.audit(who, "prevention_on", slug.as_str(), "asked", json!(choice)).await?;
        let ended = self.install(who, &rule, choice).await;
        let outcome = match &ended {
            Ok(()) => "done".to_owned(),
            Err(problem) => format!("failed: {}", problem.code.as_str()),
        };
        self.audit(who, "prevention_on", slug.as_str(), &outcome, json!(choice)).await?;
        ended?;
        self.prevention_now(&rule).await
    }

    /// Takes everything off again. It needs no rule that fits, so that it works after any change.
    ///
    /// # Errors
    /// `FORBIDDEN`; `WRONG_STATE` when nothing is installed; `LOCKED` when the table was never free.
    pub async fn prevention_off(&self, who: &Caller, slug: &RuleSlug) -> Result<(), Problem> {
        self.authorise(who, Act::ChangeRules, "prevention_off", slug.as_str()).await?;
        self.audit(who, "prevention_off", slug.as_str(), "asked", json!(null)).await?;
        let store = &self.inner.store;
        let ended = match self.patiently(|| store.remove_prevention(slug, LOCK)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Problem::new(ErrorCode::WrongState, format!("Nothing is installed for rule {slug}."))),
            Err(error) => Err(explained(error, "the target table")),
        };
        let outcome = match &ended {
            Ok(()) => "done".to_owned(),
            Err(problem) => format!("failed: {}", problem.code.as_str()),
        };
        self.audit(who, "prevention_off", slug.as_str(), &outcome, json!(null)).await?;
        ended
    }

    async fn install(&self, who: &Caller, rule: &Rule, choice: PreventionChoice) -> Result<(), Problem> {
        let store = &self.inner.store;
        let request = PreventionRequest {
            rule,
            choice,
            lock_timeout: LOCK,
            installed_by: &who.name,
            now: self.inner.clock.now(),
        };
        let table = rule.target.table.to_string();
        self.patiently(|| store.install_prevention(&request)).await.map_err(|e| explained(e, &table))?;
        if !choice.check {
            return Ok(());
        }
        self.patiently(|| store.add_check(&request)).await.map_err(|e| explained(e, &table))?;
        match self.patiently(|| store.validate_check(&request)).await {
            Ok(()) => Ok(()),
            Err(StoreError::Row(_)) => Err(Problem::new(
                ErrorCode::ValidationFailed,
                format!(
                    "Prevention is on and the CHECK holds for new rows, but rows of {table} have values of {} that are \
                     not allowed.",
                    rule.target.value
                ),
            )
            .advice("Correct them first, then ask for the same again.")),
            Err(error) => Err(explained(error, &table)),
        }
    }

    /// Tries again while locks are refused, with pauses in which writers get through.
    async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        mut act: impl FnMut() -> F,
    ) -> Result<T, StoreError> {
        let mut attempt = 0;
        loop {
            match act().await {
                Err(error @ (StoreError::Locked(_) | StoreError::Transient(_))) if attempt < TRIES.retries => {
                    tracing::debug!(error = %error, attempt, "prevention: a lock was not granted");
                    self.inner.clock.sleep(LOCK + TRIES.delay(attempt, self.inner.ids.fraction())).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// The rule, and why it cannot have a CHECK; `None` when it can.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`; trouble with the database.
    pub async fn why_no_check(&self, who: &Caller, slug: &RuleSlug) -> Result<(Rule, Option<String>), Problem> {
        self.authorise(who, Act::Read, "prevention", slug.as_str()).await?;
        let rule = self.rule_or_problem(slug).await?;
        let why = self.no_check(&rule).map(Into::into);
        Ok((rule, why))
    }

    fn no_check(&self, rule: &Rule) -> Option<&'static str> {
        if rule.allowed_values.is_empty() {
            return Some("needs allowed_values in the rule; name them, or leave check out");
        }
        (!self.inner.store.can_add_check()).then_some(
            "cannot be had here: SQLite adds no CHECK to a table that is there. Leave it out; the trigger works \
             without it",
        )
    }

    async fn preventable(&self, slug: &RuleSlug, choice: PreventionChoice) -> Result<Rule, Problem> {
        let rule = self.rule_or_problem(slug).await?;
        Self::refuse_retired(&rule)?;
        self.check_shape(&rule).await?;
        match self.no_check(&rule).filter(|_| choice.check) {
            Some(why) => Err(Problem::field("check", why)),
            None => Ok(rule),
        }
    }

    /// A rollback may bring back values that the rule does not allow. A CHECK would refuse them row by
    /// row; better said before it starts.
    pub(crate) async fn refuse_checked(&self, rule: &Rule, id: &RunId, scope: &RollbackScope) -> Result<(), Problem> {
        let store = &self.inner.store;
        if !store.can_add_check() || store.prevention(rule).await.map_err(public)?.check.is_none() {
            return Ok(());
        }
        let asked = |old: &Option<String>| scope.old_values.as_ref().is_none_or(|list| list.contains(old));
        let pairs = store.journal_pairs(id).await.map_err(public)?;
        let refused = pairs.into_iter().filter(|p| asked(&p.old)).filter_map(|p| p.old);
        let Some(value) = refused.into_iter().find(|old| !rule.allowed_values.contains(old)) else { return Ok(()) };
        Err(Problem::new(
            ErrorCode::WrongState,
            format!(
                "The rollback would bring back {value:?}, which the CHECK that prevention put on {} refuses.",
                rule.target.table
            ),
        )
        .advice(format!("Take it off first: amend prevent off --rule {}.", rule.slug)))
    }
}

/// Says what a lock or a right means here.
fn explained(error: StoreError, table: &str) -> Problem {
    match error {
        StoreError::Locked(_) => {
            let problem = Problem::new(
                ErrorCode::Locked,
                format!(
                    "{table} was never free for {} ms in {} tries; this step was not done.",
                    LOCK.as_millis(),
                    TRIES.retries + 1
                ),
            );
            problem.advice("See who holds it (pg_locks, or other programs with the SQLite file open) and try again.")
        }
        StoreError::ReadOnly(_) => {
            Problem::new(ErrorCode::ReadOnly, format!("The database user may not change {table}; nothing was changed."))
                .advice(
                    "A trigger or CHECK needs the table's owner. Connect as the owner, or have the owner grant that role to the user.",
                )
        }
        error => public(error),
    }
}
