//! Invented instruments that look like real ones: ticker, name, venue, currency, country, sector.

use std::collections::HashSet;

use amend_engine::store::SymbolRow;

use super::prng::Prng;

/// Each class with its share in percent.
pub const CLASSES: [(&str, usize); 8] =
    [("STOCK", 46), ("ETF", 20), ("FUND", 11), ("CRYPTO", 8), ("FOREX", 6), ("INDEX", 4), ("FUTURE", 3), ("BOND", 2)];

/// Venue, currency, country, and what it appends to a ticker.
const VENUES: [(&str, &str, &str, &str); 12] = [
    ("NAS", "USD", "United States", ""),
    ("NYS", "USD", "United States", ""),
    ("LSE", "GBP", "United Kingdom", ".L"),
    ("GER", "EUR", "Germany", ".DE"),
    ("PAR", "EUR", "France", ".PA"),
    ("MIL", "EUR", "Italy", ".MI"),
    ("EBS", "CHF", "Switzerland", ".SW"),
    ("TOR", "CAD", "Canada", ".TO"),
    ("JPX", "JPY", "Japan", ".T"),
    ("HKG", "HKD", "Hong Kong", ".HK"),
    ("ASX", "AUD", "Australia", ".AX"),
    ("NSE", "INR", "India", ".NS"),
];

const SECTORS: [&str; 11] = [
    "Energy",
    "Materials",
    "Industrials",
    "Consumer Discretionary",
    "Consumer Staples",
    "Health Care",
    "Financials",
    "Information Technology",
    "Communication Services",
    "Utilities",
    "Real Estate",
];

const FIRST: [&str; 24] = [
    "Alder",
    "Beacon",
    "Cobalt",
    "Delta",
    "Ember",
    "Falcon",
    "Granite",
    "Harbour",
    "Iris",
    "Juniper",
    "Keystone",
    "Lumen",
    "Meridian",
    "Northgate",
    "Orchard",
    "Pioneer",
    "Quarry",
    "Redwood",
    "Summit",
    "Tamarack",
    "Union",
    "Vantage",
    "Westfield",
    "Zenith",
];

const SECOND: [&str; 18] = [
    "Analytics",
    "Bancorp",
    "Biotech",
    "Capital",
    "Cement",
    "Energy",
    "Foods",
    "Freight",
    "Gold",
    "Health",
    "Logistics",
    "Materials",
    "Mining",
    "Networks",
    "Power",
    "Robotics",
    "Semiconductor",
    "Software",
];

const COINS: [&str; 16] = [
    "BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "DOT", "LTC", "LINK", "AVAX", "ATOM", "XLM", "ALGO", "UNI", "NEAR",
    "FIL",
];

const CURRENCIES: [&str; 14] =
    ["EUR", "USD", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "MXN", "ZAR", "SGD", "PLN"];

const FUTURES: [(&str, &str); 10] = [
    ("ES", "E-mini index"),
    ("CL", "Crude oil"),
    ("GC", "Gold"),
    ("SI", "Silver"),
    ("NG", "Natural gas"),
    ("ZC", "Corn"),
    ("ZW", "Wheat"),
    ("ZS", "Soybeans"),
    ("HG", "Copper"),
    ("KC", "Coffee"),
];

const MONTHS: [char; 12] = ['F', 'G', 'H', 'J', 'K', 'M', 'N', 'Q', 'U', 'V', 'X', 'Z'];

/// Makes instruments with tickers that no other has.
pub struct Namer {
    taken: HashSet<String>,
}

impl Namer {
    pub const fn new(taken: HashSet<String>) -> Self {
        Self { taken }
    }

    /// A row of `symbols` of this class.
    pub fn instrument(&mut self, class: &str, prng: &mut Prng) -> SymbolRow {
        let mut attempt = 0;
        loop {
            let row = draft(class, attempt, prng);
            if self.taken.insert(row.ticker.clone()) {
                return row;
            }
            attempt += 1;
        }
    }
}

/// A second listing of the same ticker.
pub fn elsewhere(row: &SymbolRow, class: Option<String>, prng: &mut Prng) -> SymbolRow {
    let others: Vec<_> = VENUES.iter().filter(|v| row.venue.as_deref() != Some(v.0)).collect();
    let (venue, currency, country) = prng.pick(&others).map_or(("OTC", "USD", "United States"), |v| (v.0, v.1, v.2));
    SymbolRow {
        id: prng.uuid(),
        venue: Some(venue.into()),
        currency: Some(currency.into()),
        country: Some(country.into()),
        asset_class: class,
        ..row.clone()
    }
}

/// A class by its share.
pub fn class(prng: &mut Prng) -> &'static str {
    let mut left = prng.below(CLASSES.iter().map(|(_, share)| share).sum());
    for (class, share) in CLASSES {
        if left < share {
            return class;
        }
        left -= share;
    }
    CLASSES[0].0
}

fn draft(class: &str, attempt: usize, prng: &mut Prng) -> SymbolRow {
    // Short tickers run out; after a few collisions longer ones are drawn.
    let longer = attempt / 4;
    let venue = VENUES[prng.below(VENUES.len())];
    let suffix = venue.3;
    let (ticker, name, venue) = match class {
        "CRYPTO" => {
            let coin = if attempt == 0 { coin(prng) } else { letters(3 + longer.min(6), prng) };
            (format!("{coin}-USD"), format!("{coin} US dollar"), ("CCC", "USD", "", ""))
        }
        "FOREX" => {
            let (base, quote) = (word(&CURRENCIES, prng), word(&CURRENCIES, prng));
            let base = if attempt < 8 && base != quote { base.to_owned() } else { letters(3 + longer.min(6), prng) };
            (format!("{base}{quote}=X"), format!("{base}/{quote}"), ("CCY", quote, "", ""))
        }
        "INDEX" => {
            let code = letters(3 + longer.min(8), prng);
            (format!("^{code}"), format!("{} {} Index", word(&FIRST, prng), venue.2), venue)
        }
        "FUTURE" => {
            let (root, name) = FUTURES[prng.below(FUTURES.len())];
            let month = MONTHS[prng.below(MONTHS.len())];
            let year = 26 + prng.below(4 + attempt);
            (format!("{root}{month}{year}"), format!("{name} {month}{year}"), ("CME", "USD", "United States", ""))
        }
        "BOND" => {
            let (years, rate) = (1 + prng.below(30 + attempt), prng.below(80));
            let issuer = letters(2 + longer.min(6), prng);
            let name = format!("{} {}.{}% {years} years", word(&FIRST, prng), rate / 10, rate % 10);
            (format!("{issuer}{years}Y{suffix}"), name, venue)
        }
        "FUND" => {
            let code = letters(4 + longer.min(6), prng);
            (format!("{code}X{suffix}"), format!("{} {} Fund", word(&FIRST, prng), word(&SECTORS, prng)), venue)
        }
        "ETF" => {
            let code = letters(3 + prng.below(2) + longer.min(6), prng);
            (format!("{code}{suffix}"), format!("{} {} UCITS ETF", word(&FIRST, prng), word(&SECTORS, prng)), venue)
        }
        _ => {
            let code = letters(2 + prng.below(3) + longer.min(6), prng);
            (format!("{code}{suffix}"), format!("{} {} plc", word(&FIRST, prng), word(&SECOND, prng)), venue)
        }
    };
    let sector = matches!(class, "STOCK" | "ETF" | "FUND").then(|| word(&SECTORS, prng).to_owned());
    SymbolRow {
        id: prng.uuid(),
        ticker,
        venue: Some(venue.0.into()),
        asset_class: Some(class.into()),
        full_name: Some(name),
        currency: Some(venue.1.into()),
        country: (!venue.2.is_empty()).then(|| venue.2.into()),
        sector,
    }
}

fn coin(prng: &mut Prng) -> String {
    word(&COINS, prng).to_owned()
}

fn word(from: &'static [&'static str], prng: &mut Prng) -> &'static str {
    prng.pick(from).copied().unwrap_or("")
}

fn letters(length: usize, prng: &mut Prng) -> String {
    const ALPHABET: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    (0..length).map(|_| char::from(ALPHABET[prng.below(ALPHABET.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_can_give_many_tickers_that_fit_the_narrow_column() {
        let mut prng = Prng::new(3);
        let mut namer = Namer::new(HashSet::new());
        for (class, _) in CLASSES {
            for _ in 0..3_000 {
                let row = namer.instrument(class, &mut prng);
                assert!(row.ticker.len() <= 20, "{row:?}");
            }
        }
    }
}
