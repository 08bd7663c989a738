//! The rules one can look at, and making them.

use amend_domain::{Problem, Rule, RuleSlug, TableName};
use leptos::{prelude::*, server_fn::codec::Json};
use serde::{Deserialize, Serialize};

use crate::AppError;

/// All rules, by slug.
#[server(prefix = "/fn", endpoint = "rules")]
pub async fn list_rules() -> Result<Vec<Rule>, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    tell(engine.rules(&caller).await)
}

/// A table that a rule can be made over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableView {
    pub table: TableName,
    pub columns: Vec<String>,
    /// Of the columns, in their order, as the database spells them.
    pub types: Vec<String>,
    /// Unique sets of columns, the primary key first.
    pub keys: Vec<Vec<String>>,
}

/// What the pages about rules begin with; each asks for its part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desk {
    /// A rule a line: slug, title, `retired` or nothing, target column, reference column, match columns, key,
    /// how many values are allowed, when it was last analysed.
    pub rules: Vec<Vec<String>>,
    pub tables: Vec<TableView>,
    /// The rule that is to be changed.
    pub rule: Option<Rule>,
    /// Why it cannot be changed here.
    pub kept: Option<Problem>,
}

/// The list of rules, or what making one (`wizard`) or changing one (`slug`) needs.
#[server(prefix = "/fn", endpoint = "rule_desk", input = Json)]
pub async fn load_desk(wizard: bool, slug: Option<RuleSlug>) -> Result<Desk, AppError> {
    use super::context::{signed_in, tell};
    let (engine, caller) = signed_in().await?;
    let mut desk = Desk::default();
    if !wizard {
        for rule in tell(engine.rules(&caller).await)? {
            let analysed = tell(engine.last_analysis(&caller, &rule.slug).await)?;
            desk.rules.push(lines::of(&rule, analysed.map(|a| a.generated_at)));
        }
        return Ok(desk);
    }
    desk.tables = tell(engine.tables(&caller).await)?.into_iter().map(lines::table).collect();
    desk.tables.sort_by_key(|t| t.table.to_string());
    if let Some(slug) = slug {
        desk.kept = engine.kept_in_settings(&slug);
        desk.rule = Some(tell(engine.rule(&caller, &slug).await)?);
    }
    Ok(desk)
}

/// What is asked about a rule that is being made. One function for all, because each has its own code in
/// the browser's module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAsk {
    pub rule: Rule,
    /// There is no rule of this slug yet, and must not be.
    pub new: bool,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// Whether it fits, and what its runs would meet.
    Check,
    Save,
    /// The different values of the reference's column.
    Values,
}

/// Sentences: what was found, what to know of it, values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAnswer {
    pub facts: Vec<String>,
    /// What stands in the way of runs: each with what to do.
    pub stops: Vec<Vec<String>>,
    /// What one should know: each with what to do.
    pub notes: Vec<Vec<String>>,
    pub values: Vec<String>,
}

#[server(prefix = "/fn", endpoint = "rule_ask", input = Json)]
pub async fn ask_rule(ask: RuleAsk) -> Result<RuleAnswer, AppError> {
    use super::context::{signed_in, tell};
    use amend_engine::Saving;
    let (engine, caller) = signed_in().await?;
    let RuleAsk { rule, new, what } = ask;
    let saving = if new { Saving::New } else { Saving::Change };
    match what {
        What::Check => tell(engine.try_rule(&caller, &rule, saving).await).map(|trial| lines::trial(&rule, trial)),
        What::Save => tell(engine.save_rule_as(&caller, &rule, saving).await).map(|()| RuleAnswer::default()),
        What::Values => {
            let values = engine.suggest_values(&caller, &rule.reference.table, &rule.reference.value).await;
            tell(values).map(|values| RuleAnswer { values, ..RuleAnswer::default() })
        }
    }
}

#[cfg(feature = "ssr")]
mod lines {
    use amend_domain::{ColumnName, Rule};
    use amend_engine::{Trial, store::TableInfo};
    use chrono::{DateTime, Utc};

    use super::{RuleAnswer, TableView};
    use crate::format;

    fn names(columns: &[ColumnName]) -> Vec<String> {
        columns.iter().map(|c| c.0.clone()).collect()
    }

    pub fn of(rule: &Rule, analysed: Option<DateTime<Utc>>) -> Vec<String> {
        let (t, r) = (&rule.target, &rule.reference);
        let pairs = t.matches.iter().zip(&r.matches).map(|(a, b)| format!("{a} = {b}"));
        vec![
            rule.slug.to_string(),
            rule.title.clone(),
            if rule.retired { "retired".to_owned() } else { String::new() },
            format!("{}.{}", t.table, t.value),
            format!("{}.{}", r.table, r.value),
            pairs.collect::<Vec<_>>().join(", "),
            names(&t.key).join(", "),
            match rule.allowed_values.len() {
                0 => "any".to_owned(),
                n => n.to_string(),
            },
            analysed.map_or_else(|| "never".to_owned(), format::moment),
        ]
    }

    pub fn table(info: TableInfo) -> TableView {
        let (columns, types) = info.columns.into_iter().map(|c| (c.name.0, c.type_name)).unzip();
        TableView { table: info.table, columns, types, keys: info.keys.iter().map(|k| names(k)).collect() }
    }

    pub fn trial(rule: &Rule, trial: Trial) -> RuleAnswer {
        let rows = |table: &dyn std::fmt::Display, rows: Option<i64>| match rows {
            Some(n) => format!("{table} has about {}.", format::counted(n, "row", "rows")),
            None => format!("The database keeps no count of {table}; the first analysis counts it."),
        };
        let (stops, notes): (Vec<_>, Vec<_>) = trial.notes.into_iter().partition(|n| n.stops_runs);
        let said = |notes: Vec<amend_engine::Note>| {
            notes.into_iter().map(|n| vec![n.message, n.advice.unwrap_or_default()]).collect()
        };
        RuleAnswer {
            facts: vec![
                rows(&rule.target.table, trial.target_rows),
                rows(&rule.reference.table, trial.reference_rows),
                format!("A run over all of it: {}", trial.walk.reason),
            ],
            stops: said(stops),
            notes: said(notes),
            values: Vec::new(),
        }
    }
}
