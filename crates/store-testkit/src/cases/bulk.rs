//! Filling the two tables of the replaced system.

use amend_domain::{Mode, Rule, Scope};
use amend_engine::store::{BulkRows, MarketDataRow, SymbolRow};

use crate::{
    Fixture,
    bench::at,
    driver::{Step, Undo, limits, run_correction, run_rollback},
    model::{agree, time},
};

fn uuid(n: i64) -> String {
    format!("{n:08x}-0000-4000-8000-{n:012x}")
}

fn symbol(n: i64, ticker: &str, class: Option<&str>) -> SymbolRow {
    SymbolRow {
        id: uuid(n),
        ticker: ticker.into(),
        venue: Some("NYSE".into()),
        asset_class: class.map(Into::into),
        full_name: Some("It's \"A\", Inc. — 東京".into()),
        ..SymbolRow::default()
    }
}

fn bar(n: i64, symbol: &str, class: Option<&str>) -> MarketDataRow {
    MarketDataRow {
        id: uuid(n),
        symbol: symbol.into(),
        timeframe: ["1d", "1h"][usize::from(n % 2 == 0)].into(),
        timestamp: at(n * 60),
        open: "0.1".into(),
        high: "1234567890.12345678".into(),
        low: "0.00000001".into(),
        close: "100".into(),
        volume: "0".into(),
        asset_class: class.map(Into::into),
    }
}

async fn filled(f: &Fixture) -> anyhow::Result<()> {
    let mut writer = f.store().begin_bulk().await?;
    writer
        .write(BulkRows::Symbols(vec![
            symbol(1, "AAPL", Some("STOCK")),
            symbol(2, "SPY", Some("ETF")),
            symbol(3, "ODD", None),
        ]))
        .await?;
    for part in 0..3 {
        let rows = (0..500).map(|n| part * 500 + n).map(|n| {
            let class = [None, Some("STOCK"), Some(""), Some("etf")][usize::try_from(n % 4).unwrap_or(0)];
            bar(n, ["AAPL", "SPY", "ODD", "GONE", "AAPL"][usize::try_from(n % 5).unwrap_or(0)], class)
        });
        writer.write(BulkRows::MarketData(rows.collect())).await?;
    }
    writer.commit().await?;
    Ok(())
}

pub async fn rows_are_there_after_the_commit(f: &Fixture) -> anyhow::Result<()> {
    assert!(!f.store().bulk_tables_filled().await?);
    filled(f).await?;
    assert!(f.store().bulk_tables_filled().await?);
    assert_eq!(f.number("SELECT count(*) FROM market_data").await?, 1_500);
    assert_eq!(f.number("SELECT count(*) FROM symbols").await?, 3);
    let row = f
        .query(&format!(
            "SELECT symbol, timeframe, \"timestamp\", asset_class FROM market_data WHERE id = '{}'",
            uuid(7)
        ))
        .await?;
    assert_eq!(
        (row[0][0].as_deref(), row[0][1].as_deref(), row[0][3].as_deref()),
        (Some("ODD"), Some("1d"), Some("etf"))
    );
    assert_eq!(time(row[0][2].as_deref().unwrap_or_default())?, at(7 * 60));
    let name = f.query("SELECT full_name, asset_class FROM symbols WHERE ticker = 'ODD'").await?;
    assert_eq!(name, [[Some("It's \"A\", Inc. — 東京".to_owned()), None]]);
    Ok(())
}

pub async fn dropped_without_commit_nothing_was_there(f: &Fixture) -> anyhow::Result<()> {
    let mut writer = f.store().begin_bulk().await?;
    writer.write(BulkRows::Symbols(vec![symbol(1, "AAPL", Some("STOCK"))])).await?;
    writer.write(BulkRows::MarketData(vec![bar(1, "AAPL", None)])).await?;
    drop(writer);
    assert!(!f.store().bulk_tables_filled().await?);
    assert!(f.store().tables().await?.is_empty(), "not even the tables");
    filled(f).await?;
    assert_eq!(f.number("SELECT count(*) FROM symbols").await?, 3);
    Ok(())
}

pub async fn rows_are_added_to_tables_that_are_there(f: &Fixture) -> anyhow::Result<()> {
    filled(f).await?;
    let mut writer = f.store().begin_bulk().await?;
    writer.write(BulkRows::Symbols(vec![symbol(9, "BTC", Some("CRYPTO"))])).await?;
    writer.commit().await?;
    assert_eq!(f.number("SELECT count(*) FROM symbols").await?, 4);
    let mut writer = f.store().begin_bulk().await?;
    writer.write(BulkRows::Symbols(vec![symbol(10, "ETH", Some("CRYPTO"))])).await?;
    drop(writer);
    assert_eq!(f.number("SELECT count(*) FROM symbols").await?, 4);
    Ok(())
}

pub async fn a_row_that_is_refused_fails_the_import(f: &Fixture) -> anyhow::Result<()> {
    filled(f).await?;
    let mut writer = f.store().begin_bulk().await?;
    // The same primary key again.
    let written = writer.write(BulkRows::MarketData(vec![bar(5_000, "NEW", None), bar(1, "AAPL", None)])).await;
    let refused = match written {
        Err(_) => true,
        Ok(()) => writer.commit().await.is_err(),
    };
    assert!(refused);
    assert_eq!(f.number("SELECT count(*) FROM market_data").await?, 1_500);
    Ok(())
}

pub async fn an_empty_batch_is_no_trouble(f: &Fixture) -> anyhow::Result<()> {
    let mut writer = f.store().begin_bulk().await?;
    writer.write(BulkRows::Symbols(Vec::new())).await?;
    writer.write(BulkRows::MarketData(Vec::new())).await?;
    writer.commit().await?;
    assert!(!f.store().bulk_tables_filled().await?);
    assert_eq!(f.number("SELECT count(*) FROM market_data").await?, 0);
    Ok(())
}

pub async fn the_default_rule_goes_the_whole_way_over_these_tables(f: &Fixture) -> anyhow::Result<()> {
    filled(f).await?;
    let rule = Rule::asset_class();
    let picture = f.picture("market_data").await?;
    let world = agree(f, &rule).await?;
    let wrong = world.correctable(Mode::Overwrite, &Scope::default());
    assert!(wrong > 300);
    let (job, totals) = run_correction(f, &rule, &Step { limits: limits(100, 400), ..Step::default() }).await?;
    assert_eq!(totals.changed, wrong);
    assert_eq!(agree(f, &rule).await?.correctable(Mode::Overwrite, &Scope::default()), 0);
    run_rollback(f, &rule, &job.id, &Undo { limits: limits(150, 150), ..Undo::default() }).await?;
    assert_eq!(f.picture("market_data").await?, picture);
    Ok(())
}
