//! [`Assignments`]: what people decided, and what is asked of the reference for it.

use amend_domain::{Assignment, ColumnName, Decision, Matches, Rule, RuleSlug, Said};
use amend_engine::store::{Assignments, Placed, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, Row as _};

use crate::{
    PostgresStore,
    error::{corrupt, db},
    shape::Shape,
    sql::assigned,
    tx::{Args, fetch_all},
};

#[derive(FromRow)]
struct AssignmentRow {
    matches: Vec<String>,
    alias_of: Option<Vec<String>>,
    value: Option<String>,
    assigned_by: String,
    assigned_at: DateTime<Utc>,
}

impl AssignmentRow {
    fn assignment(self) -> Result<Assignment, StoreError> {
        let decision = match (self.alias_of, self.value) {
            (Some(other), _) => Decision::As(other),
            (None, Some(value)) => Decision::Value(value),
            (None, None) => {
                return Err(corrupt("amend.assignment", "value", &self.matches.join(" / "), "nothing is decided"));
            }
        };
        Ok(Assignment { matches: self.matches, decision, assigned_by: self.assigned_by, assigned_at: self.assigned_at })
    }
}

/// The place in the list, from 0.
fn place(no: i64, length: usize) -> Result<usize, StoreError> {
    usize::try_from(no - 1)
        .ok()
        .filter(|at| *at < length)
        .ok_or_else(|| StoreError::Other(format!("{no} is no match that was asked for")))
}

#[async_trait]
impl Assignments for PostgresStore {
    async fn assign(&self, rule: &RuleSlug, assignment: &Assignment) -> Result<(), StoreError> {
        let (alias_of, value) = match &assignment.decision {
            Decision::As(other) => (Some(other), None),
            Decision::Value(value) => (None, Some(value)),
        };
        sqlx::query(
            "INSERT INTO amend.assignment (rule, matches, alias_of, value, assigned_by, assigned_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (rule, matches) DO UPDATE SET alias_of = excluded.alias_of, value = excluded.value,
               assigned_by = excluded.assigned_by, assigned_at = excluded.assigned_at",
        )
        .bind(rule.as_str())
        .bind(&assignment.matches)
        .bind(alias_of)
        .bind(value)
        .bind(&assignment.assigned_by)
        .bind(assignment.assigned_at)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(())
    }

    async fn unassign(&self, rule: &RuleSlug, matches: &[String]) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM amend.assignment WHERE rule = $1 AND matches = $2")
            .bind(rule.as_str())
            .bind(matches)
            .execute(&self.pool)
            .await
            .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn assignments(&self, rule: &RuleSlug) -> Result<Vec<Assignment>, StoreError> {
        let rows: Vec<AssignmentRow> = sqlx::query_as(
            "SELECT matches, alias_of, value, assigned_by, assigned_at FROM amend.assignment WHERE rule = $1
             ORDER BY assigned_at DESC, matches",
        )
        .bind(rule.as_str())
        .fetch_all(&self.pool)
        .await
        .map_err(db)?;
        rows.into_iter().map(AssignmentRow::assignment).collect()
    }

    async fn said(&self, rule: &Rule, matches: &[Matches]) -> Result<Vec<Said>, StoreError> {
        let mut said: Vec<Said> = matches.iter().map(|m| Said { matches: m.clone(), values: Vec::new() }).collect();
        if said.is_empty() {
            return Ok(said);
        }
        let mut tx = self.reading().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let sql = assigned::said(&shape, matches, &mut args);
        let rows = fetch_all(&mut tx, sql, args).await?;
        tx.commit().await.map_err(db)?;
        for row in rows {
            let at = place(row.try_get("no").map_err(db)?, said.len())?;
            said[at].values.push(row.try_get("value").map_err(db)?);
        }
        Ok(said)
    }

    async fn known_matches(&self, rule: &Rule, limit: u32) -> Result<Vec<(Matches, String)>, StoreError> {
        let mut tx = self.analysing().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let sql = assigned::known(&shape, rule, limit, &mut args);
        let rows = fetch_all(&mut tx, sql, args).await?;
        tx.commit().await.map_err(db)?;
        rows.iter().map(|row| Ok((row.try_get("matches").map_err(db)?, row.try_get("value").map_err(db)?))).collect()
    }

    async fn placed(
        &self,
        rule: &Rule,
        matches: &[Matches],
        ours: &ColumnName,
        theirs: &ColumnName,
    ) -> Result<Vec<Placed>, StoreError> {
        let mut tx = self.analysing().await?;
        let shape = Shape::load(&mut tx, rule).await?;
        let mut args = Args::default();
        let sql = assigned::placed(&shape, matches, ours, theirs, &mut args);
        let rows = fetch_all(&mut tx, sql, args).await?;
        tx.commit().await.map_err(db)?;
        rows.iter()
            .map(|row| {
                Ok(Placed {
                    at: place(row.try_get("no").map_err(db)?, matches.len())?,
                    value: row.try_get("value").map_err(db)?,
                    rows: row.try_get("rows").map_err(db)?,
                })
            })
            .collect()
    }
}
