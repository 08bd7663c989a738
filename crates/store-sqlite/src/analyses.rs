//! Remembered analyses and the trend.

use amend_domain::{Analysis, RuleSlug, analysis::Snapshot};
use amend_engine::store::StoreError;
use chrono::{DateTime, Utc};
use sqlx::{Connection as _, Row as _};

use crate::{
    error::{corrupt, db},
    store::SqliteStore,
    time::{from_micros, micros},
};

pub(crate) async fn save(store: &SqliteStore, analysis: &Analysis) -> Result<(), StoreError> {
    let body = json(analysis)?;
    let counts = json(&analysis.counts())?;
    let at = micros(analysis.generated_at);
    let mut connection = store.writer.acquire(None).await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(db)?;
    let newest = sqlx::query("INSERT OR REPLACE INTO amend_analysis (rule, at, body) VALUES (?1, ?2, ?3)")
        .bind(analysis.rule.as_str())
        .bind(at)
        .bind(body)
        .execute(&mut *transaction)
        .await
        .map_err(db)?;
    let point = sqlx::query("INSERT INTO amend_snapshot (rule, at, counts, score) VALUES (?1, ?2, ?3, ?4)")
        .bind(analysis.rule.as_str())
        .bind(at)
        .bind(counts)
        .bind(analysis.score)
        .execute(&mut *transaction)
        .await
        .map_err(db)?;
    if newest.rows_affected() != 1 || point.rows_affected() != 1 {
        return Err(StoreError::Other("the analysis was not saved".into()));
    }
    transaction.commit().await.map_err(db)
}

pub(crate) async fn last(store: &SqliteStore, rule: &RuleSlug) -> Result<Option<Analysis>, StoreError> {
    let mut connection = store.readers.acquire().await?;
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM amend_analysis WHERE rule = ?1")
        .bind(rule.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(db)?;
    body.map(|text| serde_json::from_str(&text).map_err(|e| corrupt("amend_analysis", "body", rule.as_str(), e)))
        .transpose()
}

pub(crate) async fn snapshots(
    store: &SqliteStore,
    rule: &RuleSlug,
    since: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<Snapshot>, StoreError> {
    let mut connection = store.readers.acquire().await?;
    let rows = sqlx::query(
        "SELECT at, counts, score FROM
             (SELECT id, at, counts, score FROM amend_snapshot WHERE rule = ?1 AND at >= ?2 ORDER BY at DESC, id DESC LIMIT ?3)
         ORDER BY at, id",
    )
    .bind(rule.as_str())
    .bind(micros(since))
    .bind(limit)
    .fetch_all(&mut *connection)
    .await
    .map_err(db)?;
    rows.iter()
        .map(|row| {
            let counts: String = row.try_get(1).map_err(db)?;
            Ok(Snapshot {
                at: from_micros("amend_snapshot", "at", rule.as_str(), row.try_get(0).map_err(db)?)?,
                counts: serde_json::from_str(&counts)
                    .map_err(|e| corrupt("amend_snapshot", "counts", rule.as_str(), e))?,
                score: row.try_get(2).map_err(db)?,
            })
        })
        .collect()
}

/// A value of ours as JSON text.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Other(format!("cannot be written as JSON: {e}")))
}
