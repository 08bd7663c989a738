//! [`Assignments`]: what people decided, and what is asked of the reference for it.

use amend_domain::{Assignment, ColumnName, Decision, Matches, Rule, RuleSlug, Said};
use amend_engine::store::{Assignments, Placed, StoreError};
use async_trait::async_trait;
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    error::{corrupt, db},
    pool::begin_read,
    shape::{Bound, knows_assignments},
    sql::reference::forget_all,
    store::SqliteStore,
    time::{from_micros, micros},
    value::Binds,
};

const TABLE: &str = "amend_assignment";

fn to_json(matches: &[String]) -> String {
    serde_json::json!(matches).to_string()
}

fn read(row: &SqliteRow) -> Result<Assignment, StoreError> {
    let text: String = row.try_get("matches").map_err(db)?;
    let parts = |column: &'static str, json: &str| {
        serde_json::from_str::<Matches>(json).map_err(|e| corrupt(TABLE, column, &text, e))
    };
    let alias_of: Option<String> = row.try_get("alias_of").map_err(db)?;
    let value: Option<String> = row.try_get("value").map_err(db)?;
    let decision = match (alias_of, value) {
        (Some(other), _) => Decision::As(parts("alias_of", &other)?),
        (None, Some(value)) => Decision::Value(value),
        (None, None) => return Err(corrupt(TABLE, "value", &text, "nothing is decided")),
    };
    Ok(Assignment {
        matches: parts("matches", &text)?,
        decision,
        assigned_by: row.try_get("assigned_by").map_err(db)?,
        assigned_at: from_micros(TABLE, "assigned_at", &text, row.try_get("assigned_at").map_err(db)?)?,
    })
}

/// The place in the list.
fn place(no: i64, length: usize) -> Result<usize, StoreError> {
    usize::try_from(no)
        .ok()
        .filter(|at| *at < length)
        .ok_or_else(|| StoreError::Other(format!("{no} is no match that was asked for")))
}

#[async_trait]
impl Assignments for SqliteStore {
    async fn assign(&self, rule: &RuleSlug, assignment: &Assignment) -> Result<(), StoreError> {
        let (alias_of, value) = match &assignment.decision {
            Decision::As(other) => (Some(to_json(other)), None),
            Decision::Value(value) => (None, Some(value)),
        };
        let mut connection = self.writer.acquire(None).await?;
        self.ahead.writes();
        sqlx::query(
            "INSERT INTO amend_assignment (rule, matches, alias_of, value, assigned_by, assigned_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (rule, matches) DO UPDATE SET alias_of = excluded.alias_of, value = excluded.value,
                 assigned_by = excluded.assigned_by, assigned_at = excluded.assigned_at",
        )
        .bind(rule.as_str())
        .bind(to_json(&assignment.matches))
        .bind(alias_of)
        .bind(value)
        .bind(&assignment.assigned_by)
        .bind(micros(assignment.assigned_at))
        .execute(&mut *connection)
        .await
        .map_err(db)?;
        // What this connection wrote itself it would not notice.
        forget_all(&mut connection).await
    }

    async fn unassign(&self, rule: &RuleSlug, matches: &[String]) -> Result<bool, StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        self.ahead.writes();
        let done = sqlx::query("DELETE FROM amend_assignment WHERE rule = ?1 AND matches = ?2")
            .bind(rule.as_str())
            .bind(to_json(matches))
            .execute(&mut *connection)
            .await
            .map_err(db)?;
        forget_all(&mut connection).await?;
        Ok(done.rows_affected() == 1)
    }

    async fn assignments(&self, rule: &RuleSlug) -> Result<Vec<Assignment>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        if !knows_assignments(&mut connection).await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT matches, alias_of, value, assigned_by, assigned_at FROM amend_assignment WHERE rule = ?1
             ORDER BY assigned_at DESC, matches",
        )
        .bind(rule.as_str())
        .fetch_all(&mut *connection)
        .await
        .map_err(db)?;
        rows.iter().map(read).collect()
    }

    async fn said(&self, rule: &Rule, matches: &[Matches]) -> Result<Vec<Said>, StoreError> {
        let mut said: Vec<Said> = matches.iter().map(|m| Said { matches: m.clone(), values: Vec::new() }).collect();
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let mut binds = Binds::default();
        let sql = bound.values_sql(matches, &mut binds);
        let rows = binds.query(sql)?.fetch_all(&mut *transaction).await.map_err(db)?;
        transaction.commit().await.map_err(db)?;
        for row in &rows {
            let at = place(row.try_get(0).map_err(db)?, said.len())?;
            said[at].values.push(row.try_get(1).map_err(db)?);
        }
        Ok(said)
    }

    async fn known_matches(&self, rule: &Rule, limit: u32) -> Result<Vec<(Matches, String)>, StoreError> {
        let width = rule.reference.matches.len();
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let mut binds = Binds::default();
        let sql = bound.known_sql(limit, &mut binds);
        let rows = binds.query(sql)?.fetch_all(&mut *transaction).await.map_err(db)?;
        transaction.commit().await.map_err(db)?;
        rows.iter()
            .map(|row| {
                let matches = (0..width).map(|at| row.try_get(at).map_err(db)).collect::<Result<_, _>>()?;
                Ok((matches, row.try_get(width).map_err(db)?))
            })
            .collect()
    }

    async fn placed(
        &self,
        rule: &Rule,
        matches: &[Matches],
        ours: &ColumnName,
        theirs: &ColumnName,
    ) -> Result<Vec<Placed>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut transaction = begin_read(&mut connection).await?;
        let bound = Bound::load(&mut transaction, rule).await?;
        let mut binds = Binds::default();
        let sql = bound.placed_sql(matches, ours, theirs, &mut binds);
        let rows = binds.query(sql)?.fetch_all(&mut *transaction).await.map_err(db)?;
        transaction.commit().await.map_err(db)?;
        rows.iter()
            .map(|row| {
                Ok(Placed {
                    at: place(row.try_get(0).map_err(db)?, matches.len())?,
                    value: row.try_get(1).map_err(db)?,
                    rows: row.try_get(2).map_err(db)?,
                })
            })
            .collect()
    }
}
