//! More of everything than a statement has parameters, and cursors that are none.

use amend_domain::{ColumnName, RollbackScope, RowFilter, RowQuery, RowSort, Scope};

use crate::{
    Fixture,
    bench::{self, TICKERS, TICKS, known, rule, tick},
    driver::{Job, Step, Undo, correction, journalled, limits, refused, run_correction, run_rollback},
};

const MANY: i64 = 40_000;

/// Many rows of many symbols, every second of them missing its value.
async fn many(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})
         SELECT i, 'S' || (i % 20000)"
    );
    f.execute(&format!(
        "INSERT INTO {TICKERS} (\"id\", \"ticker\", \"class\") {numbers}, 'STOCK' FROM n WHERE i < 20000;
         INSERT INTO {TICKS} (\"id\", \"symbol\", \"frame\", \"class\", \"note\") {numbers}, 'frame ' || (i % 7),
             CASE WHEN i % 2 = 0 THEN NULL ELSE 'ETF' END, 'n' FROM n;"
    ))
    .await
}

pub async fn one_chunk_takes_more_rows_than_a_statement_has_parameters(f: &Fixture) -> anyhow::Result<()> {
    many(f).await?;
    let picture = f.picture(TICKS).await?;
    let mut rule = rule();
    rule.target.key = ["id", "frame", "note"].map(|c| ColumnName(bench::name(c))).to_vec();
    f.execute(&format!("CREATE UNIQUE INDEX \"wide\" ON {TICKS} (\"id\", \"frame\", \"note\")")).await?;
    let (job, totals) = run_correction(f, &rule, &Step { limits: limits(MANY, MANY + 1), ..Step::default() }).await?;
    // The symbol of every 20,000th row has no reference.
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (MANY - 2, MANY - 2));
    assert!(totals.chunks <= 2, "{totals:?}");
    let counts = f.store().rollback_counts(&rule, &job.id, &RollbackScope::default()).await?;
    assert_eq!((counts.restorable, counts.total()), (MANY - 2, MANY - 2));
    let undo = Undo { limits: limits(MANY, MANY), ..Undo::default() };
    let (_, totals) = run_rollback(f, &rule, &job.id, &undo).await?;
    assert_eq!(totals.changed, MANY - 2);
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_scope_may_name_more_symbols_than_a_statement_has_parameters(f: &Fixture) -> anyhow::Result<()> {
    many(f).await?;
    let symbols: Vec<String> =
        (0..40_000).map(|n| if n < 10_000 { format!("S{n}") } else { format!("none {n}") }).collect();
    let scope = Scope { symbols: Some(symbols.clone()), failed_of: None };
    let summary = f.store().summarise(&rule(), &scope).await?;
    assert_eq!(summary.groups.iter().map(|g| g.rows).sum::<i64>(), 20_000);
    let filter = RowFilter { symbols, ..RowFilter::default() };
    assert_eq!(f.store().count_rows(&rule(), &filter).await?, 20_000);
    let step = Step { scope, limits: limits(5_000, 25_000), ..Step::default() };
    let (job, totals) = run_correction(f, &rule(), &step).await?;
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (19_998, 19_998));
    Ok(())
}

pub async fn long_values_and_long_symbols_are_corrected_and_come_back(f: &Fixture) -> anyhow::Result<()> {
    let (symbol, value) = ("S".repeat(2_000), "v\u{20ac}".repeat(20_000));
    bench::create(f).await?;
    // An index of the suite's own would refuse keys of this length.
    f.execute("DROP INDEX \"tickers_ticker\"").await?;
    bench::add_tickers(f, &[known(symbol.as_str(), "STOCK")]).await?;
    bench::add_ticks(f, &[tick(1, symbol.as_str(), value.as_str()), tick(2, symbol.as_str(), None)]).await?;
    let picture = f.picture(TICKS).await?;
    let (job, totals) = run_correction(f, &rule(), &Step::default()).await?;
    assert_eq!(totals.changed, 2);
    run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_cursor_that_is_none_of_the_stores_own_is_refused(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("AAPL", "STOCK")], &[tick(1, "AAPL", None), tick(2, "AAPL", None)]).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let picture = f.picture(TICKS).await?;
    for odd in ["", "rubbish", "[", "[]", "{\"a\":1}", "[\"1\",\"2\",\"3\",\"4\"]", "'; DROP TABLE ticks; --"] {
        refused(job.correct(f.store(), &Step { cursor: Some(odd), ..Step::default() }).await)?;
        let query = RowQuery { after: Some(odd.into()), sort: RowSort::Symbol, limit: 10, ..RowQuery::default() };
        refused(f.store().rows_page(&rule(), &query).await)?;
    }
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}
