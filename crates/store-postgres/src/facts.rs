//! What can be seen of a target before a walk is chosen, and of its files at any moment.

use amend_domain::{Footprint, Rule};
use amend_engine::store::{StoreError, TableFacts};
use sqlx::{FromRow, PgConnection};

use crate::{
    PostgresStore,
    error::db,
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

/// The tables that hold the target's rows.
pub(crate) async fn leaves(conn: &mut PgConnection, rule: &Rule) -> Result<Vec<Leaf>, StoreError> {
    sqlx::query_as(include_str!("sql/leaves.sql"))
        .bind(lookup_name(&rule.target.table))
        .bind(&rule.target.value.0)
        .fetch_all(conn)
        .await
        .map_err(db)
}

impl PostgresStore {
    pub(crate) async fn facts(&self, rule: &Rule) -> Result<TableFacts, StoreError> {
        let mut tx = self.reading().await?;
        // For its errors: a table or column that is not there.
        Shape::load(&mut tx, rule).await?;
        let leaves = leaves(&mut tx, rule).await?;
        // Sessions that we may not look at show no snapshot: then nothing is known of them.
        let oldest: Option<f64> = sqlx::query_scalar(
            "SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::float8 FROM pg_stat_activity
             WHERE pid <> pg_backend_pid() AND backend_xmin IS NOT NULL AND datname = current_database()",
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(db)?;
        tx.commit().await.map_err(db)?;
        let refusal = if leaves.is_empty() {
            Some("the table has no partition yet".into())
        } else {
            leaves.iter().find_map(Leaf::refusal)
        };
        Ok(TableFacts {
            blocks: refusal.is_none().then(|| leaves.iter().map(|l| l.blocks).sum()),
            no_blocks_because: refusal,
            leaves: i64::try_from(leaves.len()).unwrap_or(i64::MAX),
            value_is_indexed: leaves.iter().any(|l| l.value_is_indexed),
            oldest_snapshot_s: oldest,
        })
    }

    pub(crate) async fn files(&self, rule: &Rule) -> Result<Option<Footprint>, StoreError> {
        let mut tx = self.reading().await?;
        let leaves = leaves(&mut tx, rule).await?;
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
