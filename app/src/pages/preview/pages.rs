//! The pages of rows that the grid holds, and which to fetch next.
//!
//! A keyset knows where the page after a given one begins and nothing else. So the cursors are
//! found one after the other and all kept (they are small); rows are kept near what is looked at.

use std::collections::BTreeMap;

use amend_domain::{FindingRow, RowPage};

use crate::api::rows::SKIP;

/// Rows of one page.
pub const PAGE: u32 = 200;
/// Pages whose rows are kept.
const KEPT: usize = 24;

/// What is to be asked of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The rows of a page.
    Fetch { page: i64, after: Option<String> },
    /// The cursors of the next pages, on the way to a page far down.
    Skip { after: Option<String>, pages: u32 },
}

#[derive(Debug, Clone, Default)]
pub struct Pages {
    rows: BTreeMap<i64, Vec<FindingRow>>,
    /// Where page `i` begins. The first begins at `None`.
    cursors: Vec<Option<String>>,
    /// Rows in all, once the last page was seen.
    end: Option<i64>,
}

impl Pages {
    #[must_use]
    pub fn beginning_with(first: RowPage) -> Self {
        let mut pages = Self { cursors: vec![None], ..Self::default() };
        pages.fetched(0, first, 0);
        pages
    }

    /// A row, where its page is here.
    #[must_use]
    pub fn row(&self, index: i64) -> Option<&FindingRow> {
        let at = usize::try_from(index % i64::from(PAGE)).ok()?;
        self.rows.get(&page_of(index))?.get(at)
    }

    /// Rows in all as far as they are known from the pages: exact once the end was seen.
    #[must_use]
    pub const fn end(&self) -> Option<i64> {
        self.end
    }

    /// Rows down to the furthest known cursor: as far as one can go without reading on.
    #[must_use]
    pub fn reach(&self) -> i64 {
        self.known() * i64::from(PAGE)
    }

    fn known(&self) -> i64 {
        i64::try_from(self.cursors.len()).unwrap_or(i64::MAX)
    }

    /// What to do so that the pages from `first` to `last` are here, nearest first.
    #[must_use]
    pub fn next_step(&self, first: i64, last: i64) -> Option<Step> {
        let last = self.end.map_or(last, |rows| last.min(page_of((rows - 1).max(0))));
        let page = (first..=last).find(|page| !self.rows.contains_key(page))?;
        if let Some(cursor) = usize::try_from(page).ok().and_then(|at| self.cursors.get(at)) {
            return Some(Step::Fetch { page, after: cursor.clone() });
        }
        let missing = u32::try_from(page - self.known() + 1).unwrap_or(SKIP).clamp(1, SKIP);
        Some(Step::Skip { after: self.cursors.last()?.clone(), pages: missing })
    }

    /// Takes the rows of a page; forgets those furthest from page `near`.
    pub fn fetched(&mut self, page: i64, answer: RowPage, near: i64) {
        match answer.next {
            None => self.end = Some(page * i64::from(PAGE) + i64::try_from(answer.rows.len()).unwrap_or(0)),
            Some(next) if page + 1 == self.known() => self.cursors.push(Some(next)),
            Some(_) => {}
        }
        self.rows.insert(page, answer.rows);
        while self.rows.len() > KEPT {
            let furthest = self.rows.keys().copied().max_by_key(|p| (p - near).abs());
            let Some(furthest) = furthest else { break };
            self.rows.remove(&furthest);
        }
    }

    /// Takes the cursors that follow the last known one. Fewer than asked for mean that the last
    /// page is the one after them.
    pub fn skipped(&mut self, asked: u32, cursors: Vec<String>) {
        let short = u32::try_from(cursors.len()).is_ok_and(|got| got < asked);
        self.cursors.extend(cursors.into_iter().map(Some));
        if short && self.end.is_none() {
            // The last page holds between one row and a full page; its fetch says how many.
            self.end = Some(self.known() * i64::from(PAGE));
        }
    }
}

/// The page that a row is on.
#[must_use]
pub const fn page_of(row: i64) -> i64 {
    row / PAGE as i64
}

#[cfg(test)]
mod tests {
    use amend_domain::Finding;

    use super::*;

    fn answer(rows: usize, next: Option<&str>) -> RowPage {
        let row = FindingRow {
            key: "1".into(),
            symbol: None,
            timestamp: None,
            dimensions: vec![],
            current: None,
            proposed: None,
            finding: Finding::Missing,
        };
        RowPage { rows: vec![row; rows], next: next.map(Into::into) }
    }

    #[test]
    fn the_next_page_is_fetched_from_its_cursor() {
        let pages = Pages::beginning_with(answer(200, Some("a")));
        assert_eq!(pages.next_step(0, 1), Some(Step::Fetch { page: 1, after: Some("a".into()) }));
        assert_eq!(pages.next_step(0, 0), None);
    }

    #[test]
    fn far_down_the_cursors_come_first() {
        let mut pages = Pages::beginning_with(answer(200, Some("a")));
        assert_eq!(pages.next_step(500, 501), Some(Step::Skip { after: Some("a".into()), pages: SKIP }));
        assert_eq!(pages.next_step(3, 4), Some(Step::Skip { after: Some("a".into()), pages: 2 }));
        pages.skipped(2, vec!["b".into(), "c".into()]);
        assert_eq!(pages.next_step(3, 4), Some(Step::Fetch { page: 3, after: Some("c".into()) }));
        assert_eq!(pages.reach(), 800);
    }

    #[test]
    fn the_end_is_found_where_the_cursors_end() {
        let mut pages = Pages::beginning_with(answer(200, Some("a")));
        pages.skipped(10, vec!["b".into()]);
        assert_eq!(pages.next_step(9, 10), None);
        assert_eq!(pages.end(), Some(600));
        pages.fetched(2, answer(7, None), 2);
        assert_eq!(pages.end(), Some(407));
        assert!(pages.row(406).is_some() && pages.row(407).is_none());
    }

    #[test]
    fn rows_far_away_are_forgotten() {
        let mut pages = Pages::beginning_with(answer(200, Some("0")));
        for page in 1..60 {
            pages.fetched(page, answer(200, Some("x")), page);
        }
        assert_eq!(pages.rows.len(), KEPT);
        assert!(pages.row(0).is_none() && pages.row(59 * 200).is_some());
        assert!(matches!(pages.next_step(0, 0), Some(Step::Fetch { page: 0, after: None })));
    }
}
