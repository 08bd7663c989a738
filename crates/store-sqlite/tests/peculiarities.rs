//! What only SQLite has: affinities, collations, tables without row numbers, rollbacks of its own.

mod common;

use std::time::Duration;

use amend_domain::{
    ColumnName, ConflictPolicy, Finding, Reference, RollbackScope, RowFilter, RowQuery, RowSort, Rule, RuleSlug, Scope,
    SortDirection, TableName, Target,
};
use amend_engine::store::{
    Catalog as _, ChunkLimits, Corrections as _, Findings as _, RestoreRequest, StoreError, Write,
};
use amend_store_sqlite::{Access, SqliteOptions, SqliteStore};
use common::{Place, at, begin, correct, end, limits};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

/// A connection that the store does not know.
async fn plain(place: &Place) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(place.file()).busy_timeout(Duration::from_secs(5));
    SqliteConnection::connect_with(&options).await.expect("a plain connection")
}

async fn run_sql(connection: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
}

async fn one_text(connection: &mut SqliteConnection, sql: &str) -> Option<String> {
    let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
    query.fetch_one(connection).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn rule(key: &[&str]) -> Rule {
    Rule {
        slug: RuleSlug::from_trusted("class"),
        title: "Class".into(),
        target: Target {
            table: TableName::new("ticks"),
            key: key.iter().map(|k| ColumnName::new(k)).collect(),
            matches: vec![ColumnName::new("symbol")],
            value: ColumnName::new("class"),
            timestamp: Some(ColumnName::new("seen")),
            dimensions: vec![],
            kept_by_triggers: Vec::new(),
        },
        reference: Reference {
            table: TableName::new("tickers"),
            matches: vec![ColumnName::new("ticker")],
            value: ColumnName::new("class"),
        },
        allowed_values: vec![],
        allow_without_backup: false,
        retention_days: None,
        retired: false,
    }
}

const TICKERS: &str = "CREATE TABLE tickers (ticker TEXT, class TEXT);
    INSERT INTO tickers VALUES ('AAPL', 'STOCK'), ('BTC', 'CRYPTO');";

/// Corrects everything, three rows a step, then restores everything; the table must be as before.
async fn there_and_back(place: &Place, store: &SqliteStore, rule: &Rule, changed: i64) {
    let picture = "SELECT group_concat(line, char(10)) FROM
        (SELECT quote(symbol) || quote(class) || quote(seen) AS line FROM ticks ORDER BY 1)";
    let mut sql = plain(place).await;
    let before = one_text(&mut sql, picture).await;
    let lease = begin(store, rule, "r-1").await;
    let (mut cursor, mut sum) = (None, 0);
    loop {
        let outcome = correct(store, &lease, rule, cursor.as_deref(), limits(3, 5)).await.expect("a step");
        sum += outcome.changed;
        cursor = outcome.cursor;
        if outcome.done {
            break;
        }
    }
    assert_eq!(sum, changed);
    end(store, &lease).await;
    assert_ne!(one_text(&mut sql, picture).await, before);
    let counts = store.rollback_counts(rule, &lease.run_id, &RollbackScope::default()).await.expect("counts");
    assert_eq!((counts.restorable, counts.total()), (changed, changed));

    let undo = begin(store, rule, "b-1").await;
    let (mut cursor, mut sum) = (None, 0);
    loop {
        let outcome = store
            .restore_chunk(&RestoreRequest {
                lease: &undo,
                rule,
                source: &lease.run_id,
                entries: amend_engine::store::Entries::Whole,
                on_conflict: ConflictPolicy::Stop,
                scope: &RollbackScope::default(),
                cursor: cursor.as_deref(),
                limits: limits(4, 4),
                write: Write::Commit,
                now: at(2),
            })
            .await
            .expect("a step back");
        sum += outcome.changed;
        cursor = outcome.cursor;
        if outcome.done {
            break;
        }
    }
    assert_eq!(sum, changed);
    assert_eq!(one_text(&mut sql, picture).await, before);
}

const TEN: &str = "INSERT INTO ticks (id, part, symbol, class, seen)
    SELECT value, 'p' || (value % 3), iif(value % 2, 'AAPL', 'BTC'), iif(value % 5, NULL, 'stock'), 1741615200 + value
    FROM generate(10);";

fn ten(create: &str) -> String {
    // The library has no generate_series.
    let rows = TEN.replace(
        "generate(10)",
        "(WITH RECURSIVE g(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM g WHERE value < 10) SELECT value FROM g)",
    );
    format!("{TICKERS} {create}; {rows}")
}

#[tokio::test]
async fn a_table_without_row_numbers_is_walked_by_its_key() {
    let place = Place::new();
    let store = place.store().await;
    let create = "CREATE TABLE ticks (id INTEGER, part TEXT COLLATE NOCASE, symbol TEXT, class TEXT, seen INTEGER,
                  PRIMARY KEY (part, id)) WITHOUT ROWID";
    run_sql(&mut plain(&place).await, &ten(create)).await;
    there_and_back(&place, &store, &rule(&["part", "id"]), 10).await;
}

#[tokio::test]
async fn a_column_called_rowid_does_not_hide_the_row_number() {
    let place = Place::new();
    let store = place.store().await;
    let create = "CREATE TABLE ticks (id TEXT PRIMARY KEY, part TEXT, symbol TEXT, class TEXT, seen INTEGER,
                  rowid TEXT, _rowid_ TEXT)";
    run_sql(&mut plain(&place).await, &ten(create)).await;
    there_and_back(&place, &store, &rule(&["id"]), 10).await;
}

#[tokio::test]
async fn a_collation_that_ignores_case_does_not_blur_the_findings() {
    let place = Place::new();
    let store = place.store().await;
    let create = "CREATE TABLE ticks (id INTEGER PRIMARY KEY, part TEXT, symbol TEXT COLLATE NOCASE,
                  class TEXT COLLATE NOCASE, seen INTEGER);
                  UPDATE tickers SET ticker = 'aapl' WHERE ticker = 'AAPL'";
    run_sql(&mut plain(&place).await, &ten(create)).await;
    let summary = store.summarise(&rule(&["id"]), &Scope::default()).await.expect("a summary");
    let rows = |finding| summary.groups.iter().filter(|g| g.finding == finding).map(|g| g.rows).sum::<i64>();
    // AAPL is not aapl, whatever the column thinks; BTC with "stock" is one row of ten.
    assert_eq!((rows(Finding::Orphan), rows(Finding::Missing), rows(Finding::Mismatched)), (5, 4, 1));
    run_sql(&mut plain(&place).await, "UPDATE tickers SET ticker = 'AAPL' WHERE ticker = 'aapl'").await;
    there_and_back(&place, &store, &rule(&["id"]), 10).await;
}

#[tokio::test]
async fn numbers_come_back_as_numbers() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    run_sql(
        &mut sql,
        "CREATE TABLE tickers (ticker INTEGER, class); INSERT INTO tickers VALUES (7, 'SEVEN');
         CREATE TABLE ticks (id INTEGER PRIMARY KEY, symbol INTEGER, class, seen TEXT);
         INSERT INTO ticks VALUES (1, 7, 5, ''), (2, 7, '5', ''), (3, 7, 5.5, ''), (4, 7, x'35', ''), (5, 7, NULL, '');",
    )
    .await;
    there_and_back(&place, &store, &rule(&["id"]), 5).await;
}

#[tokio::test]
async fn keys_that_the_journal_cannot_hold_are_refused_before_anything_is_written() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    run_sql(
        &mut sql,
        &format!(
            "{TICKERS} CREATE TABLE ticks (id BLOB PRIMARY KEY NOT NULL, symbol TEXT, class TEXT, seen TEXT);
             INSERT INTO ticks VALUES (x'0102', 'AAPL', NULL, '');"
        ),
    )
    .await;
    let lease = begin(&store, &rule(&["id"]), "r-1").await;
    let error = correct(&store, &lease, &rule(&["id"]), None, limits(10, 10)).await.expect_err("refused");
    assert!(matches!(&error, StoreError::Unsupported(text) if text.contains("id") && text.contains("blob")), "{error}");
    assert_eq!(one_text(&mut sql, "SELECT class FROM ticks").await, None);
}

#[tokio::test]
async fn a_trigger_that_rolls_everything_back_leaves_a_store_that_works() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    let create = "CREATE TABLE ticks (id INTEGER PRIMARY KEY, part TEXT, symbol TEXT, class TEXT, seen INTEGER);
        CREATE TRIGGER frozen BEFORE UPDATE ON ticks WHEN NEW.id = 3 BEGIN SELECT RAISE(ROLLBACK, 'frozen'); END";
    run_sql(&mut sql, &ten(create)).await;
    let lease = begin(&store, &rule(&["id"]), "r-1").await;
    let error = correct(&store, &lease, &rule(&["id"]), None, limits(10, 10)).await.expect_err("refused");
    assert!(matches!(error, StoreError::Row(_)), "{error}");
    let outcome = correct(&store, &lease, &rule(&["id"]), None, limits(2, 2)).await.expect("the next step");
    assert_eq!(outcome.changed, 2);
}

#[tokio::test]
async fn rows_that_a_trigger_passes_over_are_skipped_and_not_journalled() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    let create = "CREATE TABLE ticks (id INTEGER PRIMARY KEY, part TEXT, symbol TEXT, class TEXT, seen INTEGER);
        CREATE TRIGGER frozen BEFORE UPDATE ON ticks WHEN NEW.id = 3 BEGIN SELECT RAISE(IGNORE); END";
    run_sql(&mut sql, &ten(create)).await;
    let lease = begin(&store, &rule(&["id"]), "r-1").await;
    let outcome = correct(&store, &lease, &rule(&["id"]), None, limits(10, 10)).await.expect("a step");
    assert_eq!((outcome.changed, outcome.skipped), (9, 1));
    let pairs = store.journal_pairs(&lease.run_id).await.expect("pairs");
    assert_eq!(pairs.iter().map(|p| p.rows).sum::<i64>(), 9);
}

#[tokio::test]
async fn a_trigger_that_replaces_what_was_written_undoes_the_step() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    let create = "CREATE TABLE ticks (id INTEGER PRIMARY KEY, part TEXT, symbol TEXT, class TEXT, seen INTEGER);
        CREATE TRIGGER loud AFTER UPDATE OF class ON ticks WHEN NEW.class <> 'X'
        BEGIN UPDATE ticks SET class = 'X' WHERE id = NEW.id; END";
    run_sql(&mut sql, &ten(create)).await;
    let lease = begin(&store, &rule(&["id"]), "r-1").await;
    let error = correct(&store, &lease, &rule(&["id"]), None, limits(10, 10)).await.expect_err("refused");
    assert!(matches!(error, StoreError::Row(_)), "{error}");
    assert_eq!(one_text(&mut sql, "SELECT count(*) || '' FROM ticks WHERE class = 'X'").await.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_reference_that_changes_between_two_steps_is_read_anew() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    let create = "CREATE TABLE ticks (id INTEGER PRIMARY KEY, part TEXT, symbol TEXT, class TEXT, seen INTEGER)";
    run_sql(&mut sql, &ten(create)).await;
    let lease = begin(&store, &rule(&["id"]), "r-1").await;
    let first = correct(&store, &lease, &rule(&["id"]), None, limits(4, 4)).await.expect("a step");
    run_sql(&mut sql, "UPDATE tickers SET class = 'COIN' WHERE ticker = 'BTC'").await;
    correct(&store, &lease, &rule(&["id"]), first.cursor.as_deref(), limits(10, 10)).await.expect("a step");
    let seen = one_text(&mut sql, "SELECT group_concat(class, ' ') FROM (SELECT class FROM ticks ORDER BY id)").await;
    assert_eq!(seen.as_deref(), Some("STOCK CRYPTO STOCK CRYPTO STOCK COIN STOCK COIN STOCK COIN"));
}

/// One rule's target may be another rule's reference; both are written by the same connection.
#[tokio::test]
async fn a_reference_that_a_run_of_our_own_corrects_is_read_anew() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    let create = "CREATE TABLE ticks (id INTEGER PRIMARY KEY, part TEXT, symbol TEXT, class TEXT, seen INTEGER);
        CREATE TABLE masters (ticker TEXT, class TEXT); INSERT INTO masters VALUES ('BTC', 'COIN')";
    run_sql(&mut sql, &ten(create)).await;
    let lease = begin(&store, &rule(&["id"]), "r-1").await;
    let first = correct(&store, &lease, &rule(&["id"]), None, limits(4, 4)).await.expect("a step");
    let mut upstream = rule(&["ticker"]);
    upstream.slug = RuleSlug::from_trusted("upstream");
    upstream.target.table = TableName::new("tickers");
    upstream.target.matches = vec![ColumnName::new("ticker")];
    upstream.target.timestamp = None;
    upstream.reference.table = TableName::new("masters");
    let other = begin(&store, &upstream, "r-2").await;
    assert_eq!(correct(&store, &other, &upstream, None, limits(9, 9)).await.expect("a step").changed, 1);
    correct(&store, &lease, &rule(&["id"]), first.cursor.as_deref(), limits(10, 10)).await.expect("a step");
    assert_eq!(one_text(&mut sql, "SELECT class FROM ticks WHERE id = 10").await.as_deref(), Some("COIN"));
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_undone_and_the_next_one_works() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    run_sql(
        &mut sql,
        &format!(
            "{TICKERS} CREATE TABLE ticks (id INTEGER PRIMARY KEY, symbol TEXT, class TEXT, seen TEXT);
             INSERT INTO ticks WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < 100000)
             SELECT n, 'AAPL', NULL, '' FROM g;"
        ),
    )
    .await;
    let lease = begin(&store, &rule(&["id"]), "r-1").await;
    let hasty = ChunkLimits { statement_timeout: Duration::from_millis(5), ..limits(100_000, 100_000) };
    let error = correct(&store, &lease, &rule(&["id"]), None, hasty).await.expect_err("too long");
    assert!(matches!(error, StoreError::TooSlow(_)), "{error}");
    assert_eq!(one_text(&mut sql, "SELECT max(class) FROM ticks").await, None);
    let outcome = correct(&store, &lease, &rule(&["id"]), None, limits(10, 10)).await.expect("a step");
    assert_eq!(outcome.changed, 10);
}

#[tokio::test]
async fn times_are_read_in_every_spelling_and_filtered_by() {
    let place = Place::new();
    let store = place.store().await;
    run_sql(
        &mut plain(&place).await,
        &format!(
            "{TICKERS} CREATE TABLE ticks (id INTEGER PRIMARY KEY, symbol TEXT, class TEXT, seen);
             INSERT INTO ticks VALUES (1, 'AAPL', NULL, '2025-03-10 14:00:00'), (2, 'AAPL', NULL, '2025-03-10T14:00:00Z'),
                 (3, 'AAPL', NULL, 1741615200), (4, 'AAPL', NULL, 1741615200000),
                 (5, 'AAPL', NULL, '2025-03-10 16:00:00.25+02:00'), (6, 'AAPL', NULL, 'soon'), (7, 'AAPL', NULL, NULL);"
        ),
    )
    .await;
    let noon = "2025-03-10T14:00:00Z".parse().ok();
    let filter = RowFilter { from: noon, until: "2025-03-10T14:00:01Z".parse().ok(), ..RowFilter::default() };
    let mut query = RowQuery { filter, limit: 100, ..RowQuery::default() };
    let page = store.rows_page(&rule(&["id"]), &query).await.expect("a page");
    assert_eq!(page.rows.iter().map(|r| r.key.as_str()).collect::<Vec<_>>(), ["1", "2", "3", "4", "5"]);
    assert!(page.rows.iter().take(4).all(|r| r.timestamp == noon));
    // Nulls, numbers and texts, page by page, both ways.
    for direction in [SortDirection::Asc, SortDirection::Desc] {
        query = RowQuery { sort: RowSort::Timestamp, direction, limit: 2, ..RowQuery::default() };
        let mut keys = Vec::new();
        loop {
            let page = store.rows_page(&rule(&["id"]), &query).await.expect("a page");
            keys.extend(page.rows.into_iter().map(|r| r.key));
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        let mut expected = ["7", "3", "4", "1", "5", "2", "6"];
        if direction == SortDirection::Desc {
            expected.reverse();
        }
        assert_eq!(keys, expected);
    }
}

#[tokio::test]
async fn a_file_for_reading_alone_is_read_and_nothing_is_made() {
    let place = Place::new();
    let path = place.file().display().to_string();
    let read_only = SqliteOptions { access: Access::ReadOnly, ..SqliteOptions::default() };
    let absent = SqliteStore::open(&path, read_only).await;
    assert!(matches!(absent, Err(StoreError::Unavailable(_))));
    assert!(!place.file().exists());
    let store = place.store().await;
    let create = "CREATE TABLE ticks (id INTEGER PRIMARY KEY, part TEXT, symbol TEXT, class TEXT, seen INTEGER)";
    run_sql(&mut plain(&place).await, &ten(create)).await;
    store.close().await;
    let reader = SqliteStore::open(&path, read_only).await.expect("it opens");
    assert_eq!(reader.migrate().await.expect("nothing to do"), Vec::<String>::new());
    let summary = reader.summarise(&rule(&["id"]), &Scope::default()).await.expect("a summary");
    assert_eq!(summary.groups.iter().map(|g| g.rows).sum::<i64>(), 10);
    let refused = reader.save_rule(&rule(&["id"]), at(0)).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly(_))), "{refused:?}");
}

#[tokio::test]
async fn what_is_no_database_is_said_to_be_none() {
    let place = Place::new();
    std::fs::create_dir_all(place.file().parent().expect("a folder")).expect("a folder");
    std::fs::write(place.file(), "ticker,class\n".repeat(100)).expect("a file");
    let opened = SqliteStore::open(&place.file().display().to_string(), SqliteOptions::default()).await;
    assert!(matches!(&opened, Err(StoreError::Unsupported(text)) if text.contains("no SQLite database")), "{opened:?}");
}

/// What is read ahead of a step must not outlive what others write meanwhile.
#[tokio::test]
async fn what_others_write_between_two_steps_is_seen_by_the_second() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    let create = "CREATE TABLE ticks (id INTEGER PRIMARY KEY, part TEXT, symbol TEXT, class TEXT, seen INTEGER)";
    run_sql(&mut sql, &ten(create)).await;
    let lease = begin(&store, &rule(&["id"]), "r-1").await;
    let first = correct(&store, &lease, &rule(&["id"]), None, limits(4, 9)).await.expect("a step");
    // The reading ahead has its time.
    tokio::time::sleep(Duration::from_millis(100)).await;
    run_sql(&mut sql, "UPDATE ticks SET class = 'late', seen = 1 WHERE id = 6").await;
    let second = correct(&store, &lease, &rule(&["id"]), first.cursor.as_deref(), limits(4, 9)).await.expect("a step");
    assert_eq!((first.changed, second.changed), (4, 4));
    let journalled = "SELECT old_value FROM amend_journal WHERE chunk = 2 AND row_keys LIKE '%6%'";
    assert_eq!(one_text(&mut sql, journalled).await.as_deref(), Some("late"));
    let touched = "SELECT count(*) || '' FROM amend_chunk WHERE untouched_before <> untouched_after";
    assert_eq!(one_text(&mut sql, touched).await.as_deref(), Some("0"));
}

#[tokio::test]
async fn texts_with_control_characters_are_counted_and_come_back_like_any_other() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    run_sql(
        &mut sql,
        &format!(
            "{TICKERS} CREATE TABLE ticks (id TEXT PRIMARY KEY, symbol TEXT, class TEXT, seen TEXT);
             INSERT INTO ticks VALUES ('a' || char(31) || 'b', 'AAPL', char(31), '2026-01-01'),
                 ('c', 'AAPL', char(2), '2026-01-02'), ('d', 'BTC', NULL, '2026-01-03'), ('\"', 'BTC', char(10), NULL);"
        ),
    )
    .await;
    let summary = store.summarise(&rule(&["id"]), &Scope::default()).await.expect("a summary");
    let mut seen: Vec<_> = summary.groups.iter().map(|g| (g.current.as_deref(), g.rows)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(None, 1), (Some("\u{2}"), 1), (Some("\n"), 1), (Some("\u{1f}"), 1)]);
    there_and_back(&place, &store, &rule(&["id"]), 4).await;
}

#[tokio::test]
async fn rows_far_apart_by_number_are_all_counted_and_corrected() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    run_sql(
        &mut sql,
        &format!(
            "{TICKERS} CREATE TABLE ticks (id INTEGER PRIMARY KEY, symbol TEXT, class TEXT, seen INTEGER);
             INSERT INTO ticks VALUES ({}, 'AAPL', NULL, 3), (-5, 'BTC', '', 2), (0, 'BTC', 'x', NULL), (1, 'BTC', 'x', 9),
                 (70000, 'BTC', 'x', 1), (9000000000, 'BTC', 'STOCK', 5), ({}, 'AAPL', 'CRYPTO', 4);",
            i64::MIN + 1,
            i64::MAX
        ),
    )
    .await;
    let summary = store.summarise(&rule(&["id"]), &Scope::default()).await.expect("a summary");
    assert_eq!(summary.groups.iter().map(|g| g.rows).sum::<i64>(), 7);
    let x = summary.groups.iter().find(|g| g.current.as_deref() == Some("x")).expect("a group");
    let seconds = |n| chrono::DateTime::from_timestamp(n, 0);
    assert_eq!((x.rows, x.first_seen, x.last_seen), (3, seconds(1), seconds(9)));
    there_and_back(&place, &store, &rule(&["id"]), 7).await;
}

#[tokio::test]
async fn times_of_several_kinds_in_one_column_are_counted_by_their_order_in_the_database() {
    let place = Place::new();
    let store = place.store().await;
    let mut sql = plain(&place).await;
    run_sql(
        &mut sql,
        &format!(
            "{TICKERS} CREATE TABLE ticks (id INTEGER PRIMARY KEY, symbol TEXT, class TEXT, seen);
             INSERT INTO ticks VALUES (1, 'AAPL', '', '2026-01-02'), (2, 'AAPL', '', 1741615200), (3, 'BTC', 'x', 7.5),
                 (4, 'BTC', '', '2026-01-03'), (5, 'BTC', '', '2026-01-01');"
        ),
    )
    .await;
    let summary = store.summarise(&rule(&["id"]), &Scope::default()).await.expect("a summary");
    let first = |symbol: &str, current: &str| {
        let mut groups = summary.groups.iter();
        let group = groups.find(|g| g.symbol.as_deref() == Some(symbol) && g.current.as_deref() == Some(current));
        group.and_then(|g| g.first_seen).map(|t| t.timestamp())
    };
    assert_eq!(first("AAPL", ""), Some(1_741_615_200));
    assert_eq!(first("BTC", ""), Some(1_767_225_600));
    assert_eq!(first("BTC", "x"), None);
}
