//! `amend failed`, `amend retry`: the rows that a run could not correct.

use amend_domain::{FailedRow, RunId};
use clap::Args;

use super::{
    Exit,
    context::Context,
    output::{self, Format, Rows},
    show,
    text::time,
    watch,
};
use crate::open::Missing;

/// Rows that are read at once.
const PAGE: u32 = 1_000;
/// Rows that a table shows.
const SHOWN: usize = 100;

#[derive(Debug, Args)]
pub struct FailedArgs {
    /// The run
    #[arg(value_parser = RunId::parse)]
    id: RunId,
}

pub async fn list(context: Context, args: FailedArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let mut rows: Vec<FailedRow> = Vec::new();
    loop {
        let after = rows.last().map_or(0, |row| row.seq);
        let page = engine.failed_rows(&context.who, &args.id, after, PAGE).await?;
        let last = page.len() < PAGE as usize;
        rows.extend(page);
        if last {
            break;
        }
    }
    match context.format() {
        Format::Json => output::json(&rows)?,
        Format::Csv => plain(&rows).csv()?,
        Format::Table if rows.is_empty() => output::line(&format!("Run {} lists no failed rows.", args.id))?,
        Format::Table => {
            output::print(&short(&rows).table())?;
            if rows.len() > SHOWN {
                output::line(&format!("{} more: --format csv or json has them all.", rows.len() - SHOWN))?;
            }
            output::line(&format!("When the cause is mended: amend retry {}", args.id))?;
        }
    }
    Ok(Exit::Done)
}

/// Corrects the rows that a run lists, and those alone, in a run of their own.
pub async fn retry(context: Context, args: FailedArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let started = engine.retry_failed(&context.who, &args.id).await?;
    let view = watch::follow(&context, &engine, started.run_id).await?;
    show::end(&context, &view)
}

fn value(value: Option<&String>) -> String {
    value.map_or_else(|| "null".to_owned(), Clone::clone)
}

fn short(rows: &[FailedRow]) -> Rows {
    let mut table = Rows::new(&["key", "symbol", "value", "proposed", "why"]);
    for row in rows.iter().take(SHOWN) {
        let why = row.detail.as_ref().unwrap_or(&row.message).clone();
        let symbol = row.symbol.clone().unwrap_or_default();
        table.push(vec![row.key.clone(), symbol, value(row.old.as_ref()), value(row.new.as_ref()), why]);
    }
    table
}

fn plain(rows: &[FailedRow]) -> Rows {
    let mut table = Rows::new(&["key", "symbol", "old", "new", "code", "message", "detail", "at", "attempts"]);
    for row in rows {
        table.push(vec![
            row.key.clone(),
            row.symbol.clone().unwrap_or_default(),
            row.old.clone().unwrap_or_default(),
            row.new.clone().unwrap_or_default(),
            row.code.clone(),
            row.message.clone(),
            row.detail.clone().unwrap_or_default(),
            time(row.at),
            row.attempts.to_string(),
        ]);
    }
    table
}
