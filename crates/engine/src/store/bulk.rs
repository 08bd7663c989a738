//! Filling the two tables of the replaced system, for `amend demo` and `amend import`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkTable {
    Symbols,
    MarketData,
}

impl BulkTable {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Symbols => "symbols",
            Self::MarketData => "market_data",
        }
    }
}

/// A row of `symbols`. `id` is a UUID as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SymbolRow {
    pub id: String,
    pub ticker: String,
    pub venue: Option<String>,
    pub asset_class: Option<String>,
    pub full_name: Option<String>,
    pub currency: Option<String>,
    pub country: Option<String>,
    pub sector: Option<String>,
}

/// A row of `market_data`. Prices are decimal texts, so that nothing is rounded on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketDataRow {
    pub id: String,
    pub symbol: String,
    pub timeframe: String,
    pub timestamp: DateTime<Utc>,
    pub open: String,
    pub high: String,
    pub low: String,
    pub close: String,
    pub volume: String,
    pub asset_class: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkRows {
    Symbols(Vec<SymbolRow>),
    MarketData(Vec<MarketDataRow>),
}

/// Rows on their way into one or both tables, in one transaction; dropped without `commit`,
/// nothing was there.
#[async_trait]
pub trait BulkWriter: Send {
    async fn write(&mut self, rows: BulkRows) -> Result<(), StoreError>;

    /// Commits and refreshes the planner's statistics of the tables it wrote.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

#[async_trait]
pub trait Bulk: Send + Sync + 'static {
    /// Begins a transaction; creates the two tables as rest-api's schema has them (and the index on
    /// `symbols(ticker)`) when they are not there, inside that same transaction.
    async fn begin_bulk(&self) -> Result<Box<dyn BulkWriter>, StoreError>;

    /// Whether one of the two tables exists and has rows.
    async fn bulk_tables_filled(&self) -> Result<bool, StoreError>;
}
