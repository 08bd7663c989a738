//! What a rollback would meet, before anybody asks for it.

use amend_domain::{FindingRow, RollbackCounts, RollbackSamples, RollbackScope};
use amend_engine::store::StoreError;
use futures::TryStreamExt as _;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    error::{corrupt, db},
    pages::{read_row, row_columns},
    restore::{FOREIGN, ORIGINAL, OURS, looks},
    shape::Bound,
    sql::{and, entries::Entries, reference},
    value::{Binds, SqlValue},
};

/// Samples of each kind at most.
const MOST: u32 = 20;

/// `FROM` the entries' keys and the rows that they name (`target`, aliased `t`), with the conditions
/// of run and scope.
fn journalled(
    bound: &Bound<'_>,
    target: &str,
    entries: Entries<'_>,
    scope: &RollbackScope,
    binds: &mut Binds,
) -> Result<String, StoreError> {
    let (entries, these) = entries.sql(bound, binds);
    let scope = bound.undo_scope(scope, binds)?;
    let now: Vec<String> = scope.now.into_iter().collect();
    Ok(format!(
        "{entries} CROSS JOIN json_each(j.row_keys) AS e CROSS JOIN {target} WHERE {these} AND {}{}{}",
        bound.named_by_journal(),
        and(&scope.then),
        and(&now),
    ))
}

pub(crate) async fn counts(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    entries: Entries<'_>,
    scope: &RollbackScope,
) -> Result<RollbackCounts, StoreError> {
    let mut binds = Binds::default();
    let of = |what: i64| format!("count(*) FILTER (WHERE what = {what})");
    let sql = format!(
        "SELECT {}, {}, {} FROM (SELECT {} AS what FROM {})",
        of(OURS),
        of(ORIGINAL),
        of(FOREIGN),
        looks(bound),
        journalled(bound, &format!("{} AS t", bound.rule.target.table.quoted()), entries, scope, &mut binds)?,
    );
    let row = binds.query(sql)?.fetch_one(&mut *connection).await.map_err(db)?;
    let all = claimed(connection, bound, entries, scope).await?;
    let mut counts = RollbackCounts {
        restorable: row.try_get(0).map_err(db)?,
        original: row.try_get(1).map_err(db)?,
        changed_since: row.try_get(2).map_err(db)?,
        deleted: 0,
    };
    // A row that is gone has no symbol, so it belongs to no scope of symbols.
    if scope.symbols.is_none() {
        counts.deleted = all - counts.total();
    }
    Ok(counts)
}

/// Restorable entries of rows that have come full circle. Entries about a row hang together where each
/// found what the one before had written; the newest of such chains says with what it began.
pub(crate) async fn circles(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    run: &str,
    scope: &RollbackScope,
) -> Result<i64, StoreError> {
    let mut binds = Binds::default();
    let sql = format!(
        "WITH fit AS MATERIALIZED (SELECT e.value AS \"key\", {} AS cur FROM {} AND {} = {OURS}),
         chain AS (
           SELECT e.value AS \"key\", j.id, j.old_value AS was, lag(j.new_value) OVER one AS before,
                  row_number() OVER one AS nth
           FROM amend_journal AS j CROSS JOIN json_each(j.row_keys) AS e
           WHERE j.run_id = {} AND e.value IN (SELECT \"key\" FROM fit)
           WINDOW one AS (PARTITION BY e.value ORDER BY j.id)),
         begun AS (
           SELECT \"key\", was, max(id) FROM chain
           WHERE nth = 1 OR before IS NOT was COLLATE BINARY GROUP BY \"key\")
         SELECT count(*) FROM fit JOIN begun USING (\"key\") WHERE fit.cur IS begun.was COLLATE BINARY",
        bound.stored_value(),
        journalled(
            bound,
            &format!("{} AS t", bound.rule.target.table.quoted()),
            Entries::Journal(run),
            scope,
            &mut binds
        )?,
        looks(bound),
        binds.add(run),
    );
    binds.query(sql)?.fetch_one(connection).await.map_err(db)?.try_get(0).map_err(db)
}

/// Keys of these entries that the scope claims, whether their rows are there or not.
async fn claimed(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    entries: Entries<'_>,
    scope: &RollbackScope,
) -> Result<i64, StoreError> {
    let mut binds = Binds::default();
    let (entries, these) = entries.sql(bound, &mut binds);
    let then = and(&bound.undo_scope(scope, &mut binds)?.then);
    let sql = match scope.rows {
        // Counted without reading the keys.
        None => format!("SELECT coalesce(sum(j.row_count), 0) FROM {entries} WHERE {these}{then}"),
        Some(_) => {
            format!("SELECT count(*) FROM {entries} CROSS JOIN json_each(j.row_keys) AS e WHERE {these}{then}")
        }
    };
    binds.query(sql)?.fetch_one(connection).await.map_err(db)?.try_get(0).map_err(db)
}

pub(crate) async fn samples(
    connection: &mut SqliteConnection,
    bound: &Bound<'_>,
    entries: Entries<'_>,
    scope: &RollbackScope,
    each: u32,
) -> Result<RollbackSamples, StoreError> {
    let each = each.min(MOST);
    let resolved = reference::ensure(connection, bound).await?;
    let found = Sampler { bound, resolved: &resolved, entries, scope, each };
    let restorable = found.restorable(connection).await?;
    let (changed_since, deleted) = found.others(connection).await?;
    Ok(RollbackSamples { restorable, changed_since, deleted })
}

struct Sampler<'a> {
    bound: &'a Bound<'a>,
    resolved: &'a str,
    entries: Entries<'a>,
    scope: &'a RollbackScope,
    each: u32,
}

impl Sampler<'_> {
    async fn restorable(&self, connection: &mut SqliteConnection) -> Result<Vec<FindingRow>, StoreError> {
        let bound = self.bound;
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT {}, CAST(j.old_value AS TEXT) FROM {} AND {} = {OURS} LIMIT {}",
            row_columns(bound),
            journalled(bound, &bound.joined(self.resolved), self.entries, self.scope, &mut binds)?,
            looks(bound),
            self.each,
        );
        let found = binds.query(sql)?.fetch_all(connection).await.map_err(db)?;
        found.iter().map(|row| self.sample(row, row.len() - 1)).collect()
    }

    /// Rows that were changed since and keys of those that are gone, in one pass: mostly there are
    /// none, and the pass goes over the whole journal.
    async fn others(&self, connection: &mut SqliteConnection) -> Result<(Vec<FindingRow>, Vec<String>), StoreError> {
        let bound = self.bound;
        let mut binds = Binds::default();
        let gone = format!("t.{} IS NULL", bound.rule.target.key.first().map(|c| c.quoted()).unwrap_or_default());
        let foreign = format!("{} = {FOREIGN}", looks(bound));
        let (entries, these) = self.entries.sql(bound, &mut binds);
        let scope = bound.undo_scope(self.scope, &mut binds)?;
        let wanted = match scope.now {
            // A row that is gone has no symbol, so it belongs to no scope of symbols.
            Some(now) => format!("NOT {gone} AND {now} AND {foreign}"),
            None => format!("({gone} OR {foreign})"),
        };
        let sql = format!(
            "SELECT {}, CAST(j.old_value AS TEXT), e.value, {gone}
             FROM {entries} CROSS JOIN json_each(j.row_keys) AS e
             LEFT JOIN {} AS t ON {} LEFT JOIN {} AS r ON {}
             WHERE {these} AND {wanted}{}",
            row_columns(bound),
            bound.rule.target.table.quoted(),
            bound.named_by_journal(),
            self.resolved,
            bound.matching(),
            and(&scope.then),
        );
        let enough = usize::try_from(self.each).unwrap_or(usize::MAX);
        let (mut changed, mut deleted) = (Vec::new(), Vec::new());
        let mut found = binds.query(sql)?.fetch(connection);
        while changed.len() < enough || deleted.len() < enough {
            let Some(row) = found.try_next().await.map_err(db)? else { break };
            let last = row.len() - 1;
            if row.try_get::<bool, _>(last).map_err(db)? {
                if deleted.len() < enough {
                    deleted.push(self.key(SqlValue::read(&row, last - 1)?)?);
                }
            } else if changed.len() < enough {
                changed.push(self.sample(&row, last - 2)?);
            }
        }
        Ok((changed, deleted))
    }

    /// A row with what a rollback would write in place of what the reference proposes.
    fn sample(&self, row: &SqliteRow, old: usize) -> Result<FindingRow, StoreError> {
        let mut sample = read_row(self.bound, row, 0)?;
        sample.proposed = row.try_get(old).map_err(db)?;
        Ok(sample)
    }

    /// A journalled key as people see it.
    fn key(&self, journalled: SqlValue) -> Result<String, StoreError> {
        let key = journalled.into_text().unwrap_or_default();
        if self.bound.key_width() == 1 {
            return Ok(key);
        }
        let parts: Vec<serde_json::Value> =
            serde_json::from_str(&key).map_err(|e| corrupt("amend_journal", "row_keys", self.entries.run(), e))?;
        let texts: Vec<String> =
            parts.into_iter().map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
        Ok(serde_json::json!(texts).to_string())
    }
}
