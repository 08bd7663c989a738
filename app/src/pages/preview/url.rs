//! The view in the URL: mode, filter, sort, direction. Back and a shared link bring it again.
//!
//! The names are those of [`RowFilter::to_pairs`]. Without any `finding` the view shows what the
//! mode corrects.

use amend_domain::{Finding, Mode, Problem, RowFilter, RowQuery, RowSort, SortDirection, rows_url::sort_from_pairs};
use serde::{Deserialize, Serialize};

/// What the preview shows, as the URL says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    pub mode: Mode,
    /// As in the URL: its findings are empty where the mode decides.
    pub filter: RowFilter,
    pub sort: RowSort,
    pub direction: SortDirection,
}

impl View {
    /// Reads a query string, with or without `?`.
    ///
    /// # Errors
    /// Names the parameter that cannot be read.
    pub fn read(search: &str) -> Result<Self, Problem> {
        let pairs = decode(search);
        let each = || pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let mode = match each().find(|(k, _)| *k == "mode") {
            Some((_, word)) => Mode::parse(word).ok_or_else(|| Problem::field("mode", "must be fill or overwrite"))?,
            None => Mode::default(),
        };
        let (sort, direction) = sort_from_pairs(each())?;
        let mut filter = RowFilter::from_pairs(each())?;
        // An empty text field of a form without JavaScript.
        filter.symbols.retain(|s| !s.is_empty());
        Ok(Self { mode, filter, sort, direction })
    }

    /// This view with another filter.
    #[must_use]
    pub fn with(&self, change: impl FnOnce(&mut RowFilter)) -> Self {
        let mut view = self.clone();
        change(&mut view.filter);
        view
    }

    /// The view in the order that a click on a column's head gives: up, down, and back to the table's own.
    #[must_use]
    pub fn sorted(&self, by: RowSort) -> Self {
        use SortDirection::{Asc, Desc};
        let (sort, direction) = match (self.sort == by, self.direction) {
            (false, _) => (by, Asc),
            (true, Asc) => (by, Desc),
            (true, Desc) => (RowSort::default(), Asc),
        };
        Self { sort, direction, ..self.clone() }
    }

    /// What the server is asked for.
    #[must_use]
    pub fn query(&self, after: Option<String>, limit: u32) -> RowQuery {
        RowQuery { filter: self.full_filter(), sort: self.sort, direction: self.direction, after, limit }
    }

    /// The parameters that order the rows; also where they are the defaults.
    #[must_use]
    pub fn order_pairs(&self) -> [(String, String); 2] {
        let direction = if self.direction == SortDirection::Asc { "asc" } else { "desc" };
        [("sort".into(), self.sort.as_str().into()), ("direction".into(), direction.into())]
    }

    /// The findings shown.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        if self.filter.findings.is_empty() {
            Finding::ALL.into_iter().filter(|f| self.mode.corrects(*f)).collect()
        } else {
            self.filter.findings.clone()
        }
    }

    /// The filter with its findings spelled out.
    #[must_use]
    pub fn full_filter(&self) -> RowFilter {
        RowFilter { findings: self.findings(), ..self.filter.clone() }
    }

    /// Whether the rows shown are exactly those that a run of this mode and these symbols changes.
    #[must_use]
    pub fn is_plan(&self) -> bool {
        let RowFilter { findings, symbols: _, current, proposed, dimensions, from, until } = &self.filter;
        let same = findings.is_empty() || {
            let mut shown = self.findings();
            shown.sort_unstable();
            shown == Self { mode: self.mode, ..Self::default() }.findings()
        };
        same && current.is_empty() && proposed.is_empty() && dimensions.is_empty() && from.is_none() && until.is_none()
    }

    /// The parameters of this view; what is the default is left out.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        if self.mode != Mode::default() {
            pairs.push(("mode".into(), self.mode.as_str().into()));
        }
        pairs.extend(self.filter.to_pairs());
        if (self.sort, self.direction) != (RowSort::default(), SortDirection::default()) {
            pairs.extend(self.order_pairs());
        }
        pairs
    }

    /// The preview's address.
    #[must_use]
    pub fn href(&self) -> String {
        with_query("/preview", &self.pairs())
    }
}

/// A path with its parameters.
#[must_use]
pub fn with_query(path: &str, pairs: &[(String, String)]) -> String {
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", encode(pairs)) }
}

/// Adds a value to a list, or takes it out where it is in it already.
pub fn toggle<T: PartialEq>(list: &mut Vec<T>, value: T) {
    match list.iter().position(|v| *v == value) {
        Some(at) => drop(list.remove(at)),
        None => list.push(value),
    }
}

/// Percent-encodes parameters. (The router's own map decodes twice, which spoils a `%` in a symbol.)
#[must_use]
pub fn encode(pairs: &[(String, String)]) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        escape(key, &mut text);
        text.push('=');
        escape(value, &mut text);
    }
    text
}

fn escape(part: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in part.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => into.push(char::from(byte)),
            _ => {
                into.push('%');
                into.push(char::from(HEX[usize::from(byte >> 4)]));
                into.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

/// Reads a query string as forms and [`encode`] write it.
#[must_use]
pub fn decode(search: &str) -> Vec<(String, String)> {
    search
        .trim_start_matches('?')
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (unescape(key), unescape(value))
        })
        .collect()
}

fn unescape(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex =
            |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            _ => {
                bytes.push(if first == b'+' { b' ' } else { first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_the_url() {
        let view = View {
            mode: Mode::Overwrite,
            filter: RowFilter {
                findings: vec![Finding::Variant],
                symbols: vec!["50%25 + O'Reilly&ü".into()],
                current: vec![None, Some(" ".into())],
                ..RowFilter::default()
            },
            sort: RowSort::Symbol,
            direction: SortDirection::Desc,
        };
        let href = view.href();
        let search = href.strip_prefix("/preview").unwrap_or_default();
        assert_eq!(View::read(search), Ok(view));
    }

    #[test]
    fn without_findings_the_mode_decides() {
        let view = View { mode: Mode::Overwrite, ..View::default() };
        assert_eq!(view.findings(), [Finding::Missing, Finding::Mismatched, Finding::Variant]);
        assert!(view.is_plan());
        assert_eq!(View::default().href(), "/preview");
    }

    #[test]
    fn a_view_of_some_classes_is_not_the_plan() {
        let filter = RowFilter { proposed: vec!["ETF".into()], ..RowFilter::default() };
        assert!(!View { filter, ..View::default() }.is_plan());
    }

    #[test]
    fn a_plus_is_a_space_and_broken_escapes_stay() {
        assert_eq!(
            decode("?a=1+2&b=%zz&c"),
            [("a".to_owned(), "1 2".to_owned()), ("b".to_owned(), "%zz".to_owned()), ("c".to_owned(), String::new()),]
        );
    }
}
