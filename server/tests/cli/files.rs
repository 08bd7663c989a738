//! Files in, and demonstration data.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use crate::{
    database::Database,
    program::{int, text},
};

const SYMBOLS: &str = "\u{feff}Ticker,Asset Class,Full_Name,Exchange,Currencies
AAPL,STOCK,\"Apple, Inc.\",NAS,USD
SPY,ETF,,PCX,USD
,STOCK,nobody,NAS,USD
ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ,STOCK,too long,NAS,USD
BTC-USD,CRYPTO
";

const MARKET_DATA: &str = "symbol,timeframe,timestamp,open,high,low,close,volume,asset_class
AAPL,1d,2026-01-30,1.5,2,1,1.25,100,
AAPL,1d,2026-01-31T00:00:00Z,1.5,2,1,1.25,100,STOCK
SPY,1d,yesterday,1.5,2,1,1.25,100,ETF
SPY,1d,2026-01-31,\"1,5\",2,1,1.25,100,ETF
SPY,1h,2026-01-31 01:00:00+00,1,2,1,1,0.00000001,  
";

pub async fn an_import_takes_the_good_lines_and_names_the_bad_ones(database: &Database) {
    let file = database.folder.join("symbols.csv.gz");
    let mut gz = GzEncoder::new(std::fs::File::create(&file).expect("a file"), Compression::fast());
    gz.write_all(SYMBOLS.as_bytes()).expect("written");
    gz.finish().expect("written");
    let symbols = database.json(&["import", "symbols", "symbols.csv.gz"]);
    assert_eq!((int(&symbols, "imported"), int(&symbols, "rejected")), (2, 3), "{symbols}");
    let names = database.lines("SELECT ticker || '/' || coalesce(full_name, '-') FROM symbols ORDER BY ticker").await;
    assert_eq!(names, ["AAPL/Apple, Inc.", "SPY/-"]);
    let rejects = std::fs::read_to_string(database.folder.join("symbols.csv.gz.rejects.csv")).expect("a reject file");
    let lines: Vec<_> = rejects.lines().collect();
    assert!(lines[0].starts_with("line,reason,Ticker,"), "{rejects}");
    assert!(lines[1].starts_with("4,the ticker is missing,"), "{rejects}");
    assert!(lines[2].starts_with("5,ticker has 52 characters"), "{rejects}");
    assert!(lines[3].starts_with("6,the number of fields"), "{rejects}");

    std::fs::write(database.folder.join("market.csv"), MARKET_DATA).expect("a file");
    let market = database.json(&["import", "market-data", "market.csv"]);
    assert_eq!((int(&market, "imported"), int(&market, "rejected")), (3, 2), "{market}");
    let report = database.json(&["analyze"]);
    assert_eq!((int(&report, "total"), int(&report, "correct")), (3, 1), "{report}");
    assert_eq!((int(&report["missing"], "null"), int(&report["missing"], "blank")), (1, 1), "{report}");

    std::fs::write(database.folder.join("other.csv"), "a,b\n1,2\n").expect("a file");
    for file in ["other.csv", "not-there.csv"] {
        let refused = database.amend(&["import", "symbols", file, "--format", "json"]).ends(2);
        assert!(text(&refused.json()["error"], "message").contains(if file == "other.csv" { "ticker" } else { file }));
    }
}

pub async fn a_refused_row_leaves_nothing_imported(database: &Database) {
    let twice = MARKET_DATA.lines().take(2).chain(MARKET_DATA.lines().skip(1).take(2)).collect::<Vec<_>>().join("\n");
    std::fs::write(database.folder.join("twice.csv"), twice).expect("a file");
    let refused = database.amend(&["import", "market-data", "twice.csv", "--format", "json"]);
    assert_ne!(refused.code, 0);
    let error = &refused.json()["error"];
    assert!(text(error, "message").contains("nothing was imported"), "{error}");
    let there = database.amend(&["analyze", "--format", "json"]);
    assert_eq!(text(&there.json()["error"], "code"), "RULE_UNUSABLE");
}

pub async fn demo_refuses_tables_with_rows(database: &Database) {
    let filled = database.json(&["demo", "--rows", "2000", "--symbols", "60", "--seed", "9", "--bad-share", "0.5"]);
    assert_eq!(int(&filled, "rows"), 2_000);
    let before = database.digest("market_data").await;
    let refused = database.amend(&["demo", "--rows", "10", "--format", "json"]).ends(3);
    assert_eq!(text(&refused.json()["error"], "code"), "WRONG_STATE");
    assert_eq!(database.digest("market_data").await, before);
}

/// Not on both by the macro: it needs both at once.
#[tokio::test]
async fn a_seed_gives_the_same_rows_on_both_databases() {
    let mut seen = Vec::new();
    for database in [Database::sqlite().await, Database::postgres().await] {
        database.amend(&["demo", "--rows", "3000", "--seed", "5"]).ends(0);
        let rows = "SELECT CAST(id AS TEXT) || '|' || symbol || '|' || timeframe || '|' || coalesce(asset_class, '-') \
             FROM market_data ORDER BY 1";
        let symbols = "SELECT CAST(id AS TEXT) || '|' || ticker || '|' || coalesce(venue, '-') || '|' || \
             coalesce(asset_class, '-') FROM symbols ORDER BY 1";
        let mut lines = database.lines(rows).await;
        lines.extend(database.lines(symbols).await);
        // Each database has its own idea of the order of texts.
        lines.sort();
        seen.push(lines);
        database.destroy().await;
    }
    assert!(seen[0].len() > 3_000);
    assert_eq!(seen[0], seen[1]);
}
