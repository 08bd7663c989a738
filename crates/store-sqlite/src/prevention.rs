//! [`Prevention`]: two triggers of a rule, and the mark that lets Amend's own writes pass them.

use std::time::Duration;

use amend_domain::{PreventionChoice, PreventionKind, PreventionStatus, Rule, RuleSlug};
use amend_engine::store::{Prevention, PreventionRequest, StoreError, prevention_name};
use async_trait::async_trait;
use sqlx::{Connection as _, FromRow, SqliteConnection};

use crate::{
    chunk::execute,
    error::{corrupt, db},
    shape::{Bound, TableKind},
    sql::prevention as sql,
    store::SqliteStore,
    time::{from_micros, micros},
};

/// SQLite has no limit, but a name that a person can read is shorter.
const LONGEST: usize = 63;

#[derive(Debug, FromRow)]
struct Installed {
    kind: String,
    name: String,
    acted: i64,
    statements: String,
    installed_by: String,
    installed_at: i64,
    /// The names of its triggers that are there.
    triggers: String,
}

/// A trigger of ours is one of that name that speaks of Amend's own tables.
const LOOK: &str = "
    SELECT p.kind, p.name, p.acted, p.statements, p.installed_by, p.installed_at,
           (SELECT json_group_array(name) FROM (
              SELECT s.name FROM sqlite_schema AS s
              WHERE s.type = 'trigger' AND s.name IN (p.name || '_insert', p.name || '_update')
                AND instr(s.sql, 'amend_at_work') > 0 ORDER BY s.name)) AS triggers
    FROM amend_prevention AS p WHERE p.rule = ?1";

async fn look(connection: &mut SqliteConnection, rule: &RuleSlug) -> Result<Option<Installed>, StoreError> {
    sqlx::query_as(LOOK).bind(rule.as_str()).fetch_optional(connection).await.map_err(db)
}

impl Installed {
    fn triggers(&self) -> Result<Vec<String>, StoreError> {
        serde_json::from_str(&self.triggers).map_err(|e| corrupt("amend_prevention", "name", &self.name, e))
    }

    fn is_whole(&self) -> Result<bool, StoreError> {
        Ok(self.triggers()?.len() == 2)
    }

    fn removal(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.triggers()?.iter().map(|name| sql::drop(name)).collect())
    }

    fn status(self, rule: &RuleSlug, wanted: Result<String, StoreError>) -> Result<PreventionStatus, StoreError> {
        let slug = rule.as_str();
        let kind = PreventionKind::parse(&self.kind).map_err(|e| corrupt("amend_prevention", "kind", slug, e))?;
        let whole = self.is_whole()?;
        let trouble = match wanted {
            _ if !whole => {
                Some("Its triggers are gone: somebody dropped them, or the table. Turn it on again, or off.".into())
            }
            Ok(wanted) if wanted == self.statements => None,
            Ok(_) => Some("The rule has changed since, so it goes by the old one. Turn it on again.".into()),
            Err(error) => Some(format!("The rule does not fit its tables any more ({error}). Turn it off.")),
        };
        Ok(PreventionStatus {
            rule: rule.clone(),
            on: whole,
            kind: Some(kind),
            check: None,
            acted: (kind == PreventionKind::Fill).then_some(self.acted),
            since: Some(from_micros("amend_prevention", "installed_at", slug, self.installed_at)?),
            installed_by: Some(self.installed_by),
            trouble,
        })
    }
}

fn statements(bound: &Bound<'_>, kind: PreventionKind) -> Result<[String; 2], StoreError> {
    let rule = bound.rule;
    let table = &rule.target.table;
    if bound.target.kind == TableKind::View {
        return Err(StoreError::Unsupported(format!(
            "{table} is a view; only a table can be guarded. Name the table."
        )));
    }
    if bound.target.column(&rule.target.value).is_some_and(|c| c.generated) {
        return Err(StoreError::Unsupported(format!(
            "Column {} of {table} is a generated one: the database alone writes it.",
            rule.target.value
        )));
    }
    Ok(bound.prevention(kind, &name_of(&rule.slug)))
}

fn name_of(rule: &RuleSlug) -> String {
    prevention_name(rule, LONGEST - "_insert".len())
}

fn joined(statements: &[String]) -> String {
    statements.iter().map(|s| format!("{s};\n")).collect()
}

async fn install_in(connection: &mut SqliteConnection, request: &PreventionRequest<'_>) -> Result<bool, StoreError> {
    let rule = request.rule;
    let bound = Bound::load(connection, rule).await?;
    let statements = statements(&bound, request.choice.kind)?;
    let text = joined(&statements);
    if let Some(before) = look(connection, &rule.slug).await? {
        if before.is_whole()? && before.statements == text {
            return Ok(false);
        }
        remove_in(connection, &rule.slug, &before).await?;
    }
    let name = name_of(&rule.slug);
    let taken: Option<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE name IN (?1 || '_insert', ?1 || '_update') COLLATE NOCASE LIMIT 1",
    )
    .bind(&name)
    .fetch_optional(&mut *connection)
    .await
    .map_err(db)?;
    if let Some(taken) = taken {
        return Err(StoreError::Unsupported(format!(
            "A trigger {taken} is there that Amend did not make. It stays as it is; drop it, or make it under another \
             name."
        )));
    }
    for statement in statements {
        execute(connection, statement).await?;
    }
    sqlx::query(
        "INSERT INTO amend_prevention (rule, kind, name, statements, installed_by, installed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(rule.slug.as_str())
    .bind(request.choice.kind.as_str())
    .bind(name)
    .bind(text)
    .bind(request.installed_by)
    .bind(micros(request.now))
    .execute(connection)
    .await
    .map_err(db)?;
    Ok(true)
}

async fn remove_in(
    connection: &mut SqliteConnection,
    rule: &RuleSlug,
    installed: &Installed,
) -> Result<(), StoreError> {
    for statement in installed.removal()? {
        execute(connection, statement).await?;
    }
    sqlx::query("DELETE FROM amend_prevention WHERE rule = ?1")
        .bind(rule.as_str())
        .execute(connection)
        .await
        .map_err(db)?;
    Ok(())
}

/// From here to [`pass_end`] the triggers let every row pass. Nothing is written where none is
/// installed, and nobody outside this transaction ever sees the mark.
pub(crate) async fn pass(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    execute(connection, "INSERT INTO amend_at_work SELECT 1 WHERE EXISTS (SELECT 1 FROM amend_prevention)").await
}

pub(crate) async fn pass_end(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM amend_at_work").await
}

fn no_check() -> StoreError {
    StoreError::Unsupported(
        "SQLite adds no CHECK to a table that is there. Leave it out; the trigger works without it.".into(),
    )
}

#[async_trait]
impl Prevention for SqliteStore {
    fn can_add_check(&self) -> bool {
        false
    }

    async fn prevention_sql(&self, rule: &Rule, choice: PreventionChoice) -> Result<Vec<String>, StoreError> {
        if choice.check {
            return Err(no_check());
        }
        let mut connection = self.readers.acquire().await?;
        let bound = Bound::load(&mut connection, rule).await?;
        Ok(statements(&bound, choice.kind)?.to_vec())
    }

    async fn removal_sql(&self, rule: &RuleSlug) -> Result<Vec<String>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        look(&mut connection, rule).await?.map_or_else(|| Ok(Vec::new()), |installed| installed.removal())
    }

    async fn prevention(&self, rule: &Rule) -> Result<PreventionStatus, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let Some(installed) = look(&mut connection, &rule.slug).await? else {
            return Ok(PreventionStatus::off(rule.slug.clone()));
        };
        let kind = PreventionKind::parse(&installed.kind).unwrap_or_default();
        let wanted = match Bound::load(&mut connection, rule).await.and_then(|bound| statements(&bound, kind)) {
            Ok(statements) => Ok(joined(&statements)),
            Err(error @ (StoreError::Missing(_) | StoreError::Unsupported(_))) => Err(error),
            Err(error) => return Err(error),
        };
        installed.status(&rule.slug, wanted)
    }

    async fn install_prevention(&self, request: &PreventionRequest<'_>) -> Result<bool, StoreError> {
        let mut connection = self.writer.acquire(Some(request.lock_timeout)).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(db)?;
        let changed = install_in(&mut transaction, request).await?;
        transaction.commit().await.map_err(db)?;
        Ok(changed)
    }

    async fn add_check(&self, _: &PreventionRequest<'_>) -> Result<(), StoreError> {
        Err(no_check())
    }

    async fn validate_check(&self, _: &PreventionRequest<'_>) -> Result<(), StoreError> {
        Err(no_check())
    }

    async fn remove_prevention(&self, rule: &RuleSlug, lock_timeout: Duration) -> Result<bool, StoreError> {
        let mut connection = self.writer.acquire(Some(lock_timeout)).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(db)?;
        let Some(installed) = look(&mut transaction, rule).await? else { return Ok(false) };
        remove_in(&mut transaction, rule, &installed).await?;
        transaction.commit().await.map_err(db)?;
        Ok(true)
    }
}
