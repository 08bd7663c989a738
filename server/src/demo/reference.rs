//! The reference side: which tickers there are, and what trouble each makes.

use std::collections::{HashMap, HashSet};

use amend_domain::{Problem, Rule, finding::is_blank};
use amend_engine::store::SymbolRow;

use super::{
    names::{self, CLASSES, Namer},
    prng::Prng,
};

/// `market_data.symbol` takes no more.
const MARKET_SYMBOL_LENGTH: usize = 20;

/// A ticker of `market_data`, with the values that its reference rows give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub ticker: String,
    pub values: Vec<String>,
}

/// The reference rows, and the tickers of `market_data` by what the reference makes of them.
pub struct Universe {
    pub rows: Vec<SymbolRow>,
    /// Resolve to one allowed value.
    pub plain: Vec<Listed>,
    /// Not in the reference.
    pub orphan: Vec<Listed>,
    /// Two venues, two classes.
    pub ambiguous: Vec<Listed>,
    /// A blank class, or one that is not allowed.
    pub unresolvable: Vec<Listed>,
}

/// So many invented tickers, a few of them without a usable class.
pub fn invent(count: usize, prng: &mut Prng) -> Universe {
    let mut namer = Namer::new(HashSet::new());
    let unusable = (count / 50).max(3);
    let mut rows = Vec::with_capacity(count + count / 8);
    for at in 0..count {
        // The first eight have a class each, so that a small set has them all.
        let class = CLASSES.get(at).map_or_else(|| names::class(prng), |(class, _)| class);
        let mut row = namer.instrument(class, prng);
        if at >= count - unusable {
            row.asset_class = without_class(at);
        }
        rows.push(row);
    }
    // Eight classes and at least 20 symbols: some resolve.
    finish(rows, namer, prng)
}

/// Given reference rows, with what they lack for every finding to occur.
///
/// # Errors
/// None of them resolves.
pub fn complete(rows: Vec<SymbolRow>, prng: &mut Prng) -> Result<Universe, Problem> {
    let namer = Namer::new(rows.iter().map(|row| row.ticker.clone()).collect());
    let universe = finish(rows, namer, prng);
    if universe.plain.is_empty() {
        return Err(Problem::field("symbols-from", "must hold tickers of at most 20 characters with an asset class")
            .advice(format!("Known classes: {}.", Rule::asset_class().allowed_values.join(", "))));
    }
    Ok(universe)
}

fn without_class(at: usize) -> Option<String> {
    [Some("N/A".to_owned()), Some(String::new()), None][at % 3].clone()
}

fn finish(mut rows: Vec<SymbolRow>, mut namer: Namer, prng: &mut Prng) -> Universe {
    let (mut plain, mut ambiguous, mut unresolvable) = sort_out(&rows);
    shuffle(&mut plain, prng);
    let first_row: HashMap<String, usize> =
        rows.iter().enumerate().rev().map(|(at, row)| (row.ticker.clone(), at)).collect();
    let size = plain.len();
    let mut also = |listed: &Listed, class: Option<String>, prng: &mut Prng| {
        if let Some(row) = first_row.get(&listed.ticker).and_then(|at| rows.get(*at)).cloned() {
            rows.push(names::elsewhere(&row, class, prng));
        }
    };

    // Two venues that disagree.
    let disagreeing = (size / 50).max(2).min(size.saturating_sub(1)).saturating_sub(ambiguous.len());
    for mut listed in plain.split_off(size - disagreeing) {
        let other = other_class(listed.values.first().map_or("", String::as_str), prng);
        also(&listed, Some(other.into()), prng);
        listed.values.push(other.into());
        ambiguous.push(listed);
    }
    // Tickers that no row of market_data uses.
    let left = plain.len();
    plain.truncate(left - if left >= 10 { (left / 40).max(1) } else { 0 });
    // Two venues that agree, and two of which one does not say.
    let agreeing = (plain.len() / 25).max(2);
    let silent = (plain.len() / 100).max(1);
    for (at, listed) in plain.iter().take(agreeing + silent).enumerate() {
        let class = if at < agreeing { listed.values.first().cloned() } else { None };
        also(listed, class, prng);
    }
    while unresolvable.len() < 3 {
        let mut row = namer.instrument("STOCK", prng);
        row.asset_class = without_class(unresolvable.len());
        unresolvable.push(Listed { ticker: row.ticker.clone(), values: vec![] });
        rows.push(row);
    }
    let orphan = (0..(size / 50).max(3))
        .map(|_| Listed { ticker: namer.instrument(names::class(prng), prng).ticker, values: vec![] })
        .collect();
    Universe { rows, plain, orphan, ambiguous, unresolvable }
}

type Pools = (Vec<Listed>, Vec<Listed>, Vec<Listed>);

/// By ticker, in the order of first appearance: resolves, ambiguous, unresolvable.
fn sort_out(rows: &[SymbolRow]) -> Pools {
    let allowed = Rule::asset_class().allowed_values;
    let mut order = Vec::new();
    let mut values: HashMap<&str, Vec<String>> = HashMap::new();
    for row in rows.iter().filter(|row| row.ticker.chars().count() <= MARKET_SYMBOL_LENGTH) {
        let known = values.entry(&row.ticker).or_insert_with(|| {
            order.push(row.ticker.as_str());
            Vec::new()
        });
        if let Some(class) = row.asset_class.as_ref().filter(|c| !is_blank(c) && !known.contains(c)) {
            known.push(class.clone());
        }
    }
    let mut pools = Pools::default();
    for ticker in order {
        let values = values.remove(ticker).unwrap_or_default();
        let pool = match values.as_slice() {
            [one] if allowed.contains(one) => &mut pools.0,
            [_] | [] => &mut pools.2,
            _ => &mut pools.1,
        };
        pool.push(Listed { ticker: ticker.to_owned(), values });
    }
    pools
}

/// Any class but this one.
pub fn other_class(than: &str, prng: &mut Prng) -> &'static str {
    let others: Vec<&'static str> = CLASSES.iter().map(|(class, _)| *class).filter(|class| *class != than).collect();
    prng.pick(&others).copied().unwrap_or("ETF")
}

fn shuffle<T>(items: &mut [T], prng: &mut Prng) {
    for at in (1..items.len()).rev() {
        items.swap(at, prng.below(at + 1));
    }
}
