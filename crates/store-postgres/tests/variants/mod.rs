//! Tables and servers out of the ordinary: each goes the whole way (count, run, proof, rollback to the
//! byte), or is refused before the first write with the field at fault, what is there and the cure.

use amend_domain::{ColumnName, ErrorCode, Mode, RollbackOptions, Rule, Scope, Strategy, TableName};
use amend_engine::{Engine, store::Store};
use amend_store_testkit::{
    Fixture,
    bench::{self, at, known},
    engine_driver::{caller, engine_by_blocks, operator, over, overwrite, problem, proven, run},
    model::agree,
};

macro_rules! cases {
    ($($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                amend_store_testkit::run(crate::subject(), |f| Box::pin(case::$name(f))).await;
            }
        )*
    };
}

cases! {
    a_value_of_an_enum_goes_the_whole_way
    an_allowed_value_that_is_no_label_of_the_enum_is_refused
    a_value_of_a_domain_goes_the_whole_way_and_its_check_refuses_others
    an_allowed_value_that_is_too_long_is_refused_and_not_cut
    citext_matches_and_compares_to_the_letter
    a_generated_column_beside_the_value_follows_and_one_as_the_value_is_refused
    a_trigger_that_keeps_a_time_is_refused_until_the_rule_names_its_column
    a_trigger_that_cannot_be_read_is_told_and_let_through
    rows_hidden_by_policies_are_left_alone_and_told
    a_role_that_passes_row_level_security_walks_by_blocks
    a_reference_with_hidden_rows_is_refused
    a_table_of_another_owner_needs_the_right_to_update_one_column
    a_table_that_may_not_be_read_is_refused_by_name
    a_view_is_refused_as_a_target
    a_foreign_partition_is_refused_and_the_others_go_the_whole_way
    a_server_without_ranges_of_ctid_goes_by_key
    a_server_that_does_not_tell_how_tables_are_stored_goes_by_key
    a_server_without_the_hash_of_a_row_is_refused
    a_server_without_session_locks_can_be_set_up
}

const ROWS: i64 = 2_000;

/// `ledger`, two of three rows wrong, with the value of this type and further columns.
async fn ledger(f: &Fixture, value_type: &str, more: &str) -> anyhow::Result<Rule> {
    bench::create(f).await?;
    bench::add_tickers(f, &[known("A", "STOCK"), known("B", "ETF")]).await?;
    f.execute(&format!(
        "CREATE TABLE ledger (id bigint PRIMARY KEY, symbol text, class {value_type}, note text{more});
         INSERT INTO ledger (id, symbol, class, note)
         SELECT i, CASE i % 2 WHEN 0 THEN 'A' ELSE 'B' END,
                (CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 'CRYPTO' ELSE CASE i % 2 WHEN 0 THEN 'STOCK' ELSE 'ETF' END END)::{value_type},
                'a note that fills a block within a few dozen rows, so that there are several'
         FROM generate_series(1, {ROWS}) i;"
    ))
    .await?;
    let mut rule = bench::rule();
    rule.target.table = TableName::new("ledger");
    rule.target.timestamp = None;
    rule.target.dimensions.clear();
    f.store().save_rule(&rule, at(0)).await?;
    Ok(rule)
}

fn engine(f: &Fixture) -> Engine {
    engine_by_blocks(f.shared_store(), "engine-1")
}

/// Counts, corrects, proves, runs again for nothing, and restores every byte of these columns.
async fn whole_way(f: &Fixture, engine: &Engine, rule: &Rule, strategy: Strategy, columns: &str) -> anyhow::Result<()> {
    engine.check_rule(rule).await?;
    let picture = f.query(&format!("SELECT {columns} FROM ledger ORDER BY id")).await?;
    let wrong = agree(f, rule).await?.correctable(Mode::Overwrite, &Scope::default());
    assert_eq!(engine.plan(&operator(), &rule.slug, &overwrite()).await?.to_change, wrong);
    let done = run(engine, rule, overwrite()).await?;
    proven(f, &done).await?;
    assert_eq!((done.walk.map(|w| w.strategy), done.changed), (Some(strategy), wrong));
    assert_eq!(agree(f, rule).await?.correctable(Mode::Overwrite, &Scope::default()), 0);
    assert_eq!(run(engine, rule, overwrite()).await?.changed, 0);
    let back = engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await?;
    let back = over(engine, &back.run_id).await?;
    proven(f, &back).await?;
    assert_eq!(back.changed, wrong);
    assert_eq!(f.query(&format!("SELECT {columns} FROM ledger ORDER BY id")).await?, picture);
    Ok(())
}

/// The problem with which a run of this rule is refused, before anything is written.
async fn refused(f: &Fixture, engine: &Engine, rule: &Rule, field: &str) -> anyhow::Result<String> {
    let picture = f.picture("ledger").await?;
    f.store().save_rule(rule, at(1)).await?;
    let told = problem(engine.check_rule(rule).await)?;
    let started = problem(engine.start_run(&operator(), &rule.slug, overwrite(), None).await)?;
    assert_eq!(told, started);
    assert_eq!((told.code, told.field.as_deref()), (ErrorCode::RuleUnusable, Some(field)), "{told}");
    assert!(told.advice.is_some(), "{told}");
    assert_eq!(f.picture("ledger").await?, picture);
    Ok(told.to_string())
}

/// A store of another user, who has every right on Amend's own tables and may read those made so far.
async fn clerk(f: &Fixture) -> anyhow::Result<(std::sync::Arc<dyn Store>, String)> {
    let store = f.read_only_store().await?;
    let name = f.query("SELECT current_database() || '_reader'").await?;
    Ok((store, name.into_iter().flatten().flatten().next().unwrap_or_default()))
}

mod case {
    use super::*;

    const ALL: &str = "ledger::text";

    pub async fn a_value_of_an_enum_goes_the_whole_way(f: &Fixture) -> anyhow::Result<()> {
        f.execute("CREATE TYPE kind AS ENUM ('ETF', 'STOCK', 'CRYPTO')").await?;
        let rule = ledger(f, "kind", "").await?;
        whole_way(f, &engine(f), &rule, Strategy::Ladder, ALL).await
    }

    pub async fn an_allowed_value_that_is_no_label_of_the_enum_is_refused(f: &Fixture) -> anyhow::Result<()> {
        f.execute("CREATE TYPE kind AS ENUM ('ETF', 'STOCK', 'CRYPTO')").await?;
        let mut rule = ledger(f, "kind", "").await?;
        rule.allowed_values.push("WIDGET".into());
        let told = refused(f, &engine(f), &rule, "allowed_values").await?;
        assert!(told.contains("WIDGET") && told.contains("ETF, STOCK, CRYPTO"), "{told}");
        Ok(())
    }

    pub async fn a_value_of_a_domain_goes_the_whole_way_and_its_check_refuses_others(
        f: &Fixture,
    ) -> anyhow::Result<()> {
        f.execute("CREATE DOMAIN kind AS text CHECK (VALUE IN ('ETF', 'STOCK', 'CRYPTO'))").await?;
        let mut rule = ledger(f, "kind", "").await?;
        whole_way(f, &engine(f), &rule, Strategy::Ladder, ALL).await?;
        rule.allowed_values.push("WIDGET".into());
        let told = refused(f, &engine(f), &rule, "allowed_values").await?;
        assert!(told.contains("WIDGET") && told.contains("kind"), "{told}");
        Ok(())
    }

    pub async fn an_allowed_value_that_is_too_long_is_refused_and_not_cut(f: &Fixture) -> anyhow::Result<()> {
        let mut rule = ledger(f, "varchar(6)", "").await?;
        whole_way(f, &engine(f), &rule, Strategy::Ladder, ALL).await?;
        rule.allowed_values.push("STOCKS OR ETF".into());
        let told = refused(f, &engine(f), &rule, "allowed_values").await?;
        assert!(told.contains("\"STOCKS\"") && told.contains("character varying(6)"), "{told}");
        Ok(())
    }

    pub async fn citext_matches_and_compares_to_the_letter(f: &Fixture) -> anyhow::Result<()> {
        f.execute("CREATE EXTENSION citext").await?;
        let rule = ledger(f, "citext", "").await?;
        f.execute(
            "ALTER TABLE ledger ALTER symbol TYPE citext; ALTER TABLE \"tickers\" ALTER ticker TYPE citext;
             UPDATE ledger SET symbol = 'a' WHERE id % 10 = 0; UPDATE ledger SET class = 'stock' WHERE id % 10 = 2;",
        )
        .await?;
        whole_way(f, &engine(f), &rule, Strategy::Ladder, ALL).await
    }

    pub async fn a_generated_column_beside_the_value_follows_and_one_as_the_value_is_refused(
        f: &Fixture,
    ) -> anyhow::Result<()> {
        let mut rule = ledger(f, "text", ", short text GENERATED ALWAYS AS (left(class, 1)) STORED").await?;
        whole_way(f, &engine(f), &rule, Strategy::Ladder, ALL).await?;
        rule.target.value = ColumnName::new("short");
        let told = refused(f, &engine(f), &rule, "target.value").await?;
        assert!(told.contains("generated"), "{told}");
        Ok(())
    }

    pub async fn a_trigger_that_keeps_a_time_is_refused_until_the_rule_names_its_column(
        f: &Fixture,
    ) -> anyhow::Result<()> {
        let mut rule = ledger(f, "text", ", \"Updated At\" timestamptz DEFAULT now()").await?;
        f.execute(
            "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW.\"Updated At\" := clock_timestamp(); RETURN NEW; END $$;
             CREATE TRIGGER touching BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION touch();",
        )
        .await?;
        let told = refused(f, &engine(f), &rule, "target.kept_by_triggers").await?;
        assert!(told.contains("touching") && told.contains("kept_by_triggers = [\"Updated At\"]"), "{told}");
        rule.target.kept_by_triggers = vec![ColumnName::new("Updated At")];
        f.store().save_rule(&rule, at(2)).await?;
        whole_way(f, &engine(f), &rule, Strategy::Ladder, "id, symbol, class, note").await?;
        assert!(f.number("SELECT count(DISTINCT \"Updated At\") FROM ledger").await? > 1, "the trigger had its way");
        Ok(())
    }

    pub async fn a_trigger_that_cannot_be_read_is_told_and_let_through(f: &Fixture) -> anyhow::Result<()> {
        let rule = ledger(f, "text", "").await?;
        f.execute(
            "CREATE TRIGGER quiet BEFORE UPDATE ON ledger
             FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();",
        )
        .await?;
        let notes = engine(f).rule_notes(&rule).await?;
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].message.contains("quiet") && notes[0].message.contains("internal"), "{notes:?}");
        whole_way(f, &engine(f), &rule, Strategy::Ladder, ALL).await
    }

    /// Of every four rows the clerk sees one.
    async fn policies(f: &Fixture) -> anyhow::Result<(Rule, Engine)> {
        let rule = ledger(f, "text", "").await?;
        let (store, name) = clerk(f).await?;
        f.execute(&format!(
            "GRANT UPDATE (class) ON ledger TO {name};
             ALTER TABLE ledger ENABLE ROW LEVEL SECURITY;
             CREATE POLICY a_quarter ON ledger FOR ALL TO {name} USING (id % 4 = 0);"
        ))
        .await?;
        Ok((rule, engine_by_blocks(store, "clerk")))
    }

    pub async fn rows_hidden_by_policies_are_left_alone_and_told(f: &Fixture) -> anyhow::Result<()> {
        let (rule, engine) = policies(f).await?;
        let notes = engine.rule_notes(&rule).await?;
        assert!(notes.iter().any(|n| n.message.contains("only the rows that its policies show")), "{notes:?}");
        let hidden = f.query("SELECT ledger::text FROM ledger WHERE id % 4 <> 0 ORDER BY id").await?;
        let picture = f.picture("ledger").await?;
        let done = run(&engine, &rule, overwrite()).await?;
        proven(f, &done).await?;
        let walk = done.walk.clone().map(|w| (w.strategy, w.reason.contains("row-level security")));
        assert_eq!((walk, done.scanned), (Some((Strategy::Key, true)), ROWS / 4));
        assert_eq!(f.query("SELECT ledger::text FROM ledger WHERE id % 4 <> 0 ORDER BY id").await?, hidden);
        let back = engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await?;
        proven(f, &over(&engine, &back.run_id).await?).await?;
        assert_eq!(f.picture("ledger").await?, picture);
        Ok(())
    }

    pub async fn a_role_that_passes_row_level_security_walks_by_blocks(f: &Fixture) -> anyhow::Result<()> {
        let (rule, _) = policies(f).await?;
        assert_eq!(engine(f).rule_notes(&rule).await?, []);
        whole_way(f, &engine(f), &rule, Strategy::Ladder, ALL).await
    }

    pub async fn a_reference_with_hidden_rows_is_refused(f: &Fixture) -> anyhow::Result<()> {
        let (rule, engine) = policies(f).await?;
        f.execute("ALTER TABLE \"tickers\" ENABLE ROW LEVEL SECURITY").await?;
        let told = refused(f, &engine, &rule, "reference.table").await?;
        assert!(told.contains("ambiguous") && told.contains("BYPASSRLS"), "{told}");
        Ok(())
    }

    pub async fn a_table_of_another_owner_needs_the_right_to_update_one_column(f: &Fixture) -> anyhow::Result<()> {
        let rule = ledger(f, "text", "").await?;
        let (store, name) = clerk(f).await?;
        let engine = engine_by_blocks(store, "clerk");
        let told = problem(engine.start_run(&operator(), &rule.slug, overwrite(), None).await)?;
        assert_eq!(told.code, ErrorCode::ReadOnly);
        assert!(told.advice.as_deref().is_some_and(|a| a.contains("GRANT UPDATE (class) ON ledger")), "{told}");
        f.execute(&format!("GRANT UPDATE (class) ON ledger TO {name}")).await?;
        whole_way(f, &engine, &rule, Strategy::Ladder, ALL).await
    }

    pub async fn a_table_that_may_not_be_read_is_refused_by_name(f: &Fixture) -> anyhow::Result<()> {
        let rule = ledger(f, "text", "").await?;
        let (store, name) = clerk(f).await?;
        f.execute(&format!("REVOKE SELECT ON \"tickers\" FROM {name}")).await?;
        let told = refused(f, &engine_by_blocks(store, "clerk"), &rule, "reference.table").await?;
        assert!(told.contains(&name) && told.contains("GRANT SELECT ON public.tickers"), "{told}");
        Ok(())
    }

    pub async fn a_view_is_refused_as_a_target(f: &Fixture) -> anyhow::Result<()> {
        let mut rule = ledger(f, "text", "").await?;
        f.execute("CREATE VIEW seen AS SELECT * FROM ledger").await?;
        rule.target.table = TableName::new("seen");
        let told = refused(f, &engine(f), &rule, "target.table").await?;
        assert!(told.contains("a view") && told.contains("the table behind it"), "{told}");
        Ok(())
    }

    pub async fn a_foreign_partition_is_refused_and_the_others_go_the_whole_way(f: &Fixture) -> anyhow::Result<()> {
        let mut rule = ledger(f, "text", "").await?;
        f.execute(
            "CREATE EXTENSION postgres_fdw; CREATE SERVER afar FOREIGN DATA WRAPPER postgres_fdw;
             ALTER TABLE ledger RENAME TO near;
             CREATE TABLE ledger (LIKE near) PARTITION BY RANGE (id);
             ALTER TABLE ledger ATTACH PARTITION near FOR VALUES FROM (0) TO (10000);
             CREATE FOREIGN TABLE far PARTITION OF ledger FOR VALUES FROM (10000) TO (20000) SERVER afar;",
        )
        .await?;
        f.store().save_rule(&rule, at(1)).await?;
        let told = problem(engine(f).check_rule(&rule).await)?;
        assert_eq!((told.code, told.field.as_deref()), (ErrorCode::RuleUnusable, Some("target.table")), "{told}");
        assert!(told.to_string().contains("public.far"), "{told}");
        assert!(told.advice.is_some_and(|a| a.contains("one rule for each part")));
        f.execute("DROP FOREIGN TABLE far").await?;
        rule.target.table = TableName::new("near");
        f.store().save_rule(&rule, at(2)).await?;
        whole_way(f, &engine(f), &rule, Strategy::Ladder, ALL).await
    }

    // Other servers cannot be had here. What they lack is taken away from this database's own catalog,
    // so that the same questions get the same answers.

    pub async fn a_server_without_ranges_of_ctid_goes_by_key(f: &Fixture) -> anyhow::Result<()> {
        let rule = ledger(f, "text", "").await?;
        f.execute(
            "SET allow_system_table_mods = on;
             UPDATE pg_operator SET oprname = '>=!' WHERE oprname = '>=' AND oprleft = 'tid'::regtype;
             SET allow_system_table_mods = off;",
        )
        .await?;
        let walk = engine(f).walk_of(&rule).await?;
        assert!(walk.reason.contains("cannot find rows by their block"), "{walk:?}");
        whole_way(f, &engine(f), &rule, Strategy::Key, ALL).await
    }

    pub async fn a_server_that_does_not_tell_how_tables_are_stored_goes_by_key(f: &Fixture) -> anyhow::Result<()> {
        let rule = ledger(f, "text", "").await?;
        f.execute("ALTER FUNCTION pg_catalog.pg_indexes_size(regclass) RENAME TO gone").await?;
        let walk = engine(f).walk_of(&rule).await?;
        assert!(walk.reason.contains("does not tell how its tables are stored"), "{walk:?}");
        whole_way(f, &engine(f), &rule, Strategy::Key, ALL).await
    }

    pub async fn a_server_without_the_hash_of_a_row_is_refused(f: &Fixture) -> anyhow::Result<()> {
        let rule = ledger(f, "text", "").await?;
        f.execute("ALTER FUNCTION pg_catalog.hash_record_extended(record, bigint) RENAME TO gone").await?;
        let told = refused(f, &engine(f), &rule, "target.table").await?;
        assert!(told.contains("hash_record_extended"), "{told}");
        Ok(())
    }

    pub async fn a_server_without_session_locks_can_be_set_up(f: &Fixture) -> anyhow::Result<()> {
        f.execute(
            "DROP SCHEMA amend CASCADE; ALTER FUNCTION pg_catalog.pg_advisory_lock(bigint) RENAME TO gone;
             ALTER FUNCTION pg_catalog.pg_advisory_unlock(bigint) RENAME TO gone_too;",
        )
        .await?;
        assert!(!f.another_store().await?.migrate().await?.is_empty());
        let rule = ledger(f, "text", "").await?;
        // Leases are rows of a table, so a run needs no such lock either.
        assert_eq!(engine(f).rules(&caller(amend_domain::Role::Viewer)).await?, std::slice::from_ref(&rule));
        whole_way(f, &engine(f), &rule, Strategy::Ladder, ALL).await
    }
}
