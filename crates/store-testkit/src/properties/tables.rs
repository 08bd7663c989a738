//! Random tables: few symbols and few values, so that they meet; the odd ones among them.

use amend_domain::{Decision, Rule};
use proptest::{
    collection::vec,
    option::weighted,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};

use crate::{
    Fixture,
    backend::literal,
    bench::{self, Known, TICKS, Tick, open_rule, rule},
};

/// Symbols that differ by case, space, script and quote.
pub const SYMBOLS: [&str; 12] =
    ["AAPL", "aapl", "AAPL ", "SPY", "BTC", "", " ", "it's", "東京", "CAF\u{c9}", "CAFE\u{301}", "\\N"];

/// Values in and out of the list of allowed ones, blanks of several kinds, near misses.
const VALUES: [&str; 20] = [
    "STOCK",
    "ETF",
    "CRYPTO",
    "stock",
    "Etf",
    " STOCK",
    "ETF\n",
    "\u{a0}CRYPTO\u{3000}",
    "",
    " ",
    "\t\r\n",
    "\u{2003}",
    "\u{feff}",
    "WIDGET",
    "widget",
    "ÉTF",
    "étf",
    "o'clock",
    "NULL",
    "東京",
];

/// Enough of the three usual values that tables are not all trouble.
fn value() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        4 => select(&VALUES[..3]).prop_map(|v| Some(v.to_owned())),
        4 => select(&VALUES[..]).prop_map(|v| Some(v.to_owned())),
        2 => Just(None),
        1 => "\\PC{0,6}".prop_map(Some),
    ]
}

fn symbol() -> impl Strategy<Value = Option<String>> {
    weighted(0.93, prop_oneof![12 => select(&SYMBOLS[..]).prop_map(str::to_owned), 1 => "\\PC{0,3}"])
}

/// Both tables and whether the rule has a list of allowed values.
#[derive(Debug, Clone)]
pub struct Table {
    tickers: Vec<Known>,
    ticks: Vec<Tick>,
    any_value_allowed: bool,
    assigned: Vec<(String, Decision)>,
}

impl Table {
    /// Makes the tables; the rule over them.
    pub async fn make(&self, f: &Fixture) -> anyhow::Result<Rule> {
        bench::fill(f, &self.tickers, &self.ticks).await?;
        let slug = rule().slug;
        for old in f.store().assignments(&slug).await? {
            f.store().unassign(&slug, &old.matches).await?;
        }
        for (symbol, decision) in &self.assigned {
            bench::assign(f, symbol, decision.clone()).await?;
        }
        Ok(if self.any_value_allowed { open_rule() } else { rule() })
    }
}

/// None in half of the tables. What is assigned may hold, be needless or point nowhere.
fn assigned() -> impl Strategy<Value = Vec<(String, Decision)>> {
    let decision = prop_oneof![
        3 => select(&SYMBOLS[..]).prop_map(|s| Decision::As(vec![s.to_owned()])),
        2 => select(&VALUES[..3]).prop_map(|v| Decision::Value(v.to_owned())),
        1 => select(&VALUES[..]).prop_map(|v| Decision::Value(v.to_owned())),
    ];
    let one = (select(&SYMBOLS[..]).prop_map(str::to_owned), decision)
        .prop_filter("another match", |(symbol, decision)| *decision != Decision::As(vec![symbol.clone()]));
    prop_oneof![Just(Vec::new()), vec(one, 1..8)]
}

pub fn table() -> impl Strategy<Value = Table> {
    let frame = weighted(0.9, select(&["1d", "1h", "1D", ""][..]).prop_map(str::to_owned));
    let row = (symbol(), value(), frame, weighted(0.9, -100_000_i64..100_000), 1_i64..5);
    let rows = vec(row, 0..60);
    (vec((symbol(), value()), 0..18), rows, any::<bool>(), assigned()).prop_map(
        |(tickers, rows, any_value_allowed, assigned)| {
            let mut id = -50;
            let ticks = rows
                .into_iter()
                .map(|(symbol, class, frame, at, gap)| {
                    id += gap;
                    Tick { id, symbol, class, frame, at }
                })
                .collect();
            Table { tickers, ticks, any_value_allowed, assigned }
        },
    )
}

/// Sizes of chunks: rows changed, how many more may be looked at, rows restored.
#[derive(Debug, Clone)]
pub struct Sizes {
    pub rows: i64,
    pub more: i64,
    pub back: i64,
}

pub fn sizes() -> impl Strategy<Value = Sizes> {
    // Small ones make many chunks, large ones a single one; both ends are where mistakes are.
    let size = || prop_oneof![1_i64..4, 4_i64..20, Just(1_000)];
    (size(), prop_oneof![Just(0_i64), 1_i64..30], size()).prop_map(|(rows, more, back)| Sizes { rows, more, back })
}

/// What others do between a run and its rollback, by the remainder of a row's key.
#[derive(Debug, Clone)]
pub struct Meddling {
    modulus: i64,
    changes: Vec<(i64, Option<Option<String>>)>,
}

impl Meddling {
    /// Deletes rows or gives them other values.
    pub async fn apply(&self, f: &Fixture) -> anyhow::Result<()> {
        for (rest, change) in &self.changes {
            let rows = format!("(\"id\" + 1000) % {} = {rest}", self.modulus);
            f.execute(&match change {
                None => format!("DELETE FROM {TICKS} WHERE {rows}"),
                Some(value) => format!("UPDATE {TICKS} SET \"class\" = {} WHERE {rows}", literal(value.as_deref())),
            })
            .await?;
        }
        Ok(())
    }
}

pub fn meddling() -> impl Strategy<Value = Meddling> {
    (3_i64..8, vec((0_i64..8, weighted(0.7, value())), 0..4))
        .prop_map(|(modulus, changes)| Meddling { modulus, changes })
}
