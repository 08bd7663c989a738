//! Where the grid stands: from the scroll bar's pixels to rows and back, without a browser.
//!
//! Browsers give up somewhere above ten million pixels, so a longer table gets a shorter scroll
//! bar: small steps still move row by row, a drag of the bar goes to its share of the table.

/// Height of a row, as `--row` in the style sheet.
pub const ROW: f64 = 32.0;
/// The tallest that the scrolled content gets.
pub const TALLEST: f64 = 8_000_000.0;
/// Rows rendered above and below those in sight.
const MARGIN: i64 = 8;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scroll {
    /// Rows of the table.
    rows: i64,
    /// Pixels in sight.
    sight: f64,
    /// The browser's scroll position.
    top: f64,
    /// The position in a table of full height.
    place: f64,
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "rows and pixels stay below 2^53")]
impl Scroll {
    /// At the top, with a usual height until it is measured.
    #[must_use]
    pub const fn new(rows: i64) -> Self {
        Self { rows, sight: 640.0, top: 0.0, place: 0.0 }
    }

    #[must_use]
    pub const fn rows(&self) -> i64 {
        self.rows
    }

    fn full(&self) -> f64 {
        self.rows as f64 * ROW
    }

    /// The height of the scrolled content.
    #[must_use]
    pub fn height(&self) -> f64 {
        self.full().min(TALLEST)
    }

    fn last_top(&self) -> f64 {
        (self.height() - self.sight).max(0.0)
    }

    fn last_place(&self) -> f64 {
        (self.full() - self.sight).max(0.0)
    }

    /// The browser scrolled.
    pub fn scrolled(&mut self, top: f64) {
        let step = top - self.top;
        self.place = if self.full() <= TALLEST {
            top
        } else if top <= 0.0 {
            0.0
        } else if top >= self.last_top() - 1.0 {
            self.last_place()
        } else if step.abs() <= self.sight * 2.0 {
            (self.place + step).clamp(0.0, self.last_place())
        } else {
            top / self.last_top() * self.last_place()
        };
        self.top = top;
    }

    /// The number of rows became known, or better known.
    pub fn resized(&mut self, rows: i64) {
        self.rows = rows;
        self.place = self.place.min(self.last_place());
        self.top = self.top.min(self.last_top());
    }

    /// The height in sight was measured.
    pub fn measured(&mut self, sight: f64) {
        self.sight = sight.max(ROW);
    }

    /// Brings a row into sight; the browser's new scroll position where it must move.
    pub fn reveal(&mut self, row: i64) -> Option<f64> {
        let above = row as f64 * ROW;
        let below = above + ROW - self.sight;
        let place = if above < self.place {
            above
        } else if below > self.place {
            below
        } else {
            return None;
        };
        self.place = place.clamp(0.0, self.last_place());
        self.top =
            if self.full() <= TALLEST { self.place } else { self.place / self.last_place().max(1.0) * self.last_top() };
        Some(self.top)
    }

    /// The rows to render: from, and up to but not including.
    #[must_use]
    pub fn window(&self) -> (i64, i64) {
        let first = (self.place / ROW) as i64;
        let last = ((self.place + self.sight) / ROW).ceil() as i64;
        ((first - MARGIN).max(0), (last + MARGIN).min(self.rows))
    }

    /// The rows in sight, first and last, counted from 1.
    #[must_use]
    pub fn in_sight(&self) -> (i64, i64) {
        let first = (self.place / ROW).round() as i64;
        let last = ((self.place + self.sight) / ROW).round() as i64;
        ((first + 1).min(self.rows), last.clamp(0, self.rows))
    }

    /// Rows that fit.
    #[must_use]
    pub fn page(&self) -> i64 {
        ((self.sight / ROW) as i64 - 1).max(1)
    }

    /// Pixels from the top of the content to the first rendered row.
    #[must_use]
    pub fn shift(&self) -> f64 {
        self.window().0 as f64 * ROW - (self.place - self.top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_table_scrolls_as_it_is() {
        let mut scroll = Scroll::new(1_000);
        scroll.scrolled(3_200.0);
        assert_eq!(scroll.window(), (92, 128));
        assert!((scroll.shift() - 92.0 * ROW).abs() < 1e-9);
        assert!((scroll.height() - 32_000.0).abs() < 1e-9);
    }

    #[test]
    fn a_long_table_reaches_its_end_and_moves_by_rows() {
        let mut scroll = Scroll::new(12_000_000);
        scroll.scrolled(96.0);
        assert_eq!(scroll.in_sight().0, 4);
        scroll.scrolled(TALLEST - 640.0);
        assert_eq!(scroll.in_sight(), (11_999_981, 12_000_000));
        scroll.scrolled(TALLEST / 2.0);
        let (middle, _) = scroll.in_sight();
        assert!((5_990_000..6_010_000).contains(&middle), "{middle}");
        scroll.scrolled(TALLEST / 2.0 + ROW);
        assert_eq!(scroll.in_sight().0, middle + 1);
    }

    #[test]
    fn a_row_is_brought_into_sight_by_the_least_move() {
        let mut scroll = Scroll::new(1_000);
        assert_eq!(scroll.reveal(5), None);
        assert_eq!(scroll.reveal(20), Some(ROW));
        assert_eq!(scroll.reveal(0), Some(0.0));
    }

    #[test]
    fn a_row_far_down_a_long_table_is_where_the_browser_scrolls_to() {
        let mut scroll = Scroll::new(12_000_000);
        let top = scroll.reveal(9_000_000).unwrap_or_default();
        scroll.scrolled(top);
        let (first, last) = scroll.in_sight();
        assert!(first <= 9_000_001 && 9_000_001 <= last, "{first} to {last}");
    }

    #[test]
    fn fewer_rows_never_leave_it_below_the_end() {
        let mut scroll = Scroll::new(1_000);
        scroll.scrolled(31_000.0);
        scroll.resized(10);
        assert_eq!(scroll.window(), (0, 10));
    }
}
