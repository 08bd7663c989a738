//! The rows of `market_data`: candles in the order of their time, a share of them with a fault.

use amend_engine::store::MarketDataRow;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    price::Price,
    prng::Prng,
    reference::{Listed, Universe, other_class},
};

/// 2026-07-01 00:00 UTC. The data ends here, whenever it is made, so that it is the same every time.
const END: i64 = 1_782_864_000;
const MINUTES_A_DAY: u64 = 1_440;
/// Days that the data covers, unless it is too much for them.
const USUAL_DAYS: u64 = 120;
/// Share of the plain symbols, in percent, that may have a candle at the same moment.
const FULLEST: usize = 60;
/// Share of the faults, in percent, that come from the reference (orphan, ambiguous, unresolvable).
const FROM_REFERENCE: f64 = 0.12;

/// Name, minutes, share of the rows in percent.
const TIMEFRAMES: [(&str, u64, u64); 4] = [("1d", 1_440, 12), ("1h", 60, 18), ("5m", 5, 25), ("1m", 1, 45)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pool {
    Plain,
    Orphan,
    Ambiguous,
    Unresolvable,
}

/// What a row carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    Right,
    Null,
    Blank(usize),
    Other,
    Unknown,
    Variant(usize),
}

/// The first rows of a table with faults, so that even a small one has each of them.
const FIRST: [(Pool, Carries); 14] = [
    (Pool::Plain, Carries::Null),
    (Pool::Plain, Carries::Blank(0)),
    (Pool::Plain, Carries::Other),
    (Pool::Plain, Carries::Variant(0)),
    (Pool::Orphan, Carries::Null),
    (Pool::Ambiguous, Carries::Null),
    (Pool::Unresolvable, Carries::Null),
    (Pool::Plain, Carries::Right),
    (Pool::Plain, Carries::Blank(1)),
    (Pool::Plain, Carries::Blank(2)),
    (Pool::Plain, Carries::Variant(1)),
    (Pool::Plain, Carries::Unknown),
    (Pool::Unresolvable, Carries::Blank(0)),
    (Pool::Ambiguous, Carries::Right),
];

struct Symbol {
    listed: Listed,
    price: Price,
    /// Probability of a fault, in parts of [`Prng::ONE`].
    fault: u64,
    /// For each timeframe, the slot of its last candle and one more; 0 is none.
    last_slot: [u64; TIMEFRAMES.len()],
}

/// The iterator over all rows.
pub struct Market {
    prng: Prng,
    pools: [Vec<Symbol>; 4],
    /// Rows of each timeframe, and its slots (moments at which a candle may begin).
    plan: [(u64, u64); TIMEFRAMES.len()],
    start: DateTime<Utc>,
    minutes: u64,
    minute: u64,
    frame: usize,
    /// Rows still to come in the present slot.
    in_slot: u64,
    emitted: u64,
    /// Probability of a row from a troubled symbol, in parts.
    troubled: u64,
    with_faults: bool,
}

impl Market {
    pub fn new(universe: &Universe, rows: u64, bad_share: f64, mut prng: Prng) -> Self {
        let slot_room = (universe.plain.len() * FULLEST / 100).max(1) as u64;
        let days = USUAL_DAYS.max(rows.div_ceil(slot_room * MINUTES_A_DAY) + 1);
        let mut plan = [(0, 0); TIMEFRAMES.len()];
        let mut left = rows;
        for (at, (_, minutes, share)) in TIMEFRAMES.iter().enumerate() {
            let slots = days * MINUTES_A_DAY / minutes;
            let wanted = if *minutes == 1 { left } else { rows * share / 100 };
            let taken = wanted.min(slot_room * slots);
            plan[at] = (taken, slots);
            left -= taken;
        }
        let from_reference = bad_share * FROM_REFERENCE;
        let fault = if bad_share > 0.0 { (bad_share - from_reference) / (1.0 - from_reference) } else { 0.0 };
        let mut pool = |listed: &[Listed]| -> Vec<Symbol> {
            listed.iter().enumerate().map(|(at, listed)| symbol(listed, fault_of(at, fault), &mut prng)).collect()
        };
        let pools =
            [pool(&universe.plain), pool(&universe.orphan), pool(&universe.ambiguous), pool(&universe.unresolvable)];
        let minutes = days * MINUTES_A_DAY;
        let end = DateTime::from_timestamp(END, 0).unwrap_or_default();
        let span = TimeDelta::minutes(i64::try_from(minutes).unwrap_or(i64::MAX / 60_000));
        Self {
            prng,
            pools,
            plan,
            start: end - span,
            minutes,
            minute: 0,
            frame: 0,
            in_slot: 0,
            emitted: 0,
            troubled: parts(from_reference),
            with_faults: bad_share > 0.0,
        }
        .at_first_slot()
    }

    fn at_first_slot(mut self) -> Self {
        self.in_slot = self.rows_of_slot();
        self
    }

    /// Rows of the present timeframe in the slot that begins at the present minute.
    fn rows_of_slot(&self) -> u64 {
        let (rows, slots) = self.plan[self.frame];
        let minutes = TIMEFRAMES[self.frame].1;
        if !self.minute.is_multiple_of(minutes) {
            return 0;
        }
        let slot = u128::from(self.minute / minutes);
        let upto = |slot: u128| slot * u128::from(rows) / u128::from(slots.max(1));
        u64::try_from(upto(slot + 1) - upto(slot)).unwrap_or(0)
    }

    /// A symbol without a candle in this slot: the one at `from` or the next free one after it.
    fn free(&self, pool: Pool, from: usize) -> Option<usize> {
        let slot = self.slot_mark();
        let symbols = &self.pools[pool as usize];
        let free = |at: &usize| symbols.get(*at).is_some_and(|s| s.last_slot[self.frame] != slot);
        (from..symbols.len()).chain(0..from.min(symbols.len())).find(free)
    }

    const fn slot_mark(&self) -> u64 {
        self.minute / TIMEFRAMES[self.frame].1 + 1
    }

    fn choose(&mut self) -> (Pool, usize, Carries) {
        let first = usize::try_from(self.emitted).ok().and_then(|at| FIRST.get(at)).filter(|_| self.with_faults);
        if let Some((pool, carries)) = first.copied() {
            let from = self.prng.below(self.pools[pool as usize].len());
            if let Some(at) = self.free(pool, from) {
                return (pool, at, carries);
            }
        }
        if self.prng.happens(self.troubled) {
            let pool = [Pool::Orphan, Pool::Ambiguous, Pool::Unresolvable][self.prng.below(3)];
            let from = self.prng.below(self.pools[pool as usize].len());
            if let Some(at) = self.free(pool, from) {
                return (pool, at, self.troubled_value());
            }
        }
        // Some symbols are traded more than others.
        let plain = self.pools[Pool::Plain as usize].len();
        let from = self.prng.below(plain).min(self.prng.below(plain));
        // There is always a free one: a slot has fewer rows than there are plain symbols.
        let at = self.free(Pool::Plain, from).unwrap_or(from);
        let fault = self.pools[Pool::Plain as usize].get(at).map_or(0, |s| s.fault);
        let carries = if self.prng.happens(fault) { self.fault() } else { Carries::Right };
        (Pool::Plain, at, carries)
    }

    fn fault(&mut self) -> Carries {
        match self.prng.below(100) {
            0..45 => Carries::Null,
            45..62 => Carries::Blank(self.prng.below(3)),
            62..80 => Carries::Other,
            80..86 => Carries::Unknown,
            _ => Carries::Variant(self.prng.below(4)),
        }
    }

    fn troubled_value(&mut self) -> Carries {
        match self.prng.below(10) {
            0..6 => Carries::Null,
            6 => Carries::Blank(0),
            7 => Carries::Unknown,
            _ => Carries::Right,
        }
    }

    fn row(&mut self) -> MarketDataRow {
        let (pool, at, carries) = self.choose();
        let mark = self.slot_mark();
        let minute = i64::try_from(self.minute).unwrap_or(0);
        let symbol = &mut self.pools[pool as usize][at];
        symbol.last_slot[self.frame] = mark;
        let right = symbol.listed.values.first().cloned();
        let candle = symbol.price.step(&mut self.prng);
        let ticker = symbol.listed.ticker.clone();
        MarketDataRow {
            id: self.prng.uuid(),
            symbol: ticker,
            timeframe: TIMEFRAMES[self.frame].0.into(),
            timestamp: self.start + TimeDelta::minutes(minute),
            open: candle.open,
            high: candle.high,
            low: candle.low,
            close: candle.close,
            volume: candle.volume,
            asset_class: value(carries, right.as_deref(), &mut self.prng),
        }
    }
}

impl Iterator for Market {
    type Item = MarketDataRow;

    fn next(&mut self) -> Option<MarketDataRow> {
        while self.in_slot == 0 {
            self.frame += 1;
            if self.frame == TIMEFRAMES.len() {
                self.frame = 0;
                self.minute += 1;
            }
            if self.minute >= self.minutes {
                return None;
            }
            self.in_slot = self.rows_of_slot();
        }
        let row = self.row();
        self.in_slot -= 1;
        self.emitted += 1;
        Some(row)
    }
}

fn symbol(listed: &Listed, fault: u64, prng: &mut Prng) -> Symbol {
    let class = listed.values.first().map_or("STOCK", String::as_str);
    Symbol { listed: listed.clone(), price: Price::start(class, prng), fault, last_slot: [0; TIMEFRAMES.len()] }
}

/// Some symbols are worse than others; over any stretch of the list the mean is `mean`.
#[expect(clippy::cast_precision_loss, reason = "an index into a list of symbols")]
fn fault_of(at: usize, mean: f64) -> u64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    if mean <= 0.0 {
        return 0;
    }
    let spread = ((1.0 - mean) / mean).min(0.7);
    let place = (at as f64 * GOLDEN).fract() * 2.0 - 1.0;
    parts(mean * (1.0 + spread * place))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 to 2^20")]
fn parts(probability: f64) -> u64 {
    (probability.clamp(0.0, 1.0) * Prng::ONE as f64).round() as u64
}

fn value(carries: Carries, right: Option<&str>, prng: &mut Prng) -> Option<String> {
    let class = right.unwrap_or("STOCK");
    match carries {
        Carries::Null => None,
        Carries::Right => Some(class.to_owned()),
        Carries::Blank(which) => Some(["", "   ", "\t"][which % 3].to_owned()),
        Carries::Other => Some(other_class(class, prng).to_owned()),
        Carries::Unknown => Some("UNKNOWN".to_owned()),
        Carries::Variant(which) => Some(match which % 4 {
            0 => class.to_ascii_lowercase(),
            1 => format!(" {class} "),
            2 => format!("{class} "),
            _ => capitalised(class),
        }),
    }
}

fn capitalised(class: &str) -> String {
    let mut characters = class.chars();
    characters.next().map_or_else(String::new, |c| format!("{c}{}", characters.as_str().to_ascii_lowercase()))
}
