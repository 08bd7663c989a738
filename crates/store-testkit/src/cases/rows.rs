//! `rows_page` and `count_rows`.

use std::collections::BTreeSet;

use amend_domain::{Finding, RowFilter, RowQuery, RowSort, SortDirection};

use crate::{
    Fixture,
    bench::{self, Known, Tick, at, known, rule, tick},
    driver::{Step, run_correction},
    model::{Seen, World, by_key, pages, pretty},
};

const ORDERS: [(RowSort, SortDirection); 6] = [
    (RowSort::Key, SortDirection::Asc),
    (RowSort::Key, SortDirection::Desc),
    (RowSort::Symbol, SortDirection::Asc),
    (RowSort::Symbol, SortDirection::Desc),
    (RowSort::Timestamp, SortDirection::Asc),
    (RowSort::Timestamp, SortDirection::Desc),
];

/// Sixty rows with ties and nulls in everything that can be sorted by.
fn sixty() -> (Vec<Known>, Vec<Tick>) {
    let symbols = [Some("AAPL"), Some("SPY"), None, Some("DUAL"), Some("GONE"), Some("BLANK"), Some("")];
    let classes = [None, Some("STOCK"), Some(""), Some("ETF"), Some("etf "), Some("WIDGET")];
    let frames = [Some("1d"), Some("1h"), None];
    let ticks = (0..60)
        .map(|n: usize| Tick {
            frame: frames[n % 3].map(Into::into),
            at: (!n.is_multiple_of(4)).then_some(((n * 7) % 12) as i64 * 100),
            ..tick((n as i64 - 20) * 3, symbols[n % 7], classes[(n / 2) % 6])
        })
        .collect();
    let tickers = vec![
        known("AAPL", "STOCK"),
        known("SPY", "ETF"),
        known("DUAL", "ETF"),
        known("DUAL", "STOCK"),
        known("BLANK", None),
        known("", "CRYPTO"),
    ];
    (tickers, ticks)
}

async fn fill(f: &Fixture) -> anyhow::Result<World> {
    let (tickers, ticks) = sixty();
    bench::fill(f, &tickers, &ticks).await?;
    World::read(f, &rule()).await
}

fn keys(rows: &[Seen]) -> Vec<String> {
    rows.iter().map(|r| r.key[0].clone()).collect()
}

pub async fn pages_of_any_size_show_every_row_once_in_every_order(f: &Fixture) -> anyhow::Result<()> {
    let world = fill(f).await?;
    let all = by_key(world.rows)?;
    for order in ORDERS {
        let mut sequences = BTreeSet::new();
        for limit in [1, 7, 59, 60, 61, 1_000] {
            let rows = pages(f, &rule(), &RowFilter::default(), order, limit).await?;
            sequences.insert(keys(&rows));
            pretty(&by_key(rows)?, &all, &format!("{order:?} by {limit}"));
        }
        assert_eq!(sequences.len(), 1, "{order:?} does not depend on the size of a page");
    }
    Ok(())
}

pub async fn rows_come_in_the_order_that_was_asked_for(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    for order in ORDERS {
        let rows = pages(f, &rule(), &RowFilter::default(), order, 9).await?;
        let rising = |sorted: bool| match order.1 {
            SortDirection::Asc => sorted,
            SortDirection::Desc => !sorted,
        };
        match order.0 {
            RowSort::Key => {
                let ids: Vec<i64> = rows.iter().map(|r| r.key[0].parse()).collect::<Result<_, _>>()?;
                assert!(ids.windows(2).all(|w| rising(w[0] < w[1])), "{order:?}: {ids:?}");
            }
            RowSort::Symbol => together(&rows, order, |r| r.symbol.clone()),
            RowSort::Timestamp => together(&rows, order, |r| r.at),
        }
    }
    Ok(())
}

/// Values rise (or fall), and the nulls stand together at one end.
#[track_caller]
fn together<T: Ord + Clone + std::fmt::Debug>(
    rows: &[Seen],
    order: (RowSort, SortDirection),
    of: fn(&Seen) -> Option<T>,
) {
    let column: Vec<Option<T>> = rows.iter().map(of).collect();
    let mut known: Vec<T> = column.iter().flatten().cloned().collect();
    let shown = known.clone();
    known.sort();
    if order.1 == SortDirection::Desc {
        known.reverse();
    }
    assert_eq!(shown, known, "{order:?}");
    let changes = column.windows(2).filter(|w| w[0].is_none() != w[1].is_none()).count();
    assert_eq!(changes, 1, "{order:?}: nulls stand at one end");
}

fn filters() -> Vec<RowFilter> {
    let any = RowFilter::default;
    vec![
        any(),
        RowFilter { findings: vec![Finding::Missing], ..any() },
        RowFilter { findings: vec![Finding::Orphan, Finding::Ambiguous, Finding::Unresolvable], ..any() },
        RowFilter { findings: Finding::ALL.to_vec(), ..any() },
        RowFilter { symbols: vec!["AAPL".into()], ..any() },
        RowFilter { symbols: vec!["SPY".into(), String::new(), "aapl".into()], ..any() },
        RowFilter { current: vec![None], ..any() },
        RowFilter { current: vec![Some(String::new())], ..any() },
        RowFilter { current: vec![None, Some("etf ".into()), Some("no such value".into())], ..any() },
        RowFilter { proposed: vec!["STOCK".into()], ..any() },
        RowFilter { proposed: vec!["ETF".into(), "CRYPTO".into()], ..any() },
        RowFilter { dimensions: vec![(bench::name("frame"), "1d".into())], ..any() },
        RowFilter {
            dimensions: vec![(bench::name("frame"), "1d".into()), (bench::name("frame"), "1h".into())],
            ..any()
        },
        RowFilter { from: Some(at(350)), ..any() },
        RowFilter { until: Some(at(350)), ..any() },
        RowFilter { from: Some(at(250)), until: Some(at(850)), ..any() },
        RowFilter { symbols: vec!["no such symbol".into()], ..any() },
        RowFilter {
            findings: vec![Finding::Missing, Finding::Variant, Finding::Mismatched],
            symbols: vec!["AAPL".into(), "SPY".into()],
            current: vec![None, Some(String::new()), Some("etf ".into()), Some("WIDGET".into())],
            proposed: vec!["ETF".into(), "STOCK".into()],
            dimensions: vec![(bench::name("frame"), "1h".into()), (bench::name("frame"), "1d".into())],
            from: Some(at(50)),
            until: Some(at(1_050)),
        },
    ]
}

pub async fn each_filter_alone_and_all_together_show_what_passes(f: &Fixture) -> anyhow::Result<()> {
    let world = fill(f).await?;
    let mut shown = 0;
    for filter in filters() {
        let expected = world.rows.iter().filter(|r| r.passes(&rule(), &filter)).cloned();
        let expected = by_key(expected)?;
        for order in ORDERS {
            let rows = pages(f, &rule(), &filter, order, 4).await?;
            pretty(&by_key(rows)?, &expected, &format!("{filter:?} by {order:?}"));
        }
        shown += expected.len();
    }
    assert!(shown > 200, "the filters pass something");
    Ok(())
}

pub async fn the_count_of_rows_agrees_with_the_rows(f: &Fixture) -> anyhow::Result<()> {
    let world = fill(f).await?;
    for filter in filters() {
        let expected = world.rows.iter().filter(|r| r.passes(&rule(), &filter)).count();
        assert_eq!(f.store().count_rows(&rule(), &filter).await?, i64::try_from(expected)?, "{filter:?}");
    }
    Ok(())
}

pub async fn a_filter_with_quotes_and_wildcards_is_taken_to_the_letter(f: &Fixture) -> anyhow::Result<()> {
    let odd = ["it's", "100%", "a_b", "\\", "\"", "x,y", "{a}", "new\nline", "東京"];
    let ticks: Vec<Tick> = (1..).zip(odd).map(|(id, s)| Tick { frame: Some(s.into()), ..tick(id, s, s) }).collect();
    bench::fill(f, &[known("it's", "STOCK"), known("100%", "ETF")], &ticks).await?;
    for text in odd {
        for filter in [
            RowFilter { symbols: vec![text.into()], ..RowFilter::default() },
            RowFilter { current: vec![Some(text.into())], ..RowFilter::default() },
            RowFilter { dimensions: vec![(bench::name("frame"), text.into())], ..RowFilter::default() },
        ] {
            let rows = pages(f, &rule(), &filter, ORDERS[0], 10).await?;
            assert_eq!(rows.iter().map(|r| r.symbol.as_deref()).collect::<Vec<_>>(), [Some(text)], "{filter:?}");
        }
    }
    Ok(())
}

pub async fn a_full_last_page_is_the_end(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[], &[tick(1, "A", None), tick(2, "A", None)]).await?;
    let query = RowQuery { limit: 2, ..RowQuery::default() };
    let page = f.store().rows_page(&rule(), &query).await?;
    assert_eq!(page.rows.len(), 2);
    if let Some(next) = page.next {
        let last = f.store().rows_page(&rule(), &RowQuery { after: Some(next), ..query }).await?;
        assert!(last.rows.is_empty() && last.next.is_none());
    }
    Ok(())
}

pub async fn a_table_without_rows_gives_one_empty_page(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("A", "STOCK")], &[]).await?;
    for order in ORDERS {
        assert!(pages(f, &rule(), &RowFilter::default(), order, 10).await?.is_empty());
    }
    assert_eq!(f.store().count_rows(&rule(), &RowFilter::default()).await?, 0);
    Ok(())
}

pub async fn corrected_rows_leave_a_filtered_walk_without_losing_others(f: &Fixture) -> anyhow::Result<()> {
    fill(f).await?;
    let filter = RowFilter { findings: vec![Finding::Missing], ..RowFilter::default() };
    let query = RowQuery { filter: filter.clone(), limit: 3, ..RowQuery::default() };
    let first = f.store().rows_page(&rule(), &query).await?;
    let next = first.next.clone();
    assert!(next.is_some());
    run_correction(f, &rule(), &Step::default()).await?;
    let second = f.store().rows_page(&rule(), &RowQuery { after: next, ..query }).await?;
    assert_eq!((second.rows.len(), second.next), (0, None));
    assert_eq!(f.store().count_rows(&rule(), &filter).await?, 0);
    Ok(())
}
