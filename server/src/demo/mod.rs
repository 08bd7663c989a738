//! Demonstration data: the two tables of the replaced system, with every kind of finding in them.
//!
//! [`Demo::new`] decides everything from rows, symbols, seed and share, without a database; [`fill`]
//! writes it. The same arguments give the same rows on every database.

mod fill;
mod market;
mod names;
mod price;
mod prng;
mod reference;

use amend_domain::Problem;
use amend_engine::store::{MarketDataRow, SymbolRow};

pub use self::fill::{Filled, fill};
use self::{market::Market, prng::Prng, reference::Universe};

/// Where the symbols come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Symbols {
    /// So many invented ones.
    Invented(usize),
    /// These rows of `symbols`; what they lack for every finding to occur is added.
    Given(Vec<SymbolRow>),
}

/// What to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Rows of `market_data`.
    pub rows: u64,
    pub symbols: Symbols,
    pub seed: u64,
    /// Share of the rows that are not correct, from 0 to 1.
    pub bad_share: f64,
}

impl Spec {
    pub const MAX_ROWS: u64 = 1_000_000_000;
    pub const MIN_SYMBOLS: usize = 20;
    pub const MAX_SYMBOLS: usize = 200_000;

    /// Symbols when none were asked for: one for 200 rows, from 60 to 5,000.
    #[must_use]
    pub fn usual_symbols(rows: u64) -> usize {
        usize::try_from((rows / 200).clamp(60, 5_000)).unwrap_or(5_000)
    }

    fn check(&self) -> Result<(), Problem> {
        if !(1..=Self::MAX_ROWS).contains(&self.rows) {
            return Err(Problem::field("rows", "must be 1 to 1000000000"));
        }
        if !(0.0..=1.0).contains(&self.bad_share) {
            return Err(Problem::field("bad-share", "must be 0 to 1"));
        }
        match &self.symbols {
            Symbols::Invented(n) if !(Self::MIN_SYMBOLS..=Self::MAX_SYMBOLS).contains(n) => {
                Err(Problem::field("symbols", "must be 20 to 200000"))
            }
            _ => Ok(()),
        }
    }
}

/// The data set, decided but not yet written.
pub struct Demo {
    universe: Universe,
    rows: u64,
    bad_share: f64,
    prng: Prng,
}

impl Demo {
    /// # Errors
    /// Numbers out of bounds; given symbols of which none resolves.
    pub fn new(spec: Spec) -> Result<Self, Problem> {
        spec.check()?;
        let mut prng = Prng::new(spec.seed);
        let universe = match spec.symbols {
            Symbols::Invented(n) => reference::invent(n, &mut prng),
            Symbols::Given(rows) => reference::complete(rows, &mut prng)?,
        };
        Ok(Self { universe, rows: spec.rows, bad_share: spec.bad_share, prng })
    }

    /// Ids for given symbols that have none, by the seed.
    pub fn ids(seed: u64) -> impl FnMut() -> String + Send {
        // Another sequence than the one that the rows are made from.
        let mut prng = Prng::new(!seed);
        move || prng.uuid()
    }

    #[must_use]
    pub fn symbols(&self) -> &[SymbolRow] {
        &self.universe.rows
    }

    #[must_use]
    pub const fn row_count(&self) -> u64 {
        self.rows
    }

    /// The rows of `market_data`, in the order of their time.
    pub fn market_data(&self) -> impl Iterator<Item = MarketDataRow> + use<> {
        Market::new(&self.universe, self.rows, self.bad_share, self.prng.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use amend_domain::{Finding, FindingCounts, Rule, finding::Resolution};

    use super::*;

    fn spec(rows: u64, bad_share: f64) -> Spec {
        Spec { rows, symbols: Symbols::Invented(Spec::usual_symbols(rows)), seed: 42, bad_share }
    }

    fn counts(demo: &Demo) -> FindingCounts {
        let allowed = Rule::asset_class().allowed_values;
        let mut reference: HashMap<&str, Vec<Option<&str>>> = HashMap::new();
        for row in demo.symbols() {
            reference.entry(&row.ticker).or_default().push(row.asset_class.as_deref());
        }
        let mut counts = FindingCounts::default();
        for row in demo.market_data() {
            let resolution = match reference.get(row.symbol.as_str()) {
                None => Resolution::NoRow,
                Some(values) => {
                    let distinct: HashSet<&str> =
                        values.iter().flatten().filter(|v| !v.trim().is_empty()).copied().collect();
                    match distinct.iter().copied().collect::<Vec<_>>().as_slice() {
                        [one] if allowed.iter().any(|a| a == one) => Resolution::Value(one),
                        [] | [_] => Resolution::Unusable,
                        _ => Resolution::Disagree,
                    }
                }
            };
            let current = row.asset_class.as_deref();
            counts.add(amend_domain::finding::classify(current, resolution), current, 1);
        }
        counts
    }

    #[test]
    fn every_finding_occurs_even_in_a_small_table() {
        for rows in [60, 2_000] {
            let counts = counts(&Demo::new(spec(rows, 0.4)).unwrap());
            assert_eq!(counts.total(), i64::try_from(rows).unwrap());
            assert!(Finding::ALL.into_iter().all(|f| counts.get(f) > 0), "{rows}: {counts:?}");
            assert!(counts.missing_null > 0 && counts.missing_blank > 0, "{rows}: {counts:?}");
        }
    }

    #[test]
    fn the_share_of_bad_rows_is_the_one_asked_for() {
        for share in [0.0, 0.1, 0.4, 0.9, 1.0] {
            let counts = counts(&Demo::new(spec(50_000, share)).unwrap());
            let bad = 1.0 - counts.correct as f64 / 50_000.0;
            assert!((bad - share).abs() < 0.02, "{share}: {bad} {counts:?}");
        }
    }

    #[test]
    fn rows_are_unique_in_time_order_and_fit_the_columns() {
        let demo = Demo::new(spec(30_000, 0.4)).unwrap();
        let mut seen = HashSet::new();
        let mut ids = HashSet::new();
        let mut last = None;
        let mut rows = 0;
        for row in demo.market_data() {
            assert!(row.symbol.len() <= 20 && row.timeframe.len() <= 10, "{row:?}");
            for number in [&row.open, &row.high, &row.low, &row.close, &row.volume] {
                let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
                assert!(!whole.is_empty() && whole.len() <= 10 && decimals.len() <= 8, "{row:?}");
                assert!(whole.chars().chain(decimals.chars()).all(|c| c.is_ascii_digit()), "{row:?}");
            }
            let value = |text: &str| text.parse::<f64>().unwrap();
            assert!(value(&row.low) <= value(&row.open).min(value(&row.close)), "{row:?}");
            assert!(value(&row.high) >= value(&row.open).max(value(&row.close)), "{row:?}");
            assert!(value(&row.low) > 0.0, "{row:?}");
            assert!(last.is_none_or(|t| t <= row.timestamp));
            last = Some(row.timestamp);
            assert!(ids.insert(row.id.clone()));
            assert!(seen.insert((row.symbol, row.timeframe, row.timestamp)));
            rows += 1;
        }
        assert_eq!(rows, 30_000);
        for row in demo.symbols() {
            assert!(row.ticker.len() <= 50 && row.venue.as_ref().is_none_or(|v| v.len() <= 50), "{row:?}");
            assert!(row.asset_class.as_ref().is_none_or(|c| c.len() <= 20), "{row:?}");
        }
    }

    #[test]
    fn more_rows_than_the_usual_months_hold_reach_further_back() {
        let demo = Demo::new(Spec { symbols: Symbols::Invented(20), ..spec(4_000_000, 0.4) }).unwrap();
        let rows = demo.market_data().take(10).count();
        assert_eq!(rows, 10);
        assert_eq!(demo.row_count(), 4_000_000);
    }

    #[test]
    fn a_seed_gives_the_same_rows_for_good() {
        let digest = |seed: u64| {
            let demo = Demo::new(Spec { seed, ..spec(3_000, 0.4) }).unwrap();
            let mut hasher = blake3::Hasher::new();
            for row in demo.symbols() {
                hasher.update(format!("{row:?}").as_bytes());
            }
            for row in demo.market_data() {
                hasher.update(format!("{row:?}").as_bytes());
            }
            hasher.finalize().to_hex()[..16].to_owned()
        };
        assert_eq!(digest(42), digest(42));
        assert_ne!(digest(42), digest(43));
    }

    #[test]
    fn given_symbols_are_kept_and_completed() {
        let given: Vec<SymbolRow> = ["AAA", "BBB", "CCC", "DDD"]
            .iter()
            .map(|t| SymbolRow {
                id: format!("id-{t}"),
                ticker: (*t).into(),
                venue: Some("NAS".into()),
                asset_class: Some("STOCK".into()),
                ..SymbolRow::default()
            })
            .collect();
        let demo = Demo::new(Spec { symbols: Symbols::Given(given.clone()), ..spec(2_000, 0.4) }).unwrap();
        assert!(given.iter().all(|row| demo.symbols().contains(row)));
        let counts = counts(&demo);
        assert!(Finding::ALL.into_iter().all(|f| counts.get(f) > 0), "{counts:?}");
    }

    #[test]
    fn numbers_out_of_bounds_are_refused() {
        for bad in
            [spec(0, 0.4), spec(10, 1.5), spec(10, f64::NAN), Spec { symbols: Symbols::Invented(3), ..spec(10, 0.4) }]
        {
            assert_eq!(Demo::new(bad).err().map(|p| p.code.exit_code()), Some(2));
        }
        assert!(Demo::new(Spec { symbols: Symbols::Given(vec![]), ..spec(10, 0.4) }).is_err());
    }
}
