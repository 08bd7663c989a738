//! How the walk is chosen by what the table is.

use amend_domain::{ColumnName, RollbackOptions, RunOptions, Strategy, TableName};
use amend_engine::store::StoreKind;

use super::engine_walks::{ROWS, WRONG, by_blocks, engine_over_many, many, strategy};
use crate::{
    Fixture,
    bench::{TICKS, at, rule},
    driver::only,
    engine_driver::{engine_by_blocks, operator, over, overwrite, proven, run},
};

/// `parts`, partitioned as said, with the rows of `ticks`.
async fn partitioned(f: &Fixture, by: &str, partitions: &str) -> anyhow::Result<amend_domain::Rule> {
    many(f).await?;
    f.execute(&format!(
        "CREATE TABLE \"parts\" (\"id\" bigint NOT NULL, \"symbol\" text, \"class\" text) PARTITION BY {by};
         {partitions}
         INSERT INTO \"parts\" SELECT \"id\", \"symbol\", \"class\" FROM {TICKS};"
    ))
    .await?;
    let mut rule = rule();
    rule.target.table = TableName::new("parts");
    rule.target.timestamp = None;
    rule.target.dimensions = Vec::new();
    f.store().save_rule(&rule, at(0)).await?;
    Ok(rule)
}

pub async fn partitions_are_walked_each_by_its_own_blocks(f: &Fixture) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        return Ok(());
    }
    let rule = partitioned(
        f,
        "HASH (\"id\")",
        "CREATE TABLE \"p 0\" PARTITION OF \"parts\" FOR VALUES WITH (MODULUS 3, REMAINDER 0);
         CREATE TABLE \"p 1\" PARTITION OF \"parts\" FOR VALUES WITH (MODULUS 3, REMAINDER 1);
         CREATE TABLE \"p 2\" PARTITION OF \"parts\" FOR VALUES WITH (MODULUS 3, REMAINDER 2)
           PARTITION BY HASH (\"id\");
         CREATE TABLE \"p 2 all\" PARTITION OF \"p 2\" FOR VALUES WITH (MODULUS 1, REMAINDER 0);
         ALTER TABLE \"parts\" ADD UNIQUE (\"id\");",
    )
    .await?;
    let engine = engine_by_blocks(f.shared_store(), "engine-1");
    let done = run(&engine, &rule, overwrite()).await?;
    proven(f, &done).await?;
    assert_eq!((strategy(&done), done.changed), (Some(Strategy::Ladder), WRONG));
    let leaves = format!(
        "SELECT count(DISTINCT split_part(\"upto\", ' blocks', 1)) FROM amend.chunk WHERE \"run\" = '{}'",
        done.run_id
    );
    assert_eq!(f.number(&leaves).await?, 3);
    Ok(())
}

/// Only a database that can tell says anything: no figure is made up.
pub async fn cache_load_and_order_of_the_key_are_looked_at(f: &Fixture) -> anyhow::Result<()> {
    many(f).await?;
    if f.kind() == StoreKind::Sqlite {
        let facts = f.store().table_facts(&rule()).await?;
        assert_eq!((facts.cache_blocks, facts.key_correlation, facts.busy_sessions), (None, None, None));
        return Ok(());
    }
    f.execute(&format!("DELETE FROM pg_statistic WHERE starelid = '{TICKS}'::regclass")).await?;
    assert_eq!(f.store().table_facts(&rule()).await?.key_correlation, None);
    f.execute(&format!("ANALYZE {TICKS}")).await?;
    let facts = f.store().table_facts(&rule()).await?;
    assert!(facts.key_correlation.is_some_and(|c| c > 0.99), "{facts:?}");
    let (facts_then, slept) = tokio::join!(
        async {
            let store = f.store();
            let seen = async {
                loop {
                    let facts = store.table_facts(&rule()).await?;
                    if facts.busy_sessions.is_some_and(|busy| busy > 0) {
                        return Ok::<_, anyhow::Error>(facts);
                    }
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(30), seen).await
        },
        f.execute("SELECT pg_sleep(1)")
    );
    slept?;
    facts_then??;
    let blocks = f.number("SELECT setting::bigint FROM pg_settings WHERE name = 'shared_buffers'").await?;
    assert_eq!(facts.cache_blocks, Some(blocks));
    f.execute(&format!(
        "CREATE TABLE again AS TABLE {TICKS}; TRUNCATE {TICKS};
         INSERT INTO {TICKS} SELECT * FROM again ORDER BY md5(id::text); ANALYZE {TICKS}"
    ))
    .await?;
    let facts = f.store().table_facts(&rule()).await?;
    assert!(facts.key_correlation.is_some_and(|c| c < 0.2), "{facts:?}");
    Ok(())
}

pub async fn a_value_that_decides_the_partition_is_walked_by_key(f: &Fixture) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Sqlite {
        return Ok(());
    }
    let mut rule = partitioned(
        f,
        "LIST (\"class\")",
        "CREATE TABLE \"stocks\" PARTITION OF \"parts\" FOR VALUES IN ('STOCK');
         CREATE TABLE \"others\" PARTITION OF \"parts\" DEFAULT;",
    )
    .await?;
    rule.target.key = vec![ColumnName::new("id")];
    let facts = f.store().table_facts(&rule).await?;
    assert_eq!((facts.blocks, facts.leaves), (None, 2));
    assert!(facts.no_blocks_because.is_some_and(|why| why.contains("partition")));
    Ok(())
}

pub async fn a_corrected_column_with_an_index_is_walked_without_stripes(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    f.execute(&format!("CREATE INDEX \"by_class\" ON {TICKS} (\"symbol\", \"class\")")).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    let expected = if f.kind() == StoreKind::Postgres { Strategy::Blocks } else { Strategy::Key };
    assert_eq!((strategy(&done), done.changed), (Some(expected), WRONG));
    Ok(())
}

pub async fn an_expression_over_the_column_in_an_index_counts_too(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    f.execute(&format!("CREATE INDEX \"by_class\" ON {TICKS} (\"id\") WHERE \"class\" IS NULL")).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    let expected = if f.kind() == StoreKind::Postgres { Strategy::Blocks } else { Strategy::Key };
    assert_eq!(strategy(&done), Some(expected));
    Ok(())
}

pub async fn tables_that_inherit_are_walked_by_key(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    if f.kind() == StoreKind::Postgres {
        f.execute(&format!("CREATE TABLE \"more\" () INHERITS ({TICKS})")).await?;
    }
    let done = run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    assert_eq!((strategy(&done), done.changed), (Some(Strategy::Key), WRONG));
    Ok(())
}

pub async fn keys_of_any_type_spread_over_the_stripes(f: &Fixture) -> anyhow::Result<()> {
    many(f).await?;
    let types: &[&str] = match f.kind() {
        StoreKind::Postgres => &["uuid", "text", "integer", "smallint", "numeric", "composite"],
        StoreKind::Sqlite => &["text", "integer"],
    };
    for kind in types {
        let (columns, key, value) = match *kind {
            "uuid" => ("\"k\" uuid PRIMARY KEY", vec!["k"], "md5(\"id\"::text)::uuid"),
            "text" => ("\"k\" text NOT NULL PRIMARY KEY", vec!["k"], "'key ' || \"id\""),
            "integer" => ("\"k\" integer NOT NULL PRIMARY KEY", vec!["k"], "\"id\""),
            "smallint" => ("\"k\" smallint PRIMARY KEY", vec!["k"], "\"id\"::smallint"),
            "numeric" => ("\"k\" numeric PRIMARY KEY", vec!["k"], "\"id\" + 0.5"),
            _ => ("\"k\" text, \"j\" date, PRIMARY KEY (\"k\", \"j\")", vec!["k", "j"], "\"id\", date '2026-01-01'"),
        };
        let names = key.iter().map(|k| format!("\"{k}\"")).collect::<Vec<_>>().join(", ");
        let (head, tail) = columns.split_once(", PRIMARY").map_or((columns, ""), |(h, t)| (h, t));
        let constraint = if tail.is_empty() { String::new() } else { format!(", PRIMARY{tail}") };
        f.execute(&format!(
            "DROP TABLE IF EXISTS \"keyed\";
             CREATE TABLE \"keyed\" ({head}, \"symbol\" text, \"class\" text{constraint});
             INSERT INTO \"keyed\" ({names}, \"symbol\", \"class\")
             SELECT {value}, \"symbol\", \"class\" FROM {TICKS};"
        ))
        .await?;
        let mut rule = rule();
        rule.target.table = TableName::new("keyed");
        rule.target.key = key.into_iter().map(ColumnName::new).collect();
        rule.target.timestamp = None;
        rule.target.dimensions = Vec::new();
        f.store().save_rule(&rule, at(0)).await?;
        let engine = engine_by_blocks(f.shared_store(), "engine-1");
        let picture = f.picture("\"keyed\"").await?;
        let done = run(&engine, &rule, overwrite()).await?;
        proven(f, &done).await?;
        assert_eq!((strategy(&done), done.changed), (Some(by_blocks(f)), WRONG), "{kind}");
        if f.kind() == StoreKind::Postgres {
            let distinct = format!(
                "SELECT count(DISTINCT split_part(\"upto\", 'stripe ', 2)) FROM amend.chunk
                 WHERE \"run\" = '{}' AND \"changed\" > 0",
                done.run_id
            );
            assert_eq!(f.number(&distinct).await?, 8, "{kind}");
        }
        let started = engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await?;
        proven(f, &over(&engine, &started.run_id).await?).await?;
        assert_eq!(f.picture("\"keyed\"").await?, picture, "{kind}");
    }
    Ok(())
}

pub async fn dry_runs_limits_and_scopes_go_by_key(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_over_many(f).await?;
    for (options, changed) in [
        (RunOptions { dry_run: true, ..overwrite() }, WRONG),
        (RunOptions { max_records: Some(7), ..overwrite() }, 7),
        (RunOptions { scope: only(&["S7"]), ..overwrite() }, -1),
    ] {
        let done = run(&engine, &rule(), options).await?;
        assert_eq!(strategy(&done), Some(Strategy::Key));
        assert!(if changed < 0 { done.changed > 0 && done.changed < ROWS / 100 } else { done.changed == changed });
    }
    Ok(())
}
