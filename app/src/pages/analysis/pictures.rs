//! From the analysis to what is drawn, and from a click on it back to a filter.

use amend_domain::{
    Analysis, ClassCounts, Finding, FindingCounts, RowFilter,
    analysis::{DimensionCount, SymbolCounts},
};

use super::look::Look;
use crate::{
    charts::{ChartKind, ChartSpec, Series},
    components::finding_name,
    pages::preview::words,
};

/// Symbols and carried values drawn at most; the tables have all.
const BARS: usize = 12;

const fn token(finding: Finding) -> &'static str {
    match finding {
        Finding::Correct => "--f-correct",
        Finding::Missing => "--f-missing",
        Finding::Mismatched => "--f-mismatched",
        Finding::Variant => "--f-variant",
        Finding::Orphan => "--f-orphan",
        Finding::Ambiguous => "--f-ambiguous",
        Finding::Unresolvable => "--f-unresolvable",
    }
}

/// What a bar stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    Class,
    Symbol,
    Carried,
    Dimension(String),
}

/// One bar: rows of one value.
#[derive(Debug, Clone, PartialEq)]
pub struct BarRow {
    label: String,
    counts: FindingCounts,
    of: Of,
    value: Option<String>,
}

impl BarRow {
    fn new(of: Of, value: Option<&str>, counts: FindingCounts) -> Self {
        Self { label: words(value), counts, of, value: value.map(Into::into) }
    }

    /// The rows of one colour of this bar.
    fn filter(&self, finding: Finding) -> RowFilter {
        let findings = vec![finding];
        let any = RowFilter::default();
        let value = self.value.clone();
        match &self.of {
            Of::Class => RowFilter { findings, ..class_filter(value, finding) },
            // A null cannot be named as a symbol or a dimension: then it is all rows of the finding.
            Of::Symbol => RowFilter { findings, symbols: value.into_iter().collect(), ..any },
            Of::Carried => RowFilter { findings, current: vec![value], ..any },
            Of::Dimension(name) => {
                let dimensions = value.into_iter().map(|v| (name.clone(), v)).collect();
                RowFilter { findings, dimensions, ..any }
            }
        }
    }
}

/// The colours of a picture: the findings of the look that have rows in it.
fn drawn(rows: &[BarRow], look: &Look) -> Vec<Finding> {
    look.findings().into_iter().filter(|f| rows.iter().any(|r| r.counts.get(*f) > 0)).collect()
}

/// Horizontal bars, one colour a finding.
#[must_use]
pub fn stacked(rows: &[BarRow], look: &Look) -> ChartSpec {
    ChartSpec {
        kind: ChartKind::Stacked,
        horizontal: true,
        labels: rows.iter().map(|r| r.label.clone()).collect(),
        series: drawn(rows, look)
            .into_iter()
            .map(|f| Series::counts(finding_name(f), token(f), rows.iter().map(|r| r.counts.get(f))))
            .collect(),
        unit: Some("rows"),
        log_scale: false,
        height: ChartSpec::bars_height(rows.len()),
    }
}

/// The look after a click on the `series`th colour of the `bar`th bar.
#[must_use]
pub fn clicked(rows: &[BarRow], look: &Look, series: usize, bar: usize) -> Option<Look> {
    let finding = *drawn(rows, look).get(series)?;
    Some(look.narrowed(rows.get(bar)?.filter(finding)))
}

fn shown(counts: &FindingCounts, look: &Look) -> i64 {
    look.findings().into_iter().map(|f| counts.get(f)).sum()
}

fn any<T: PartialEq>(wanted: &[T], value: &T) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

/// Rows by class. Follows `will be`.
#[must_use]
pub fn by_class(analysis: &Analysis, look: &Look) -> Vec<BarRow> {
    let wanted = &look.filter.proposed;
    analysis
        .by_class
        .iter()
        .filter(|c| wanted.is_empty() || c.class.as_ref().is_some_and(|class| wanted.contains(class)))
        .filter(|c| shown(&c.counts, look) > 0)
        .map(|ClassCounts { class, counts, .. }| {
            let row = BarRow::new(Of::Class, class.as_deref(), *counts);
            if class.is_some() { row } else { BarRow { label: "no value".into(), ..row } }
        })
        .collect()
}

/// A row is of the class that the reference gives, or where that is none, of the one it carries.
fn class_filter(class: Option<String>, finding: Finding) -> RowFilter {
    match class {
        Some(class) if finding.needs_a_person() => RowFilter { current: vec![Some(class)], ..RowFilter::default() },
        Some(class) => RowFilter { proposed: vec![class], ..RowFilter::default() },
        None => RowFilter { current: vec![None, Some(String::new())], ..RowFilter::default() },
    }
}

/// The worst symbols. Follows `symbol` and `will be`.
#[must_use]
pub fn worst<'a>(analysis: &'a Analysis, look: &Look) -> Vec<&'a SymbolCounts> {
    let filter = &look.filter;
    analysis
        .worst_symbols
        .iter()
        .filter(|s| {
            let symbol = filter.symbols.is_empty() || s.symbol.as_ref().is_some_and(|v| filter.symbols.contains(v));
            let class = filter.proposed.is_empty() || s.proposed.as_ref().is_some_and(|v| filter.proposed.contains(v));
            symbol && class && shown(&s.counts, look) > 0
        })
        .collect()
}

#[must_use]
pub fn by_symbol(analysis: &Analysis, look: &Look) -> Vec<BarRow> {
    let mut symbols = worst(analysis, look);
    symbols.sort_by_key(|s| -shown(&s.counts, look));
    symbols.into_iter().take(BARS).map(|s| BarRow::new(Of::Symbol, s.symbol.as_deref(), s.counts)).collect()
}

/// The dimensions there are, in the order of the rule.
#[must_use]
pub fn dimensions(analysis: &Analysis) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for count in &analysis.dimensions {
        if !names.contains(&count.dimension) {
            names.push(count.dimension.clone());
        }
    }
    names
}

/// Rows by the values of one dimension. Follows that dimension.
#[must_use]
pub fn by_dimension(analysis: &Analysis, look: &Look, name: &str) -> Vec<BarRow> {
    let wanted: Vec<_> = look.filter.dimensions.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect();
    let mut rows: Vec<BarRow> = Vec::new();
    for DimensionCount { value, finding, rows: n, .. } in analysis.dimensions.iter().filter(|d| d.dimension == name) {
        if !wanted.is_empty() && !value.as_ref().is_some_and(|v| wanted.contains(v)) {
            continue;
        }
        let at = rows.iter().position(|r| r.value == *value).unwrap_or_else(|| {
            rows.push(BarRow::new(Of::Dimension(name.to_owned()), value.as_deref(), FindingCounts::default()));
            rows.len() - 1
        });
        // Null and blank are not told apart by dimension.
        rows[at].counts.add(*finding, None, *n);
    }
    rows.retain(|r| shown(&r.counts, look) > 0);
    rows.sort_by_key(|r| -shown(&r.counts, look));
    rows
}

/// What the rows carry now, where the reference knows better. Follows `now` and `will be`.
#[must_use]
pub fn by_carried(analysis: &Analysis, look: &Look) -> Vec<BarRow> {
    let filter = &look.filter;
    let mut rows: Vec<BarRow> = Vec::new();
    for pair in analysis.pairs.iter().filter(|p| any(&filter.current, &p.current) && any(&filter.proposed, &p.proposed))
    {
        let at = rows.iter().position(|r| r.value == pair.current).unwrap_or_else(|| {
            rows.push(BarRow::new(Of::Carried, pair.current.as_deref(), FindingCounts::default()));
            rows.len() - 1
        });
        rows[at].counts.add(pair.finding, pair.current.as_deref(), pair.rows);
    }
    rows.retain(|r| shown(&r.counts, look) > 0);
    rows.sort_by_key(|r| -shown(&r.counts, look));
    rows.truncate(BARS);
    rows
}

#[cfg(test)]
pub mod tests {
    use amend_domain::{MissingCounts, PairCount, RuleSlug};
    use chrono::DateTime;

    use super::*;

    /// Six rows: two correct STOCK, one null to STOCK, one ETF to STOCK, two orphans that carry ETF.
    pub fn small() -> Analysis {
        let stock = FindingCounts { correct: 2, missing_null: 1, mismatched: 1, ..FindingCounts::default() };
        let orphans = FindingCounts { orphan: 2, ..FindingCounts::default() };
        let pair = |current: Option<&str>, finding, rows| PairCount {
            current: current.map(Into::into),
            proposed: "STOCK".into(),
            finding,
            rows,
        };
        let dimension = |value: &str, finding, rows| DimensionCount {
            dimension: "timeframe".into(),
            value: Some(value.into()),
            finding,
            rows,
        };
        Analysis {
            rule: RuleSlug::default_rule(),
            total: 6,
            correct: 2,
            missing: MissingCounts { null: 1, blank: 0 },
            mismatched: 1,
            variant: 0,
            orphan: 2,
            ambiguous: 0,
            unresolvable: 0,
            by_class: vec![
                ClassCounts { class: Some("STOCK".into()), total: 4, counts: stock },
                ClassCounts { class: Some("ETF".into()), total: 2, counts: orphans },
            ],
            symbols_referenced: 2,
            symbols_unused: 0,
            duration_ms: 1,
            generated_at: DateTime::UNIX_EPOCH,
            score: 33.33,
            completeness: 83.33,
            integrity: 66.66,
            pairs: vec![
                pair(Some("STOCK"), Finding::Correct, 2),
                pair(None, Finding::Missing, 1),
                pair(Some("ETF"), Finding::Mismatched, 1),
            ],
            worst_symbols: vec![],
            dimensions: vec![
                dimension("1m", Finding::Correct, 2),
                dimension("1m", Finding::Missing, 1),
                dimension("1d", Finding::Orphan, 2),
            ],
            symbols_wrong: 2,
            symbols_resolved: 1,
            mismatches: vec![],
        }
    }

    #[test]
    fn a_click_on_an_orphan_asks_for_what_the_row_carries() {
        let (analysis, look) = (small(), Look::default());
        let rows = by_class(&analysis, &look);
        let place = |f| drawn(&rows, &look).iter().position(|x| *x == f).unwrap_or(99);
        let orphan = clicked(&rows, &look, place(Finding::Orphan), 1).expect("a bar");
        assert_eq!(orphan.href(), "/analysis?finding=orphan&current=ETF");
        let missing = clicked(&rows, &look, place(Finding::Missing), 0).expect("a bar");
        assert_eq!(missing.href(), "/analysis?finding=missing&proposed=STOCK");
        assert_eq!(clicked(&rows, &look, 0, 9), None);
        assert_eq!(clicked(&rows, &look, 9, 0), None);
    }

    #[test]
    fn faults_alone_leave_out_what_is_correct() {
        let spec = stacked(&by_carried(&small(), &Look::default()), &Look::default());
        assert_eq!(spec.labels, ["null", "ETF"]);
        let all = Look { all: true, ..Look::default() };
        assert_eq!(stacked(&by_carried(&small(), &all), &all).labels, ["STOCK", "null", "ETF"]);
    }

    #[test]
    fn a_dimension_is_narrowed_by_its_own_value() {
        let filter = RowFilter { dimensions: vec![("timeframe".into(), "1d".into())], ..RowFilter::default() };
        let look = Look { filter, all: true };
        let rows = by_dimension(&small(), &look, "timeframe");
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].counts.orphan, 2);
    }
}
