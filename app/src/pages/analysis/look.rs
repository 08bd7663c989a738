//! How one looks at the analysis: a row filter and a scale, both in the URL.

use amend_domain::{Finding, Mode, Problem, RowFilter};

use crate::pages::preview::{
    parts,
    url::{View, decode, with_query},
};

/// What the page is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    pub filter: RowFilter,
    /// Correct rows are drawn too.
    pub all: bool,
}

impl Look {
    /// Reads a query string.
    ///
    /// # Errors
    /// Names the parameter that cannot be read.
    pub fn read(search: &str) -> Result<Self, Problem> {
        let pairs = decode(search);
        let all = pairs.iter().any(|(k, v)| k == "scale" && v == "all");
        let filter = RowFilter::from_pairs(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
        Ok(Self { filter, all })
    }

    /// The page's address with this look.
    #[must_use]
    pub fn href(&self) -> String {
        let mut pairs = self.filter.to_pairs();
        if self.all {
            pairs.push(("scale".into(), "all".into()));
        }
        with_query("/analysis", &pairs)
    }

    /// With another filter; with none where it is the same one, so that a second click undoes the first.
    #[must_use]
    pub fn narrowed(&self, filter: RowFilter) -> Self {
        let filter = if filter == self.filter { RowFilter::default() } else { filter };
        Self { filter, all: self.all }
    }

    /// The findings drawn, in their order.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        Finding::ALL
            .into_iter()
            .filter(|f| {
                if self.filter.findings.is_empty() {
                    self.all || *f != Finding::Correct
                } else {
                    self.filter.findings.contains(f)
                }
            })
            .collect()
    }

    #[must_use]
    pub fn shows(&self, finding: Finding) -> bool {
        self.findings().contains(&finding)
    }

    #[must_use]
    pub fn narrows(&self) -> bool {
        self.filter != RowFilter::default()
    }

    /// The rows of this look in the preview. Its mode is the least that corrects what is shown.
    #[must_use]
    pub fn preview(&self) -> View {
        let findings = &self.filter.findings;
        let fill = !findings.is_empty() && findings.iter().all(|f| *f == Finding::Missing || f.needs_a_person());
        let mode = if fill { Mode::Fill } else { Mode::Overwrite };
        let mut filter = self.filter.clone();
        if filter.findings.is_empty() {
            filter.findings = self.findings();
        }
        View { mode, filter, ..View::default() }
    }

    /// Each part that narrows: name, value, and the look without it.
    #[must_use]
    pub fn parts(&self) -> Vec<(String, String, Self)> {
        let findings = self.filter.findings.iter().enumerate().map(|(i, finding)| {
            let mut filter = self.filter.clone();
            filter.findings.remove(i);
            ("finding".to_owned(), crate::components::finding_name(*finding).to_lowercase(), filter)
        });
        findings
            .chain(parts(&self.filter))
            .map(|(name, value, filter)| (name, value, Self { filter, all: self.all }))
            .collect()
    }

    /// What of the filter a picture cannot follow, because its numbers are not split by it.
    #[must_use]
    pub fn ignored(&self, follows: &[Part]) -> Option<String> {
        let f = &self.filter;
        let mut set = Vec::new();
        if !f.symbols.is_empty() {
            set.push((Part::Symbol, "symbol"));
        }
        if !f.current.is_empty() {
            set.push((Part::Current, "now"));
        }
        if !f.proposed.is_empty() {
            set.push((Part::Proposed, "will be"));
        }
        if !f.dimensions.is_empty() {
            set.push((Part::Dimension, "dimension"));
        }
        if f.from.is_some() || f.until.is_some() {
            set.push((Part::Time, "time"));
        }
        let names: Vec<_> = set.into_iter().filter(|(p, _)| !follows.contains(p)).map(|(_, name)| name).collect();
        (!names.is_empty()).then(|| format!("not narrowed by {}", names.join(", ")))
    }
}

/// A part of a filter beyond findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Symbol,
    Current,
    Proposed,
    Dimension,
    Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_click_undoes_the_first() {
        let filter = RowFilter { findings: vec![Finding::Orphan], ..RowFilter::default() };
        let once = Look::default().narrowed(filter.clone());
        assert_eq!(once.href(), "/analysis?finding=orphan");
        assert_eq!(once.narrowed(filter), Look::default());
    }

    #[test]
    fn correct_rows_are_drawn_on_the_whole_scale_alone() {
        assert!(!Look::default().shows(Finding::Correct));
        assert!(Look { all: true, ..Look::default() }.shows(Finding::Correct));
    }

    #[test]
    fn the_preview_shows_the_same_rows() {
        let filter = RowFilter { proposed: vec!["ETF".into()], ..RowFilter::default() };
        let view = Look { filter, all: false }.preview();
        assert_eq!(view.mode, Mode::Overwrite);
        assert!(!view.findings().contains(&Finding::Correct));
        assert_eq!(view.filter.proposed, ["ETF"]);
    }

    #[test]
    fn what_a_picture_cannot_follow_is_named() {
        let filter = RowFilter { symbols: vec!["AAPL".into()], current: vec![None], ..RowFilter::default() };
        let look = Look { filter, all: false };
        assert_eq!(look.ignored(&[Part::Symbol]).as_deref(), Some("not narrowed by now"));
        assert_eq!(look.ignored(&[Part::Symbol, Part::Current]), None);
    }
}
