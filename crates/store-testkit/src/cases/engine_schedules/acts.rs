//! What others do beside a run.

use super::{audit::SYMBOLS, dice::Dice};
use crate::{
    backend::literal,
    bench::{TICKS, Tick, tick},
};

/// Rows of a table, at least and at most.
const ROWS: (i64, i64) = (30, 90);

/// A table of some symbols, many of its values missing or wrong.
pub(super) fn table(dice: &mut Dice) -> Vec<Tick> {
    let rows = dice.between(ROWS.0, ROWS.1);
    (1..=rows)
        .map(|id| {
            let symbol = dice.pick(&SYMBOLS).filter(|_| !dice.once_in(20));
            let class = match dice.roll(8) {
                0 => Some("STOCK"),
                1 => Some("etf"),
                2 => Some("CRYPTO"),
                3 => Some(" "),
                4 => Some("ODD"),
                _ => None,
            };
            tick(id, symbol, class)
        })
        .collect()
}

/// Somebody who writes: never a value that the reference gives, because whose that is nobody could tell
/// afterwards.
pub(super) struct Writer {
    rows: i64,
    /// Numbers given away, for values and for keys.
    numbers: i64,
}

impl Writer {
    pub(super) fn of(ticks: &[Tick]) -> Self {
        Self { rows: ticks.iter().map(|t| t.id).max().unwrap_or(0), numbers: 0 }
    }

    /// One statement.
    pub(super) fn statement(&mut self, dice: &mut Dice) -> String {
        self.numbers += 1;
        // Rows that came later are among those that are written to.
        let id = dice.between(1, self.rows + self.numbers);
        let fresh = self.rows + self.numbers;
        let symbol = literal(dice.pick(&SYMBOLS));
        let set = |what: String| format!("UPDATE {TICKS} SET {what} WHERE \"id\" = {id}");
        let value = |text: &str| set(format!("\"class\" = {text}"));
        match dice.roll(12) {
            0..=2 => value(&format!("'THEIRS {}'", self.numbers)),
            3 => value("NULL"),
            4 => value("' '"),
            5 => value(["'stock'", "'Etf'", "'crypto '"][dice.wait(3)]),
            6 | 7 => set(format!("\"symbol\" = {symbol}")),
            8 => set(format!("\"symbol\" = {symbol}, \"class\" = 'THEIRS {}'", self.numbers)),
            9 => format!("DELETE FROM {TICKS} WHERE \"id\" = {id}"),
            10 => set(format!("\"id\" = {fresh}")),
            // A key that is new, or one of the first rows', which may be gone.
            _ => {
                let key = if dice.once_in(2) { dice.between(1, self.rows) } else { fresh };
                let class = if dice.once_in(2) { "NULL".to_owned() } else { format!("'THEIRS {}'", self.numbers) };
                format!(
                    "INSERT INTO {TICKS} (\"id\", \"symbol\", \"class\", \"note\", \"price\")
                     VALUES ({key}, {symbol}, {class}, 'new', 1) ON CONFLICT DO NOTHING"
                )
            }
        }
    }
}
