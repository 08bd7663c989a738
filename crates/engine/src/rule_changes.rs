//! Making and changing rules: what may be saved, and what a rule would meet if it were.

use amend_domain::{
    Act, Caller, ColumnName, Door, ErrorCode, Problem, Rule, RuleSlug, RunState, RunView, TableName, Walk, finding,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    facade::{Engine, public},
    store::{RunFilter, StoreError, TableInfo},
};

/// Values of a reference that are suggested at most as allowed ones: a column with more is no list to
/// choose from.
pub const SUGGESTED_VALUES: usize = 100;

/// Runs looked at in one go.
const RUNS: u32 = 100;

/// Whether a rule is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// Its slug must be free.
    New,
    /// It takes the place of the one with its slug.
    Change,
}

/// Something that one should know about a rule that can be saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// No run could start now; analyses may work all the same.
    pub stops_runs: bool,
    pub message: String,
    pub advice: Option<String>,
}

/// What a rule would meet in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// By the database's statistics; `None` where it has none yet.
    pub target_rows: Option<i64>,
    pub reference_rows: Option<i64>,
    /// How a run over the whole table would go through it now.
    pub walk: Walk,
    pub notes: Vec<Note>,
}

impl Engine {
    /// The tables that rules can be made over.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn tables(&self, who: &Caller) -> Result<Vec<TableInfo>, Problem> {
        self.authorise(who, Act::Read, "tables", "").await?;
        self.inner.store.tables().await.map_err(public)
    }

    /// Saves a rule that fits the database, a new one or in the place of the one with its slug.
    ///
    /// # Errors
    /// `INVALID_OPTIONS` or `RULE_UNUSABLE` when it does not fit; `OPERATION_IN_PROGRESS` while a run of it is
    /// active; `WRONG_STATE` when runs or assignments need it as it was; trouble with the database.
    pub async fn save_rule(&self, who: &Caller, rule: &Rule) -> Result<(), Problem> {
        self.authorise(who, Act::ChangeRules, "save_rule", rule.slug.as_str()).await?;
        let before = self.inner.store.rule(&rule.slug).await.map_err(public)?;
        self.may_replace(before.as_ref(), rule).await?;
        self.check_shape(rule).await?;
        self.put_rule(who, rule, before.as_ref()).await
    }

    /// Saves a rule that a person made or changed.
    ///
    /// # Errors
    /// As [`Engine::save_rule`]; a new rule's slug that is taken; a changed rule that is not there
    /// (`RULE_NOT_FOUND`) or stands in the settings file (`WRONG_STATE`). Refusals are in the audit log.
    pub async fn save_rule_as(&self, who: &Caller, rule: &Rule, saving: Saving) -> Result<(), Problem> {
        self.authorise(who, Act::ChangeRules, "save_rule", rule.slug.as_str()).await?;
        match self.savable(who, rule, saving).await {
            Ok(before) => self.put_rule(who, rule, before.as_ref()).await,
            Err(problem) => {
                self.audit_refusal(who, "save_rule", rule.slug.as_str(), &problem).await?;
                Err(problem)
            }
        }
    }

    /// Looks at a rule as saving it would, and at what its runs would meet.
    ///
    /// # Errors
    /// The first field that cannot work; otherwise as [`Engine::save_rule_as`].
    pub async fn try_rule(&self, who: &Caller, rule: &Rule, saving: Saving) -> Result<Trial, Problem> {
        self.authorise(who, Act::Read, "try_rule", rule.slug.as_str()).await?;
        self.savable(who, rule, saving).await?;
        let note = |stops_runs, message: String, advice| Note { stops_runs, message, advice };
        let mut notes = Vec::new();
        // What saving does not ask for, in the words in which a run would refuse.
        if let Err(problem) = self.check_rule(rule).await {
            notes.push(note(true, problem.message, problem.advice));
        }
        for remark in self.rule_notes(rule).await? {
            notes.push(note(false, remark.message, Some(remark.advice)));
        }
        let rows = |table: Option<TableInfo>| table.and_then(|t| t.estimated_rows);
        let store = &self.inner.store;
        Ok(Trial {
            target_rows: rows(store.table(&rule.target.table).await.map_err(public)?),
            reference_rows: rows(store.table(&rule.reference.table).await.map_err(public)?),
            walk: self.walk_of(rule).await?,
            notes,
        })
    }

    /// The different values of a column of some table, sorted, without blank ones, to choose the allowed
    /// ones from. They are data: whoever may not make rules is not told them.
    ///
    /// # Errors
    /// `FORBIDDEN`; more than [`SUGGESTED_VALUES`]; a table or column that is not there.
    pub async fn suggest_values(
        &self,
        who: &Caller,
        table: &TableName,
        column: &ColumnName,
    ) -> Result<Vec<String>, Problem> {
        self.authorise(who, Act::ChangeRules, "suggest_values", &table.to_string()).await?;
        // Blank ones may be among them.
        let limit = u32::try_from(SUGGESTED_VALUES).unwrap_or(u32::MAX).saturating_add(50);
        let mut values = self.inner.store.distinct_values(table, column, limit).await.map_err(public)?;
        values.retain(|v| !finding::is_blank(v));
        if values.len() > SUGGESTED_VALUES {
            return Err(Problem::field(
                "allowed_values",
                &format!("cannot be suggested: {column} of {table} has more than {SUGGESTED_VALUES} different values"),
            )
            .advice("Write down those that may be written, or leave the field empty: then any value may."));
        }
        values.sort_unstable();
        Ok(values)
    }

    /// Why this rule cannot be changed but in the settings file; `None` where it does not stand there.
    #[must_use]
    pub fn kept_in_settings(&self, slug: &RuleSlug) -> Option<Problem> {
        self.inner.config.rules_in_settings.contains(slug).then(|| {
            Problem::new(
                ErrorCode::WrongState,
                format!("Rule {slug} stands in the settings file, which would bring it back at the next start."),
            )
            .advice("Change it there, or take it out of the file first.")
        })
    }

    /// The rule that stands there now, when this one may be saved in its place.
    async fn savable(&self, who: &Caller, rule: &Rule, saving: Saving) -> Result<Option<Rule>, Problem> {
        RuleSlug::parse(rule.slug.as_str())?;
        let before = self.inner.store.rule(&rule.slug).await.map_err(public)?;
        match (saving, &before) {
            (Saving::New, Some(other)) => {
                return Err(Problem::field("slug", &format!("is {}, which the rule {} has", rule.slug, other.title))
                    .advice("Choose another; a slug is a rule's name for ever."));
            }
            (Saving::Change, None) => {
                return Err(Problem::new(ErrorCode::RuleNotFound, format!("There is no rule {}.", rule.slug)));
            }
            (Saving::New, None) => {}
            (Saving::Change, Some(_)) => {
                if let Some(problem) = self.kept_in_settings(&rule.slug)
                    && !matches!(who.door, Door::CommandLine | Door::System)
                {
                    return Err(problem);
                }
                self.may_replace(before.as_ref(), rule).await?;
            }
        }
        // What is done with must be retirable after its tables are gone.
        if before.as_ref().is_some_and(|b| *rule == Rule { retired: true, ..b.clone() }) {
            self.refuse_while_prevented(rule).await?;
            return Ok(before);
        }
        if rule.title.trim().is_empty() || rule.title.chars().count() > 200 {
            return Err(Problem::field("title", "must be 1 to 200 characters, not all blank"));
        }
        self.check_shape(rule).await?;
        Ok(before)
    }

    async fn put_rule(&self, who: &Caller, rule: &Rule, before: Option<&Rule>) -> Result<(), Problem> {
        let detail = json!({ "rule": rule, "before": before });
        self.audit(who, "save_rule", rule.slug.as_str(), "done", detail).await?;
        self.inner.store.save_rule(rule, self.inner.clock.now()).await.map_err(public)
    }

    /// What a rule counts by must not change under its run; and what earlier runs wrote is found again by
    /// the rule's table and key.
    async fn may_replace(&self, before: Option<&Rule>, rule: &Rule) -> Result<(), Problem> {
        let Some(before) = before.filter(|b| *b != rule) else { return Ok(()) };
        self.refuse_during_run(&rule.slug).await?;
        let (old, new) = (&before.target, &rule.target);
        let moved = [
            ("target.table", old.table != new.table),
            ("target.key", old.key != new.key),
            ("target.value", old.value != new.value),
        ];
        if let Some((field, _)) = moved.into_iter().find(|(_, moved)| *moved)
            && let Some(run) = self.undoable_run(&rule.slug).await?
        {
            return Err(needed(
                field,
                &format!("must stay as it is: run {} wrote rows that are found again by it", run.run_id),
            )
            .advice(
                "Make another rule for other rows; this one is needed for as long as its runs can be rolled back.",
            ));
        }
        if (&old.matches, &before.reference.matches) != (&new.matches, &rule.reference.matches)
            && !self.inner.store.assignments(&rule.slug).await.map_err(public)?.is_empty()
        {
            return Err(needed("target.matches", "must stay as they are while people's assignments go by them")
                .advice("Take back what is assigned (the page Unresolved), or make another rule."));
        }
        Ok(())
    }

    /// What is installed in the table would go on acting for a rule that nobody looks at.
    async fn refuse_while_prevented(&self, rule: &Rule) -> Result<(), Problem> {
        match self.inner.store.prevention(rule).await {
            Ok(status) if status.kind.is_some() => Err(Problem::new(
                ErrorCode::WrongState,
                format!("Prevention of rule {} is installed on {} and would go on.", rule.slug, rule.target.table),
            )
            .advice("Take it off first: the page Prevention, or amend prevent off.")),
            Ok(_) | Err(StoreError::Missing(_)) => Ok(()),
            Err(error) => Err(public(error)),
        }
    }

    pub(crate) fn refuse_retired(rule: &Rule) -> Result<(), Problem> {
        if !rule.retired {
            return Ok(());
        }
        Err(Problem::new(ErrorCode::WrongState, format!("Rule {} is retired.", rule.slug))
            .advice("Bring it back first (the page Rules). What its runs wrote can be rolled back all the same."))
    }

    /// A run of the rule whose journal is there.
    async fn undoable_run(&self, slug: &RuleSlug) -> Result<Option<RunView>, Problem> {
        let mut filter = RunFilter { rule: Some(slug.clone()), limit: RUNS, ..RunFilter::default() };
        loop {
            let runs = self.inner.store.runs(&filter).await.map_err(public)?;
            filter.before = runs.last().map(|r| r.run_id.clone());
            let full = runs.len() == RUNS as usize;
            let holds = |r: &RunView| r.changed > 0 && r.purged_at.is_none() && !r.is_dry_run();
            match runs.into_iter().find(holds) {
                None if full => {}
                found => return Ok(found),
            }
        }
    }

    /// A run counts before and after; between the two nobody may move what it counts by.
    pub(crate) async fn refuse_during_run(&self, slug: &RuleSlug) -> Result<(), Problem> {
        let active =
            RunFilter { rule: Some(slug.clone()), states: RunState::ACTIVE.to_vec(), limit: 1, ..RunFilter::default() };
        match self.inner.store.runs(&active).await.map_err(public)?.first() {
            None => Ok(()),
            Some(run) => Err(Problem::new(
                ErrorCode::OperationInProgress,
                format!("Run {} of this rule is still active; what it counts by must not change under it.", run.run_id),
            )
            .advice(format!("Wait for it, or cancel it: amend cancel {}", run.run_id))),
        }
    }
}

fn needed(field: &str, what: &str) -> Problem {
    Problem { code: ErrorCode::WrongState, ..Problem::field(field, what) }
}
