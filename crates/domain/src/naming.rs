//! What names of tables and columns tell: which two mean the same, and what a rule over them is called.

use crate::rule::{ColumnName, TableName};

/// `AssetClass`, `asset_class` and `ASSETCLASS` are one name here.
#[must_use]
pub fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Columns that many tables share and that mean something else in each.
const COMMON: [&str; 12] = [
    "id",
    "uuid",
    "name",
    "fullname",
    "title",
    "note",
    "notes",
    "description",
    "created",
    "createdat",
    "updatedat",
    "timestamp",
];

/// Whether two tables may well have columns of this name that have nothing to do with each other.
#[must_use]
pub fn is_common(column: &str) -> bool {
    COMMON.contains(&plain(column).as_str())
}

/// The column that holds the rows' own time, by its name.
pub fn time_column<'a>(columns: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    ["timestamp", "ts", "time"].iter().find_map(|name| columns.clone().find(|c| plain(c) == *name))
}

/// `Back Office.Trades` and `Settlement Ccy` become `trades-settlement-ccy`; at most 64 characters.
#[must_use]
pub fn slug_of(table: &TableName, value: &ColumnName) -> String {
    let text: String = format!("{} {value}", table.name)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let mut slug = text.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    slug.truncate(64);
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// What people call such a rule.
#[must_use]
pub fn title_of(table: &TableName, value: &ColumnName) -> String {
    format!("{value} of {}", table.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_has_only_what_a_url_takes_and_not_too_much_of_it() {
        let trades = TableName::in_schema("Back Office", "Trades (old)");
        assert_eq!(slug_of(&trades, &ColumnName::new("Settlement Ccy")), "trades-old-settlement-ccy");
        let long = slug_of(&TableName::new(&"t-".repeat(60)), &ColumnName::new("v"));
        assert!(crate::RuleSlug::parse(&long).is_ok(), "{long}");
    }

    #[test]
    fn the_time_of_a_row_is_known_by_its_name() {
        assert_eq!(time_column(["id", "TS", "time"].into_iter()), Some("TS"));
        assert_eq!(time_column(["id", "seen"].into_iter()), None);
    }
}
