//! How long a million rows take; `cargo test --release -p amend-store-sqlite --test speed -- --ignored --nocapture`.

mod common;

use std::time::Instant;

use amend_domain::{ConflictPolicy, Finding, RowFilter, RowQuery, RowSort, Rule, Scope};
use amend_engine::store::{
    Bulk as _, BulkRows, Corrections as _, Findings as _, MarketDataRow, RestoreRequest, SymbolRow, Write,
};
use common::{Place, at, begin, correct, end, limits};

const ROWS: u64 = 1_000_000;
const SYMBOLS: u64 = 12_000;
const CLASSES: [&str; 8] = ["STOCK", "ETF", "CRYPTO", "FOREX", "FUND", "INDEX", "FUTURE", "BOND"];

/// Elapsed time and, in brackets, what our threads computed meanwhile: on a busy machine only the
/// second says something.
struct Watch {
    begun: Instant,
    computed: f64,
}

impl Watch {
    fn start() -> Self {
        Self { begun: Instant::now(), computed: computed() }
    }
}

impl std::fmt::Display for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s ({:.2})", self.begun.elapsed().as_secs_f64(), computed() - self.computed)
    }
}

/// Seconds of processor time of this process so far; 0 where Linux's `/proc` is not there.
fn computed() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u32 = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u32>().ok()).sum();
    f64::from(ticks) / 100.0
}

/// A number that looks random and is the same each time (splitmix64).
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn uuid(n: u64) -> String {
    let (a, b) = (mixed(n), mixed(n ^ 0xffff_0000_0000));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

fn class(symbol: u64) -> &'static str {
    CLASSES[usize::try_from(symbol % 8).unwrap_or(0)]
}

fn row(n: u64) -> MarketDataRow {
    let symbol = n % SYMBOLS;
    let frame = n / SYMBOLS;
    let luck = mixed(n) % 100;
    let price = |k: u64| format!("{}.{:08}", mixed(n + k) % 1_000, mixed(n * 7 + k) % 100_000_000);
    MarketDataRow {
        id: uuid(n),
        symbol: if luck == 99 { format!("GONE{}", n % 100) } else { format!("S{symbol:05}") },
        timeframe: ["1m", "5m", "1h", "1d"][usize::try_from(frame % 4).unwrap_or(0)].into(),
        timestamp: at(i64::try_from(n).unwrap_or(0) * 60),
        open: price(1),
        high: price(2),
        low: price(3),
        close: price(4),
        volume: price(5),
        asset_class: match luck {
            0..20 => None,
            20..25 => Some(String::new()),
            25..35 => Some(class(symbol + 1).into()),
            35..40 => Some(class(symbol).to_lowercase()),
            _ => Some(class(symbol).into()),
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_million_rows() {
    let place = Place::new();
    let store = place.store().await;
    let rule = Rule::asset_class();
    let all = Scope::default();

    let begun = Watch::start();
    let mut bulk = store.begin_bulk().await.expect("begins");
    let symbols = (0..SYMBOLS)
        .map(|n| SymbolRow {
            id: uuid(n + (1 << 40)),
            ticker: format!("S{n:05}"),
            asset_class: Some(class(n).into()),
            ..SymbolRow::default()
        })
        .collect();
    bulk.write(BulkRows::Symbols(symbols)).await.expect("symbols");
    for part in 0..ROWS / 10_000 {
        let rows = (part * 10_000..(part + 1) * 10_000).map(row).collect();
        bulk.write(BulkRows::MarketData(rows)).await.expect("rows");
    }
    println!("load {begun}");
    bulk.commit().await.expect("commits");
    println!("load, commit and statistics {begun}");

    for _ in 0..2 {
        let begun = Watch::start();
        let summary = store.summarise(&rule, &all).await.expect("a summary");
        println!("summarise {begun}, {} groups", summary.groups.len());
    }
    pages(&store, &rule, "before").await;

    for chunk in [20_000, 10_000] {
        let lease = begin(&store, &rule, &format!("r-{chunk}")).await;
        let begun = Watch::start();
        let (mut cursor, mut changed, mut chunks) = (None, 0, 0);
        loop {
            let outcome = correct(&store, &lease, &rule, cursor.as_deref(), limits(chunk, chunk * 5 / 2)).await;
            let outcome = outcome.expect("a step");
            changed += outcome.changed;
            chunks += 1;
            cursor = outcome.cursor;
            if outcome.done {
                break;
            }
        }
        println!("correct {changed} rows in {chunks} chunks of {chunk}: {begun}");
        let begun = Watch::start();
        let again = correct(&store, &lease, &rule, None, limits(2_000_000, 2_000_000)).await.expect("a sweep");
        println!("finding that {} are left {begun}", again.changed);
        end(&store, &lease).await;
        pages(&store, &rule, "after").await;

        let begun = Watch::start();
        let counts = store.rollback_counts(&rule, &lease.run_id, &all.clone().into()).await.expect("counts");
        println!("rollback counts {begun}: {counts:?}");
        let begun = Watch::start();
        store.rollback_samples(&rule, &lease.run_id, &all.clone().into(), 20).await.expect("samples");
        println!("rollback samples {begun}");

        let undo = begin(&store, &rule, &format!("b-{chunk}")).await;
        let begun = Watch::start();
        let (mut cursor, mut changed, mut chunks) = (None, 0, 0);
        loop {
            let request = RestoreRequest {
                lease: &undo,
                rule: &rule,
                source: &lease.run_id,
                entries: amend_engine::store::Entries::Whole,
                on_conflict: ConflictPolicy::Skip,
                scope: &all.clone().into(),
                cursor: cursor.as_deref(),
                limits: limits(chunk, chunk),
                write: Write::Commit,
                now: at(2),
            };
            let outcome = store.restore_chunk(&request).await.expect("a step back");
            changed += outcome.changed;
            chunks += 1;
            cursor = outcome.cursor;
            if outcome.done {
                break;
            }
        }
        println!("restore {changed} rows in {chunks} chunks: {begun}");
        end(&store, &undo).await;
    }
}

async fn pages(store: &amend_store_sqlite::SqliteStore, rule: &Rule, when: &str) {
    let with = |change: fn(&mut RowFilter)| {
        let mut filter = RowFilter::default();
        change(&mut filter);
        filter
    };
    let filters = [
        ("all", with(|_| ())),
        ("missing", with(|f| f.findings = vec![Finding::Missing])),
        ("mismatched", with(|f| f.findings = vec![Finding::Mismatched])),
        ("orphan", with(|f| f.findings = vec![Finding::Orphan])),
        ("ambiguous", with(|f| f.findings = vec![Finding::Ambiguous])),
        ("one symbol", with(|f| f.symbols = vec!["S00042".into()])),
        ("null", with(|f| f.current = vec![None])),
        (
            "ETF by 1h",
            with(|f| {
                f.proposed = vec!["ETF".into()];
                f.dimensions = vec![("timeframe".into(), "1h".into())];
            }),
        ),
    ];
    for (name, filter) in filters {
        let mut line = format!("page {when}, {name}:");
        for sort in [RowSort::Key, RowSort::Symbol, RowSort::Timestamp] {
            let query = RowQuery { filter: filter.clone(), sort, limit: 100, ..RowQuery::default() };
            let begun = Watch::start();
            let page = store.rows_page(rule, &query).await.expect("a page");
            let first = begun.to_string();
            let begun = Watch::start();
            if page.next.is_some() {
                store.rows_page(rule, &RowQuery { after: page.next, ..query }).await.expect("a page");
            }
            line += &format!(" {} {first}, next {begun};", sort.as_str());
        }
        let begun = Watch::start();
        let count = store.count_rows(rule, &filter).await.expect("a count");
        println!("{line} count {count} {begun}");
    }
    let begun = Watch::start();
    let unresolved = store.unresolved(rule, 100).await.expect("unresolved");
    println!("unresolved {} {begun}", unresolved.len());
}
