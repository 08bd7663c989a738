//! From the fields of a line to a row, with a reason where that cannot be.

use amend_domain::finding::is_blank;
use amend_engine::store::{MarketDataRow, SymbolRow};
use csv::ByteRecord;

use super::{
    columns::{Columns, Known},
    value,
};

pub struct SymbolLine;
pub struct MarketDataLine;

const fn required(name: &'static str, synonyms: &'static [&'static str]) -> Known {
    Known { name, synonyms, required: true }
}

const fn optional(name: &'static str, synonyms: &'static [&'static str]) -> Known {
    Known { name, synonyms, required: false }
}

/// Columns of a symbols file; [`symbol`] reads them by their place here.
pub const SYMBOL_COLUMNS: [Known; 8] = [
    required("ticker", &["symbol", "tickersymbol"]),
    required("asset_class", &["class", "assettype"]),
    optional("full_name", &["name", "longname"]),
    optional("venue", &["exchange", "market"]),
    optional("currency", &["currencies"]),
    optional("country", &[]),
    optional("sector", &[]),
    optional("id", &["uuid"]),
];

/// Columns of a market-data file; [`market_data`] reads them by their place here.
pub const MARKET_DATA_COLUMNS: [Known; 10] = [
    required("symbol", &["ticker"]),
    required("timeframe", &["interval", "period"]),
    required("timestamp", &["time", "datetime", "date", "ts"]),
    required("open", &["openprice"]),
    required("high", &["highprice"]),
    required("low", &["lowprice"]),
    required("close", &["closeprice"]),
    required("volume", &["vol"]),
    optional("asset_class", &["class", "assettype"]),
    optional("id", &["uuid"]),
];

/// # Errors
/// Why the line cannot be a row.
pub fn symbol(
    columns: &Columns,
    record: &ByteRecord,
    id: &mut (dyn FnMut() -> String + Send),
) -> Result<SymbolRow, String> {
    let text = |at: usize, longest: usize| optional_text(columns, record, at, SYMBOL_COLUMNS[at].name, longest);
    let ticker = text(0, 50)?.filter(|t| !is_blank(t)).ok_or("the ticker is missing")?;
    let asset_class = text(1, 20)?;
    let full_name = text(2, usize::MAX)?;
    let venue = text(3, 50)?;
    let currency = text(4, 10)?;
    let country = text(5, usize::MAX)?;
    let sector = text(6, usize::MAX)?;
    let id = row_id(text(7, 64)?, id)?;
    Ok(SymbolRow { id, ticker, venue, asset_class, full_name, currency, country, sector })
}

/// # Errors
/// Why the line cannot be a row.
pub fn market_data(
    columns: &Columns,
    record: &ByteRecord,
    id: &mut (dyn FnMut() -> String + Send),
) -> Result<MarketDataRow, String> {
    let text = |at: usize, longest: usize| optional_text(columns, record, at, MARKET_DATA_COLUMNS[at].name, longest);
    let number = |at: usize| {
        let name = MARKET_DATA_COLUMNS[at].name;
        let raw = text(at, 64)?.ok_or_else(|| format!("{name} is missing"))?;
        value::decimal(&raw).map_err(|why| format!("{name} {why}"))
    };
    let symbol = text(0, 20)?.filter(|t| !is_blank(t)).ok_or("the symbol is missing")?;
    let timeframe = text(1, 10)?.filter(|t| !is_blank(t)).ok_or("the timeframe is missing")?;
    let timestamp = text(2, 64)?.ok_or("the timestamp is missing")?;
    let timestamp = value::time(&timestamp).ok_or_else(|| format!("\"{timestamp}\" is not a time"))?;
    Ok(MarketDataRow {
        symbol,
        timeframe,
        timestamp,
        open: number(3)?,
        high: number(4)?,
        low: number(5)?,
        close: number(6)?,
        volume: number(7)?,
        asset_class: text(8, usize::MAX)?,
        id: row_id(text(9, 64)?, id)?,
    })
}

/// A field as it stands; empty is null. White space stays, because it is a fault to be found.
fn optional_text(
    columns: &Columns,
    record: &ByteRecord,
    at: usize,
    name: &str,
    longest: usize,
) -> Result<Option<String>, String> {
    let text = columns.text(record, at).map_err(|why| format!("{name} {why}"))?;
    let Some(text) = text.filter(|t| !t.is_empty()) else { return Ok(None) };
    if text.contains('\0') {
        return Err(format!("{name} holds a null character"));
    }
    let length = text.chars().count();
    if length > longest {
        return Err(format!("{name} has {length} characters; the column takes {longest}"));
    }
    Ok(Some(text.to_owned()))
}

fn row_id(given: Option<String>, id: &mut (dyn FnMut() -> String + Send)) -> Result<String, String> {
    match given {
        None => Ok(id()),
        Some(text) => uuid::Uuid::parse_str(text.trim())
            .map(|u| u.to_string())
            .map_err(|_| format!("id \"{text}\" is not a UUID")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[&str]) -> Result<MarketDataRow, String> {
        let header = ByteRecord::from(vec![
            "symbol",
            "timeframe",
            "timestamp",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "asset_class",
            "id",
        ]);
        let columns = Columns::find(&header, &MARKET_DATA_COLUMNS).unwrap();
        market_data(&columns, &ByteRecord::from(fields.to_vec()), &mut || "made".into())
    }

    const GOOD: [&str; 10] = ["AAPL", "1d", "2026-01-31", "1.5", "2", "1", "1.25", "100", " ", ""];

    #[test]
    fn a_good_line_is_a_row_and_spaces_stay() {
        let row = read(&GOOD).unwrap();
        assert_eq!((row.symbol.as_str(), row.asset_class.as_deref(), row.id.as_str()), ("AAPL", Some(" "), "made"));
    }

    #[test]
    fn each_fault_has_its_reason() {
        for (at, text, reason) in [
            (0, "", "the symbol is missing"),
            (0, "  ", "the symbol is missing"),
            (0, "ABCDEFGHIJKLMNOPQRSTU", "symbol has 21 characters; the column takes 20"),
            (2, "yesterday", "\"yesterday\" is not a time"),
            (3, "1,5", "open \"1,5\" is not a number"),
            (7, "", "volume is missing"),
            (9, "7", "id \"7\" is not a UUID"),
        ] {
            let mut fields = GOOD;
            fields[at] = text;
            assert_eq!(read(&fields).unwrap_err(), reason);
        }
    }
}
