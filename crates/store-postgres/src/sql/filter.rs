//! Row filters and scopes as conditions.

use amend_domain::{Finding, RowFilter, Rule, Scope};
use amend_engine::store::StoreError;

use super::{failed, symbol, time};
use crate::{shape::Shape, tx::Args};

/// Conditions that all must hold, as the tail of a `WHERE true`.
#[derive(Default)]
pub(crate) struct Conditions(Vec<String>);

impl Conditions {
    pub(crate) fn add(&mut self, condition: String) {
        self.0.push(condition);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `true` or `(a) AND (b) ...`.
    pub(crate) fn sql(&self) -> String {
        if self.0.is_empty() {
            "true".into()
        } else {
            self.0.iter().map(|c| format!("({c})")).collect::<Vec<_>>().join(" AND ")
        }
    }
}

/// "The row's symbol is one of these": on the raw column where its index can answer.
pub(crate) fn symbols(shape: &Shape, alias: &str, wanted: &[String], args: &mut Args) -> String {
    let list = args.texts(wanted);
    match shape.matches.as_slice() {
        [one] => one.is_any(alias, &list),
        _ => format!("{} = ANY({list})", symbol(shape, alias)),
    }
}

/// The scope of a run on the target `t`.
pub(crate) fn scope(shape: &Shape, scope: &Scope, args: &mut Args) -> Conditions {
    let mut all = Conditions::default();
    if let Some(wanted) = &scope.symbols {
        all.add(symbols(shape, "t", wanted, args));
    }
    if let Some(run) = &scope.failed_of {
        all.add(failed::listed(shape, run.as_str(), args));
    }
    all
}

/// What a filter says about the row alone, without the reference.
///
/// # Errors
/// [`StoreError::Unsupported`] for a dimension or a time that the rule does not have.
pub(crate) fn on_row(
    shape: &Shape,
    rule: &Rule,
    filter: &RowFilter,
    args: &mut Args,
) -> Result<Conditions, StoreError> {
    let mut all = Conditions::default();
    if !filter.symbols.is_empty() {
        all.add(symbols(shape, "t", &filter.symbols, args));
    }
    if !filter.current.is_empty() {
        let texts: Vec<String> = filter.current.iter().flatten().cloned().collect();
        let mut either = Vec::new();
        if !texts.is_empty() {
            either.push(shape.value.is_any("t", &args.texts(&texts)));
        }
        if filter.current.contains(&None) {
            either.push(format!("{} IS NULL", shape.value.of("t")));
        }
        all.add(either.join(" OR "));
    }
    for (i, dimension) in shape.dimensions.iter().enumerate() {
        let name = &rule.target.dimensions[i].0;
        let wanted: Vec<String> = filter.dimensions.iter().filter(|(d, _)| d == name).map(|(_, v)| v.clone()).collect();
        if !wanted.is_empty() {
            all.add(dimension.is_any("t", &args.texts(&wanted)));
        }
    }
    if let Some((name, _)) = filter.dimensions.iter().find(|(d, _)| !rule.target.dimensions.iter().any(|c| &c.0 == d)) {
        return Err(StoreError::Unsupported(format!("The rule has no dimension {name} to filter by.")));
    }
    for (moment, operator) in [(filter.from, ">="), (filter.until, "<")] {
        let Some(moment) = moment else { continue };
        let condition =
            shape.timestamp.as_ref().and_then(|c| time::compare(c, "t", operator, &args.time(moment))).ok_or_else(
                || StoreError::Unsupported("The rule names no column with the rows' time to filter by.".into()),
            )?;
        all.add(condition);
    }
    Ok(all)
}

/// What a filter says about the finding; `finding` is an expression, `r` the joined reference.
pub(crate) fn on_finding(filter: &RowFilter, finding: &str, args: &mut Args) -> Conditions {
    let mut all = Conditions::default();
    if !filter.findings.is_empty() {
        let words: Vec<String> = filter.findings.iter().map(|f| f.as_str().to_owned()).collect();
        all.add(format!("{finding} = ANY({})", args.texts(&words)));
    }
    if !filter.proposed.is_empty() {
        all.add(format!("r.val = ANY({})", args.texts(&filter.proposed)));
    }
    all
}

/// Where only ambiguous or unresolvable rows are asked for, the reference names their symbols.
pub(crate) fn reference_names_them(filter: &RowFilter) -> bool {
    !filter.findings.is_empty()
        && filter.findings.iter().all(|f| matches!(f, Finding::Ambiguous | Finding::Unresolvable))
}
