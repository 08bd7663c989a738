//! Paging: from a cursor through windows and stages to a page.

use amend_domain::{Finding, FindingRow, RowPage, RowQuery, RowSort, Rule, SortDirection};
use amend_engine::store::StoreError;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::{
    PostgresStore,
    error::db,
    shape::Shape,
    sql::page::{self, Look, Reach, Stage},
    tx::{Args, Tx, fetch_all},
};

/// Where a page ended.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    sort: RowSort,
    direction: SortDirection,
    /// In the stage of the nulls.
    null: bool,
    at: Vec<String>,
}

#[derive(FromRow)]
struct PageRow {
    looked: i64,
    ends: Option<Vec<String>>,
    position: Option<Vec<String>>,
    symbol: Option<String>,
    ts: Option<DateTime<Utc>>,
    dimensions: Option<Vec<Option<String>>>,
    cur: Option<String>,
    val: Option<String>,
    finding: Option<String>,
}

/// What the statements of a page look at, one after the other, before one looks at all the rest: rows
/// that pass are mostly found early, and rows that are rare cost one pass over the table.
fn windows(wanted: usize) -> [i64; 2] {
    let first = i64::try_from(wanted).unwrap_or(i64::MAX).saturating_mul(8).clamp(1_000, 8_000);
    [first, first * 16]
}

impl PostgresStore {
    pub(crate) async fn page(&self, rule: &Rule, query: &RowQuery) -> Result<RowPage, StoreError> {
        let mut tx = self.reading().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut pager = Pager::new(&shape, rule, query)?;
        pager.run(&mut tx).await?;
        tx.commit().await.map_err(db)?;
        pager.finish()
    }
}

struct Pager<'a> {
    shape: &'a Shape,
    rule: &'a Rule,
    query: &'a RowQuery,
    stages: Vec<Stage>,
    after: Option<Vec<String>>,
    /// One more than a page holds, to know whether there is another.
    rows: Vec<(Stage, Vec<String>, FindingRow)>,
    wanted: usize,
}

impl<'a> Pager<'a> {
    fn new(shape: &'a Shape, rule: &'a Rule, query: &'a RowQuery) -> Result<Self, StoreError> {
        let mut stages = page::stages(shape, query);
        let mut after = None;
        if let Some(text) = &query.after {
            let cursor = read_cursor(text, shape, query)?;
            let stage = if cursor.null { Stage::Null } else { Stage::Known };
            let Some(at) = stages.iter().position(|s| *s == stage) else { return Err(foreign_cursor()) };
            stages.drain(..at);
            after = Some(cursor.at);
        }
        Ok(Self { shape, rule, query, stages, after, rows: Vec::new(), wanted: query.limit as usize + 1 })
    }

    async fn run(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        for stage in std::mem::take(&mut self.stages) {
            self.run_stage(tx, stage).await?;
            if self.rows.len() >= self.wanted {
                return Ok(());
            }
            self.after = None;
        }
        Ok(())
    }

    async fn run_stage(&mut self, tx: &mut Tx, stage: Stage) -> Result<(), StoreError> {
        for reach in self.plan() {
            let missing = i64::try_from(self.wanted - self.rows.len()).unwrap_or(i64::MAX);
            let mut args = Args::default();
            let look =
                Look { rule: self.rule, query: self.query, stage, after: self.after.as_deref(), reach, limit: missing };
            let sql = page::look(self.shape, &look, &mut args)?;
            let mut seen = (0, None);
            for row in fetch_all(tx, sql, args).await? {
                let row = PageRow::from_row(&row).map_err(db)?;
                seen = (row.looked, row.ends.clone());
                if let Some((position, row)) = self.found(row)? {
                    self.rows.push((stage, position, row));
                }
            }
            let at_end = match reach {
                Reach::Whole => true,
                Reach::Window(size) => seen.0 < size,
            };
            if at_end || self.rows.len() >= self.wanted {
                return Ok(());
            }
            self.after = seen.1;
        }
        Ok(())
    }

    /// How to look for rows that pass.
    fn plan(&self) -> Vec<Reach> {
        let filter = &self.query.filter;
        if filter.findings.is_empty() && filter.proposed.is_empty() {
            // Every row of the window passes.
            let rows = i64::try_from(self.wanted - self.rows.len()).unwrap_or(i64::MAX);
            return vec![Reach::Window(rows)];
        }
        if crate::sql::filter::reference_names_them(filter) {
            return vec![Reach::Whole];
        }
        windows(self.wanted).into_iter().map(Reach::Window).chain([Reach::Whole]).collect()
    }

    fn found(&self, row: PageRow) -> Result<Option<(Vec<String>, FindingRow)>, StoreError> {
        let Some(position) = row.position else { return Ok(None) };
        let key = &position[position.len() - self.shape.key.len()..];
        let shown = FindingRow {
            key: key_text(key)?,
            symbol: row.symbol,
            timestamp: row.ts,
            dimensions: row.dimensions.unwrap_or_default(),
            current: row.cur,
            proposed: row.val,
            finding: finding(row.finding.as_deref().unwrap_or_default())?,
        };
        Ok(Some((position, shown)))
    }

    fn finish(mut self) -> Result<RowPage, StoreError> {
        let more = self.rows.len() >= self.wanted;
        self.rows.truncate(self.wanted - 1);
        let next = match self.rows.last() {
            Some((stage, position, _)) if more => Some(crate::error::to_json(&Cursor {
                sort: self.query.sort,
                direction: self.query.direction,
                null: *stage == Stage::Null,
                at: position.clone(),
            })?),
            _ => None,
        };
        Ok(RowPage { rows: self.rows.into_iter().map(|(_, _, row)| row).collect(), next })
    }
}

fn read_cursor(text: &str, shape: &Shape, query: &RowQuery) -> Result<Cursor, StoreError> {
    let cursor: Cursor = serde_json::from_str(text).map_err(|_| foreign_cursor())?;
    let stage = if cursor.null { Stage::Null } else { Stage::Known };
    let fits = (cursor.sort, cursor.direction) == (query.sort, query.direction)
        && cursor.at.len() == page::position_len(shape, query, stage);
    if fits { Ok(cursor) } else { Err(foreign_cursor()) }
}

fn foreign_cursor() -> StoreError {
    StoreError::Unsupported("The page to go on from belongs to another query. Begin without it.".into())
}

/// A key as everyone sees it: one column's text, several as a JSON array of texts.
pub(crate) fn key_text(parts: &[String]) -> Result<String, StoreError> {
    match parts {
        [one] => Ok(one.clone()),
        several => crate::error::to_json(&several),
    }
}

/// A finding as our own SQL spells it.
pub(crate) fn finding(word: &str) -> Result<Finding, StoreError> {
    Finding::parse(word).ok_or_else(|| StoreError::Other(format!("{word:?} is no finding")))
}
