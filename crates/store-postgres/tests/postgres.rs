//! What only PostgreSQL has: its types, collations, triggers, rights, and the ways that its planner is led.

use std::time::Duration;

use amend_domain::{
    ColumnName, Finding, Mode, RollbackOptions, RowFilter, RowSort, Rule, Scope, SortDirection, Strategy,
};
use amend_engine::store::{Catalog as _, Store, StoreError, StoreKind};
use amend_store_postgres::{PostgresOptions, PostgresStore};
use amend_store_testkit::{
    Fixture, Subject,
    bench::{self, TICKS, at, class_of, known, open_rule, rule, tick},
    driver::{Job, Step, Undo, correction, journalled, limits, only, refused, rollback, run_correction, run_rollback},
    engine_driver::{engine_by_blocks, operator, over, overwrite, run},
    model::{agree, by_key, pages, pretty},
};

fn subject() -> Subject {
    Subject {
        kind: StoreKind::Postgres,
        open: |url| {
            Box::pin(async move {
                let options = PostgresOptions {
                    max_connections: 4,
                    lock_timeout: Duration::from_millis(300),
                    ..PostgresOptions::default()
                };
                let store = PostgresStore::connect(&url, options).await?;
                Ok(std::sync::Arc::new(store) as std::sync::Arc<dyn Store>)
            })
        },
    }
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                amend_store_testkit::run(subject(), |f| Box::pin(case::$name(f))).await;
            }
        )*
    };
}

cases! {
    an_enum_is_read_and_written_by_its_labels
    a_value_that_the_column_cannot_hold_refuses_the_chunk
    padding_is_no_part_of_a_value
    a_collation_that_calls_two_texts_equal_does_not_make_them_match
    domains_and_generated_columns_are_left_to_the_database
    times_may_be_dates_plain_timestamps_or_texts
    a_row_that_a_trigger_vetoes_is_skipped
    a_trigger_that_writes_another_value_refuses_the_chunk
    a_reference_much_larger_than_a_slice_gives_the_same_answers
    a_row_that_one_run_wrote_twice_comes_back_to_its_first_value
    a_place_that_a_later_version_of_the_row_took_is_not_taken_for_the_first
    a_view_may_be_the_reference_and_not_the_target
    a_key_that_is_not_unique_is_refused
    rare_rows_are_found_behind_many_others
    a_locked_table_ends_an_analysis_within_the_lock_timeout
    a_person_who_may_not_create_is_told_so
}

/// Analyse, page, correct, roll back.
async fn circle(f: &Fixture, rule: &Rule, wrong: i64) -> anyhow::Result<()> {
    let table = rule.target.table.quoted();
    let picture = f.picture(&table).await?;
    let world = agree(f, rule).await?;
    assert_eq!(world.correctable(Mode::Overwrite, &Scope::default()), wrong);
    let (job, totals) = run_correction(f, rule, &Step { limits: limits(2, 3), ..Step::default() }).await?;
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (wrong, wrong));
    assert_eq!(agree(f, rule).await?.correctable(Mode::Overwrite, &Scope::default()), 0);
    assert_eq!(f.store().touched_chunks(&job.id).await?, 0);
    run_rollback(f, rule, &job.id, &Undo::default()).await?;
    assert_eq!(f.picture(&table).await?, picture);
    Ok(())
}

/// The suite's rule without time and dimension.
fn plain() -> Rule {
    let mut rule = rule();
    rule.target.timestamp = None;
    rule.target.dimensions.clear();
    rule
}

mod case {
    use super::*;

    pub async fn an_enum_is_read_and_written_by_its_labels(f: &Fixture) -> anyhow::Result<()> {
        f.execute(
            "CREATE SCHEMA types;
             CREATE TYPE types.\"Class\" AS ENUM ('CRYPTO', 'STOCK', 'ETF', 'stock');
             CREATE TABLE ticks (id bigint PRIMARY KEY, symbol text, class types.\"Class\");
             CREATE TABLE tickers (ticker text, class types.\"Class\");
             INSERT INTO tickers VALUES ('A', 'STOCK'), ('B', 'ETF'), ('B', 'CRYPTO'), ('C', NULL);
             INSERT INTO ticks VALUES (1, 'A', NULL), (2, 'A', 'stock'), (3, 'A', 'CRYPTO'), (4, 'B', NULL), (5, 'C', 'ETF')",
        )
        .await?;
        circle(f, &plain(), 3).await
    }

    pub async fn a_value_that_the_column_cannot_hold_refuses_the_chunk(f: &Fixture) -> anyhow::Result<()> {
        for column in ["varchar(3)", "char(3)", "three", "one_label"] {
            f.execute(&format!(
                "DROP TABLE IF EXISTS ticks, tickers; DROP DOMAIN IF EXISTS three; DROP TYPE IF EXISTS one_label;
                 CREATE DOMAIN three AS varchar(3); CREATE TYPE one_label AS ENUM ('ETF');
                 CREATE TABLE ticks (id bigint PRIMARY KEY, symbol text, class {column});
                 CREATE TABLE tickers (ticker text, class text);
                 INSERT INTO tickers VALUES ('A', 'STOCK'), ('B', 'ETF');
                 INSERT INTO ticks VALUES (1, 'B', NULL), (2, 'A', NULL)"
            ))
            .await?;
            let picture = f.picture(TICKS).await?;
            let job = Job::begin(f, &plain(), &correction(&plain())).await?;
            let error = refused(job.correct(f.store(), &Step::default()).await)?;
            assert!(matches!(error, StoreError::Row(_)), "{column}: {error:?}");
            assert_eq!(f.picture(TICKS).await?, picture, "{column}");
            assert_eq!(job.correct(f.store(), &Step { limits: limits(1, 1), ..Step::default() }).await?.changed, 1);
            job.succeed(f).await?;
        }
        Ok(())
    }

    pub async fn padding_is_no_part_of_a_value(f: &Fixture) -> anyhow::Result<()> {
        f.execute(
            "CREATE TABLE ticks (id char(4) PRIMARY KEY, symbol char(6), class char(10));
             CREATE TABLE tickers (ticker varchar(9), class char(8));
             INSERT INTO tickers VALUES ('A', 'STOCK'), ('AB', 'ETF'), ('A  ', 'CRYPTO');
             INSERT INTO ticks VALUES ('a', 'A', NULL), ('b', 'A', 'STOCK'), ('ab', 'AB', 'etf'), ('', 'A ', '')",
        )
        .await?;
        let rule = plain();
        let job = Job::begin(f, &rule, &correction(&rule)).await?;
        let picture = f.picture(TICKS).await?;
        assert_eq!(job.correct_all(f, &Step { limits: limits(1, 2), ..Step::default() }).await?.changed, 3);
        let classes = f.query("SELECT class::text FROM ticks ORDER BY id").await?;
        assert_eq!(classes.into_iter().flatten().flatten().collect::<Vec<_>>(), ["STOCK", "STOCK", "ETF", "STOCK"]);
        job.succeed(f).await?;
        let of = |symbol: &str| RowFilter { symbols: vec![symbol.into()], ..RowFilter::default() };
        assert_eq!(pages(f, &rule, &of("A"), Default::default(), 2).await?.len(), 3);
        assert_eq!(f.store().count_rows(&rule, &of("A ")).await?, 0);
        run_rollback(f, &rule, &job.id, &Undo { limits: limits(2, 2), ..Undo::default() }).await?;
        assert_eq!(f.picture(TICKS).await?, picture);
        Ok(())
    }

    pub async fn a_collation_that_calls_two_texts_equal_does_not_make_them_match(f: &Fixture) -> anyhow::Result<()> {
        f.execute(
            "CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             CREATE TABLE ticks (id text COLLATE ignoring_case PRIMARY KEY, symbol text COLLATE ignoring_case,
                                 class text COLLATE ignoring_case);
             CREATE TABLE tickers (ticker text COLLATE ignoring_case, class text COLLATE ignoring_case);
             INSERT INTO tickers VALUES ('A', 'STOCK'), ('b', 'ETF'), ('c', 'ETF'), ('C', 'STOCK'), ('d', 'STOCK'), ('d', 'stock');
             INSERT INTO ticks VALUES ('1', 'A', 'stock'), ('2', 'a', NULL), ('3', 'B', 'ETF'), ('4', 'b', 'etf'),
                 ('5', 'c', NULL), ('6', 'C', NULL), ('7', 'd', 'STOCK'), ('8', 'A', 'STOCK')",
        )
        .await?;
        circle(f, &plain(), 4).await?;
        let scoped = f.store().summarise(&plain(), &only(&["A"])).await?;
        assert_eq!(scoped.groups.iter().map(|g| g.rows).sum::<i64>(), 2);
        let ambiguous = RowFilter { findings: vec![Finding::Ambiguous], ..RowFilter::default() };
        assert_eq!(pages(f, &plain(), &ambiguous, Default::default(), 10).await?.len(), 1);
        Ok(())
    }

    pub async fn domains_and_generated_columns_are_left_to_the_database(f: &Fixture) -> anyhow::Result<()> {
        f.execute(
            "CREATE DOMAIN id AS uuid; CREATE DOMAIN code AS varchar(10) CHECK (value <> ''); CREATE DOMAIN deep AS code;
             CREATE TABLE ticks (id id PRIMARY KEY, symbol deep, class deep, note jsonb, spot point, parts text[],
                                 price numeric, label text GENERATED ALWAYS AS ('<' || class || '>') STORED);
             CREATE TABLE tickers (ticker code, class deep);
             INSERT INTO tickers VALUES ('A', 'STOCK');
             INSERT INTO ticks SELECT gen_random_uuid(), 'A', c, '{\"a\": 1.0}', '(1,2)', '{x,NULL}', 1.50
             FROM unnest(ARRAY[NULL, 'stock', 'STOCK', 'ETF', ' ']) c",
        )
        .await?;
        circle(f, &plain(), 4).await
    }

    pub async fn times_may_be_dates_plain_timestamps_or_texts(f: &Fixture) -> anyhow::Result<()> {
        f.execute(
            "CREATE TABLE ticks (id bigint PRIMARY KEY, symbol text, class text, d date, p timestamp, z timestamptz,
                                 w text, n bigint);
             CREATE TABLE tickers (ticker text, class text);
             INSERT INTO ticks VALUES
               (1, 'A', NULL, '2026-01-05', '2026-01-05 10:00', '2026-01-05T10:00Z', '2026-01-05T12:00:00+02:00', 1),
               (2, 'A', NULL, '2026-01-04', '2026-01-04 10:00', '2026-01-04T10:00Z', ' 2026-01-04 10:00:00.5 ', 2),
               (3, 'A', NULL, 'infinity', '-infinity', 'infinity', '2026-02-30', 3),
               (4, 'A', NULL, NULL, NULL, NULL, 'last Tuesday', NULL),
               (5, 'A', NULL, '250000-01-01', '250000-01-01', '250000-01-01', '0000-01-01', 4)",
        )
        .await?;
        let day = chrono::DateTime::parse_from_rfc3339("2026-01-05T00:00:00Z")?.with_timezone(&chrono::Utc);
        let mut rule = plain();
        for (column, listed) in [("d", 1), ("p", 1), ("z", 1), ("w", 1)] {
            rule.target.timestamp = Some(ColumnName::new(column));
            let rows = pages(f, &rule, &RowFilter::default(), (RowSort::Timestamp, SortDirection::Desc), 2).await?;
            assert_eq!((rows.len(), rows.iter().filter(|r| r.at.is_some()).count()), (5, 2), "{column}");
            let early =
                RowFilter { until: Some(day), from: Some(day - chrono::TimeDelta::days(2)), ..RowFilter::default() };
            assert_eq!(f.store().count_rows(&rule, &early).await?, listed, "{column}");
            f.store().summarise(&rule, &Scope::default()).await?;
            f.store().unresolved(&rule, 10).await?;
        }
        rule.target.timestamp = Some(ColumnName::new("n"));
        let summary = f.store().summarise(&rule, &Scope::default()).await?;
        assert!(summary.groups.iter().all(|g| g.first_seen.is_none() && g.rows == 5));
        Ok(())
    }

    pub async fn a_row_that_a_trigger_vetoes_is_skipped(f: &Fixture) -> anyhow::Result<()> {
        let ticks: Vec<_> = (1..=6).map(|id| tick(id, "A", None)).collect();
        bench::fill(f, &[known("A", "STOCK")], &ticks).await?;
        f.execute(
            "CREATE FUNCTION veto() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
             CREATE TRIGGER veto BEFORE UPDATE ON ticks FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION veto()",
        )
        .await?;
        let (job, totals) = run_correction(f, &rule(), &Step::default()).await?;
        assert_eq!((totals.changed, totals.skipped, journalled(f, &job.id).await?), (5, 1, 5));
        assert_eq!((class_of(f, 3).await?, f.store().touched_chunks(&job.id).await?), (None, 0));
        Ok(())
    }

    pub async fn a_trigger_that_writes_another_value_refuses_the_chunk(f: &Fixture) -> anyhow::Result<()> {
        bench::fill(f, &[known("A", "STOCK")], &[tick(1, "A", None), tick(2, "A", None)]).await?;
        f.execute(
            "CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.class := 'Stock'; RETURN NEW; END $$;
             CREATE TRIGGER bend BEFORE UPDATE ON ticks FOR EACH ROW WHEN (NEW.id = 2) EXECUTE FUNCTION bend()",
        )
        .await?;
        let picture = f.picture(TICKS).await?;
        let job = Job::begin(f, &rule(), &correction(&rule())).await?;
        let error = refused(job.correct(f.store(), &Step::default()).await)?;
        assert!(matches!(error, StoreError::Row(_)), "{error:?}");
        assert_eq!((f.picture(TICKS).await?, journalled(f, &job.id).await?), (picture, 0));
        Ok(())
    }

    pub async fn a_reference_much_larger_than_a_slice_gives_the_same_answers(f: &Fixture) -> anyhow::Result<()> {
        f.execute(
            "CREATE TABLE ticks (id bigint PRIMARY KEY, symbol varchar(9) COLLATE \"POSIX\", class text);
             CREATE TABLE tickers (ticker text, class text);
             INSERT INTO tickers SELECT 'S' || n, CASE n % 3 WHEN 0 THEN 'STOCK' WHEN 1 THEN 'ETF' END
             FROM generate_series(1, 40000) n;
             INSERT INTO tickers VALUES ('S3', 'ETF');
             CREATE INDEX ON tickers (ticker);
             INSERT INTO ticks SELECT n, CASE WHEN n % 7 > 0 THEN 'S' || n % 8 END, CASE n % 4 WHEN 0 THEN 'ETF' END
             FROM generate_series(1, 60) n;
             ANALYZE tickers",
        )
        .await?;
        let wrong = agree(f, &plain()).await?.correctable(Mode::Overwrite, &Scope::default());
        assert!(wrong > 10);
        circle(f, &plain(), wrong).await
    }

    pub async fn a_row_that_one_run_wrote_twice_comes_back_to_its_first_value(f: &Fixture) -> anyhow::Result<()> {
        let ticks: Vec<_> = (1..=6).map(|id| tick(id, "A", None)).collect();
        bench::fill(f, &[known("A", "STOCK")], &ticks).await?;
        let picture = f.picture(TICKS).await?;
        let job = Job::begin(f, &rule(), &correction(&rule())).await?;
        job.correct_all(f, &Step { limits: limits(2, 2), ..Step::default() }).await?;
        f.execute("UPDATE tickers SET class = 'ETF'").await?;
        job.correct_all(f, &Step { limits: limits(3, 3), ..Step::default() }).await?;
        job.succeed(f).await?;
        assert_eq!(journalled(f, &job.id).await?, 12);
        for rows in [1_000, 5, 1] {
            let back = Job::begin(f, &rule(), &rollback(&rule(), &job.id)).await?;
            let undo = Undo { limits: limits(rows, rows), ..Undo::default() };
            let totals = back.restore_all(f, &job.id, &undo).await?;
            assert_eq!((totals.changed, totals.conflicts), (12, 0), "{rows} rows a step");
            assert_eq!(f.picture(TICKS).await?, picture, "{rows} rows a step");
            back.succeed(f).await?;
            let forth = Job::begin(f, &rule(), &rollback(&rule(), &back.id)).await?;
            forth.restore_all(f, &back.id, &Undo::default()).await?;
            forth.succeed(f).await?;
            assert_eq!(class_of(f, 6).await?.as_deref(), Some("ETF"));
        }
        Ok(())
    }

    /// NULL, ours, theirs, ours again, where the second of ours lies where the first lay: undone, the rows have
    /// theirs.
    pub async fn a_place_that_a_later_version_of_the_row_took_is_not_taken_for_the_first(
        f: &Fixture,
    ) -> anyhow::Result<()> {
        bench::create(f).await?;
        bench::add_tickers(f, &[known("A", "STOCK")]).await?;
        f.execute(
            "ALTER TABLE ticks SET (fillfactor = 20);
             INSERT INTO ticks (id, symbol, frame, note) SELECT n, 'A', '1d', 'a note' FROM generate_series(1, 300) n",
        )
        .await?;
        f.store().save_rule(&rule(), at(0)).await?;
        let engine = engine_by_blocks(f.shared_store(), "engine-1");
        let first = run(&engine, &rule(), overwrite()).await?;
        f.execute("UPDATE ticks SET class = 'THEIRS'").await?;
        f.execute("VACUUM ticks").await?;
        let second = run(&engine, &rule(), overwrite()).await?;
        assert_eq!((first.changed, second.changed), (300, 300));
        let taken_again = format!(
            "SELECT count(*) FROM amend.journal e, unnest(e.row_keys, e.row_tids) k(key, tid), ticks t
             WHERE e.run_id = '{}' AND t.ctid = k.tid AND t.id::text = k.key",
            first.run_id
        );
        assert!(f.number(&taken_again).await? > 0, "no place was taken again");
        // As a run that walked twice has it.
        f.execute(&format!(
            "UPDATE amend.journal SET run_id = '{}', chunk = chunk + 1000 WHERE run_id = '{}'",
            first.run_id, second.run_id
        ))
        .await?;
        let back = engine.start_rollback(&operator(), &first.run_id, RollbackOptions::default()).await?;
        let back = over(&engine, &back.run_id).await?;
        assert_eq!(back.walk.map(|w| w.strategy), Some(Strategy::Blocks));
        assert_eq!((back.changed, back.conflicts), (300, 300));
        assert_eq!(f.number("SELECT count(*) FROM ticks WHERE class = 'THEIRS'").await?, 300);
        Ok(())
    }

    pub async fn a_view_may_be_the_reference_and_not_the_target(f: &Fixture) -> anyhow::Result<()> {
        f.execute(
            "CREATE TABLE base (id bigint PRIMARY KEY, symbol text, class text);
             CREATE VIEW ticks AS SELECT * FROM base;
             CREATE VIEW tickers AS SELECT 'A' AS ticker, 'STOCK'::text AS class;
             INSERT INTO base VALUES (1, 'A', NULL), (2, 'B', NULL)",
        )
        .await?;
        assert!(f.store().table(&plain().target.table).await?.is_none());
        let error = refused(f.store().summarise(&plain(), &Scope::default()).await)?;
        assert!(matches!(error, StoreError::Unsupported(_)), "{error:?}");
        let mut rule = plain();
        rule.target.table = amend_domain::TableName::new("base");
        circle(f, &rule, 1).await
    }

    pub async fn a_key_that_is_not_unique_is_refused(f: &Fixture) -> anyhow::Result<()> {
        bench::fill(f, &[known("A", "STOCK")], &[tick(1, "A", None), tick(2, "A", None)]).await?;
        for key in [&["symbol"][..], &["note"], &["symbol", "note"]] {
            let mut rule = rule();
            rule.target.key = key.iter().map(|k| ColumnName::new(k)).collect();
            let job = Job::begin(f, &rule, &correction(&rule)).await?;
            let error = refused(job.correct(f.store(), &Step::default()).await)?;
            assert!(matches!(error, StoreError::Unsupported(_)), "{error:?}");
            job.succeed(f).await?;
        }
        // More than is needed is not wrong.
        let mut rule = rule();
        rule.target.key = vec![ColumnName::new("note"), ColumnName::new("id")];
        circle(f, &rule, 2).await
    }

    pub async fn rare_rows_are_found_behind_many_others(f: &Fixture) -> anyhow::Result<()> {
        f.execute(
            "CREATE TABLE ticks (id bigint PRIMARY KEY, symbol text, class text, frame text, seen_at timestamptz);
             CREATE TABLE tickers (ticker text, class text);
             INSERT INTO tickers VALUES ('A', 'STOCK'), ('B', 'ETF'), ('D', 'ETF'), ('D', 'STOCK'), ('U', NULL);
             INSERT INTO ticks SELECT n, CASE n % 20011 WHEN 5 THEN 'GONE' WHEN 6 THEN NULL WHEN 7 THEN 'D' WHEN 8 THEN 'U'
                                                        ELSE CASE n % 2 WHEN 0 THEN 'A' ELSE 'B' END END,
                 CASE n % 15013 WHEN 9 THEN 'etf' WHEN 10 THEN NULL WHEN 11 THEN 'CRYPTO'
                                ELSE CASE n % 2 WHEN 0 THEN 'STOCK' ELSE 'ETF' END END,
                 '1d', CASE WHEN n % 5 > 0 THEN '2026-01-01'::timestamptz + n % 1000 * interval '1 min' END
             FROM generate_series(1, 50000) n;
             CREATE INDEX ON ticks (symbol); ANALYZE ticks",
        )
        .await?;
        let world = amend_store_testkit::model::World::read(f, &open_rule()).await?;
        for finding in Finding::ALL.into_iter().filter(|f| *f != Finding::Correct) {
            let filter = RowFilter { findings: vec![finding], ..RowFilter::default() };
            let expected = by_key(world.rows.iter().filter(|r| r.finding == finding).cloned())?;
            assert!((2..20).contains(&expected.len()), "{finding:?}");
            assert_eq!(f.store().count_rows(&open_rule(), &filter).await?, i64::try_from(expected.len())?);
            for sort in [RowSort::Key, RowSort::Symbol, RowSort::Timestamp] {
                for direction in [SortDirection::Asc, SortDirection::Desc] {
                    let rows = pages(f, &open_rule(), &filter, (sort, direction), 2).await?;
                    pretty(&by_key(rows)?, &expected, &format!("{finding:?} by {sort:?} {direction:?}"));
                }
            }
        }
        Ok(())
    }

    pub async fn a_locked_table_ends_an_analysis_within_the_lock_timeout(f: &Fixture) -> anyhow::Result<()> {
        bench::fill(f, &[known("A", "STOCK")], &[tick(1, "A", None)]).await?;
        let held = f.hold(&["LOCK TABLE ticks IN ACCESS EXCLUSIVE MODE"]).await?;
        let error = refused(f.store().summarise(&rule(), &Scope::default()).await)?;
        assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
        held.roll_back().await?;
        f.store().summarise(&rule(), &Scope::default()).await?;
        Ok(())
    }

    pub async fn a_person_who_may_not_create_is_told_so(f: &Fixture) -> anyhow::Result<()> {
        let reader = f.read_only_store().await?;
        // What is finished already needs no right to create.
        assert!(reader.migrate().await?.is_empty());
        f.execute("DROP SCHEMA amend CASCADE").await?;
        assert!(!reader.server_info().await?.writable);
        let error = refused(reader.migrate().await)?;
        assert!(matches!(error, StoreError::ReadOnly(_)), "{error:?}");
        let error = refused(f.store().claimable(at(0)).await)?;
        assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
        assert!(!f.store().migrate().await?.is_empty());
        Ok(())
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_unavailable() {
    let options = PostgresOptions { acquire_timeout: Duration::from_secs(1), ..PostgresOptions::default() };
    for url in ["postgres://nobody@127.0.0.1:1/none", "postgres://nobody@127.0.0.1:port/none", "not an address"] {
        match PostgresStore::connect(url, options.clone()).await {
            Err(StoreError::Unavailable(_)) => {}
            Err(e) => panic!("{url}: {e:?}"),
            Ok(store) => panic!("{url}: {:?}", store.kind()),
        }
    }
}
