//! What the form fills in by itself: only where names leave one answer. Everything stays to be changed.

use amend_domain::{
    ColumnName, Problem, Reference, Rule, RuleSlug, TableName, Target,
    naming::{is_common, plain, slug_of, time_column, title_of},
};

use crate::api::rules::TableView;

/// A form in which nothing is chosen: one pair of match columns to begin with.
pub(super) fn blank() -> Rule {
    let none = || ColumnName::new("");
    Rule {
        slug: RuleSlug::from_trusted(""),
        title: String::new(),
        target: Target {
            table: TableName::new(""),
            key: Vec::new(),
            matches: vec![none()],
            value: none(),
            timestamp: None,
            dimensions: Vec::new(),
            kept_by_triggers: Vec::new(),
        },
        reference: Reference { table: TableName::new(""), matches: vec![none()], value: none() },
        allowed_values: Vec::new(),
        allow_without_backup: false,
        retention_days: None,
        retired: false,
    }
}

/// What is still to be chosen before anything can be said of the rule; the first in the form's order.
pub(super) fn missing(rule: &Rule) -> Option<&'static str> {
    let none = |c: &ColumnName| c.0.is_empty();
    let (t, r) = (&rule.target, &rule.reference);
    let steps = [
        (t.table.name.is_empty(), "the table to correct"),
        (none(&t.value), "the column to correct"),
        (t.key.is_empty(), "the key of the table to correct"),
        (r.table.name.is_empty(), "the reference table"),
        (none(&r.value), "the reference's column with the right value"),
        (t.matches.iter().chain(&r.matches).any(none) || t.matches.is_empty(), "the columns that must be equal"),
        (rule.title.is_empty(), "a name"),
        (rule.slug.as_str().is_empty(), "a slug"),
    ];
    steps.into_iter().find(|(open, _)| *open).map(|(_, what)| what)
}

/// A problem as it stands at its field: without the field's name, other fields called as in the form.
pub(super) fn said(problem: &Problem) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("target.table", "the table"),
        ("target.key", "the key"),
        ("target.matches", "the match columns"),
        ("target.value", "the column to correct"),
        ("reference.table", "the reference table"),
        ("reference.matches", "the match columns of the reference"),
        ("reference.value", "the reference's column"),
        ("target.kept_by_triggers", "the columns written by triggers"),
    ];
    let field = problem.field.as_deref().unwrap_or_default();
    let rest = problem.message.strip_prefix(field).unwrap_or(&problem.message);
    let mut text = rest.trim_start_matches([':', ' ']).to_owned();
    for (name, words) in NAMES {
        text = text.replace(name, words);
    }
    if !text.ends_with('.') {
        text.push('.');
    }
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let advice = problem.advice.as_deref().unwrap_or_default();
    format!("{first}{} {advice}", letters.as_str()).trim_end().to_owned()
}

pub(super) fn find<'a>(tables: &'a [TableView], name: &str) -> Option<&'a TableView> {
    tables.iter().find(|t| t.table.to_string() == name)
}

/// Takes a table as the target: its key and time by what it has, the rest by the reference if there is one.
pub(super) fn target(rule: &mut Rule, tables: &[TableView], name: &str) {
    let fresh = blank().target;
    rule.target = match find(tables, name) {
        Some(table) => Target {
            table: table.table.clone(),
            key: table.keys.first().into_iter().flatten().map(|c| ColumnName::new(c)).collect(),
            timestamp: time_column(table.columns.iter().map(String::as_str)).map(ColumnName::new),
            ..fresh
        },
        None => fresh,
    };
    pair(rule, tables);
}

/// Takes a table as the reference.
pub(super) fn reference(rule: &mut Rule, tables: &[TableView], name: &str) {
    let fresh = blank().reference;
    rule.reference = match find(tables, name) {
        Some(table) => Reference { table: table.table.clone(), ..fresh },
        None => fresh,
    };
    rule.allowed_values.clear();
    pair(rule, tables);
}

/// The column of a table that has the same name but for case and separators.
fn same_name<'a>(table: &'a TableView, name: &str) -> Option<&'a String> {
    table.columns.iter().find(|c| plain(c) == plain(name))
}

/// Match columns: what tells the reference's rows apart and stands in the target, too. Value columns: the
/// one that both have besides.
fn pair(rule: &mut Rule, tables: &[TableView]) {
    let found = |name: &TableName| tables.iter().find(|t| t.table == *name);
    rule.target.matches = vec![ColumnName::new("")];
    rule.reference.matches = vec![ColumnName::new("")];
    let (Some(target), Some(reference)) = (found(&rule.target.table), found(&rule.reference.table)) else { return };
    let shared = reference.keys.iter().find_map(|unique| {
        let mine: Option<Vec<&String>> = unique.iter().map(|c| same_name(target, c)).collect();
        mine.filter(|mine| !mine.iter().all(|c| is_common(c))).map(|mine| (mine, unique))
    });
    if let Some((mine, theirs)) = shared {
        rule.target.matches = mine.into_iter().map(|c| ColumnName::new(c)).collect();
        rule.reference.matches = theirs.iter().map(|c| ColumnName::new(c)).collect();
    }
    let taken = |c: &String| {
        let used = |list: &[ColumnName]| list.iter().any(|other| other.0 == *c);
        used(&rule.target.key) || used(&rule.target.matches)
    };
    if rule.target.value.0.is_empty() {
        let mut both =
            target.columns.iter().filter(|c| !taken(c) && !is_common(c) && same_name(reference, c).is_some());
        if let (Some(only), None) = (both.next(), both.next()) {
            rule.target.value = ColumnName::new(only);
        }
    }
    if let Some(value) = same_name(reference, &rule.target.value.0) {
        rule.reference.value = ColumnName::new(value);
    }
}

/// Title and slug by table and column.
pub(super) fn rename(rule: &mut Rule) {
    let (table, value) = (&rule.target.table, &rule.target.value);
    if table.name.is_empty() || value.0.is_empty() {
        return;
    }
    rule.title = title_of(table, value);
    rule.slug = RuleSlug::from_trusted(slug_of(table, value));
}

/// Puts a column into a list or takes it out; what is exactly one of the table's keys gets that key's order,
/// by which its index is sorted.
pub(super) fn toggle(list: &mut Vec<ColumnName>, column: &str, keys: &[Vec<String>]) {
    match list.iter().position(|c| c.0 == column) {
        Some(at) => drop(list.remove(at)),
        None => list.push(ColumnName::new(column)),
    }
    let is = |key: &&Vec<String>| key.len() == list.len() && key.iter().all(|c| list.iter().any(|l| l.0 == *c));
    if let Some(key) = keys.iter().find(is) {
        *list = key.iter().map(|c| ColumnName::new(c)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, columns: &[&str], keys: &[&[&str]]) -> TableView {
        let owned = |list: &[&str]| list.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
        TableView {
            table: TableName::new(name),
            columns: owned(columns),
            types: owned(columns),
            keys: keys.iter().map(|k| owned(k)).collect(),
        }
    }

    fn tables() -> Vec<TableView> {
        vec![
            table("trades", &["desk", "no", "isin", "Ccy", "name", "ts"], &[&["desk", "no"]]),
            table("instruments", &["id", "ISIN", "ccy", "name"], &[&["id"], &["ISIN"]]),
            table("market_data", &["id", "symbol", "asset_class"], &[&["id"]]),
        ]
    }

    fn texts(list: &[ColumnName]) -> Vec<&str> {
        list.iter().map(|c| c.0.as_str()).collect()
    }

    #[test]
    fn two_tables_with_one_answer_fill_the_whole_form() {
        let (tables, mut rule) = (tables(), blank());
        target(&mut rule, &tables, "trades");
        assert_eq!((texts(&rule.target.key), missing(&rule)), (vec!["desk", "no"], Some("the column to correct")));
        reference(&mut rule, &tables, "instruments");
        rename(&mut rule);
        assert_eq!((texts(&rule.target.matches), texts(&rule.reference.matches)), (vec!["isin"], vec!["ISIN"]));
        assert_eq!((rule.target.value.0.as_str(), rule.reference.value.0.as_str()), ("Ccy", "ccy"));
        assert_eq!((rule.target.timestamp, rule.slug.as_str()), (Some(ColumnName::new("ts")), "trades-ccy"));
    }

    #[test]
    fn a_problem_at_its_field_does_not_repeat_the_fields_name() {
        let problem = Problem::field("target.value", "must not be one of target.matches").advice("Name another.");
        assert_eq!(said(&problem), "Must not be one of the match columns. Name another.");
        let problem = Problem { message: "target.key: (a) is no key of t.".into(), ..Problem::field("target.key", "") };
        assert_eq!(said(&problem), "(a) is no key of t.");
    }

    #[test]
    fn what_names_do_not_tell_is_left_to_be_chosen() {
        let (tables, mut rule) = (tables(), blank());
        reference(&mut rule, &tables, "instruments");
        target(&mut rule, &tables, "market_data");
        // Both have an "id", which means something else in each.
        assert_eq!((texts(&rule.target.matches), rule.target.value.0.as_str()), (vec![""], ""));
        assert_eq!(missing(&rule), Some("the column to correct"));
    }

    #[test]
    fn a_column_that_was_chosen_stays_when_the_reference_comes() {
        let (tables, mut rule) = (tables(), blank());
        target(&mut rule, &tables, "trades");
        rule.target.value = ColumnName::new("name");
        reference(&mut rule, &tables, "instruments");
        assert_eq!((rule.target.value.0.as_str(), rule.reference.value.0.as_str()), ("name", "name"));
    }

    #[test]
    fn a_key_that_is_picked_together_has_the_order_of_the_tables_own() {
        let keys = vec![vec!["desk".to_owned(), "no".to_owned()]];
        let mut list = Vec::new();
        toggle(&mut list, "no", &keys);
        assert_eq!(texts(&list), ["no"]);
        toggle(&mut list, "desk", &keys);
        assert_eq!(texts(&list), ["desk", "no"]);
        toggle(&mut list, "desk", &keys);
        assert_eq!(texts(&list), ["no"]);
    }
}
