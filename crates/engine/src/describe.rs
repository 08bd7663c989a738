//! Making a rule for any two tables: what is named is looked up, what is left out is found where only one
//! answer is possible.

use amend_domain::{
    ColumnName, ErrorCode, Problem, Reference, Rule, RuleSlug, Target,
    naming::{is_common, plain, slug_of, time_column, title_of},
};

use crate::store::{ColumnInfo, TableInfo};

/// What somebody says about a rule that is to be made. Names may be written in any letter case as long as
/// one table or column alone is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub slug: Option<String>,
    pub title: Option<String>,
    pub target: Option<String>,
    pub key: Vec<String>,
    /// Pairs of a column of the target and one of the reference.
    pub matches: Vec<(String, String)>,
    pub value: Option<String>,
    pub reference: Option<String>,
    pub reference_value: Option<String>,
    pub allowed_values: Vec<String>,
}

/// Makes a rule of these tables.
///
/// # Errors
/// The field that cannot be found, or for which there are several answers, with those.
pub(crate) fn describe(tables: &[TableInfo], wanted: &Wanted) -> Result<Rule, Problem> {
    if let Some(slug) = &wanted.slug {
        RuleSlug::parse(slug)?;
    }
    let targets = tables_for("target.table", tables, wanted.target.as_deref())?;
    let references = tables_for("reference.table", tables, wanted.reference.as_deref())?;
    let mut found = Vec::new();
    let mut first_problem = None;
    for target in &targets {
        for reference in references.iter().filter(|r| r.table != target.table) {
            match between(target, reference, wanted) {
                Ok(rules) => found.extend(rules),
                Err(problem) => first_problem = first_problem.or(Some(problem)),
            }
        }
    }
    // Of a pair of tables that was named, its own trouble says more than that nothing was found.
    let named = wanted.target.is_some() && wanted.reference.is_some();
    match (found.len(), first_problem) {
        (1, _) => found.pop().ok_or_else(|| nothing(tables)),
        (0, Some(problem)) if named => Err(problem),
        (0, _) => Err(nothing(tables)),
        _ => {
            let several: Vec<_> = found
                .iter()
                .map(|r| {
                    format!("{}.{} from {}.{}", r.target.table, r.target.value, r.reference.table, r.reference.value)
                })
                .collect();
            Err(bad("target.value", &format!("could be any of: {}.", several.join("; ")))
                .advice("Say which with --target, --value and --reference."))
        }
    }
}

fn nothing(tables: &[TableInfo]) -> Problem {
    let names: Vec<_> = tables.iter().map(|t| t.table.to_string()).collect();
    let there = if names.is_empty() { "no tables at all".to_owned() } else { names.join(", ") };
    bad("target.table", &format!("cannot be found by itself. The database has: {there}."))
        .advice("Name the tables: --target, --value, --reference, --match COLUMN=COLUMN.")
}

fn bad(field: &str, what: &str) -> Problem {
    Problem { code: ErrorCode::RuleUnusable, ..Problem::field(field, what) }
}

fn tables_for<'a>(field: &str, tables: &'a [TableInfo], name: Option<&str>) -> Result<Vec<&'a TableInfo>, Problem> {
    let Some(name) = name else { return Ok(tables.iter().collect()) };
    let exact = |t: &&TableInfo| t.table.to_string() == name || t.table.name == name;
    let alike = |t: &&TableInfo| plain(&t.table.to_string()) == plain(name) || plain(&t.table.name) == plain(name);
    let mut found: Vec<_> = tables.iter().filter(exact).collect();
    if found.is_empty() {
        found = tables.iter().filter(alike).collect();
    }
    let names = |list: &[&TableInfo]| list.iter().map(|t| t.table.to_string()).collect::<Vec<_>>().join(", ");
    match found.len() {
        1 => Ok(found),
        0 => Err(bad(field, &format!("is {name}, but there is no such table."))
            .advice(format!("The database has: {}.", names(&tables.iter().collect::<Vec<_>>())))),
        _ => Err(bad(field, &format!("is {name}, which could be any of: {}.", names(&found)))
            .advice("Write it with its schema, in its own letter case.")),
    }
}

fn column(field: &str, table: &TableInfo, name: &str) -> Result<ColumnName, Problem> {
    let mut found: Vec<&ColumnInfo> = table.columns.iter().filter(|c| c.name.0 == name).collect();
    if found.is_empty() {
        found = table.columns.iter().filter(|c| plain(&c.name.0) == plain(name)).collect();
    }
    match found.as_slice() {
        [one] => Ok(one.name.clone()),
        _ => Err(bad(field, &format!("is {name}, but {} has no such column.", table.table))
            .advice(format!("It has: {}.", names(table)))),
    }
}

fn names(table: &TableInfo) -> String {
    table.columns.iter().map(|c| c.name.0.as_str()).collect::<Vec<_>>().join(", ")
}

/// The column of this table that has the same name but for case and separators.
fn same_name(table: &TableInfo, name: &ColumnName) -> Option<ColumnName> {
    table.columns.iter().find(|c| plain(&c.name.0) == plain(&name.0)).map(|c| c.name.clone())
}

/// Every rule that is possible between two tables.
fn between(target: &TableInfo, reference: &TableInfo, wanted: &Wanted) -> Result<Vec<Rule>, Problem> {
    let key = if wanted.key.is_empty() {
        target.keys.first().cloned().ok_or_else(|| {
            bad(
                "target.key",
                &format!("cannot be found: {} has no primary key and no unique, not-null columns.", target.table),
            )
            .advice("Amend finds rows again by their key: add one.")
        })?
    } else {
        wanted.key.iter().map(|k| column("target.key", target, k)).collect::<Result<_, _>>()?
    };
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for (a, b) in &wanted.matches {
        mine.push(column("target.matches", target, a)?);
        theirs.push(column("reference.matches", reference, b)?);
    }
    if wanted.matches.is_empty() {
        // What tells the reference's rows apart and stands in the target, too.
        let shared = reference.keys.iter().find_map(|unique| {
            let mine: Option<Vec<_>> = unique.iter().map(|c| same_name(target, c)).collect();
            mine.filter(|m| !m.iter().all(|c| is_common(&c.0))).map(|m| (m, unique.clone()))
        });
        (mine, theirs) = shared.ok_or_else(|| {
            bad(
                "target.matches",
                &format!(
                    "cannot be found: no unique key of {} stands in {} under the same name.",
                    reference.table, target.table
                ),
            )
            .advice(format!(
                "Say --match COLUMN=COLUMN. {} has: {}. {} has: {}.",
                target.table,
                names(target),
                reference.table,
                names(reference)
            ))
        })?;
    }
    let free = |c: &ColumnName| !key.contains(c) && !mine.contains(c);
    let values: Vec<(ColumnName, ColumnName)> = match (&wanted.value, &wanted.reference_value) {
        (Some(value), other) => {
            let value = column("target.value", target, value)?;
            let other = match other {
                Some(name) => column("reference.value", reference, name)?,
                None => same_name(reference, &value).ok_or_else(|| {
                    bad(
                        "reference.value",
                        &format!("cannot be found: {} has no column named as {value}.", reference.table),
                    )
                    .advice(format!("Say --reference-value. It has: {}.", names(reference)))
                })?,
            };
            vec![(value, other)]
        }
        (None, Some(other)) => {
            let other = column("reference.value", reference, other)?;
            let value = same_name(target, &other).filter(free).ok_or_else(|| {
                bad("target.value", &format!("cannot be found: {} has no column named as {other}.", target.table))
                    .advice(format!("Say --value. It has: {}.", names(target)))
            })?;
            vec![(value, other)]
        }
        (None, None) => target
            .columns
            .iter()
            .map(|c| &c.name)
            .filter(|c| free(c) && !is_common(&c.0))
            .filter_map(|c| Some((c.clone(), same_name(reference, c)?)))
            .filter(|(_, other)| !theirs.contains(other))
            .collect(),
    };
    if values.is_empty() {
        return Err(bad(
            "target.value",
            &format!(
                "cannot be found: {} and {} share no column besides those that match.",
                target.table, reference.table
            ),
        )
        .advice("Say --value and --reference-value."));
    }
    let parts = Parts { target, reference, key, mine, theirs };
    values.into_iter().map(|(value, other)| parts.rule(value, other, wanted)).collect()
}

struct Parts<'a> {
    target: &'a TableInfo,
    reference: &'a TableInfo,
    key: Vec<ColumnName>,
    mine: Vec<ColumnName>,
    theirs: Vec<ColumnName>,
}

impl Parts<'_> {
    fn rule(&self, value: ColumnName, other: ColumnName, wanted: &Wanted) -> Result<Rule, Problem> {
        let slug = wanted.slug.clone().unwrap_or_else(|| slug_of(&self.target.table, &value));
        let time = time_column(self.target.columns.iter().map(|c| c.name.0.as_str()));
        Ok(Rule {
            slug: RuleSlug::parse(&slug)?,
            title: wanted.title.clone().unwrap_or_else(|| title_of(&self.target.table, &value)),
            target: Target {
                table: self.target.table.clone(),
                key: self.key.clone(),
                matches: self.mine.clone(),
                value,
                timestamp: time.map(ColumnName::new),
                dimensions: Vec::new(),
                kept_by_triggers: Vec::new(),
            },
            reference: Reference { table: self.reference.table.clone(), matches: self.theirs.clone(), value: other },
            allowed_values: wanted.allowed_values.clone(),
            allow_without_backup: false,
            retention_days: None,
            retired: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use amend_domain::TableName;

    use super::*;

    fn table(name: TableName, columns: &[&str], key: &[&str]) -> TableInfo {
        let columns = columns
            .iter()
            .map(|c| ColumnInfo { name: ColumnName::new(c), type_name: "text".into(), nullable: true })
            .collect();
        let keys = vec![key.iter().map(|c| ColumnName::new(c)).collect()];
        TableInfo { table: name, columns, keys, indexes: vec![], estimated_rows: None }
    }

    fn back_office() -> Vec<TableInfo> {
        vec![
            table(
                TableName::in_schema("Back Office", "Trades"),
                &["Desk", "No", "Instrument", "Settlement Ccy", "Note"],
                &["Desk", "No"],
            ),
            table(
                TableName::in_schema("Back Office", "Instruments"),
                &["instrument", "settlement_ccy", "note"],
                &["instrument"],
            ),
        ]
    }

    #[test]
    fn the_one_rule_that_is_possible_is_found() {
        let rule = describe(&back_office(), &Wanted::default()).expect("one rule");
        assert_eq!(rule.slug.as_str(), "trades-settlement-ccy");
        assert_eq!(rule.target.key, ["Desk", "No"].map(ColumnName::new));
        assert_eq!(
            (rule.target.matches[0].0.as_str(), rule.reference.matches[0].0.as_str()),
            ("Instrument", "instrument")
        );
        assert_eq!(rule.reference.value.0, "settlement_ccy");
    }

    #[test]
    fn each_bad_name_is_told_by_its_field_with_what_is_there() {
        let field = |wanted: Wanted| describe(&back_office(), &wanted).expect_err("a bad name");
        let both = Wanted { target: Some("trades".into()), reference: Some("instruments".into()), ..Wanted::default() };
        let target = field(Wanted { target: Some("Trade".into()), ..Wanted::default() });
        let value = field(Wanted { value: Some("Currency".into()), ..both.clone() });
        let key = field(Wanted { key: vec!["Number".into()], ..both.clone() });
        let matches = field(Wanted { matches: vec![("Instrument".into(), "Code".into())], ..both.clone() });
        let slug = field(Wanted { slug: Some("Not A Slug".into()), ..both });
        let fields: Vec<_> = [&target, &value, &key, &matches, &slug].iter().map(|p| p.field.as_deref()).collect();
        assert_eq!(
            fields,
            [Some("target.table"), Some("target.value"), Some("target.key"), Some("reference.matches"), Some("rule")]
        );
        assert!(target.to_string().contains("Back Office.Trades") && value.to_string().contains("Settlement Ccy"));
    }

    #[test]
    fn of_several_possible_rules_none_is_guessed() {
        let mut tables = back_office();
        for table in &mut tables {
            table.columns.push(ColumnInfo { name: ColumnName::new("Venue"), type_name: "text".into(), nullable: true });
        }
        let problem = describe(&tables, &Wanted::default()).expect_err("two rules");
        assert!(problem.message.contains("Trades.Venue") && problem.message.contains("Settlement Ccy"), "{problem}");
        assert!(describe(&tables, &Wanted { value: Some("venue".into()), ..Wanted::default() }).is_ok());
    }
}
