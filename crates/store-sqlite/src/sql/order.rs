//! The order of pages, and where a page begins (keyset: what comes after a row, never how many).

use amend_domain::{RowSort, SortDirection};
use amend_engine::store::StoreError;

use super::candidates::Walk;
use crate::{
    shape::Bound,
    value::{Binds, SqlValue},
};

/// One thing that rows are ordered by.
#[derive(Debug, Clone)]
struct Term {
    expression: String,
    nullable: bool,
}

/// The order of a query: what it sorts by and then the row's key, so that it is total.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    terms: Vec<Term>,
    direction: SortDirection,
    mark: String,
}

impl Order {
    /// `indexed` says that a filter is served by an index better than the order is.
    pub(crate) fn new(
        bound: &Bound<'_>,
        sort: RowSort,
        direction: SortDirection,
        indexed: bool,
    ) -> Result<Self, StoreError> {
        let target = &bound.rule.target;
        let columns: Vec<_> = match sort {
            RowSort::Key => Vec::new(),
            RowSort::Symbol => target.matches.iter().collect(),
            RowSort::Timestamp => match &target.timestamp {
                Some(column) => vec![column],
                None => {
                    return Err(StoreError::Unsupported(
                        "The rule names no timestamp column to sort by. Name one in the rule, or sort by key.".into(),
                    ));
                }
            },
        };
        let collation = if sort == RowSort::Symbol { " COLLATE BINARY" } else { "" };
        let mut terms: Vec<Term> = columns
            .into_iter()
            .map(|column| Term {
                expression: format!("t.{}{collation}", column.quoted()),
                nullable: bound.target.column(column).is_none_or(|c| !c.not_null),
            })
            .collect();
        // A unary plus hides the row number from the planner, which otherwise walks the whole table
        // in its order for a few rows that an index names, or a whole index for the sake of a tie.
        let plus = if indexed || sort != RowSort::Key { "+" } else { "" };
        match bound.walk() {
            Walk::RowNumber(rowid) => terms.push(Term { expression: format!("{plus}t.{rowid}"), nullable: false }),
            Walk::Key => {
                terms.extend(
                    target
                        .key
                        .iter()
                        .map(|column| Term { expression: format!("{plus}t.{}", column.quoted()), nullable: false }),
                );
            }
        }
        let mark = format!("{}:{direction:?}", sort.as_str());
        Ok(Self { terms, direction, mark })
    }

    /// Columns to select, from which [`Self::cursor`] is made.
    pub(crate) fn selected(&self) -> String {
        let all: Vec<String> = self.terms.iter().map(|t| t.expression.clone()).collect();
        all.join(", ")
    }

    pub(crate) fn width(&self) -> usize {
        self.terms.len()
    }

    pub(crate) fn order_by(&self) -> String {
        let word = match self.direction {
            SortDirection::Asc => "ASC",
            SortDirection::Desc => "DESC",
        };
        let all: Vec<String> = self.terms.iter().map(|t| format!("{} {word}", t.expression)).collect();
        all.join(", ")
    }

    pub(crate) fn cursor(&self, values: &[SqlValue]) -> String {
        let mut parts = vec![self.mark.clone()];
        parts.extend(values.iter().map(SqlValue::to_tagged));
        serde_json::json!(parts).to_string()
    }

    fn read_cursor(&self, cursor: &str) -> Option<Vec<SqlValue>> {
        let parts: Vec<String> = serde_json::from_str(cursor).ok()?;
        let (mark, values) = parts.split_first()?;
        if *mark != self.mark || values.len() != self.terms.len() {
            return None;
        }
        values.iter().map(|text| SqlValue::from_tagged(text)).collect()
    }

    /// Holds for the rows after a cursor.
    pub(crate) fn after(&self, cursor: &str, binds: &mut Binds) -> Result<String, StoreError> {
        let values = self.read_cursor(cursor).ok_or_else(|| {
            StoreError::Unsupported("The page's cursor does not belong to this order. Begin at the first page.".into())
        })?;
        let (sign, nulls_are_over) = match self.direction {
            SortDirection::Asc => ('>', true),
            SortDirection::Desc => ('<', false),
        };
        let fits = |(t, v): (&Term, &SqlValue)| *v != SqlValue::Null && (nulls_are_over || !t.nullable);
        if self.terms.iter().zip(&values).all(fits) {
            let places: Vec<String> = values.into_iter().map(|v| binds.add(v)).collect();
            let rows = format!("({}) {sign} ({})", self.selected(), places.join(", "));
            // A comparison of rows with a collation is not taken for a range of an index, so its first
            // part is said once more.
            return Ok(match (self.terms.as_slice(), places.as_slice()) {
                ([first, _, ..], [place, ..]) => format!("{} {sign}= {place} AND {rows}", first.expression),
                _ => rows,
            });
        }
        // Nulls come first upwards and last downwards.
        let mut ways = Vec::new();
        let mut equal: Vec<String> = Vec::new();
        for (term, value) in self.terms.iter().zip(values) {
            let is_null = value == SqlValue::Null;
            let place = binds.add(value);
            let beyond = match (is_null, self.direction) {
                (true, SortDirection::Asc) => Some(format!("{} IS NOT NULL", term.expression)),
                (true, SortDirection::Desc) => None,
                (false, SortDirection::Desc) if term.nullable => {
                    Some(format!("({0} < {place} OR {0} IS NULL)", term.expression))
                }
                (false, _) => Some(format!("{} {sign} {place}", term.expression)),
            };
            if let Some(beyond) = beyond {
                let mut all = equal.clone();
                all.push(beyond);
                ways.push(format!("({})", all.join(" AND ")));
            }
            equal.push(format!("{} IS {place}", term.expression));
        }
        Ok(format!("({})", ways.join(" OR ")))
    }
}
