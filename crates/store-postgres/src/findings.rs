//! Looking: analyses, rows with findings, remembered analyses.

use amend_domain::{
    Analysis, GroupCount, RowFilter, RowPage, RowQuery, Rule, RuleSlug, Scope, Summary, UnresolvedRow,
    analysis::{DimensionCount, Snapshot},
};
use amend_engine::store::{Findings, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, Row};

use crate::{
    PostgresStore,
    error::{db, json, to_json},
    pages::finding,
    shape::Shape,
    sql::summary,
    tx::{Args, fetch_all, fetch_one},
};

#[derive(FromRow)]
struct SummaryRow {
    kind: i32,
    symbol: Option<String>,
    cur: Option<String>,
    val: Option<String>,
    finding: Option<String>,
    n: i64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct UnresolvedGroup {
    symbol: Option<String>,
    matches: Option<Vec<String>>,
    finding: String,
    total: i64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    cur: Option<String>,
    n: i64,
    candidates: Vec<Option<String>>,
}

#[async_trait]
impl Findings for PostgresStore {
    async fn summarise(&self, rule: &Rule, scope: &Scope) -> Result<Summary, StoreError> {
        let mut tx = self.analysing().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let sql = summary::summarise(&shape, rule, scope, &mut args);
        let rows = fetch_all(&mut tx, sql, args).await?;
        tx.commit().await.map_err(db)?;
        let mut summary = Summary::default();
        for row in rows {
            let row = SummaryRow::from_row(&row).map_err(db)?;
            match row.kind {
                -1 => summary.symbols_referenced = row.n,
                -2 => summary.symbols_unused = row.n,
                0 => summary.groups.push(GroupCount {
                    symbol: row.symbol,
                    current: row.cur,
                    proposed: row.val,
                    finding: finding(row.finding.as_deref().unwrap_or_default())?,
                    rows: row.n,
                    first_seen: row.first,
                    last_seen: row.last,
                }),
                number => {
                    let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
                    let dimension = rule
                        .target
                        .dimensions
                        .get(at)
                        .ok_or_else(|| StoreError::Other(format!("{number} is no dimension")))?;
                    summary.dimensions.push(DimensionCount {
                        dimension: dimension.0.clone(),
                        value: row.symbol,
                        finding: finding(row.finding.as_deref().unwrap_or_default())?,
                        rows: row.n,
                    });
                }
            }
        }
        Ok(summary)
    }

    async fn rows_page(&self, rule: &Rule, query: &RowQuery) -> Result<RowPage, StoreError> {
        self.page(rule, query).await
    }

    async fn count_rows(&self, rule: &Rule, filter: &RowFilter) -> Result<i64, StoreError> {
        let mut tx = self.analysing().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let sql = summary::count(&shape, rule, filter, &mut args)?;
        let n = fetch_one(&mut tx, sql, args).await?.try_get("n").map_err(db)?;
        tx.commit().await.map_err(db)?;
        Ok(n)
    }

    async fn unresolved(&self, rule: &Rule, limit: u32) -> Result<Vec<UnresolvedRow>, StoreError> {
        let mut tx = self.analysing().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let sql = summary::unresolved(&shape, rule, limit, &mut args);
        let rows = fetch_all(&mut tx, sql, args).await?;
        tx.commit().await.map_err(db)?;
        let mut listed: Vec<UnresolvedRow> = Vec::new();
        for row in rows {
            let row = UnresolvedGroup::from_row(&row).map_err(db)?;
            match listed.last_mut() {
                // One symbol's values come one after the other.
                Some(last) if last.symbol == row.symbol && last.matches == row.matches => {
                    last.current.push((row.cur, row.n))
                }
                _ => listed.push(UnresolvedRow {
                    symbol: row.symbol,
                    matches: row.matches,
                    finding: finding(&row.finding)?,
                    rows: row.total,
                    current: vec![(row.cur, row.n)],
                    candidates: row.candidates,
                    first_seen: row.first,
                    last_seen: row.last,
                }),
            }
        }
        Ok(listed)
    }

    async fn save_analysis(&self, analysis: &Analysis) -> Result<(), StoreError> {
        sqlx::query(
            "WITH newest AS (
               INSERT INTO amend.analysis (rule, at, report) VALUES ($1, $2, $3::text::jsonb)
               ON CONFLICT (rule) DO UPDATE SET at = excluded.at, report = excluded.report)
             INSERT INTO amend.snapshot (rule, at, counts, score) VALUES ($1, $2, $4::text::jsonb, $5)",
        )
        .bind(analysis.rule.as_str())
        .bind(analysis.generated_at)
        .bind(to_json(analysis)?)
        .bind(to_json(&analysis.counts())?)
        .bind(analysis.score)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(())
    }

    async fn last_analysis(&self, rule: &RuleSlug) -> Result<Option<Analysis>, StoreError> {
        let report: Option<String> = sqlx::query_scalar("SELECT report::text FROM amend.analysis WHERE rule = $1")
            .bind(rule.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(db)?;
        report.map(|text| json("amend.analysis", "report", rule.as_str(), &text)).transpose()
    }

    async fn snapshots(&self, rule: &RuleSlug, since: DateTime<Utc>, limit: u32) -> Result<Vec<Snapshot>, StoreError> {
        let rows: Vec<(DateTime<Utc>, String, f64)> = sqlx::query_as(
            "SELECT at, counts::text, score
             FROM (SELECT * FROM amend.snapshot WHERE rule = $1 AND at >= $2 ORDER BY at DESC, id DESC LIMIT $3) newest
             ORDER BY at, id",
        )
        .bind(rule.as_str())
        .bind(since)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(db)?;
        rows.into_iter()
            .map(|(at, counts, score)| {
                let counts = json("amend.snapshot", "counts", rule.as_str(), &counts)?;
                Ok(Snapshot { at, counts, score })
            })
            .collect()
    }
}
