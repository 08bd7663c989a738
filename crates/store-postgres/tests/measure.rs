//! Figures, by hand: `cargo test -p amend-store-postgres --release --test measure -- --ignored --nocapture`
//! with `AMEND_TEST_POSTGRES` set; `AMEND_MEASURE_ROWS` is the number of rows (default 1,000,000).

use std::time::{Duration, Instant};

use amend_domain::{
    ConflictPolicy, Finding, Mode, RollbackScope, RowFilter, RowQuery, RowSort, Rule, Scope, SortDirection,
};
use amend_engine::store::{
    BulkRows, ChunkLimits, ChunkRequest, MarketDataRow, RestoreRequest, Store, StoreKind, SymbolRow, Write,
};
use amend_store_postgres::{PostgresOptions, PostgresStore};
use amend_store_testkit::{
    Fixture, Subject,
    bench::at,
    driver::{Job, correction, rollback},
};

const SYMBOLS: i64 = 12_000;
const CLASSES: [&str; 4] = ["STOCK", "ETF", "CRYPTO", "FOREX"];
const LIMITS: ChunkLimits = ChunkLimits {
    rows: 10_000,
    scan: 50_000,
    lock_timeout: Duration::from_secs(5),
    statement_timeout: Duration::from_secs(60),
};

fn subject() -> Subject {
    Subject {
        kind: StoreKind::Postgres,
        open: |url| {
            Box::pin(async move {
                let store = PostgresStore::connect(&url, PostgresOptions::default()).await?;
                Ok(std::sync::Arc::new(store) as std::sync::Arc<dyn Store>)
            })
        },
    }
}

/// A random-looking uuid, the same each time.
fn uuid(n: i64) -> String {
    let mut x = n.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = x;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (a, b) = (next(), next());
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

fn symbol(n: i64) -> SymbolRow {
    SymbolRow {
        id: uuid(-1 - n),
        ticker: format!("S{n}"),
        venue: Some("NYSE".into()),
        asset_class: Some(CLASSES[usize::try_from(n % 4).unwrap_or(0)].into()),
        ..SymbolRow::default()
    }
}

/// 40 % wrong: three in ten missing, one in ten another class.
fn bar(n: i64) -> MarketDataRow {
    let s = n % SYMBOLS;
    let right = CLASSES[usize::try_from(s % 4).unwrap_or(0)];
    MarketDataRow {
        id: uuid(n),
        symbol: format!("S{s}"),
        timeframe: ["1m", "5m", "1h", "1d"][usize::try_from((n / SYMBOLS) % 4).unwrap_or(0)].into(),
        timestamp: at(n / SYMBOLS * 60),
        open: "100.5".into(),
        high: "101.25".into(),
        low: "99.125".into(),
        close: "100.75".into(),
        volume: format!("{}", 1_000 + n % 977),
        asset_class: match (n * 7 + n / SYMBOLS) % 10 {
            0 | 3 | 6 => None,
            8 => Some("BOND".into()),
            _ => Some(right.into()),
        },
    }
}

fn say(what: &str, begun: Instant) {
    println!("{what:<58} {:>9.3} s", begun.elapsed().as_secs_f64());
}

async fn fill(f: &Fixture, rows: i64) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut writer = f.store().begin_bulk().await?;
    writer.write(BulkRows::Symbols((0..SYMBOLS).map(symbol).collect())).await?;
    let mut at = 0;
    while at < rows {
        let upto = (at + 10_000).min(rows);
        writer.write(BulkRows::MarketData((at..upto).map(bar).collect())).await?;
        at = upto;
    }
    writer.commit().await?;
    say("bulk", begun);
    for statement in ["VACUUM ANALYZE market_data", "VACUUM ANALYZE symbols", "CHECKPOINT"] {
        f.execute(statement).await?;
    }
    Ok(())
}

async fn pages(f: &Fixture, rule: &Rule) -> anyhow::Result<()> {
    let any = RowFilter::default;
    let filters = [
        ("all", any()),
        ("missing", RowFilter { findings: vec![Finding::Missing], ..any() }),
        ("mismatched", RowFilter { findings: vec![Finding::Mismatched], ..any() }),
        ("orphans (none)", RowFilter { findings: vec![Finding::Orphan], ..any() }),
        ("ambiguous (none)", RowFilter { findings: vec![Finding::Ambiguous], ..any() }),
        ("one symbol", RowFilter { symbols: vec!["S77".into()], ..any() }),
        ("current null", RowFilter { current: vec![None], ..any() }),
        (
            "proposed STOCK, 1d",
            RowFilter { proposed: vec!["STOCK".into()], dimensions: vec![("timeframe".into(), "1d".into())], ..any() },
        ),
    ];
    for (name, filter) in filters {
        for sort in [RowSort::Key, RowSort::Symbol, RowSort::Timestamp] {
            let mut query =
                RowQuery { filter: filter.clone(), sort, direction: SortDirection::Desc, after: None, limit: 100 };
            for page in ["first", "second"] {
                let begun = Instant::now();
                let rows = f.store().rows_page(rule, &query).await?;
                say(&format!("{page} page, {name} by {}: {} rows", sort.as_str(), rows.rows.len()), begun);
                query.after = rows.next;
                if query.after.is_none() {
                    break;
                }
            }
        }
        let begun = Instant::now();
        let n = f.store().count_rows(rule, &filter).await?;
        say(&format!("count {name}: {n}"), begun);
    }
    Ok(())
}

async fn correct(f: &Fixture, rule: &Rule) -> anyhow::Result<Job> {
    let job = Job::begin(f, rule, &correction(rule)).await?;
    let begun = Instant::now();
    let (mut cursor, mut changed, mut chunks, mut slowest) = (None::<String>, 0, 0, 0);
    loop {
        let request = ChunkRequest {
            lease: &job.lease,
            rule,
            mode: Mode::Overwrite,
            scope: &Scope::default(),
            cursor: cursor.as_deref(),
            limits: LIMITS,
            write: Write::Commit,
            now: at(10),
        };
        let outcome = f.store().correct_chunk(&request).await?;
        changed += outcome.changed;
        chunks += 1;
        slowest = slowest.max(outcome.duration_ms);
        cursor = outcome.cursor;
        if outcome.done {
            break;
        }
    }
    say(&format!("correct {changed} rows in {chunks} chunks, slowest {slowest} ms"), begun);
    job.succeed(f).await?;
    Ok(job)
}

async fn restore(f: &Fixture, rule: &Rule, source: &Job) -> anyhow::Result<()> {
    let begun = Instant::now();
    let counts = f.store().rollback_counts(rule, &source.id, &RollbackScope::default()).await?;
    say(&format!("rollback counts: {} restorable", counts.restorable), begun);
    let begun = Instant::now();
    f.store().rollback_samples(rule, &source.id, &RollbackScope::default(), 20).await?;
    say("rollback samples", begun);
    let job = Job::begin(f, rule, &rollback(rule, &source.id)).await?;
    let begun = Instant::now();
    let (mut cursor, mut changed, mut chunks) = (None::<String>, 0, 0);
    loop {
        let request = RestoreRequest {
            lease: &job.lease,
            rule,
            source: &source.id,
            entries: amend_engine::store::Entries::Whole,
            on_conflict: ConflictPolicy::Skip,
            scope: &RollbackScope::default(),
            cursor: cursor.as_deref(),
            limits: LIMITS,
            write: Write::Commit,
            now: at(20),
        };
        let outcome = f.store().restore_chunk(&request).await?;
        changed += outcome.changed;
        chunks += 1;
        cursor = outcome.cursor;
        if outcome.done {
            break;
        }
    }
    say(&format!("restore {changed} rows in {chunks} chunks"), begun);
    job.succeed(f).await
}

async fn measure(f: &Fixture) -> anyhow::Result<()> {
    let rows = std::env::var("AMEND_MEASURE_ROWS").ok().map_or(Ok(1_000_000), |n| n.parse())?;
    let rule = Rule::asset_class();
    fill(f, rows).await?;
    for _ in 0..3 {
        let begun = Instant::now();
        let summary = f.store().summarise(&rule, &Scope::default()).await?;
        say(&format!("summarise: {} groups", summary.groups.len()), begun);
    }
    let begun = Instant::now();
    f.store().unresolved(&rule, 100).await?;
    say("unresolved", begun);
    pages(f, &rule).await?;
    let job = correct(f, &rule).await?;
    let begun = Instant::now();
    f.store().summarise(&rule, &Scope::default()).await?;
    say("summarise after", begun);
    restore(f, &rule, &job).await?;
    let sizes = f
        .query(
            "SELECT pg_size_pretty(pg_total_relation_size('amend.journal')), pg_size_pretty(pg_table_size('market_data')),
                    pg_size_pretty(pg_indexes_size('market_data'))",
        )
        .await?;
    println!("journal of both runs, table, indexes: {sizes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures, not a check; takes a minute and a million rows"]
async fn a_million_rows() {
    amend_store_testkit::run(subject(), |f| Box::pin(measure(f))).await;
}
