//! Rules, and whether they fit the database.

use amend_domain::{Act, Caller, ColumnName, Door, ErrorCode, Problem, Role, Rule, RuleSlug};
use serde_json::json;

use crate::{
    detect,
    facade::{Engine, public},
    store::TableInfo,
};

impl Engine {
    /// All rules, by slug.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn rules(&self, who: &Caller) -> Result<Vec<Rule>, Problem> {
        self.authorise(who, Act::Read, "rules", "").await?;
        self.inner.store.rules().await.map_err(public)
    }

    /// One rule.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`, or trouble with the database.
    pub async fn rule(&self, who: &Caller, slug: &RuleSlug) -> Result<Rule, Problem> {
        self.authorise(who, Act::Read, "rules", slug.as_str()).await?;
        self.rule_or_problem(slug).await
    }

    /// Saves a rule that fits the database.
    ///
    /// # Errors
    /// `INVALID_OPTIONS` or `RULE_UNUSABLE` when it does not fit; trouble with the database.
    pub async fn save_rule(&self, who: &Caller, rule: &Rule) -> Result<(), Problem> {
        self.authorise(who, Act::ChangeRules, "save_rule", rule.slug.as_str()).await?;
        self.check_shape(rule).await?;
        self.audit(who, "save_rule", rule.slug.as_str(), "done", json!(rule)).await?;
        self.inner.store.save_rule(rule, self.inner.clock.now()).await.map_err(public)
    }

    /// Proposes a rule for the tables that stand in the database, whatever their letter case.
    ///
    /// # Errors
    /// `RULE_UNUSABLE` that says what is missing or ambiguous.
    pub async fn propose_rule(&self, who: &Caller) -> Result<Rule, Problem> {
        self.authorise(who, Act::Read, "propose_rule", "").await?;
        detect::propose(&self.inner.store.tables().await.map_err(public)?)
    }

    /// At start: when no rule is stored and the tables are there, saves the proposal.
    ///
    /// # Errors
    /// Trouble with the database. Tables that are not there are `Ok(None)`.
    pub async fn ensure_default_rule(&self) -> Result<Option<Rule>, Problem> {
        if let Some(rule) = self.inner.store.rule(&RuleSlug::default_rule()).await.map_err(public)? {
            return Ok(Some(rule));
        }
        let tables = self.inner.store.tables().await.map_err(public)?;
        let Ok(rule) = detect::propose(&tables) else { return Ok(None) };
        let system = Caller { name: "amend".into(), role: Role::Admin, door: Door::System };
        self.save_rule(&system, &rule).await?;
        Ok(Some(rule))
    }

    /// Whether a run of this rule could work here: tables, columns, a unique key, rows, rights.
    ///
    /// # Errors
    /// `RULE_UNUSABLE` or `READ_ONLY`, each with what to do.
    pub async fn check_rule(&self, rule: &Rule) -> Result<(), Problem> {
        self.check_readable(rule).await?;
        let store = &self.inner.store;
        if store.may_update(&rule.target.table, &rule.target.value).await.map_err(public)? {
            return Ok(());
        }
        Err(Problem::new(
            ErrorCode::ReadOnly,
            format!("The database user may not update {} of {}.", rule.target.value, rule.target.table),
        )
        .advice(format!("Grant it: GRANT UPDATE ({}) ON {} TO the user.", rule.target.value, rule.target.table)))
    }

    /// The same without the right to write, for analysis and preview.
    pub(crate) async fn check_readable(&self, rule: &Rule) -> Result<(), Problem> {
        self.check_shape(rule).await?;
        for (what, table) in [("target", &rule.target.table), ("reference", &rule.reference.table)] {
            if !self.inner.store.has_rows(table).await.map_err(public)? {
                return Err(Problem::new(ErrorCode::RuleUnusable, format!("The {what} table {table} has no rows."))
                    .advice(format!("Fill {table} first (`amend import`, or `amend demo` to try things out).")));
            }
        }
        Ok(())
    }

    pub(crate) async fn check_shape(&self, rule: &Rule) -> Result<(), Problem> {
        rule.check()?;
        let target = self.table_or_problem(&rule.target.table).await?;
        let reference = self.table_or_problem(&rule.reference.table).await?;
        let t = &rule.target;
        for column in t.key.iter().chain(&t.matches).chain([&t.value]).chain(&t.timestamp).chain(&t.dimensions) {
            has_column(&target, column)?;
        }
        for column in rule.reference.matches.iter().chain([&rule.reference.value]) {
            has_column(&reference, column)?;
        }
        let is_key = target.keys.iter().any(|key| key.iter().all(|c| t.key.contains(c)));
        if is_key {
            return Ok(());
        }
        let names: Vec<_> = t.key.iter().map(ToString::to_string).collect();
        Err(Problem::new(ErrorCode::RuleUnusable, format!("{} is not a unique key of {}.", names.join(", "), t.table))
            .advice("Name the primary key, or add a unique index over not-null columns."))
    }

    async fn table_or_problem(&self, table: &amend_domain::TableName) -> Result<TableInfo, Problem> {
        self.inner.store.table(table).await.map_err(public)?.ok_or_else(|| {
            Problem::new(ErrorCode::RuleUnusable, format!("There is no table {table}."))
                .advice("Names are matched exactly; `amend init` shows how the database spells them.")
        })
    }
}

fn has_column(table: &TableInfo, column: &ColumnName) -> Result<(), Problem> {
    if table.columns.iter().any(|c| c.name == *column) {
        return Ok(());
    }
    let names: Vec<_> = table.columns.iter().map(|c| c.name.0.as_str()).collect();
    Err(Problem::new(ErrorCode::RuleUnusable, format!("{} has no column {column}.", table.table))
        .advice(format!("It has: {}.", names.join(", "))))
}
