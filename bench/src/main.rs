//! Measured comparisons: ours and what a person would do instead, in turn, on a throw-away database.
//!
//! `cargo xtask bench NAME` builds this, starts a PostgreSQL cluster with the durability of a server
//! that means it (fsync and synchronous_commit on), and calls it with the cluster's address in
//! `AMEND_BENCH_POSTGRES`. To add a comparison: a module with a `run`, and an arm below.
//!
//! Both sides of a pair begin with the same files: a copy of one database that is made once. Pairs
//! alternate which side goes first. What is reported is the median of each side and the median, least
//! and most of the pairwise ratios; a machine's noise is in the spread.

#![forbid(unsafe_code)]

mod analyze;
mod correct_pg;
mod correct_sqlite;
mod data;
mod neighbours;
mod report;
mod run;
mod server;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: amend-bench NAME [--rows N] [--pairs N] [--workers N]

  correct-pg      correct 3,000,000 rows on PostgreSQL, against CREATE TABLE copy + UPDATE ... FROM
  rollback-pg     roll that back, against UPDATE ... FROM the copy
  correct-sqlite  the same correction of 1,000,000 rows on SQLite
  rollback-sqlite roll that back, against UPDATE ... FROM the copy
  analyze         the whole report, against a bare GROUP BY
  neighbours      what readers and writers of the same table keep while a run is at work
";

/// What was asked for.
pub(crate) struct Wish {
    pub rows: Option<i64>,
    pub pairs: usize,
    /// Workers of a run; 0 as the engine decides.
    pub workers: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, wish)) = read(&arguments) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match name.as_str() {
        "correct-pg" => correct_pg::run(&wish).await,
        "rollback-pg" => correct_pg::rollback(&wish).await,
        "correct-sqlite" => correct_sqlite::run(&wish).await,
        "rollback-sqlite" => correct_sqlite::rollback(&wish).await,
        "analyze" => analyze::run(&wish).await,
        "neighbours" => neighbours::run(&wish).await,
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn read(arguments: &[String]) -> Option<(String, Wish)> {
    let (name, mut rest) = arguments.split_first()?;
    let mut wish = Wish { rows: None, pairs: 5, workers: 0 };
    while let [flag, value, more @ ..] = rest {
        match flag.as_str() {
            "--rows" => wish.rows = Some(value.parse().ok().filter(|n| *n > 0)?),
            "--workers" => wish.workers = value.parse().ok()?,
            "--pairs" => wish.pairs = value.parse().ok().filter(|n| *n > 0)?,
            _ => return None,
        }
        rest = more;
    }
    rest.is_empty().then(|| (name.clone(), wish))
}
