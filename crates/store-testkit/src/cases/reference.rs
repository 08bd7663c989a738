//! The reference as each chunk's own transaction sees it, whoever changed it and however large it is.

use amend_domain::{ColumnName, Finding, Mode, Reference, Rule, Scope, TableName};
use amend_engine::store::{BulkRows, StoreKind, SymbolRow};

use crate::{
    Fixture,
    bench::{self, TICKERS, TICKS, class_of, known, open_rule, rule, tick},
    driver::{Job, Step, Undo, correction, journalled, limits, run_correction, run_rollback},
    model::{World, agree},
};

/// One row a chunk, from a cursor.
fn one(cursor: Option<&str>) -> Step<'_> {
    Step { cursor, limits: limits(1, 1), ..Step::default() }
}

pub async fn what_the_stores_own_import_adds_is_seen_by_the_next_chunk(f: &Fixture) -> anyhow::Result<()> {
    let symbol = |id: u8, class: &str| SymbolRow {
        id: format!("0000000{id}-0000-4000-8000-000000000000"),
        ticker: "A".into(),
        asset_class: Some(class.into()),
        ..SymbolRow::default()
    };
    let mut writer = f.store().begin_bulk().await?;
    writer.write(BulkRows::Symbols(vec![symbol(1, "STOCK")])).await?;
    writer.commit().await?;
    let (int, text) = (f.types().int, f.types().text);
    f.execute(&format!(
        "CREATE TABLE \"ticks\" (\"id\" {int} PRIMARY KEY, \"symbol\" {text}, \"class\" {text}, \"note\" {text});
         INSERT INTO \"ticks\" VALUES (1, 'A', NULL, 'n'), (2, 'A', NULL, 'n'), (3, 'A', NULL, 'n')"
    ))
    .await?;
    let mut rule = rule();
    rule.target.timestamp = None;
    rule.target.dimensions.clear();
    rule.reference = Reference {
        table: TableName::new("symbols"),
        matches: vec![ColumnName::new("ticker")],
        value: ColumnName::new("asset_class"),
    };
    let job = Job::begin(f, &rule, &correction(&rule)).await?;
    let first = job.correct(f.store(), &one(None)).await?;
    assert_eq!(first.changed, 1);
    // From here the symbol is ambiguous.
    let mut writer = f.store().begin_bulk().await?;
    writer.write(BulkRows::Symbols(vec![symbol(2, "ETF")])).await?;
    writer.commit().await?;
    let second = job.correct(f.store(), &one(first.cursor.as_deref())).await?;
    assert_eq!((second.changed, class_of(f, 2).await?), (0, None));
    Ok(())
}

pub async fn rules_that_share_a_reference_keep_their_own_allowed_values(f: &Fixture) -> anyhow::Result<()> {
    let ticks: Vec<_> = (1..=4).map(|id| tick(id, "A", None)).collect();
    bench::fill(f, &[known("A", "WIDGET")], &ticks).await?;
    let strict = Job::begin(f, &rule(), &correction(&rule())).await?;
    let open = Job { rule: open_rule(), ..strict.clone() };
    let other = Rule { allowed_values: vec!["WIDGET".into()], ..rule() };
    let other = Job { rule: other, ..strict.clone() };
    let first = strict.correct(f.store(), &one(None)).await?;
    let second = open.correct(f.store(), &one(first.cursor.as_deref())).await?;
    let third = strict.correct(f.store(), &one(second.cursor.as_deref())).await?;
    let fourth = other.correct(f.store(), &one(third.cursor.as_deref())).await?;
    assert_eq!([first.changed, second.changed, third.changed, fourth.changed], [0, 1, 0, 1]);
    Ok(())
}

pub async fn a_chunk_sees_what_the_chunk_before_wrote_into_its_own_reference(f: &Fixture) -> anyhow::Result<()> {
    // Each row takes the class of its parent, which stands in the same table and column.
    let (int, text) = (f.types().int, f.types().text);
    f.execute(&format!(
        "CREATE TABLE \"ticks\" (\"id\" {int} PRIMARY KEY, \"symbol\" {text}, \"parent\" {text}, \"class\" {text});
         INSERT INTO \"ticks\" VALUES (1, 'A', NULL, 'STOCK'), (2, 'B', 'A', NULL), (3, 'C', 'B', NULL),
             (4, 'D', 'C', NULL)"
    ))
    .await?;
    let picture = f.picture(TICKS).await?;
    let mut rule = open_rule();
    rule.target.timestamp = None;
    rule.target.dimensions.clear();
    rule.target.matches = vec![ColumnName::new("parent")];
    rule.reference.table = TableName::new("ticks");
    rule.reference.matches = vec![ColumnName::new("symbol")];
    agree(f, &rule).await?;
    let (job, totals) = run_correction(f, &rule, &one(None)).await?;
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (3, 3));
    agree(f, &rule).await?;
    run_rollback(f, &rule, &job.id, &Undo::default()).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_trigger_that_changes_the_reference_is_seen_by_the_next_chunk(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("A", "STOCK"), known("B", "ETF")];
    bench::fill(f, &tickers, &[tick(1, "A", None), tick(2, "B", None)]).await?;
    f.execute(match f.kind() {
        StoreKind::Postgres => {
            "CREATE FUNCTION spread() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN UPDATE \"tickers\" SET \"class\" = 'CRYPTO' WHERE \"ticker\" = 'B'; RETURN NEW; END $$;
             CREATE TRIGGER spreading AFTER UPDATE ON \"ticks\" FOR EACH ROW WHEN (NEW.\"id\" = 1) EXECUTE FUNCTION spread();"
        }
        StoreKind::Sqlite => {
            "CREATE TRIGGER spreading AFTER UPDATE ON \"ticks\" WHEN NEW.\"id\" = 1
             BEGIN UPDATE \"tickers\" SET \"class\" = 'CRYPTO' WHERE \"ticker\" = 'B'; END;"
        }
    })
    .await?;
    run_correction(f, &rule(), &one(None)).await?;
    assert_eq!(class_of(f, 2).await?.as_deref(), Some("CRYPTO"));
    Ok(())
}

pub async fn a_chunk_that_was_undone_leaves_no_memory_of_the_reference(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("A", "STOCK")], &[tick(1, "A", None), tick(2, "A", None)]).await?;
    f.execute(match f.kind() {
        StoreKind::Postgres => {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
             CREATE TRIGGER refusing BEFORE UPDATE ON \"ticks\" FOR EACH ROW EXECUTE FUNCTION refuse();"
        }
        StoreKind::Sqlite => "CREATE TRIGGER refusing BEFORE UPDATE ON \"ticks\" BEGIN SELECT RAISE(ABORT, 'no'); END;",
    })
    .await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    assert!(job.correct(f.store(), &Step::default()).await.is_err());
    f.execute(match f.kind() {
        StoreKind::Postgres => "DROP TRIGGER refusing ON \"ticks\"",
        StoreKind::Sqlite => "DROP TRIGGER refusing",
    })
    .await?;
    f.execute(&format!("UPDATE {TICKERS} SET \"class\" = 'ETF'")).await?;
    assert_eq!(job.correct(f.store(), &Step::default()).await?.changed, 2);
    assert_eq!(class_of(f, 1).await?.as_deref(), Some("ETF"));
    Ok(())
}

/// With statistics a store may read a large reference another way; it must find the same.
pub async fn a_reference_much_larger_than_the_table_resolves_the_same(f: &Fixture) -> anyhow::Result<()> {
    let odd =
        ["AAPL", "aapl", "AAPL ", "", " ", "it's", "東京", "CAF\u{c9}", "CAFE\u{301}", "100%", "\\", "S77", "S78"];
    let mut tickers: Vec<_> = (0..6_000).map(|n| known(format!("S{n}").as_str(), "STOCK")).collect();
    tickers.extend([known("AAPL", "STOCK"), known("aapl", "ETF"), known("it's", ""), known("it's", "ETF")]);
    tickers.extend([known("東京", "CRYPTO"), known("CAF\u{c9}", "ETF"), known("S78", "ETF"), known("", "ETF")]);
    tickers.extend([known(None, "ETF"), known("100%", "WIDGET"), known("\\", "\u{3000}")]);
    let pairs = odd.iter().flat_map(|s| [(*s, None), (*s, Some("stock"))]);
    let mut ticks: Vec<_> = (1..).zip(pairs).map(|(id, (symbol, class))| tick(id, symbol, class)).collect();
    ticks.push(tick(1_000, None, None));
    bench::fill(f, &tickers, &ticks).await?;
    f.execute("ANALYZE").await?;
    let picture = f.picture(TICKS).await?;
    let world = agree(f, &rule()).await?;
    let wrong = world.correctable(Mode::Overwrite, &Scope::default());
    let (job, totals) = run_correction(f, &rule(), &Step { limits: limits(3, 5), ..Step::default() }).await?;
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (wrong, wrong));
    let after = agree(f, &rule()).await?;
    for (was, is) in world.rows.iter().zip(&after.rows) {
        let expected = if was.finding.needs_a_person() { was.finding } else { Finding::Correct };
        assert_eq!(is.finding, expected, "{was:?}");
    }
    run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

pub async fn a_row_that_was_written_twice_comes_back_to_what_it_was(f: &Fixture) -> anyhow::Result<()> {
    for size in [1, 1_000] {
        bench::fill(f, &[known("A", "STOCK")], &[tick(1, "A", None), tick(2, "A", "")]).await?;
        let picture = f.picture(TICKS).await?;
        let job = Job::begin(f, &rule(), &correction(&rule())).await?;
        job.correct_all(f, &Step::default()).await?;
        // Somebody takes the values away again; the closing sweep finds the rows once more.
        f.execute(&format!("UPDATE {TICKS} SET \"class\" = CASE \"id\" WHEN 2 THEN '' END")).await?;
        job.correct_all(f, &Step::default()).await?;
        job.succeed(f).await?;
        assert_eq!(journalled(f, &job.id).await?, 4);
        let undo = Undo { limits: limits(size, size), ..Undo::default() };
        let (back, totals) = run_rollback(f, &rule(), &job.id, &undo).await?;
        assert_eq!(f.picture(TICKS).await?, picture, "by {size}");
        assert_eq!((totals.conflicts, totals.deleted), (0, 0), "by {size}");
        assert_eq!(journalled(f, &back.id).await?, totals.changed);
        assert_eq!(World::read(f, &rule()).await?.correctable(Mode::Fill, &Scope::default()), 2);
    }
    Ok(())
}
