//! What the store says about the database.

use amend_domain::{ColumnName, TableName};
use amend_engine::store::{StoreKind, TableInfo};
use anyhow::Context as _;

use crate::{
    Fixture,
    bench::{self, known, rule, tick},
};

async fn table(f: &Fixture, name: &str) -> anyhow::Result<TableInfo> {
    f.store().table(&TableName::new(name)).await?.with_context(|| format!("{name} is not there"))
}

fn names(columns: &[ColumnName]) -> Vec<&str> {
    columns.iter().map(|c| c.0.as_str()).collect()
}

pub async fn migrations_are_applied_once(f: &Fixture) -> anyhow::Result<()> {
    // The fixture has migrated already: nothing is left, for this store and for another.
    assert!(f.store().migrate().await?.is_empty());
    assert!(f.another_store().await?.migrate().await?.is_empty());
    Ok(())
}

pub async fn the_server_says_what_it_is(f: &Fixture) -> anyhow::Result<()> {
    f.store().ping().await?;
    let info = f.store().server_info().await?;
    assert_eq!((info.kind, f.store().kind()), (f.kind(), f.kind()));
    assert!(info.supported && info.writable && !info.version.is_empty(), "{info:?}");
    assert!(info.size_bytes.is_some_and(|n| n > 0), "{info:?}");
    assert!(!info.location.contains("password"), "{info:?}");
    Ok(())
}

pub async fn tables_of_amend_and_of_the_system_are_not_listed(f: &Fixture) -> anyhow::Result<()> {
    assert!(f.store().tables().await?.is_empty());
    bench::create(f).await?;
    f.execute("CREATE VIEW \"a view\" AS SELECT 1 AS one").await?;
    let mut listed: Vec<_> = f.store().tables().await?.into_iter().map(|t| t.table.name).collect();
    listed.sort();
    assert_eq!(listed, ["tickers", "ticks"]);
    Ok(())
}

pub async fn a_table_is_found_by_its_exact_spelling_alone(f: &Fixture) -> anyhow::Result<()> {
    let text = f.types().text;
    f.execute(&format!("CREATE TABLE \"Market Data\" (\"Id\" {text} PRIMARY KEY, \"AssetClass\" {text})")).await?;
    let info = table(f, "Market Data").await?;
    assert_eq!(info.table.name, "Market Data");
    assert_eq!(info.columns.iter().map(|c| c.name.0.as_str()).collect::<Vec<_>>(), ["Id", "AssetClass"]);
    for other in ["market data", "MARKET DATA", "Market Dat_", "Market Data ", "%", ""] {
        assert_eq!(f.store().table(&TableName::new(other)).await?, None, "{other:?}");
    }
    Ok(())
}

pub async fn columns_come_in_their_order_with_type_and_nullability(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    let info = table(f, "ticks").await?;
    let columns: Vec<_> = info.columns.iter().map(|c| c.name.0.as_str()).collect();
    assert_eq!(columns, ["id", "symbol", "class", "frame", "seen_at", "note", "price"]);
    let nullable: Vec<_> = info.columns.iter().filter(|c| c.nullable).map(|c| c.name.0.as_str()).collect();
    assert_eq!(nullable, ["symbol", "class", "frame", "seen_at", "price"]);
    assert!(info.columns.iter().all(|c| c.type_name == c.type_name.to_lowercase() && !c.type_name.is_empty()));
    Ok(())
}

pub async fn keys_are_the_primary_key_first_then_unique_sets_without_nulls(f: &Fixture) -> anyhow::Result<()> {
    let (text, int) = (f.types().text, f.types().int);
    f.execute(&format!(
        "CREATE TABLE \"t\" (\"b\" {int} NOT NULL, \"a\" {text} NOT NULL, \"c\" {text} NOT NULL, \"d\" {text},
             UNIQUE (\"c\"), UNIQUE (\"d\"), UNIQUE (\"c\", \"d\"), PRIMARY KEY (\"a\", \"b\"));
         CREATE UNIQUE INDEX \"partial\" ON \"t\" (\"b\") WHERE \"b\" > 0;
         CREATE UNIQUE INDEX \"computed\" ON \"t\" (lower(\"a\"));
         CREATE TABLE \"none\" (\"a\" {text}, \"b\" {text} UNIQUE);
         CREATE TABLE \"serial\" (\"id\" {int} PRIMARY KEY, \"a\" {text})"
    ))
    .await?;
    let info = table(f, "t").await?;
    let keys: Vec<_> = info.keys.iter().map(|k| names(k)).collect();
    // A unique index over some rows, or over a computed value, finds no row again.
    assert_eq!(keys, [vec!["a", "b"], vec!["c"]]);
    assert!(table(f, "none").await?.keys.is_empty());
    assert_eq!(table(f, "serial").await?.keys, [vec![ColumnName::new("id")]]);
    Ok(())
}

pub async fn indexes_are_listed_by_their_leading_columns(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    f.execute("CREATE INDEX \"two\" ON \"ticks\" (\"symbol\", \"seen_at\" DESC)").await?;
    let ticks = table(f, "ticks").await?;
    assert!(ticks.indexes.iter().any(|i| names(i).starts_with(&["symbol"])), "{:?}", ticks.indexes);
    let tickers = table(f, "tickers").await?;
    assert!(tickers.indexes.iter().any(|i| names(i) == ["ticker"]), "{:?}", tickers.indexes);
    assert!(!tickers.indexes.iter().any(|i| names(i).starts_with(&["class"])), "{:?}", tickers.indexes);
    Ok(())
}

pub async fn a_table_has_rows_or_has_none(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("A", "STOCK")], &[]).await?;
    assert!(!f.store().has_rows(&TableName::new("ticks")).await?);
    assert!(f.store().has_rows(&TableName::new("tickers")).await?);
    bench::add_ticks(f, &[tick(1, None, None)]).await?;
    assert!(f.store().has_rows(&TableName::new("ticks")).await?);
    assert!(f.store().has_rows(&TableName::new("no such table")).await.is_err());
    Ok(())
}

pub async fn the_different_values_of_a_column_are_told_up_to_a_limit(f: &Fixture) -> anyhow::Result<()> {
    let rows = [known("A", "STOCK"), known("B", "ETF"), known("C", "STOCK"), known("D", None), known("E", " ")];
    bench::fill(f, &rows, &[]).await?;
    let (table, column) = (TableName::new("tickers"), ColumnName::new("class"));
    let mut values = f.store().distinct_values(&table, &column, 100).await?;
    values.sort();
    assert_eq!(values, [" ", "ETF", "STOCK"]);
    assert_eq!(f.store().distinct_values(&table, &column, 2).await?.len(), 2);
    for (table, column) in [("tickers", "klass"), ("tockers", "class")] {
        assert!(f.store().distinct_values(&TableName::new(table), &ColumnName::new(column), 9).await.is_err());
    }
    Ok(())
}

pub async fn the_owner_of_a_table_may_update_it(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    assert!(f.store().may_update(&rule().target.table, &rule().target.value).await?);
    Ok(())
}

/// PostgreSQL grants columns one by one.
pub async fn the_right_to_update_is_asked_for_the_column(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    let reader = f.read_only_store().await?;
    let ticks = TableName::new("ticks");
    assert!(!reader.may_update(&ticks, &ColumnName::new("class")).await?);
    if f.kind() == StoreKind::Postgres {
        let who = f.query("SELECT rolname FROM pg_roles WHERE rolname = current_database() || '_reader'").await?;
        let who = who.into_iter().flatten().flatten().next().context("the reader is there")?;
        f.execute(&format!("GRANT UPDATE (\"class\") ON \"ticks\" TO {who}")).await?;
        assert!(reader.may_update(&ticks, &ColumnName::new("class")).await?);
        assert!(!reader.may_update(&ticks, &ColumnName::new("note")).await?);
    }
    Ok(())
}

pub async fn what_the_database_alone_writes_or_only_shows_is_remarked(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    assert_eq!(f.store().remarks(&bench::rule()).await?, []);
    let text = f.types().text;
    f.execute(&format!(
        "CREATE TABLE \"made\" (\"id\" {int} PRIMARY KEY, \"symbol\" {text}, \"class\" {text},
             \"short\" {text} GENERATED ALWAYS AS (upper(\"class\")) STORED);
         CREATE VIEW \"seen\" AS SELECT * FROM \"made\";",
        int = f.types().int,
    ))
    .await?;
    for (table, value, field) in
        [("made", "class", None), ("made", "short", Some("target.value")), ("seen", "class", Some("target.table"))]
    {
        let mut rule = bench::rule();
        rule.target.table = TableName::new(table);
        rule.target.value = ColumnName::new(value);
        rule.target.timestamp = None;
        rule.target.dimensions.clear();
        let remarks = f.store().remarks(&rule).await?;
        assert_eq!(
            remarks.iter().map(|r| (r.refuses, r.field)).next(),
            field.map(|field| (true, field)),
            "{remarks:?}"
        );
    }
    Ok(())
}
