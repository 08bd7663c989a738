//! Reading the two tables from CSV or CSV.gz, line by line.
//!
//! A line that cannot be used is written to the reject file with its number and reason; the others go
//! into the database in one transaction, so that after an error of the database nothing is there.

mod columns;
mod reader;
mod rejects;
mod rows;
mod value;

use std::path::{Path, PathBuf};

use amend_domain::{ErrorCode, Problem};
use amend_engine::store::{BulkRows, BulkTable, MarketDataRow, Store, StoreError, SymbolRow};
use csv::ByteRecord;
use serde::Serialize;

use self::{
    columns::Columns,
    reader::{Lines, open_lines},
    rejects::Rejects,
    rows::{MarketDataLine, SymbolLine},
};
use crate::open::told;

/// Lines in one write.
const BATCH: usize = 4_000;

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    pub table: &'static str,
    pub imported: i64,
    pub rejected: i64,
    /// Where the rejected lines are, if there are any.
    pub rejects_file: Option<PathBuf>,
    pub duration_ms: i64,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportProgress {
    /// Bytes of the file (compressed as it is) that were read.
    pub bytes: u64,
    pub rows: i64,
}

/// One table's way from a line to a row.
trait Line: Sized + Send {
    type Row: Send;
    const TABLE: BulkTable;

    /// Finds the columns by the header.
    fn columns(header: &ByteRecord) -> Result<Columns, Problem>;

    /// The row, or why the line cannot be one.
    fn row(
        columns: &Columns,
        record: &ByteRecord,
        id: &mut (dyn FnMut() -> String + Send),
    ) -> Result<Self::Row, String>;

    fn bulk(rows: Vec<Self::Row>) -> BulkRows;
}

/// Imports a file into one table. `id` makes a UUID for each row that has none.
///
/// # Errors
/// A file that cannot be read or has no usable header; trouble with the database. Then nothing is
/// imported.
pub async fn import(
    store: &dyn Store,
    table: BulkTable,
    file: &Path,
    id: &mut (dyn FnMut() -> String + Send),
    progress: &(dyn Fn(ImportProgress) + Send + Sync),
) -> Result<Imported, Problem> {
    match table {
        BulkTable::Symbols => lines::<SymbolLine>(store, file, id, progress).await,
        BulkTable::MarketData => lines::<MarketDataLine>(store, file, id, progress).await,
    }
}

/// The good rows of a symbols file, for `amend demo --symbols-from`; bad lines are counted.
///
/// # Errors
/// As [`import`], and a broken file.
pub fn read_symbols(file: &Path, id: &mut (dyn FnMut() -> String + Send)) -> Result<(Vec<SymbolRow>, u64), Problem> {
    let mut lines = open_lines(file)?;
    let columns = SymbolLine::columns(&lines.header()?)?;
    let (mut rows, mut bad) = (Vec::new(), 0);
    let mut record = ByteRecord::new();
    while let Some(read) = lines.next(&mut record)? {
        match read.map_err(str::to_owned).and_then(|()| SymbolLine::row(&columns, &record, id)) {
            Ok(row) => rows.push(row),
            Err(_) => bad += 1,
        }
    }
    Ok((rows, bad))
}

async fn lines<L: Line>(
    store: &dyn Store,
    file: &Path,
    id: &mut (dyn FnMut() -> String + Send),
    progress: &(dyn Fn(ImportProgress) + Send + Sync),
) -> Result<Imported, Problem> {
    let mut lines = open_lines(file)?;
    let header = lines.header()?;
    let columns = L::columns(&header)?;
    let mut rejects = Rejects::beside(file, &header);
    let mut writer = store.begin_bulk().await.map_err(|e| told(&e))?;
    let mut imported: i64 = 0;
    let mut last_line = 0;
    loop {
        let batch = read_batch::<L>(&mut lines, &columns, &mut rejects, id)?;
        let count = i64::try_from(batch.rows.len()).unwrap_or(i64::MAX);
        if count > 0 {
            writer.write(L::bulk(batch.rows)).await.map_err(|e| refused(&e, batch.first_line, batch.last_line))?;
            imported += count;
        }
        last_line = last_line.max(batch.last_line);
        progress(ImportProgress { bytes: lines.bytes_read(), rows: imported });
        if batch.ended {
            break;
        }
    }
    let (rejected, rejects_file) = rejects.finish()?;
    if imported == 0 {
        // Dropped, not committed: a file without one good line makes no empty tables either.
        drop(writer);
    } else {
        // PostgreSQL streams, so a row of an earlier batch may be refused only now.
        writer.commit().await.map_err(|e| refused(&e, 1, last_line))?;
    }
    Ok(Imported { table: L::TABLE.name(), imported, rejected, rejects_file, duration_ms: 0 })
}

struct Batch<R> {
    rows: Vec<R>,
    first_line: u64,
    last_line: u64,
    ended: bool,
}

fn read_batch<L: Line>(
    lines: &mut Lines,
    columns: &Columns,
    rejects: &mut Rejects,
    id: &mut (dyn FnMut() -> String + Send),
) -> Result<Batch<L::Row>, Problem> {
    let mut batch = Batch { rows: Vec::with_capacity(BATCH), first_line: 0, last_line: 0, ended: false };
    let mut record = ByteRecord::new();
    while batch.rows.len() < BATCH {
        let Some(read) = lines.next(&mut record)? else {
            batch.ended = true;
            break;
        };
        match read.map_err(str::to_owned).and_then(|()| L::row(columns, &record, id)) {
            Ok(row) => {
                if batch.rows.is_empty() {
                    batch.first_line = lines.line();
                }
                batch.last_line = lines.line();
                batch.rows.push(row);
            }
            Err(reason) => rejects.add(lines.line(), &reason, &record)?,
        }
    }
    Ok(batch)
}

/// A constraint that refused a row of this batch is named by the lines it can be in.
fn refused(error: &StoreError, first: u64, last: u64) -> Problem {
    let problem = told(error);
    match error {
        StoreError::Row(_) => Problem::new(
            ErrorCode::InvalidOptions,
            format!("The database refused a row of lines {first} to {last}; nothing was imported."),
        )
        .advice(
            "A row is there already or stands in the file twice (symbol, timeframe and timestamp, or the id, must be \
             unique). The log names the constraint (AMEND_LOG=info).",
        ),
        _ => problem,
    }
}

impl Line for SymbolLine {
    type Row = SymbolRow;
    const TABLE: BulkTable = BulkTable::Symbols;

    fn columns(header: &ByteRecord) -> Result<Columns, Problem> {
        Columns::find(header, &rows::SYMBOL_COLUMNS)
    }

    fn row(
        columns: &Columns,
        record: &ByteRecord,
        id: &mut (dyn FnMut() -> String + Send),
    ) -> Result<SymbolRow, String> {
        rows::symbol(columns, record, id)
    }

    fn bulk(rows: Vec<SymbolRow>) -> BulkRows {
        BulkRows::Symbols(rows)
    }
}

impl Line for MarketDataLine {
    type Row = MarketDataRow;
    const TABLE: BulkTable = BulkTable::MarketData;

    fn columns(header: &ByteRecord) -> Result<Columns, Problem> {
        Columns::find(header, &rows::MARKET_DATA_COLUMNS)
    }

    fn row(
        columns: &Columns,
        record: &ByteRecord,
        id: &mut (dyn FnMut() -> String + Send),
    ) -> Result<MarketDataRow, String> {
        rows::market_data(columns, record, id)
    }

    fn bulk(rows: Vec<MarketDataRow>) -> BulkRows {
        BulkRows::MarketData(rows)
    }
}
