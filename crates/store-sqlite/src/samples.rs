//! What a rollback would meet, before anybody asks for it.

use amend_domain::{FindingRow, RollbackCounts, RollbackSamples, Rule, RunId, Scope};
use amend_engine::store::StoreError;
use sqlx::{Row as _, SqliteConnection};

use crate::{
    error::{corrupt, db},
    pages::{read_row, row_columns},
    pool::begin_read,
    restore::{FOREIGN, ORIGINAL, OURS, looks},
    shape::Bound,
    sql::{and, reference},
    store::SqliteStore,
    value::{Binds, SqlValue},
};

/// Samples of each kind at most.
const MOST: u32 = 20;

/// `FROM` the journal's keys and the rows that they name (`target`, aliased `t`), with the conditions
/// of run and scope.
fn journalled(bound: &Bound<'_>, target: &str, run: &RunId, scope: &Scope, binds: &mut Binds) -> String {
    let run = binds.add(run.as_str());
    let scope: Vec<String> = bound.scope(scope, binds).into_iter().collect();
    format!(
        "amend_journal AS j CROSS JOIN json_each(j.row_keys) AS e CROSS JOIN {target}
         WHERE j.run_id = {run} AND {}{}",
        bound.named_by_journal(),
        and(&scope),
    )
}

pub(crate) async fn counts(
    store: &SqliteStore,
    rule: &Rule,
    run: &RunId,
    scope: &Scope,
) -> Result<RollbackCounts, StoreError> {
    let mut connection = store.readers.acquire().await?;
    let mut transaction = begin_read(&mut connection).await?;
    let bound = Bound::load(&mut transaction, rule).await?;
    let mut binds = Binds::default();
    let of = |what: i64| format!("count(*) FILTER (WHERE what = {what})");
    let sql = format!(
        "SELECT {}, {}, {} FROM (SELECT {} AS what FROM {})",
        of(OURS),
        of(ORIGINAL),
        of(FOREIGN),
        looks(&bound),
        journalled(&bound, &format!("{} AS t", rule.target.table.quoted()), run, scope, &mut binds),
    );
    let row = binds.query(sql)?.fetch_one(&mut *transaction).await.map_err(db)?;
    let all: i64 = sqlx::query_scalar("SELECT coalesce(sum(row_count), 0) FROM amend_journal WHERE run_id = ?1")
        .bind(run.as_str())
        .fetch_one(&mut *transaction)
        .await
        .map_err(db)?;
    transaction.commit().await.map_err(db)?;
    let mut counts = RollbackCounts {
        restorable: row.try_get(0).map_err(db)?,
        original: row.try_get(1).map_err(db)?,
        changed_since: row.try_get(2).map_err(db)?,
        deleted: 0,
    };
    // A row that is gone has no symbol, so it belongs to no scope but the whole.
    if scope.symbols.is_none() {
        counts.deleted = all - counts.total();
    }
    Ok(counts)
}

pub(crate) async fn samples(
    store: &SqliteStore,
    rule: &Rule,
    run: &RunId,
    scope: &Scope,
    each: u32,
) -> Result<RollbackSamples, StoreError> {
    let each = each.min(MOST);
    let mut connection = store.readers.acquire().await?;
    let mut transaction = begin_read(&mut connection).await?;
    let bound = Bound::load(&mut transaction, rule).await?;
    let resolved = reference::ensure(&mut transaction, &bound).await?;
    let found = Sampler { bound: &bound, resolved: &resolved, run, scope, each };
    let samples = RollbackSamples {
        restorable: found.rows(&mut transaction, OURS).await?,
        changed_since: found.rows(&mut transaction, FOREIGN).await?,
        deleted: if scope.symbols.is_none() { found.deleted(&mut transaction).await? } else { Vec::new() },
    };
    transaction.commit().await.map_err(db)?;
    Ok(samples)
}

struct Sampler<'a> {
    bound: &'a Bound<'a>,
    resolved: &'a str,
    run: &'a RunId,
    scope: &'a Scope,
    each: u32,
}

impl Sampler<'_> {
    async fn rows(&self, connection: &mut SqliteConnection, what: i64) -> Result<Vec<FindingRow>, StoreError> {
        let bound = self.bound;
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT {}, CAST(j.old_value AS TEXT) FROM {} AND {} = {what} LIMIT {}",
            row_columns(bound),
            journalled(bound, &bound.joined(self.resolved), self.run, self.scope, &mut binds),
            looks(bound),
            self.each,
        );
        let found = binds.query(sql)?.fetch_all(connection).await.map_err(db)?;
        found
            .iter()
            .map(|row| {
                let mut sample = read_row(bound, row, 0)?;
                sample.proposed = row.try_get(row.len() - 1).map_err(db)?;
                Ok(sample)
            })
            .collect()
    }

    async fn deleted(&self, connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
        let bound = self.bound;
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT e.value FROM amend_journal AS j CROSS JOIN json_each(j.row_keys) AS e
             WHERE j.run_id = {} AND NOT EXISTS (SELECT 1 FROM {} AS t WHERE {}) LIMIT {}",
            binds.add(self.run.as_str()),
            bound.rule.target.table.quoted(),
            bound.named_by_journal(),
            self.each,
        );
        let found = binds.query(sql)?.fetch_all(connection).await.map_err(db)?;
        found
            .iter()
            .map(|row| {
                let key = SqlValue::read(row, 0)?.into_text().unwrap_or_default();
                if bound.key_width() == 1 {
                    return Ok(key);
                }
                let parts: Vec<serde_json::Value> = serde_json::from_str(&key)
                    .map_err(|e| corrupt("amend_journal", "row_keys", self.run.as_str(), e))?;
                let texts: Vec<String> =
                    parts.into_iter().map(|p| p.as_str().map_or_else(|| p.to_string(), str::to_owned)).collect();
                Ok(serde_json::json!(texts).to_string())
            })
            .collect()
    }
}
