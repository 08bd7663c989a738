//! Writes a demonstration data set into an empty database, in one transaction.

use std::time::Duration;

use amend_domain::{ErrorCode, Problem};
use amend_engine::{
    clock::Clock,
    store::{BulkRows, MarketDataRow, Store, StoreError},
};
use serde::Serialize;

use super::Demo;
use crate::open::told;

/// Rows in one write.
const BATCH: usize = 4_000;
/// Batches that may wait for the database.
const AHEAD: usize = 4;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Filled {
    pub symbols: i64,
    pub rows: i64,
    pub duration_ms: i64,
}

/// Fills the two tables; `progress` hears how many rows of `market_data` are written so far.
///
/// # Errors
/// `WRONG_STATE` when one of the tables has rows; trouble with the database. Nothing is left behind.
pub async fn fill(
    store: &dyn Store,
    clock: &dyn Clock,
    demo: Demo,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Filled, Problem> {
    let begun = clock.now();
    if store.bulk_tables_filled().await.map_err(|e| told(&e))? {
        return Err(Problem::new(
            ErrorCode::WrongState,
            "The tables market_data and symbols already hold rows; nothing was changed.",
        )
        .advice("Demonstration data goes only into an empty database: name a new one with --database."));
    }
    let symbols = demo.symbols().len();
    let rows = write(store, demo, progress).await.map_err(|e| told(&e))?;
    let spent = (clock.now() - begun).to_std().unwrap_or(Duration::ZERO);
    Ok(Filled {
        symbols: i64::try_from(symbols).unwrap_or(i64::MAX),
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
        duration_ms: i64::try_from(spent.as_millis()).unwrap_or(i64::MAX),
    })
}

async fn write(store: &dyn Store, demo: Demo, progress: &(dyn Fn(u64) + Send + Sync)) -> Result<u64, StoreError> {
    let mut writer = store.begin_bulk().await?;
    for symbols in demo.symbols().chunks(BATCH) {
        writer.write(BulkRows::Symbols(symbols.to_vec())).await?;
    }
    // Rows are made on one core while the database takes them on the other.
    let (sender, mut batches) = tokio::sync::mpsc::channel::<Vec<MarketDataRow>>(AHEAD);
    let maker = tokio::task::spawn_blocking(move || {
        let mut rows = demo.market_data();
        loop {
            let batch: Vec<_> = rows.by_ref().take(BATCH).collect();
            // The receiver is gone when the database has refused a batch.
            if batch.is_empty() || sender.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    let mut written = 0;
    while let Some(batch) = batches.recv().await {
        let count = batch.len() as u64;
        writer.write(BulkRows::MarketData(batch)).await?;
        written += count;
        progress(written);
    }
    maker.await.map_err(|error| StoreError::Other(format!("the maker of rows ended: {error}")))?;
    writer.commit().await?;
    Ok(written)
}
