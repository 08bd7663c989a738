use std::path::{Path, PathBuf};

use amend_domain::{ErrorCode, Problem};
use amend_engine::store::BulkTable;
use clap::Subcommand;

use super::{
    Exit,
    context::Context,
    output::{self, Format},
    progress,
    text::{grouped, rows, span},
};
use crate::{
    import::{Imported, import},
    open::Missing,
};

#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// ticker, asset_class, and, where there are any, full_name, venue, currency, country, sector, id
    Symbols { file: PathBuf },
    /// symbol, timeframe, timestamp, open, high, low, close, volume, and, where there are any, asset_class, id
    MarketData { file: PathBuf },
}

pub async fn command(context: Context, args: ImportCommand) -> anyhow::Result<Exit> {
    let (table, file) = match args {
        ImportCommand::Symbols { file } => (BulkTable::Symbols, file),
        ImportCommand::MarketData { file } => (BulkTable::MarketData, file),
    };
    let length = file_length(&file)?;
    let engine = context.engine(Missing::Create).await?;
    let bar = progress::bytes_bar(length);
    let begun = engine.clock().now();
    let mut id = || uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string();
    let imported = import(engine.store().as_ref(), table, &file, &mut id, &|at| {
        bar.set_position(at.bytes);
        bar.set_message(rows(at.rows));
    })
    .await;
    bar.finish_and_clear();
    let duration_ms = (engine.clock().now() - begun).num_milliseconds();
    let imported = Imported { duration_ms, ..imported? };
    if context.format() == Format::Json {
        output::json(&imported)?;
    } else {
        output::line(&told(&imported))?;
    }
    Ok(if imported.imported == 0 { Exit::Failed } else { Exit::Done })
}

fn file_length(file: &Path) -> Result<u64, Problem> {
    let cannot = |what: &str| Problem::new(ErrorCode::InvalidOptions, format!("{} {what}.", file.display()));
    match std::fs::metadata(file) {
        Ok(data) if data.is_file() => Ok(data.len()),
        Ok(_) => Err(cannot("is not a file")),
        Err(error) => Err(cannot(&format!("cannot be read: {error}"))),
    }
}

fn told(imported: &Imported) -> String {
    let mut text =
        format!("Imported {} into {} in {}.", rows(imported.imported), imported.table, span(imported.duration_ms));
    if let Some(file) = &imported.rejects_file {
        text.push_str(&format!(
            "\nRejected {} lines; they are in {} with line number and reason.",
            grouped(imported.rejected),
            file.display()
        ));
    }
    text
}
