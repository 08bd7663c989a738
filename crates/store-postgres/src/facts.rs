//! What can be seen of a target before a walk is chosen, and of its files at any moment.

use amend_domain::{Footprint, Rule};
use amend_engine::store::{StoreError, TableFacts};
use sqlx::{FromRow, PgConnection};

use crate::{
    PostgresStore,
    error::db,
    probe::{self, unable},
    shape::{Shape, lookup_name},
};

/// A table that holds rows of the target: itself, or a leaf partition.
#[derive(Debug, FromRow)]
pub(crate) struct Leaf {
    /// Quoted as SQL takes it.
    pub name: String,
    relkind: String,
    is_heap: bool,
    pub blocks: i64,
    index_bytes: i64,
    updated: i64,
    hot: i64,
    ours: bool,
    value_is_indexed: bool,
    row_security: bool,
    has_children: bool,
    value_partitions: bool,
}

impl Leaf {
    /// Why rows of this table cannot be addressed by their blocks.
    fn refusal(&self) -> Option<String> {
        if self.row_security {
            Some("row-level security is on, which only the table itself applies".into())
        } else if self.has_children {
            Some("other tables inherit from it".into())
        } else if self.value_partitions {
            Some("the value decides the partition, so a corrected row moves".into())
        } else if self.relkind != "r" {
            Some(format!("{} is a foreign table", self.name))
        } else if !self.is_heap {
            Some(format!("{} is not stored as a heap", self.name))
        } else if !self.ours {
            Some(format!("the right to change {} itself is missing", self.name))
        } else {
            None
        }
    }
}

/// The same; the reason in words where the server has not got what the question needs.
async fn leaves_or_reason(conn: &mut PgConnection, rule: &Rule) -> Result<Result<Vec<Leaf>, String>, StoreError> {
    match query_leaves(conn, rule).await {
        Ok(leaves) => Ok(Ok(leaves)),
        Err(error) => unable(error, "this server does not tell how its tables are stored").map(Err),
    }
}

async fn query_leaves(conn: &mut PgConnection, rule: &Rule) -> Result<Vec<Leaf>, sqlx::Error> {
    sqlx::query_as(include_str!("sql/leaves.sql"))
        .bind(lookup_name(&rule.target.table))
        .bind(&rule.target.value.0)
        .fetch_all(conn)
        .await
}

/// The tables that hold the target's rows.
pub(crate) async fn leaves(conn: &mut PgConnection, rule: &Rule) -> Result<Vec<Leaf>, StoreError> {
    query_leaves(conn, rule).await.map_err(db)
}

/// Blocks that the server's shared buffers hold; `None` where it has no such setting.
async fn cache_blocks(conn: &mut PgConnection) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar("SELECT setting::bigint FROM pg_settings WHERE name = 'shared_buffers' AND unit = '8kB'")
        .fetch_optional(conn)
        .await
        .map_err(db)
}

/// How far the key's first column is in the order of the rows on disk, in the leaf where it is least;
/// `None` before the table was analysed.
async fn key_correlation(conn: &mut PgConnection, rule: &Rule, leaves: &[Leaf]) -> Result<Option<f64>, StoreError> {
    let Some(first) = rule.target.key.first() else { return Ok(None) };
    let names: Vec<&str> = leaves.iter().map(|l| l.name.as_str()).collect();
    sqlx::query_scalar(
        "SELECT min(abs(correlation))::float8 FROM pg_stats
         WHERE quote_ident(schemaname) || '.' || quote_ident(tablename) = ANY($1) AND attname = $2",
    )
    .bind(names)
    .bind(&first.0)
    .fetch_one(conn)
    .await
    .map_err(db)
}

impl PostgresStore {
    pub(crate) async fn facts(&self, rule: &Rule) -> Result<TableFacts, StoreError> {
        let mut tx = self.reading().await?;
        // For its errors: a table or column that is not there.
        Shape::load(&mut tx, rule).await?;
        let leaves = match leaves_or_reason(&mut tx, rule).await? {
            Ok(leaves) => leaves,
            Err(reason) => {
                return Ok(TableFacts { no_blocks_because: Some(reason), leaves: 1, ..TableFacts::default() });
            }
        };
        // Sessions that we may not look at show no snapshot: then nothing is known of them. A prepared
        // transaction holds one without a session.
        let (oldest, busy): (Option<f64>, i64) = sqlx::query_as(
            "SELECT greatest(
                      max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (
                        WHERE backend_xmin IS NOT NULL AND datname = current_database()),
                      (SELECT max(extract(epoch FROM clock_timestamp() - prepared)) FROM pg_prepared_xacts
                       WHERE database = current_database()))::float8,
                    count(*) FILTER (WHERE state = 'active' AND backend_type = 'client backend'
                        AND application_name IS DISTINCT FROM current_setting('application_name'))
             FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(db)?;
        let cache = cache_blocks(&mut tx).await?;
        let correlation = key_correlation(&mut tx, rule, &leaves).await?;
        let mut refusal = if leaves.is_empty() {
            Some("the table has no partition yet".into())
        } else {
            leaves.iter().find_map(Leaf::refusal)
        };
        if refusal.is_none()
            && let Some(leaf) = leaves.first()
        {
            refusal = probe::no_ranges_because(&mut tx, &leaf.name).await?;
        }
        tx.commit().await.map_err(db)?;
        Ok(TableFacts {
            blocks: refusal.is_none().then(|| leaves.iter().map(|l| l.blocks).sum()),
            no_blocks_because: refusal,
            leaves: i64::try_from(leaves.len()).unwrap_or(i64::MAX),
            value_is_indexed: leaves.iter().any(|l| l.value_is_indexed),
            oldest_snapshot_s: oldest,
            busy_sessions: Some(busy),
            cache_blocks: cache,
            key_correlation: correlation,
        })
    }

    pub(crate) async fn files(&self, rule: &Rule) -> Result<Option<Footprint>, StoreError> {
        let mut tx = self.reading().await?;
        // What cannot be seen is not shown.
        let Ok(leaves) = leaves_or_reason(&mut tx, rule).await? else { return Ok(None) };
        let (block, wal): (i64, i64) = sqlx::query_as(
            "SELECT current_setting('block_size')::bigint, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint",
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(db)?;
        tx.commit().await.map_err(db)?;
        let sum = |of: fn(&Leaf) -> i64| leaves.iter().map(of).sum();
        Ok(Some(Footprint {
            heap_bytes: sum(|l| l.blocks) * block,
            index_bytes: sum(|l| l.index_bytes),
            wal_bytes: wal,
            updated: sum(|l| l.updated),
            hot: sum(|l| l.hot),
        }))
    }
}
