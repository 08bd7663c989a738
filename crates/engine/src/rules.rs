//! Rules, and whether they fit the database.

use amend_domain::{
    Act, Caller, ColumnName, Door, ErrorCode, Problem, Role, Rule, RuleSlug, RunOptions, TableName, Walk, naming::plain,
};

use crate::{
    describe::{Wanted, describe},
    detect,
    facade::{Engine, public},
    store::{Remark, TableInfo},
    strategy,
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

    /// The rule that is meant where none is named: the default one where it is there, otherwise the first
    /// that is not retired.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn first_rule(&self) -> Result<RuleSlug, Problem> {
        let default = RuleSlug::default_rule();
        let rules = self.inner.store.rules().await.map_err(public)?;
        let first = rules.iter().find(|r| r.slug == default && !r.retired).or(rules.iter().find(|r| !r.retired));
        Ok(first.map_or(default, |rule| rule.slug.clone()))
    }

    /// One rule.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`, or trouble with the database.
    pub async fn rule(&self, who: &Caller, slug: &RuleSlug) -> Result<Rule, Problem> {
        self.authorise(who, Act::Read, "rules", slug.as_str()).await?;
        self.rule_or_problem(slug).await
    }

    /// Proposes a rule for the tables that stand in the database, whatever their letter case.
    ///
    /// # Errors
    /// `RULE_UNUSABLE` that says what is missing or ambiguous.
    pub async fn propose_rule(&self, who: &Caller) -> Result<Rule, Problem> {
        self.authorise(who, Act::Read, "propose_rule", "").await?;
        detect::propose(&self.inner.store.tables().await.map_err(public)?)
    }

    /// Makes a rule of what is said about it and of the tables that stand in the database. Where nothing is
    /// said, the default rule's tables are looked for first.
    ///
    /// # Errors
    /// The field that cannot be found, has several answers, or does not fit the database.
    pub async fn describe_rule(&self, who: &Caller, wanted: &Wanted) -> Result<Rule, Problem> {
        self.authorise(who, Act::Read, "describe_rule", "").await?;
        let tables = self.inner.store.tables().await.map_err(public)?;
        let rule = if *wanted == Wanted::default() {
            match detect::propose(&tables) {
                Ok(rule) => rule,
                // Several tables look like those of the default rule: that is the answer.
                Err(problem) if problem.message.starts_with("Several") => return Err(problem),
                Err(problem) => describe(&tables, wanted).map_err(|other| match other.field.as_deref() {
                    Some("target.value") => other,
                    _ => problem,
                })?,
            }
        } else {
            describe(&tables, wanted)?
        };
        self.check_shape(&rule).await?;
        Ok(rule)
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
        self.fit(rule).await.map(drop)
    }

    /// What one should know about this rule's tables although runs work.
    ///
    /// # Errors
    /// The first thing that keeps runs from working, by its field.
    pub async fn rule_notes(&self, rule: &Rule) -> Result<Vec<Remark>, Problem> {
        self.fit(rule).await
    }

    /// How a run over the whole table would go through it now, and why.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn walk_of(&self, rule: &Rule) -> Result<Walk, Problem> {
        let facts = self.inner.store.table_facts(rule).await.map_err(public)?;
        Ok(strategy::choose(&facts, &RunOptions::default(), &self.inner.config))
    }

    /// Checks names, key and types, and what the database says beyond them; gives what refuses nothing.
    async fn fit(&self, rule: &Rule) -> Result<Vec<Remark>, Problem> {
        rule.check()?;
        let (t, r) = (&rule.target, &rule.reference);
        let remarks = self.inner.store.remarks(rule).await.map_err(public)?;
        if let Some(kind) = remarks.iter().find(|m| m.refuses && m.field == "target.table") {
            return Err(unusable(kind.field, &kind.message).advice(kind.advice.clone()));
        }
        let target = self.table_or_problem("target.table", &t.table).await?;
        let reference = self.table_or_problem("reference.table", &r.table).await?;
        let one = std::slice::from_ref;
        let timestamp: Vec<_> = t.timestamp.iter().cloned().collect();
        for (field, table, columns) in [
            ("target.key", &target, t.key.as_slice()),
            ("target.matches", &target, &t.matches),
            ("target.value", &target, one(&t.value)),
            ("target.timestamp", &target, &timestamp),
            ("target.dimensions", &target, &t.dimensions),
            ("target.kept_by_triggers", &target, &t.kept_by_triggers),
            ("reference.matches", &reference, &r.matches),
            ("reference.value", &reference, one(&r.value)),
        ] {
            has_columns(field, table, columns)?;
        }
        is_key(&target, &t.key)?;
        for (mine, theirs) in t.matches.iter().zip(&r.matches) {
            same_kind("reference.matches", (&target, mine), (&reference, theirs))?;
        }
        same_kind("reference.value", (&target, &t.value), (&reference, &r.value))?;
        match remarks.iter().find(|m| m.refuses) {
            Some(remark) => Err(unusable(remark.field, &remark.message).advice(remark.advice.clone())),
            None => Ok(remarks),
        }
    }

    async fn table_or_problem(&self, field: &str, table: &TableName) -> Result<TableInfo, Problem> {
        let store = &self.inner.store;
        if let Some(info) = store.table(table).await.map_err(public)? {
            return Ok(info);
        }
        let problem = unusable(field, &format!("There is no table {table}."));
        let tables = store.tables().await.map_err(public)?;
        let near: Vec<_> =
            tables.iter().filter(|t| plain(&t.table.name) == plain(&table.name)).map(|t| t.table.to_string()).collect();
        Err(problem.advice(if near.is_empty() {
            "Names are matched exactly; `amend init` shows how the database spells them.".into()
        } else {
            format!(
                "Names are matched exactly, and a schema stands in a field of its own. There is: {}.",
                near.join(", ")
            )
        }))
    }
}

/// A rule that does not fit the database in this field.
fn unusable(field: &str, message: &str) -> Problem {
    Problem { field: Some(field.into()), ..Problem::new(ErrorCode::RuleUnusable, format!("{field}: {message}")) }
}

fn has_columns(field: &str, table: &TableInfo, columns: &[ColumnName]) -> Result<(), Problem> {
    let Some(missing) = columns.iter().find(|c| !table.columns.iter().any(|there| there.name == **c)) else {
        return Ok(());
    };
    let names: Vec<_> = table.columns.iter().map(|c| c.name.0.as_str()).collect();
    Err(unusable(field, &format!("{} has no column {missing}.", table.table))
        .advice(format!("It has: {}.", names.join(", "))))
}

/// Columns as people write them in a list.
fn list(columns: &[ColumnName]) -> String {
    columns.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(", ")
}

fn is_key(table: &TableInfo, key: &[ColumnName]) -> Result<(), Problem> {
    if table.keys.iter().any(|unique| unique.iter().all(|c| key.contains(c))) {
        return Ok(());
    }
    let keys: Vec<_> = table.keys.iter().map(|k| format!("({})", list(k))).collect();
    let advice = match keys.as_slice() {
        [] => "It has none: add a primary key, or a unique index over not-null columns.".into(),
        keys => format!("Name one of its keys: {}.", keys.join(", ")),
    };
    Err(unusable("target.key", &format!("({}) is not a unique key of {}.", list(key), table.table)).advice(advice))
}

/// Kinds of types whose texts can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Decimal,
    Truth,
    Time,
    Uuid,
}

/// None for a type that says nothing here: one of the database's own making, or none at all.
fn kind(type_name: &str) -> Option<Kind> {
    let name = type_name.split('(').next().unwrap_or_default().trim();
    Some(match name {
        "text" | "varchar" | "character varying" | "char" | "character" | "citext" | "clob" | "bpchar" => Kind::Text,
        "int" | "integer" | "bigint" | "smallint" | "int2" | "int4" | "int8" => Kind::Whole,
        "numeric" | "decimal" | "real" | "double precision" | "double" | "float" => Kind::Decimal,
        "boolean" | "bool" => Kind::Truth,
        "uuid" => Kind::Uuid,
        name if name.starts_with("timestamp") || name.starts_with("date") || name.starts_with("time") => Kind::Time,
        _ => return None,
    })
}

/// Values are compared by their texts. Of two kinds they can only be equal when one side is text, or by
/// chance: `5` is not `5.00`.
fn same_kind(
    field: &str,
    (target, mine): (&TableInfo, &ColumnName),
    (reference, theirs): (&TableInfo, &ColumnName),
) -> Result<(), Problem> {
    let type_of = |table: &TableInfo, column: &ColumnName| {
        table.columns.iter().find(|c| c.name == *column).map(|c| c.type_name.clone()).unwrap_or_default()
    };
    let (ours, other) = (type_of(target, mine), type_of(reference, theirs));
    let (Some(a), Some(b)) = (kind(&ours), kind(&other)) else { return Ok(()) };
    if a == b || a == Kind::Text || b == Kind::Text && field != "reference.value" {
        return Ok(());
    }
    Err(unusable(
        field,
        &format!("{theirs} of {} is {other}, but {mine} of {} is {ours}.", reference.table, target.table),
    )
    .advice("Values are compared by their texts: name columns of one kind of type."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_one_kind_are_known_by_any_of_their_names() {
        assert_eq!(kind("character varying(12)"), kind("text"));
        assert_eq!(kind("timestamp with time zone"), Some(Kind::Time));
        assert_eq!(kind("numeric(18,8)"), Some(Kind::Decimal));
        assert_eq!(kind("mood"), None);
    }
}
