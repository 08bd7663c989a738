//! The tables that are measured on: the two of the replaced system, made by the database itself, the
//! same each time.

use amend_domain::Rule;

/// Symbols of the reference.
pub(crate) const SYMBOLS: i64 = 12_000;

/// The rule of the comparisons: the default one over these tables.
pub(crate) fn rule() -> Rule {
    Rule::asset_class()
}

/// In PostgreSQL: rows in the order of time, keys in random order, 48 of 100 values wrong.
pub(crate) fn postgres(rows: i64) -> Vec<String> {
    vec![
        "CREATE TABLE symbols (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ticker varchar(20) NOT NULL,
             name text, exchange text, asset_class text, created_at timestamptz DEFAULT now(),
             updated_at timestamptz DEFAULT now())"
            .into(),
        format!(
            "INSERT INTO symbols (ticker, name, exchange, asset_class)
             SELECT 'S' || n, 'Symbol ' || n, 'X', (ARRAY['STOCK', 'ETF', 'CRYPTO', 'FOREX'])[n % 4 + 1]
             FROM generate_series(0, {SYMBOLS} - 1) n"
        ),
        "CREATE INDEX ON symbols (ticker)".into(),
        "CREATE TABLE market_data (id uuid PRIMARY KEY, symbol varchar(20) NOT NULL, timeframe varchar(10) NOT NULL,
             \"timestamp\" timestamptz NOT NULL, open numeric(18,8), high numeric(18,8), low numeric(18,8),
             close numeric(18,8), volume numeric(18,8), asset_class text)"
            .into(),
        format!(
            "INSERT INTO market_data
             SELECT md5(n::text)::uuid, 'S' || n % {SYMBOLS}, '1d',
                    timestamptz '2026-01-01' - (({rows} - n) / {SYMBOLS}) * interval '1 day',
                    100 + n % 977 * 0.25, 101 + n % 977 * 0.25, 99 + n % 977 * 0.25, 100.5 + n % 977 * 0.25,
                    n % 100000,
                    CASE WHEN hashint8(n) & 127 < 61 THEN (ARRAY[NULL, '', 'UNKNOWN', 'stock'])[hashint8(n) & 3 + 1]
                         ELSE (ARRAY['STOCK', 'ETF', 'CRYPTO', 'FOREX'])[n % {SYMBOLS} % 4 + 1] END
             FROM generate_series(1, {rows}::bigint) n"
        ),
        "ALTER TABLE market_data ADD UNIQUE (symbol, timeframe, \"timestamp\")".into(),
        "VACUUM (ANALYZE) market_data".into(),
        "VACUUM (ANALYZE) symbols".into(),
        "CHECKPOINT".into(),
    ]
}

/// In SQLite: the same with a text key in random order.
pub(crate) fn sqlite(rows: i64) -> Vec<String> {
    vec![
        "CREATE TABLE symbols (id INTEGER PRIMARY KEY, ticker TEXT NOT NULL, name TEXT, exchange TEXT,
             asset_class TEXT)"
            .into(),
        format!(
            "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {SYMBOLS} - 1)
             INSERT INTO symbols (ticker, name, exchange, asset_class)
             SELECT 'S' || n, 'Symbol ' || n, 'X', CASE n % 4 WHEN 0 THEN 'STOCK' WHEN 1 THEN 'ETF'
                    WHEN 2 THEN 'CRYPTO' ELSE 'FOREX' END FROM n"
        ),
        "CREATE INDEX symbols_ticker ON symbols (ticker)".into(),
        "CREATE TABLE market_data (id TEXT PRIMARY KEY NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,
             \"timestamp\" TEXT NOT NULL, open REAL, high REAL, low REAL, close REAL, volume REAL, asset_class TEXT)"
            .into(),
        // 2654435761 is Knuth's multiplier: every n a number of its own, in no order.
        format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
             INSERT INTO market_data
             SELECT printf('%08x-%04x-%04x-%04x-%012x', n * 2654435761 % 4294967296, n % 65521, n % 4093, n % 8191, n),
                    'S' || (n % {SYMBOLS}), '1d', datetime(1767225600 - (({rows} - n) / {SYMBOLS}) * 86400, 'unixepoch'),
                    100 + n % 977 * 0.25, 101 + n % 977 * 0.25, 99 + n % 977 * 0.25, 100.5 + n % 977 * 0.25, n % 100000,
                    CASE WHEN n * 2654435761 % 128 < 61
                         THEN CASE n * 40503 % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'UNKNOWN' ELSE 'stock' END
                         ELSE CASE n % {SYMBOLS} % 4 WHEN 0 THEN 'STOCK' WHEN 1 THEN 'ETF' WHEN 2 THEN 'CRYPTO'
                              ELSE 'FOREX' END END
             FROM n"
        ),
        "CREATE UNIQUE INDEX market_data_series ON market_data (symbol, timeframe, \"timestamp\")".into(),
        "ANALYZE".into(),
        "PRAGMA wal_checkpoint(TRUNCATE)".into(),
    ]
}

/// What every symbol resolves to; ambiguous and blank ones to nothing, as in ours.
pub(crate) const RESOLVED: &str = "(SELECT ticker, min(asset_class) AS v FROM symbols
     WHERE trim(asset_class) <> '' GROUP BY ticker HAVING min(asset_class) = max(asset_class))";
