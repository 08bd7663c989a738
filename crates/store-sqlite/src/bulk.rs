//! [`Bulk`]: filling the two tables of the replaced system.

use amend_engine::store::{Bulk, BulkRows, BulkWriter, MarketDataRow, StoreError, SymbolRow};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{Arguments as _, AssertSqlSafe, Sqlite, SqliteConnection, Transaction, sqlite::SqliteArguments};

use crate::{chunk::execute, error::db, shape::TableShape, sql::reference::forget_all, store::SqliteStore};

/// Rows in one statement: the cost of a statement is spread, and it is still prepared only once.
const ROWS_A_STATEMENT: usize = 50;
/// Page cache while loading, in kibibytes: random keys touch every page of an index.
const CACHE_KIB: u32 = 256 * 1024;

/// `FAIL` leaves the rows before a refused one in place, so SQLite need not copy each page before a
/// statement of many rows, which would double the time. We undo the whole transaction anyway. With a
/// trigger the word would overrule the trigger's own.
const UNJOURNALLED: &str = "INSERT OR FAIL";

const SYMBOLS: &str = "CREATE TABLE IF NOT EXISTS symbols (
    id          TEXT PRIMARY KEY NOT NULL,
    ticker      TEXT NOT NULL,
    venue       TEXT,
    asset_class TEXT,
    full_name   TEXT,
    currency    TEXT,
    country     TEXT,
    sector      TEXT,
    is_active   INTEGER NOT NULL DEFAULT 1
)";
const SYMBOLS_TICKER: &str = "CREATE INDEX IF NOT EXISTS symbols_ticker ON symbols (ticker)";
const MARKET_DATA: &str = "CREATE TABLE IF NOT EXISTS market_data (
    id          TEXT PRIMARY KEY NOT NULL,
    symbol      TEXT NOT NULL,
    timeframe   TEXT NOT NULL,
    timestamp   TEXT NOT NULL,
    open        NUMERIC NOT NULL,
    high        NUMERIC NOT NULL,
    low         NUMERIC NOT NULL,
    close       NUMERIC NOT NULL,
    volume      NUMERIC NOT NULL,
    asset_class TEXT,
    UNIQUE (symbol, timeframe, timestamp)
)";

const SYMBOL_COLUMNS: &str = "symbols (id, ticker, venue, asset_class, full_name, currency, country, sector)";
const MARKET_DATA_COLUMNS: &str =
    "market_data (id, symbol, timeframe, timestamp, open, high, low, close, volume, asset_class)";

struct SqliteBulk {
    store: SqliteStore,
    transaction: Transaction<'static, Sqlite>,
    symbols: Statement,
    market_data: Statement,
    /// A statement failed, perhaps half done: nothing may follow it but the end.
    failed: bool,
}

/// An insert of many rows, and whether it was used.
struct Statement {
    verb: &'static str,
    into: &'static str,
    width: usize,
    full: String,
    used: bool,
}

impl Statement {
    fn new(verb: &'static str, into: &'static str, width: usize) -> Self {
        Self { verb, into, width, full: Self::sql(verb, into, width, ROWS_A_STATEMENT), used: false }
    }

    fn sql(verb: &str, into: &str, width: usize, rows: usize) -> String {
        let one = format!("({})", vec!["?"; width].join(", "));
        format!("{verb} INTO {into} VALUES {}", vec![one.as_str(); rows].join(", "))
    }

    async fn insert<R>(
        &mut self,
        transaction: &mut Transaction<'static, Sqlite>,
        rows: Vec<R>,
        bind: fn(R, &mut SqliteArguments) -> Result<(), sqlx::error::BoxDynError>,
    ) -> Result<(), StoreError> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            self.used = true;
            let count = rows.len().min(ROWS_A_STATEMENT);
            let mut arguments = SqliteArguments::default();
            arguments.reserve(count * self.width, 0);
            for row in rows.by_ref().take(count) {
                bind(row, &mut arguments).map_err(|e| StoreError::Other(format!("a row cannot be bound: {e}")))?;
            }
            let full = count == ROWS_A_STATEMENT;
            let sql = if full { self.full.clone() } else { Self::sql(self.verb, self.into, self.width, count) };
            let query = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(full);
            let done = query.execute(&mut **transaction).await.map_err(db)?;
            if usize::try_from(done.rows_affected()).ok() != Some(count) {
                return Err(StoreError::Other(format!("{} of {count} rows were written", done.rows_affected())));
            }
        }
        Ok(())
    }
}

fn bind_symbol(row: SymbolRow, to: &mut SqliteArguments) -> Result<(), sqlx::error::BoxDynError> {
    to.add(row.id)?;
    to.add(row.ticker)?;
    to.add(row.venue)?;
    to.add(row.asset_class)?;
    to.add(row.full_name)?;
    to.add(row.currency)?;
    to.add(row.country)?;
    to.add(row.sector)
}

fn bind_market_data(row: MarketDataRow, to: &mut SqliteArguments) -> Result<(), sqlx::error::BoxDynError> {
    to.add(row.id)?;
    to.add(row.symbol)?;
    to.add(row.timeframe)?;
    to.add(time_text(row.timestamp))?;
    to.add(row.open)?;
    to.add(row.high)?;
    to.add(row.low)?;
    to.add(row.close)?;
    to.add(row.volume)?;
    to.add(row.asset_class)
}

async fn has_triggers(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger'
                        AND tbl_name COLLATE NOCASE IN ('symbols', 'market_data'))",
    )
    .fetch_one(connection)
    .await
    .map_err(db)
}

/// SQLite's own spelling, in UTC: it sorts as the times do, also with a fraction.
fn time_text(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.f").to_string()
}

#[async_trait]
impl Bulk for SqliteStore {
    async fn begin_bulk(&self) -> Result<Box<dyn BulkWriter>, StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        self.ahead.writes();
        forget_all(&mut connection).await?;
        execute(&mut connection, format!("PRAGMA cache_size = -{CACHE_KIB}")).await?;
        let mut transaction = self.writer.begin_on(connection).await?;
        for sql in [SYMBOLS, SYMBOLS_TICKER, MARKET_DATA] {
            execute(&mut transaction, sql).await?;
        }
        let verb = if has_triggers(&mut transaction).await? { "INSERT" } else { UNJOURNALLED };
        Ok(Box::new(SqliteBulk {
            store: self.clone(),
            transaction,
            symbols: Statement::new(verb, SYMBOL_COLUMNS, 8),
            market_data: Statement::new(verb, MARKET_DATA_COLUMNS, 10),
            failed: false,
        }))
    }

    async fn bulk_tables_filled(&self) -> Result<bool, StoreError> {
        let mut connection = self.readers.acquire().await?;
        for table in ["symbols", "market_data"] {
            let name = amend_domain::TableName::new(table);
            if TableShape::load(&mut connection, &name).await?.is_none() {
                continue;
            }
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", name.quoted());
            if sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(db)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl BulkWriter for SqliteBulk {
    async fn write(&mut self, rows: BulkRows) -> Result<(), StoreError> {
        if self.failed {
            return Err(broken());
        }
        // Also when this future is dropped half way.
        self.failed = true;
        match rows {
            BulkRows::Symbols(rows) => self.symbols.insert(&mut self.transaction, rows, bind_symbol).await,
            BulkRows::MarketData(rows) => self.market_data.insert(&mut self.transaction, rows, bind_market_data).await,
        }?;
        self.failed = false;
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if self.failed {
            return Err(broken());
        }
        let this = *self;
        this.transaction.commit().await.map_err(db)?;
        let mut connection = this.store.writer.acquire(None).await?;
        execute(&mut connection, "PRAGMA analysis_limit = 2000").await?;
        for (table, statement) in [("symbols", &this.symbols), ("market_data", &this.market_data)] {
            if statement.used {
                execute(&mut connection, format!("ANALYZE main.{table}")).await?;
            }
        }
        execute(&mut connection, format!("PRAGMA cache_size = -{}", this.store.cache_kib)).await?;
        execute(&mut connection, "PRAGMA shrink_memory").await
    }
}

fn broken() -> StoreError {
    StoreError::Other("a write before this one failed, so nothing of this load can be kept".into())
}
