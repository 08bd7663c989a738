//! Finding target and reference among the tables of a database, whatever their letter case.

use amend_domain::{ColumnName, Problem, Reference, Rule, RuleSlug, Target, naming::plain};

use crate::store::TableInfo;

fn column(table: &TableInfo, names: &[&str]) -> Option<ColumnName> {
    names.iter().find_map(|name| table.columns.iter().find(|c| plain(&c.name.0) == *name)).map(|c| c.name.clone())
}

struct Found<'a> {
    targets: Vec<&'a TableInfo>,
    references: Vec<&'a TableInfo>,
}

fn look(tables: &[TableInfo]) -> Found<'_> {
    let has = |t: &TableInfo, names: &[&str]| column(t, names).is_some();
    Found {
        targets: tables
            .iter()
            .filter(|t| plain(&t.table.name) == "marketdata" && has(t, &["symbol"]) && has(t, &["assetclass"]))
            .collect(),
        references: tables
            .iter()
            .filter(|t| {
                matches!(plain(&t.table.name).as_str(), "symbols" | "symbol")
                    && has(t, &["ticker", "symbol"])
                    && has(t, &["assetclass"])
            })
            .collect(),
    }
}

/// Proposes the asset-class rule for these tables.
///
/// # Errors
/// `RULE_UNUSABLE` that says what is missing or what there is too much of.
pub(crate) fn propose(tables: &[TableInfo]) -> Result<Rule, Problem> {
    let found = look(tables);
    let target = one("target (market_data with a symbol and an asset-class column)", &found.targets)?;
    let reference = one("reference (symbols with a ticker and an asset-class column)", &found.references)?;
    let key = target.keys.first().ok_or_else(|| {
        unusable(format!("{} has no primary key and no unique, not-null columns.", target.table))
            .advice("Amend finds rows again by their key: add one.")
    })?;
    let missing = || unusable(format!("{} has lost a column while it was looked at.", target.table));
    let defaults = Rule::asset_class();
    Ok(Rule {
        slug: RuleSlug::default_rule(),
        title: defaults.title,
        target: Target {
            table: target.table.clone(),
            key: key.clone(),
            matches: vec![column(target, &["symbol"]).ok_or_else(missing)?],
            value: column(target, &["assetclass"]).ok_or_else(missing)?,
            timestamp: column(target, &["timestamp", "ts", "time"]),
            dimensions: column(target, &["timeframe"]).into_iter().collect(),
            kept_by_triggers: Vec::new(),
        },
        reference: Reference {
            table: reference.table.clone(),
            matches: vec![column(reference, &["ticker", "symbol"]).ok_or_else(missing)?],
            value: column(reference, &["assetclass"]).ok_or_else(missing)?,
        },
        allowed_values: defaults.allowed_values,
        allow_without_backup: defaults.allow_without_backup,
        retention_days: defaults.retention_days,
        retired: false,
    })
}

fn one<'a>(what: &str, tables: &[&'a TableInfo]) -> Result<&'a TableInfo, Problem> {
    match tables {
        [table] => Ok(table),
        [] => Err(unusable(format!("No table looks like the {what}."))
            .advice("Fill an empty database with `amend demo`, or describe the tables in amend.toml.")),
        several => {
            let names: Vec<_> = several.iter().map(|t| t.table.to_string()).collect();
            Err(unusable(format!("Several tables look like the {what}: {}.", names.join(", ")))
                .advice("Name the right one in amend.toml."))
        }
    }
}

fn unusable(message: String) -> Problem {
    Problem::new(amend_domain::ErrorCode::RuleUnusable, message)
}

#[cfg(test)]
mod tests {
    use amend_domain::TableName;

    use super::*;
    use crate::store::ColumnInfo;

    fn table(name: &str, columns: &[&str]) -> TableInfo {
        let columns: Vec<_> = columns
            .iter()
            .map(|c| ColumnInfo { name: ColumnName::new(c), type_name: "text".into(), nullable: true })
            .collect();
        let keys = vec![vec![columns[0].name.clone()]];
        TableInfo { table: TableName::new(name), columns, keys, indexes: vec![], estimated_rows: None }
    }

    #[test]
    fn names_are_found_in_any_spelling_and_kept_as_they_are() {
        let tables = [
            table("MarketData", &["Id", "Symbol", "Timeframe", "Timestamp", "AssetClass"]),
            table("symbols", &["id", "TICKER", "asset_class"]),
        ];
        let rule = propose(&tables).expect("both are there");
        assert_eq!(rule.target.value, ColumnName::new("AssetClass"));
        assert_eq!(rule.reference.matches, [ColumnName::new("TICKER")]);
        assert_eq!(rule.target.dimensions, [ColumnName::new("Timeframe")]);
    }

    #[test]
    fn two_candidates_are_named_and_none_is_guessed() {
        let tables = [
            table("market_data", &["id", "symbol", "asset_class"]),
            table("MarketData", &["id", "symbol", "asset_class"]),
            table("symbols", &["id", "ticker", "asset_class"]),
        ];
        let problem = propose(&tables).expect_err("two targets");
        assert!(problem.message.contains("market_data, MarketData"), "{problem}");
    }
}
