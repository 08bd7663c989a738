use std::path::PathBuf;

use amend_domain::Problem;
use amend_engine::{Engine, clock::Clock};
use clap::Args;

use super::{
    Exit,
    context::Context,
    output, progress,
    text::{grouped, span},
};
use crate::{
    cli::output::Format,
    demo::{Demo, Filled, Spec, Symbols, fill},
    import::read_symbols,
    open::Missing,
};

/// The seed when none was given.
pub const SEED: u64 = 42;
/// The share of bad rows when none was given.
pub const BAD_SHARE: f64 = 0.4;

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Rows of market_data
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=Spec::MAX_ROWS))]
    rows: u64,
    /// Symbols to invent [default: one for 200 rows, 60 to 5000]
    #[arg(long, value_name = "M", conflicts_with = "symbols_from")]
    symbols: Option<usize>,
    /// A CSV or CSV.gz file with the symbols (ticker, asset_class, full_name, venue, currency, country, sector)
    #[arg(long, value_name = "FILE")]
    symbols_from: Option<PathBuf>,
    /// The same seed gives the same rows
    #[arg(long, value_name = "S", default_value_t = SEED)]
    seed: u64,
    /// Share of the rows that are not correct, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = BAD_SHARE)]
    bad_share: f64,
}

pub async fn command(context: Context, args: DemoArgs) -> anyhow::Result<Exit> {
    let symbols = match (&args.symbols_from, args.symbols) {
        (Some(file), _) => {
            // The ids of the file's rows are invented: by the seed, so that they are the same again.
            let mut ids = Demo::ids(args.seed);
            let (rows, bad) = read_symbols(file, &mut ids)?;
            if bad > 0 {
                eprintln!("{bad} lines of {} cannot be used and are left out.", file.display());
            }
            Symbols::Given(rows)
        }
        (None, Some(count)) => Symbols::Invented(count),
        (None, None) => Symbols::Invented(Spec::usual_symbols(args.rows)),
    };
    let demo = Demo::new(Spec { rows: args.rows, symbols, seed: args.seed, bad_share: args.bad_share })?;
    let engine = context.engine(Missing::Create).await?;
    let filled = write(&engine, demo).await?;
    engine.ensure_default_rule().await?;
    if context.format() == Format::Json {
        output::json(&filled)?;
    } else {
        output::line(&told(&filled))?;
    }
    Ok(Exit::Done)
}

/// Fills the database of an engine, with a bar.
pub async fn write(engine: &Engine, demo: Demo) -> Result<Filled, Problem> {
    let clock: &dyn Clock = engine.clock().as_ref();
    let bar = progress::rows_bar(demo.row_count());
    let filled = fill(engine.store().as_ref(), clock, demo, &|rows| bar.set_position(rows)).await;
    bar.finish_and_clear();
    filled
}

pub fn told(filled: &Filled) -> String {
    format!(
        "Wrote {} rows of market_data and {} symbols in {}.",
        grouped(filled.rows),
        grouped(filled.symbols),
        span(filled.duration_ms)
    )
}
