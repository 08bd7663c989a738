//! [`Prevention`]: trigger, function, sequence and CHECK of a rule.

use std::time::Duration;

use amend_domain::{CheckState, PreventionChoice, PreventionKind, PreventionStatus, Rule, RuleSlug};
use amend_engine::store::{Prevention, PreventionRequest, StoreError, prevention_name};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::{
    PostgresStore, chunk,
    error::{corrupt, db},
    shape::Shape,
    sql::prevention as sql,
    tx::{Tx, limit},
};

/// What a name of PostgreSQL may have.
const LONGEST: usize = 63;

/// What is recorded, and what the catalog says of it now.
#[derive(Debug, FromRow)]
struct Installed {
    kind: String,
    name: String,
    has_check: bool,
    statements: String,
    installed_by: String,
    installed_at: DateTime<Utc>,
    /// The table of the trigger, or where there is no trigger any more the recorded one if it is still there.
    target: Option<String>,
    has_trigger: bool,
    enabled: bool,
    validated: Option<bool>,
    acted: i64,
}

const LOOK: &str = "
    SELECT p.kind, p.name, p.has_check, p.statements, p.installed_by, p.installed_at,
           coalesce(t.target, q.target) AS target, t.target IS NOT NULL AS has_trigger,
           coalesce(t.enabled, false) AS enabled, k.convalidated AS validated,
           coalesce(pg_sequence_last_value(to_regclass(format('amend.%I', p.name))), 0) AS acted
    FROM amend.prevention p
    LEFT JOIN LATERAL (
        SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS target, g.tgenabled IN ('O', 'A') AS enabled
        FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE g.tgname = p.name AND g.tgparentid = 0
          AND g.tgfoid = to_regprocedure(format('amend.%I()', p.name))
        ORDER BY c.oid LIMIT 1) t ON true
    LEFT JOIN LATERAL (
        SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS target
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(p.target)) q ON true
    LEFT JOIN pg_constraint k
        ON p.has_check AND k.conrelid = coalesce(t.oid, q.oid) AND k.conname = p.name AND k.contype = 'c'
    WHERE p.rule = $1";

async fn look(conn: &mut PgConnection, rule: &RuleSlug) -> Result<Option<Installed>, StoreError> {
    sqlx::query_as(LOOK).bind(rule.as_str()).fetch_optional(conn).await.map_err(db)
}

impl Installed {
    fn removal(&self) -> Vec<String> {
        let own = sql::own(&self.name);
        let mut statements = Vec::new();
        if let Some(target) = &self.target {
            if self.validated.is_some() {
                statements.push(format!("ALTER TABLE {target} DROP CONSTRAINT {}", sql::quote(&self.name)));
            }
            if self.has_trigger {
                statements.push(format!("DROP TRIGGER {} ON {target}", sql::quote(&self.name)));
            }
        }
        statements.push(format!("DROP FUNCTION IF EXISTS {own}()"));
        statements.push(format!("DROP SEQUENCE IF EXISTS {own}"));
        statements
    }

    fn trouble(&self, wanted: Result<String, StoreError>) -> Option<String> {
        if !self.has_trigger {
            return Some("Its trigger is gone: somebody dropped it, or the table. Turn it on again, or off.".into());
        }
        if !self.enabled {
            return Some("Its trigger is switched off (ALTER TABLE ... DISABLE TRIGGER). Switch it on there.".into());
        }
        match wanted {
            Ok(wanted) if wanted == self.statements => None,
            Ok(_) => Some(
                "The rule or the types of its columns have changed since, so it goes by the old ones. Turn it on again."
                    .into(),
            ),
            Err(error) => Some(format!("The rule does not fit its tables any more ({error}). Turn it off.")),
        }
    }

    fn status(self, rule: &RuleSlug, wanted: Result<String, StoreError>) -> Result<PreventionStatus, StoreError> {
        let kind = PreventionKind::parse(&self.kind)
            .map_err(|e| corrupt("amend.prevention", "kind", rule.as_str(), e.message))?;
        Ok(PreventionStatus {
            rule: rule.clone(),
            on: self.has_trigger && self.enabled,
            kind: Some(kind),
            check: self.validated.map(|all| if all { CheckState::AllRows } else { CheckState::NewRows }),
            acted: Some(self.acted),
            since: Some(self.installed_at),
            installed_by: Some(self.installed_by.clone()),
            trouble: self.trouble(wanted),
        })
    }
}

fn name_of(rule: &RuleSlug) -> String {
    prevention_name(rule, LONGEST)
}

/// One text for all that makes function and trigger.
fn joined(statements: &[String]) -> String {
    statements.iter().map(|s| format!("{s};\n")).collect()
}

async fn shape_for(conn: &mut PgConnection, rule: &Rule, kind: PreventionKind) -> Result<Shape, StoreError> {
    let shape = Shape::load(conn, rule).await?;
    if shape.value.generated {
        return Err(StoreError::Unsupported(format!(
            "Column {} of {} is a generated one: the database alone writes it.",
            shape.value.name, rule.target.table
        )));
    }
    let decides_partition: bool = sqlx::query_scalar(
        "SELECT EXISTS (
           SELECT 1 FROM pg_partition_tree(to_regclass($1)) t JOIN pg_partitioned_table p ON p.partrelid = t.relid
           JOIN pg_attribute a ON a.attrelid = t.relid AND a.attnum = ANY(p.partattrs) WHERE a.attname = $2)",
    )
    .bind(&shape.target)
    .bind(&shape.value.name)
    .fetch_one(conn)
    .await
    .map_err(db)?;
    if kind == PreventionKind::Fill && decides_partition {
        return Err(StoreError::Unsupported(format!(
            "{} decides in which partition of {} a row lies, so no trigger may fill it. Use the kind refuse.",
            shape.value.name, rule.target.table
        )));
    }
    Ok(shape)
}

async fn execute(tx: &mut Tx, statements: &[String]) -> Result<(), StoreError> {
    for statement in statements {
        // Names come quoted from the catalog, texts as literals: see `sql::prevention`.
        sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut **tx).await.map_err(db)?;
    }
    Ok(())
}

/// Only the owner may take a trigger off again, so nobody else puts one on.
async fn check_owner(tx: &mut Tx, shape: &Shape) -> Result<(), StoreError> {
    let owner: bool =
        sqlx::query_scalar("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass($1)")
            .bind(&shape.target)
            .fetch_one(&mut **tx)
            .await
            .map_err(db)?;
    if owner { Ok(()) } else { Err(StoreError::ReadOnly(format!("{} has another owner", shape.target))) }
}

/// Whatever stands there under our name is not ours once our own is gone.
async fn check_free(tx: &mut Tx, shape: &Shape, name: &str) -> Result<(), StoreError> {
    let (trigger, own): (bool, bool) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = $2),
                to_regclass(format('amend.%I', $2)) IS NOT NULL
                OR to_regprocedure(format('amend.%I()', $2)) IS NOT NULL",
    )
    .bind(&shape.target)
    .bind(name)
    .fetch_one(&mut **tx)
    .await
    .map_err(db)?;
    let what = match (trigger, own) {
        (true, _) => format!("A trigger {name} of {}", shape.target),
        (false, true) => format!("A function or relation amend.{name}"),
        (false, false) => return Ok(()),
    };
    Err(StoreError::Unsupported(format!(
        "{what} is there that Amend did not make. It stays as it is; rename or drop it."
    )))
}

async fn install_in(tx: &mut Tx, request: &PreventionRequest<'_>) -> Result<bool, StoreError> {
    let (rule, choice) = (request.rule, request.choice);
    alone(tx).await?;
    let shape = shape_for(tx, rule, choice.kind).await?;
    check_owner(tx, &shape).await?;
    let name = name_of(&rule.slug);
    let statements = sql::install(&shape, rule, choice.kind, &name);
    let text = joined(&statements);
    if let Some(before) = look(tx, &rule.slug).await? {
        let keeps_check = !before.has_check || choice.check;
        if before.enabled && before.statements == text && keeps_check {
            return Ok(false);
        }
        remove_in(tx, &rule.slug, &before).await?;
    }
    check_free(tx, &shape, &name).await?;
    sqlx::query(
        "INSERT INTO amend.prevention (rule, kind, name, target, statements, installed_by, installed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(rule.slug.as_str())
    .bind(choice.kind.as_str())
    .bind(&name)
    .bind(&shape.target)
    .bind(text)
    .bind(request.installed_by)
    .bind(request.now)
    .execute(&mut **tx)
    .await
    .map_err(db)?;
    execute(tx, &statements).await?;
    Ok(true)
}

async fn remove_in(tx: &mut Tx, rule: &RuleSlug, installed: &Installed) -> Result<(), StoreError> {
    execute(tx, &installed.removal()).await?;
    sqlx::query("DELETE FROM amend.prevention WHERE rule = $1")
        .bind(rule.as_str())
        .execute(&mut **tx)
        .await
        .map_err(db)?;
    Ok(())
}

async fn remove_if_there(tx: &mut Tx, rule: &RuleSlug) -> Result<bool, StoreError> {
    alone(tx).await?;
    let Some(installed) = look(tx, rule).await? else { return Ok(false) };
    remove_in(tx, rule, &installed).await?;
    Ok(true)
}

async fn add_check_in(tx: &mut Tx, request: &PreventionRequest<'_>) -> Result<(), StoreError> {
    alone(tx).await?;
    let rule = request.rule;
    let shape = Shape::load(tx, rule).await?;
    let Some(installed) = look(tx, &rule.slug).await? else { return Err(not_installed(rule)) };
    if installed.validated.is_some() {
        return Ok(());
    }
    let taken: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2)",
    )
    .bind(&shape.target)
    .bind(&installed.name)
    .fetch_one(&mut **tx)
    .await
    .map_err(db)?;
    if taken {
        return Err(StoreError::Unsupported(format!(
            "A constraint {} of {} is there that Amend did not make. It stays as it is; rename or drop it.",
            installed.name, shape.target
        )));
    }
    sqlx::query("UPDATE amend.prevention SET has_check = true WHERE rule = $1")
        .bind(rule.slug.as_str())
        .execute(&mut **tx)
        .await
        .map_err(db)?;
    let [add, _] = sql::check(&shape, rule, &installed.name);
    execute(tx, &[add]).await
}

async fn validate_in(tx: &mut Tx, rule: &Rule) -> Result<(), StoreError> {
    match look(tx, &rule.slug).await? {
        Some(Installed { validated: Some(true), .. }) => Ok(()),
        Some(Installed { validated: Some(false), target: Some(target), name, .. }) => {
            execute(tx, &[sql::validate(&target, &name)]).await
        }
        _ => Err(not_installed(rule)),
    }
}

fn not_installed(rule: &Rule) -> StoreError {
    StoreError::Unsupported(format!("Nothing is installed for rule {} any more. Turn it on again.", rule.slug))
}

/// One at a time: two that install at once would both find nothing there.
async fn alone(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("LOCK TABLE amend.prevention IN SHARE ROW EXCLUSIVE MODE").execute(&mut **tx).await.map_err(db)?;
    Ok(())
}

impl PostgresStore {
    async fn changing(&self, lock: Duration) -> Result<Tx, StoreError> {
        let mut tx = self.begin().await?;
        limit(&mut tx, lock, self.options.statement_timeout).await?;
        Ok(tx)
    }
}

async fn ended<T>(tx: Tx, result: Result<T, StoreError>) -> Result<T, StoreError> {
    match result {
        Ok(value) => tx.commit().await.map_err(db).map(|()| value),
        Err(error) => Err(chunk::undo(tx, error).await),
    }
}

#[async_trait]
impl Prevention for PostgresStore {
    fn can_add_check(&self) -> bool {
        true
    }

    async fn prevention_sql(&self, rule: &Rule, choice: PreventionChoice) -> Result<Vec<String>, StoreError> {
        let mut tx = self.reading().await?;
        let shape = shape_for(&mut tx, rule, choice.kind).await?;
        let name = name_of(&rule.slug);
        let mut statements = sql::install(&shape, rule, choice.kind, &name);
        if choice.check {
            statements.extend(sql::check(&shape, rule, &name));
        }
        Ok(statements)
    }

    async fn removal_sql(&self, rule: &RuleSlug) -> Result<Vec<String>, StoreError> {
        let mut tx = self.reading().await?;
        Ok(look(&mut tx, rule).await?.map(|installed| installed.removal()).unwrap_or_default())
    }

    async fn prevention(&self, rule: &Rule) -> Result<PreventionStatus, StoreError> {
        let mut tx = self.reading().await?;
        let Some(installed) = look(&mut tx, &rule.slug).await? else {
            return Ok(PreventionStatus::off(rule.slug.clone()));
        };
        let kind = PreventionKind::parse(&installed.kind).unwrap_or_default();
        let wanted = match shape_for(&mut tx, rule, kind).await {
            Ok(shape) => Ok(joined(&sql::install(&shape, rule, kind, &installed.name))),
            Err(error @ (StoreError::Missing(_) | StoreError::Unsupported(_))) => Err(error),
            Err(error) => return Err(error),
        };
        installed.status(&rule.slug, wanted)
    }

    async fn install_prevention(&self, request: &PreventionRequest<'_>) -> Result<bool, StoreError> {
        let mut tx = self.changing(request.lock_timeout).await?;
        let result = install_in(&mut tx, request).await;
        ended(tx, result).await
    }

    async fn add_check(&self, request: &PreventionRequest<'_>) -> Result<(), StoreError> {
        let mut tx = self.changing(request.lock_timeout).await?;
        let result = add_check_in(&mut tx, request).await;
        ended(tx, result).await
    }

    async fn validate_check(&self, request: &PreventionRequest<'_>) -> Result<(), StoreError> {
        let mut tx = self.changing(request.lock_timeout).await?;
        let result = validate_in(&mut tx, request.rule).await;
        ended(tx, result).await
    }

    async fn remove_prevention(&self, rule: &RuleSlug, lock_timeout: Duration) -> Result<bool, StoreError> {
        let mut tx = self.changing(lock_timeout).await?;
        let result = remove_if_there(&mut tx, rule).await;
        ended(tx, result).await
    }
}
