//! A row filter as URL parameters, one spelling for links, the preview page and the export.
//!
//! `finding`, `symbol`, `current`, `proposed` and `dim.NAME` may stand several times; `current_null=1`
//! asks for null; `from` and `until` are RFC 3339; `sort` and `direction` order.

use chrono::{DateTime, Utc};

use crate::{
    error::Problem,
    finding::Finding,
    rows::{RowFilter, RowSort, SortDirection},
};

impl RowFilter {
    /// The parameters, in a fixed order, not yet percent-encoded.
    #[must_use]
    pub fn to_pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut push = |k: &str, v: String| pairs.push((k.to_owned(), v));
        for f in &self.findings {
            push("finding", f.as_str().into());
        }
        for s in &self.symbols {
            push("symbol", s.clone());
        }
        for c in &self.current {
            match c {
                Some(v) => push("current", v.clone()),
                None => push("current_null", "1".into()),
            }
        }
        for p in &self.proposed {
            push("proposed", p.clone());
        }
        for (d, v) in &self.dimensions {
            push(&format!("dim.{d}"), v.clone());
        }
        if let Some(t) = self.from {
            push("from", t.to_rfc3339());
        }
        if let Some(t) = self.until {
            push("until", t.to_rfc3339());
        }
        pairs
    }

    /// Reads what [`RowFilter::to_pairs`] writes; parameters it does not know are left alone, because
    /// a page has others.
    ///
    /// # Errors
    /// A finding or a time that cannot be read.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Problem> {
        let mut filter = Self::default();
        for (key, value) in pairs {
            match key {
                "finding" => filter.findings.push(Finding::parse(value).ok_or_else(|| {
                    Problem::field(
                        "finding",
                        "must be correct, missing, mismatched, variant, orphan, ambiguous or unresolvable",
                    )
                })?),
                "symbol" => filter.symbols.push(value.to_owned()),
                "current" => filter.current.push(Some(value.to_owned())),
                "current_null" => filter.current.push(None),
                "proposed" => filter.proposed.push(value.to_owned()),
                "from" => filter.from = Some(time("from", value)?),
                "until" => filter.until = Some(time("until", value)?),
                _ => {
                    if let Some(name) = key.strip_prefix("dim.") {
                        filter.dimensions.push((name.to_owned(), value.to_owned()));
                    }
                }
            }
        }
        Ok(filter)
    }
}

/// Reads `sort` and `direction`.
///
/// # Errors
/// A word that is neither.
pub fn sort_from_pairs<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(RowSort, SortDirection), Problem> {
    let mut sort = (RowSort::Key, SortDirection::Asc);
    for (key, value) in pairs {
        match (key, value) {
            ("sort", _) => {
                sort.0 =
                    RowSort::parse(value).ok_or_else(|| Problem::field("sort", "must be key, symbol or timestamp"))?
            }
            ("direction", "asc") => sort.1 = SortDirection::Asc,
            ("direction", "desc") => sort.1 = SortDirection::Desc,
            ("direction", _) => return Err(Problem::field("direction", "must be asc or desc")),
            _ => {}
        }
    }
    Ok(sort)
}

fn time(field: &str, text: &str) -> Result<DateTime<Utc>, Problem> {
    DateTime::parse_from_rfc3339(text)
        .map(|t| t.with_timezone(&Utc))
        .map_err(|_| Problem::field(field, "must be a time such as 2026-01-31T00:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_survives_the_url() {
        let filter = RowFilter {
            findings: vec![Finding::Missing, Finding::Variant],
            symbols: vec!["^XU100".into()],
            current: vec![None, Some(String::new()), Some("a=b&c".into())],
            proposed: vec!["STOCK".into()],
            dimensions: vec![("timeframe".into(), "1m".into())],
            from: time("from", "2026-01-31T00:00:00Z").ok(),
            until: None,
        };
        let pairs = filter.to_pairs();
        let read = RowFilter::from_pairs(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        assert_eq!(read, Ok(filter));
    }
}
