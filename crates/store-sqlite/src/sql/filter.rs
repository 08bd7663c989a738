//! What a page of rows is filtered by.

use amend_domain::{Finding, RowFilter};
use amend_engine::store::StoreError;

use super::{indexed_text_of, reference::RESOLVED};
use crate::{shape::Bound, time::target_millis_sql, value::Binds};

impl Bound<'_> {
    /// The conditions of a filter, all of which must hold. They read `t` and `r`.
    pub(crate) fn conditions(&self, filter: &RowFilter, binds: &mut Binds) -> Result<Vec<String>, StoreError> {
        let mut all = Vec::new();
        if !filter.findings.is_empty() {
            let names: Vec<String> = filter.findings.iter().map(|f| format!("'{}'", f.as_str())).collect();
            all.push(format!("{} IN ({})", self.finding_case(), names.join(", ")));
        }
        if !filter.symbols.is_empty() {
            all.push(self.symbol_in(&binds.add_list(&filter.symbols)));
        }
        all.extend(self.current_condition(filter, binds));
        if !filter.proposed.is_empty() {
            let list = binds.add_list(&filter.proposed);
            all.push(format!("r.kind = {RESOLVED} AND r.value IN (SELECT value FROM json_each({list}))"));
        }
        self.dimension_conditions(filter, binds, &mut all)?;
        self.time_conditions(filter, binds, &mut all)?;
        Ok(all)
    }

    fn current_condition(&self, filter: &RowFilter, binds: &mut Binds) -> Option<String> {
        if filter.current.is_empty() {
            return None;
        }
        let current = self.current();
        let texts: Vec<&String> = filter.current.iter().flatten().collect();
        let mut any = Vec::new();
        if filter.current.contains(&None) {
            any.push(format!("{current} IS NULL"));
        }
        if !texts.is_empty() {
            let list = binds.add_list(texts);
            any.push(format!("{current} IN (SELECT value FROM json_each({list}))"));
        }
        Some(format!("({})", any.join(" OR ")))
    }

    fn dimension_conditions(
        &self,
        filter: &RowFilter,
        binds: &mut Binds,
        all: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let known = &self.rule.target.dimensions;
        if let Some((name, _)) = filter.dimensions.iter().find(|(name, _)| !known.iter().any(|d| d.0 == *name)) {
            return Err(StoreError::Unsupported(format!(
                "The rule has no dimension {name}. Leave it out of the filter."
            )));
        }
        for dimension in known {
            let values: Vec<&String> =
                filter.dimensions.iter().filter(|(name, _)| *name == dimension.0).map(|(_, value)| value).collect();
            if let (false, Some(column)) = (values.is_empty(), self.target.column(dimension)) {
                let list = binds.add_list(values);
                all.push(format!("{} IN (SELECT value FROM json_each({list}))", indexed_text_of("t", column)));
            }
        }
        Ok(())
    }

    /// From is within, until is not.
    fn time_conditions(&self, filter: &RowFilter, binds: &mut Binds, all: &mut Vec<String>) -> Result<(), StoreError> {
        if filter.from.is_none() && filter.until.is_none() {
            return Ok(());
        }
        let Some(column) = &self.rule.target.timestamp else {
            return Err(StoreError::Unsupported(
                "The rule names no timestamp column, so rows cannot be filtered by time. Name one in the rule.".into(),
            ));
        };
        let millis = target_millis_sql(&format!("t.{}", column.quoted()));
        if let Some(from) = filter.from {
            all.push(format!("({millis}) >= {}", binds.add(from.timestamp_millis())));
        }
        if let Some(until) = filter.until {
            all.push(format!("({millis}) < {}", binds.add(until.timestamp_millis())));
        }
        Ok(())
    }
}

/// Whether a filter wants nothing but rows that the reference cannot decide, which a few symbols have.
pub(crate) fn only_trouble(findings: &[Finding]) -> bool {
    !findings.is_empty() && findings.iter().all(|f| f.needs_a_person())
}
