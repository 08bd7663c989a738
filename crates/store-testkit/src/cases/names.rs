//! Keys and identifiers as databases really have them. Each case goes the whole circle: analyse,
//! page, correct in small chunks, roll back in small chunks.

use amend_domain::{ColumnName, Mode, Reference, RollbackScope, Rule, Scope, TableName, Target};
use amend_engine::store::StoreKind;

use crate::{
    Fixture,
    backend::literal,
    bench::{open_rule, rule},
    driver::{Step, Undo, journalled, limits, run_correction, run_rollback},
    model::{World, agree},
};

/// The whole circle; `wrong` rows are to be corrected.
async fn circle(f: &Fixture, rule: &Rule, wrong: i64) -> anyhow::Result<()> {
    let table = rule.target.table.quoted();
    let picture = f.picture(&table).await?;
    let world = agree(f, rule).await?;
    assert_eq!(world.correctable(Mode::Overwrite, &Scope::default()), wrong);
    let (job, totals) = run_correction(f, rule, &Step { limits: limits(2, 3), ..Step::default() }).await?;
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (wrong, wrong));
    assert_eq!(agree(f, rule).await?.correctable(Mode::Overwrite, &Scope::default()), 0);
    assert_eq!(f.store().rollback_counts(rule, &job.id, &RollbackScope::default()).await?.restorable, wrong);
    let (_, totals) = run_rollback(f, rule, &job.id, &Undo { limits: limits(3, 3), ..Undo::default() }).await?;
    assert_eq!(totals.changed, wrong);
    assert_eq!(f.picture(&table).await?, picture);
    assert_eq!(World::read(f, rule).await?.correctable(Mode::Overwrite, &Scope::default()), wrong);
    Ok(())
}

fn columns(names: &[&str]) -> Vec<ColumnName> {
    names.iter().map(|n| ColumnName::new(n)).collect()
}

/// Makes `ticks` with this key (and `symbol`, `class`, `note`) and one ticker, `A`.
pub(super) async fn keyed(f: &Fixture, key_columns: &str, key: &[&str], rows: &[String]) -> anyhow::Result<Rule> {
    let text = f.types().text;
    let quoted: Vec<String> = key.iter().map(|k| format!("\"{k}\"")).collect();
    f.execute(&format!(
        "CREATE TABLE \"ticks\" ({key_columns}, \"symbol\" {text}, \"class\" {text}, \"note\" {text},
             PRIMARY KEY ({}));
         CREATE TABLE \"tickers\" (\"ticker\" {text}, \"class\" {text});
         INSERT INTO \"tickers\" VALUES ('A', 'STOCK');
         INSERT INTO \"ticks\" VALUES {}",
        quoted.join(", "),
        rows.join(", ")
    ))
    .await?;
    let mut rule = rule();
    rule.target.key = columns(key);
    rule.target.timestamp = None;
    rule.target.dimensions.clear();
    Ok(rule)
}

pub async fn integer_keys_may_be_negative_and_very_large(f: &Fixture) -> anyhow::Result<()> {
    let ids = [i64::MIN + 1, -1_000, -1, 0, 1, 9, 10, 100, 9_007_199_254_740_993, i64::MAX];
    let rows: Vec<String> = ids.iter().map(|id| format!("({id}, 'A', NULL, 'n')")).collect();
    let rule = keyed(f, &format!("\"id\" {}", f.types().int), &["id"], &rows).await?;
    circle(f, &rule, 10).await
}

pub async fn text_keys_may_hold_quotes_newlines_backslashes_commas_and_other_scripts(
    f: &Fixture,
) -> anyhow::Result<()> {
    let ids = [
        "",
        " ",
        "a",
        "A",
        "B",
        "b ",
        "it's",
        "say \"hi\"",
        "a\\b",
        "\\n",
        "two\nlines",
        "\ttab",
        "a,b",
        "{a}",
        "[1]",
        "null",
        "NULL",
        "É",
        "e\u{301}",
        "東京",
        "🗼",
        "%",
        "_",
        "ß",
        "\u{feff}",
        "\u{ffff}",
        "\u{10ffff}",
        "10",
        "9",
        "a / b",
        "\u{1}",
        "\u{1f}",
        "\u{7f}",
        "|",
        ";--",
    ];
    let rows: Vec<String> = ids.iter().map(|id| format!("({}, 'A', NULL, 'n')", literal(*id))).collect();
    let rule = keyed(f, &format!("\"id\" {}", f.types().text), &["id"], &rows).await?;
    circle(f, &rule, i64::try_from(ids.len())?).await
}

pub async fn uuid_keys_work(f: &Fixture) -> anyhow::Result<()> {
    let ids = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"];
    let more = (1..=9).map(|n| format!("{n}b4e28ba-2fa1-41d2-883f-{n:012x}"));
    let rows: Vec<String> =
        ids.map(Into::into).into_iter().chain(more).map(|id: String| format!("('{id}', 'A', 'stock', 'n')")).collect();
    let rule = keyed(f, &format!("\"id\" {}", f.types().uuid), &["id"], &rows).await?;
    circle(f, &rule, 11).await
}

pub async fn time_and_number_keys_work(f: &Fixture) -> anyhow::Result<()> {
    let times = (1..=6).flat_map(|n| [(n, "0.1"), (n, "0.10000001"), (n, "12345.6")]);
    let rows: Vec<String> =
        times.map(|(n, price)| format!("('2026-01-0{n}T00:00:00Z', {price}, 'A', NULL, 'n')")).collect();
    let types = f.types();
    let key = format!("\"at\" {}, \"price\" {}", types.time, types.number);
    let rule = keyed(f, &key, &["at", "price"], &rows).await?;
    circle(f, &rule, 18).await
}

pub async fn keys_of_several_columns_work_in_the_rules_own_order(f: &Fixture) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (a, b) in [("x", 2), ("x", 10), ("y", 1), ("y,1", 1), ("y", -3), ("x\",\"", 2), ("", 2), ("[", 7)] {
        for frame in ["1d", "1h"] {
            rows.push(format!("({}, {b}, '{frame}', 'A', NULL, 'n')", literal(a)));
        }
    }
    let (text, int) = (f.types().text, f.types().int);
    let key = format!("\"name\" {text}, \"no\" {int}, \"frame\" {text}");
    let mut rule = keyed(f, &key, &["name", "no", "frame"], &rows).await?;
    circle(f, &rule, 16).await?;
    rule.target.key = columns(&["no", "frame", "name"]);
    circle(f, &rule, 16).await
}

/// A table and its columns with these names: key, match, value, time, dimension, and one more.
async fn named(f: &Fixture, tables: [&str; 2], names: [&str; 6]) -> anyhow::Result<Rule> {
    let t = f.types();
    let q = |name: &str| ColumnName::new(name).quoted();
    let (target, reference) = (TableName::new(tables[0]), TableName::new(tables[1]));
    f.execute(&format!(
        "CREATE TABLE {target} ({key} {int} PRIMARY KEY, {matched} {text}, {value} {text}, {time} {time_type},
             {dimension} {text}, {more} {text});
         CREATE TABLE {reference} ({key} {int} PRIMARY KEY, {matched} {text}, {value} {text});
         INSERT INTO {reference} VALUES (1, 'A', 'STOCK'), (2, 'B', 'ETF'), (3, 'B', 'STOCK');
         INSERT INTO {target} VALUES (1, 'A', NULL, '2026-01-05T10:00:00Z', 'd1', 'x'),
             (2, 'A', 'stock', '2026-01-05T11:00:00Z', 'd2', 'y'), (3, 'A', 'ETF', NULL, NULL, NULL),
             (4, 'B', NULL, NULL, 'd1', 'z'), (5, 'A', 'STOCK', '2026-01-05T12:00:00Z', 'd1', 'x'),
             (6, 'C', NULL, NULL, 'd1', 'z'), (7, 'A', ' ', NULL, 'd2', 'z')",
        target = target.quoted(),
        reference = reference.quoted(),
        key = q(names[0]),
        matched = q(names[1]),
        value = q(names[2]),
        time = q(names[3]),
        dimension = q(names[4]),
        more = q(names[5]),
        int = t.int,
        text = t.text,
        time_type = t.time,
    ))
    .await?;
    Ok(Rule {
        target: Target {
            table: target,
            key: columns(&names[..1]),
            matches: columns(&names[1..2]),
            value: ColumnName::new(names[2]),
            timestamp: Some(ColumnName::new(names[3])),
            dimensions: columns(&names[4..5]),
            kept_by_triggers: Vec::new(),
        },
        reference: Reference { table: reference, matches: columns(&names[1..2]), value: ColumnName::new(names[2]) },
        ..rule()
    })
}

pub async fn names_in_mixed_case_are_quoted_as_the_database_spells_them(f: &Fixture) -> anyhow::Result<()> {
    let names = ["Id", "Symbol", "AssetClass", "Timestamp", "Timeframe", "Volume"];
    let rule = named(f, ["MarketData", "Symbols"], names).await?;
    circle(f, &rule, 4).await
}

pub async fn names_may_be_reserved_words(f: &Fixture) -> anyhow::Result<()> {
    let rule = named(f, ["table", "select"], ["order", "group", "case", "from", "where", "null"]).await?;
    circle(f, &rule, 4).await
}

pub async fn names_may_hold_spaces_quotes_and_placeholders(f: &Fixture) -> anyhow::Result<()> {
    let names = ["the \"key\"", "it's", "a $1 ? :x", "ti;me --", "{dim} %s", "größe 東京"];
    let rule = named(f, ["my \"table\"", "other's table"], names).await?;
    circle(f, &rule, 4).await
}

/// Names that a query may well use for itself.
pub async fn names_may_be_those_that_a_query_would_use_for_itself(f: &Fixture) -> anyhow::Result<()> {
    let rule = named(f, ["t", "r"], ["key", "symbol", "current", "proposed", "finding", "rows"]).await?;
    circle(f, &rule, 4).await?;
    f.execute("DROP TABLE \"t\"; DROP TABLE \"r\"").await?;
    let rule = named(f, ["target", "reference"], ["k0", "m0", "value", "first_seen", "d0", "n"]).await?;
    circle(f, &rule, 4).await?;
    f.execute("DROP TABLE \"target\"; DROP TABLE \"reference\"").await?;
    let rule = named(f, ["g", "resolved"], ["k", "m", "v", "ts", "old", "new"]).await?;
    circle(f, &rule, 4).await?;
    f.execute("DROP TABLE \"g\"; DROP TABLE \"resolved\"").await?;
    let rule = named(f, ["candidates", "locked"], ["k1", "m1", "old_value", "at", "dim", "new_value"]).await?;
    circle(f, &rule, 4).await
}

pub async fn one_table_may_be_target_and_reference_of_one_rule(f: &Fixture) -> anyhow::Result<()> {
    let text = f.types().text;
    f.execute(&format!(
        "CREATE TABLE \"ticks\" (\"id\" {} PRIMARY KEY, \"symbol\" {text}, \"class\" {text}, \"parent\" {text},
             \"good\" {text});
         INSERT INTO \"ticks\" VALUES (1, 'A', NULL, 'A', 'STOCK'), (2, 'A', 'etf', 'B', 'ETF'), (3, 'B', '', NULL, NULL),
             (4, 'C', NULL, 'D', 'ETF')",
        f.types().int
    ))
    .await?;
    let mut rule = open_rule();
    rule.target.timestamp = None;
    rule.target.dimensions.clear();
    rule.reference =
        Reference { table: TableName::new("ticks"), matches: columns(&["parent"]), value: ColumnName::new("good") };
    circle(f, &rule, 3).await
}

pub async fn tables_may_lie_in_a_schema_that_is_not_searched(f: &Fixture) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        // A SQLite file has one schema; its name may be said.
        let mut rule = named(f, ["ticks", "tickers"], ["id", "symbol", "class", "at", "frame", "note"]).await?;
        rule.target.table = TableName::in_schema("main", "ticks");
        let seen = f.store().summarise(&rule, &Scope::default()).await?;
        assert_eq!(seen.groups.iter().map(|g| g.rows).sum::<i64>(), 7);
        return Ok(());
    }
    f.execute("CREATE SCHEMA \"Über all\"").await?;
    let mut rule = named(f, ["ticks", "tickers"], ["id", "symbol", "class", "at", "frame", "note"]).await?;
    f.execute("ALTER TABLE \"ticks\" SET SCHEMA \"Über all\"; ALTER TABLE \"tickers\" SET SCHEMA \"Über all\"").await?;
    rule.target.table = TableName::in_schema("Über all", "ticks");
    rule.reference.table = TableName::in_schema("Über all", "tickers");
    let listed = f.store().table(&rule.target.table).await?;
    assert!(listed.is_some_and(|t| t.columns.len() == 6));
    assert!(f.store().table(&TableName::new("ticks")).await?.is_none());
    circle(f, &rule, 4).await
}

/// The types of the replaced system: the value in two different ones, numbers and times between.
pub async fn value_and_match_columns_may_differ_in_their_text_type(f: &Fixture) -> anyhow::Result<()> {
    f.execute(&format!(
        "CREATE TABLE \"ticks\" (\"id\" {} PRIMARY KEY, \"symbol\" varchar(20), \"frame\" varchar(10), \"seen_at\" {},
             \"close\" numeric(18,8), \"class\" text);
         CREATE TABLE \"tickers\" (\"ticker\" varchar(50), \"class\" varchar(20));
         INSERT INTO \"tickers\" VALUES ('A', 'STOCK'), ('B', 'ETF');
         INSERT INTO \"ticks\" VALUES ('11111111-1111-4111-8111-111111111111', 'A', '1d', NULL, 1.5, NULL),
             ('22222222-2222-4222-8222-222222222222', 'B', '1h', NULL, NULL, 'STOCK'),
             ('33333333-3333-4333-8333-333333333333', 'A', '1d', NULL, 0.00000001, 'STOCK')",
        f.types().uuid,
        f.types().time,
    ))
    .await?;
    circle(f, &rule(), 2).await?;
    // And the other way round: the narrow type is the one that is corrected.
    f.execute(&format!(
        "DROP TABLE \"ticks\"; DROP TABLE \"tickers\";
         CREATE TABLE \"ticks\" (\"id\" {} PRIMARY KEY, \"symbol\" text, \"frame\" text, \"seen_at\" {},
             \"class\" varchar(20));
         CREATE TABLE \"tickers\" (\"ticker\" varchar(50), \"class\" text);
         INSERT INTO \"tickers\" VALUES ('A', 'STOCK'), ('B', 'ETF');
         INSERT INTO \"ticks\" VALUES (1, 'A', '1d', NULL, NULL), (2, 'B', '1h', NULL, 'etf')",
        f.types().int,
        f.types().time,
    ))
    .await?;
    circle(f, &rule(), 2).await
}

pub async fn tables_without_row_numbers_or_with_partitions_work(f: &Fixture) -> anyhow::Result<()> {
    let rows = "INSERT INTO \"ticks\" VALUES (1, 'A', NULL), (2, 'A', 'stock'), (3, 'B', ''), (11, 'A', NULL),
                    (12, 'C', NULL), (13, 'A', 'STOCK');
                INSERT INTO \"tickers\" VALUES ('A', 'STOCK'), ('B', 'ETF');";
    let tables = match f.kind() {
        StoreKind::Sqlite => {
            "CREATE TABLE \"ticks\" (\"id\" INTEGER PRIMARY KEY, \"symbol\" TEXT, \"class\" TEXT) WITHOUT ROWID;
             CREATE TABLE \"tickers\" (\"ticker\" TEXT PRIMARY KEY, \"class\" TEXT) WITHOUT ROWID;"
        }
        StoreKind::Postgres => {
            "CREATE TABLE \"ticks\" (\"id\" bigint PRIMARY KEY, \"symbol\" text, \"class\" text) PARTITION BY RANGE (\"id\");
             CREATE TABLE \"ticks_low\" PARTITION OF \"ticks\" FOR VALUES FROM (0) TO (10);
             CREATE TABLE \"ticks_high\" PARTITION OF \"ticks\" FOR VALUES FROM (10) TO (20);
             CREATE TABLE \"tickers\" (\"ticker\" text PRIMARY KEY, \"class\" text);"
        }
    };
    f.execute(&format!("{tables}{rows}")).await?;
    let mut rule = rule();
    rule.target.timestamp = None;
    rule.target.dimensions.clear();
    circle(f, &rule, 4).await
}
