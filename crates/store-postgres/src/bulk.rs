//! Filling the two tables of the replaced system, by `COPY` in one transaction.

use std::fmt::Write as _;

use amend_engine::store::{Bulk, BulkRows, BulkTable, BulkWriter, MarketDataRow, StoreError, SymbolRow};
use async_trait::async_trait;
use sqlx::{Executor, PgPool};

use crate::{PostgresStore, error::db, tx::Tx};

const SYMBOLS: &str = "CREATE TABLE symbols (
    id uuid NOT NULL, ticker varchar(50) NOT NULL, venue varchar(50), asset_class varchar(20), full_name text,
    currency varchar(10), country text, sector text, is_active boolean NOT NULL DEFAULT true)";
const SYMBOLS_KEYS: [&str; 2] =
    ["ALTER TABLE symbols ADD PRIMARY KEY (id)", "CREATE INDEX symbols_ticker ON symbols (ticker)"];
const MARKET_DATA: &str = "CREATE TABLE market_data (
    id uuid NOT NULL, symbol varchar(20) NOT NULL, timeframe varchar(10) NOT NULL, \"timestamp\" timestamptz NOT NULL,
    open numeric(18,8), high numeric(18,8), low numeric(18,8), close numeric(18,8), volume numeric(18,8),
    asset_class text NULL)";
const MARKET_DATA_KEYS: [&str; 2] = [
    "ALTER TABLE market_data ADD PRIMARY KEY (id)",
    "ALTER TABLE market_data ADD UNIQUE (symbol, timeframe, \"timestamp\")",
];

const COPY_SYMBOLS: &str =
    "COPY symbols (id, ticker, venue, asset_class, full_name, currency, country, sector) FROM STDIN";
const COPY_MARKET_DATA: &str = "COPY market_data (id, symbol, timeframe, \"timestamp\", open, high, low, close, volume, \
     asset_class) FROM STDIN";

/// Rows on their way.
struct PostgresBulk {
    tx: Tx,
    pool: PgPool,
    /// Keys and indexes of the tables made here: built at the end, over all rows at once, they cost
    /// half of what keeping them up row by row does.
    keys: Vec<&'static str>,
    wrote_symbols: bool,
    wrote_market_data: bool,
}

#[async_trait]
impl Bulk for PostgresStore {
    async fn begin_bulk(&self) -> Result<Box<dyn BulkWriter>, StoreError> {
        let mut tx = self.begin().await?;
        let mut keys = Vec::new();
        for (table, create, its_keys) in
            [(BulkTable::Symbols, SYMBOLS, SYMBOLS_KEYS), (BulkTable::MarketData, MARKET_DATA, MARKET_DATA_KEYS)]
        {
            // Not IF NOT EXISTS: that asks for the right to create even where nothing is created.
            let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                .bind(table.name())
                .fetch_one(&mut *tx)
                .await
                .map_err(db)?;
            if !there {
                tx.execute(create).await.map_err(db)?;
                keys.extend(its_keys);
            }
        }
        let pool = self.pool.clone();
        Ok(Box::new(PostgresBulk { tx, pool, keys, wrote_symbols: false, wrote_market_data: false }))
    }

    async fn bulk_tables_filled(&self) -> Result<bool, StoreError> {
        for table in [BulkTable::Symbols, BulkTable::MarketData] {
            let name = amend_domain::TableName::new(table.name());
            let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                .bind(name.quoted())
                .fetch_one(&self.pool)
                .await
                .map_err(db)?;
            if there && amend_engine::store::Catalog::has_rows(self, &name).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl BulkWriter for PostgresBulk {
    async fn write(&mut self, rows: BulkRows) -> Result<(), StoreError> {
        let mut text = String::new();
        let (statement, count) = match &rows {
            BulkRows::Symbols(rows) => {
                rows.iter().for_each(|row| symbol_line(&mut text, row));
                (COPY_SYMBOLS, rows.len())
            }
            BulkRows::MarketData(rows) => {
                rows.iter().for_each(|row| market_data_line(&mut text, row));
                (COPY_MARKET_DATA, rows.len())
            }
        };
        if count == 0 {
            return Ok(());
        }
        let mut copy = self.tx.copy_in_raw(statement).await.map_err(db)?;
        copy.send(text.as_bytes()).await.map_err(db)?;
        let copied = copy.finish().await.map_err(db)?;
        if usize::try_from(copied).ok() != Some(count) {
            return Err(StoreError::Other(format!("{copied} of {count} rows were copied")));
        }
        match rows {
            BulkRows::Symbols(_) => self.wrote_symbols = true,
            BulkRows::MarketData(_) => self.wrote_market_data = true,
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        if !self.keys.is_empty() {
            self.tx.execute("SET LOCAL maintenance_work_mem = '256MB'").await.map_err(db)?;
        }
        for statement in std::mem::take(&mut self.keys) {
            self.tx.execute(statement).await.map_err(db)?;
        }
        self.tx.commit().await.map_err(db)?;
        if self.wrote_symbols {
            self.pool.execute("ANALYZE symbols").await.map_err(db)?;
        }
        if self.wrote_market_data {
            self.pool.execute("ANALYZE market_data").await.map_err(db)?;
        }
        Ok(())
    }
}

fn symbol_line(text: &mut String, row: &SymbolRow) {
    let fields = [
        Some(&row.id),
        Some(&row.ticker),
        row.venue.as_ref(),
        row.asset_class.as_ref(),
        row.full_name.as_ref(),
        row.currency.as_ref(),
        row.country.as_ref(),
        row.sector.as_ref(),
    ];
    for (i, field) in fields.into_iter().enumerate() {
        if i > 0 {
            text.push('\t');
        }
        escape(text, field.map(String::as_str));
    }
    text.push('\n');
}

fn market_data_line(text: &mut String, row: &MarketDataRow) {
    for field in [&row.id, &row.symbol, &row.timeframe] {
        escape(text, Some(field));
        text.push('\t');
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "{}", row.timestamp.format("%Y-%m-%d %H:%M:%S%.6f+00"));
    for field in [&row.open, &row.high, &row.low, &row.close, &row.volume] {
        text.push('\t');
        escape(text, Some(field));
    }
    text.push('\t');
    escape(text, row.asset_class.as_deref());
    text.push('\n');
}

/// A field in COPY's text format.
fn escape(text: &mut String, field: Option<&str>) {
    let Some(field) = field else {
        text.push_str("\\N");
        return;
    };
    for c in field.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_escaped_so_that_none_ends_early() {
        let row = SymbolRow {
            id: "1".into(),
            ticker: "a\tb\\N".into(),
            venue: Some("two\nlines\r".into()),
            ..SymbolRow::default()
        };
        let mut text = String::new();
        symbol_line(&mut text, &row);
        assert_eq!(text, "1\ta\\tb\\\\N\ttwo\\nlines\\r\t\\N\t\\N\t\\N\t\\N\t\\N\n");
    }
}
