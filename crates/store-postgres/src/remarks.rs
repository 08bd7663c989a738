//! What stands in the way of a rule's runs that only this database knows.

use amend_domain::Rule;
use amend_engine::store::{Remark, StoreError};
use sqlx::{Connection as _, FromRow, PgConnection};

use crate::{
    PostgresStore,
    error::db,
    probe,
    shape::{Shape, lookup_name},
    sql::trigger_text,
    tx::{Args, fetch_one},
};

#[derive(FromRow)]
struct TableRow {
    no: i64,
    sql_name: String,
    relkind: String,
    hides: bool,
    readable: bool,
    owner: String,
    me: String,
    /// Foreign tables below it.
    foreign_parts: Vec<String>,
}

#[derive(FromRow)]
struct TriggerRow {
    name: String,
    language: String,
    body: String,
}

impl PostgresStore {
    pub(crate) async fn all_remarks(&self, rule: &Rule) -> Result<Vec<Remark>, StoreError> {
        let mut tx = self.reading().await?;
        let mut remarks = probe::missing_functions(&mut tx).await?;
        if !remarks.is_empty() {
            return Ok(remarks);
        }
        let tables: Vec<TableRow> = sqlx::query_as(include_str!("sql/remarks.sql"))
            .bind([lookup_name(&rule.target.table), lookup_name(&rule.reference.table)])
            .fetch_all(&mut *tx)
            .await
            .map_err(db)?;
        for table in &tables {
            of_table(table, &mut remarks);
        }
        // What is not there the engine has seen before; what is not a table has no more to tell.
        if tables.len() == 2 && remarks.iter().all(|r| !r.refuses) {
            let shape = match Shape::load(&mut tx, rule).await {
                Ok(shape) => shape,
                // A column that is not there: the engine names it by its field.
                Err(StoreError::Missing(_)) => return Ok(remarks),
                Err(error) => return Err(error),
            };
            if shape.value.generated {
                remarks.push(Remark {
                    field: "target.value",
                    refuses: true,
                    message: format!(
                        "Column {} of {} is generated: the database alone writes it.",
                        shape.value.name, shape.target
                    ),
                    advice: "Correct the columns that it is made from.".into(),
                });
            } else {
                triggers(&mut tx, rule, &mut remarks).await?;
                allowed_values(&mut tx, rule, &shape, &mut remarks).await?;
            }
        }
        tx.commit().await.map_err(db)?;
        Ok(remarks)
    }
}

fn of_table(table: &TableRow, remarks: &mut Vec<Remark>) {
    let (is_target, name) = (table.no == 1, &table.sql_name);
    let field = if is_target { "target.table" } else { "reference.table" };
    let mut add = |refuses, message, advice| remarks.push(Remark { field, refuses, message, advice });
    let kind = match table.relkind.as_str() {
        "v" => "a view",
        "m" => "a materialized view",
        "f" => "a foreign table",
        _ => "",
    };
    if is_target && !kind.is_empty() {
        let message = format!("{name} is {kind}: it cannot be corrected row by row.");
        return add(true, message, "Name the table behind it, in the database where that stands.".into());
    }
    if is_target && let Some(far) = table.foreign_parts.first() {
        // No unique index can reach over it, so nothing guarantees that a key names one row.
        let message = format!(
            "{name} has a foreign table among its parts ({far}), for whose keys this database cannot vouch, so a row \
             cannot be found again for sure."
        );
        let advice = "Make one rule for each part of its own, with that part as the target, and correct the foreign \
                      table in the database where it stands.";
        return add(true, message, advice.into());
    }
    if !table.readable {
        let message = format!("The database user {} may not read {name}, a table of {}.", table.me, table.owner);
        return add(true, message, format!("GRANT SELECT ON {name} TO {};", table.me));
    }
    if table.hides {
        let advice = format!("Connect as the table's owner ({}) or as a role with BYPASSRLS.", table.owner);
        if is_target {
            let message = format!(
                "Row-level security is on for {name}: {} sees, counts and corrects only the rows that its policies show.",
                table.me
            );
            add(false, message, advice);
        } else {
            // A hidden row may be the one that disagrees.
            let message = format!(
                "Row-level security hides rows of {name} from {}, so an ambiguous reference could look like a sure one.",
                table.me
            );
            add(true, message, advice);
        }
    }
}

async fn triggers(tx: &mut PgConnection, rule: &Rule, remarks: &mut Vec<Remark>) -> Result<(), StoreError> {
    let found: Vec<TriggerRow> = sqlx::query_as(include_str!("sql/triggers.sql"))
        .bind(lookup_name(&rule.target.table))
        .bind(&rule.target.value.0)
        .fetch_all(tx)
        .await
        .map_err(db)?;
    let table = &rule.target.table;
    for trigger in found {
        let mut add = |refuses, message, advice| {
            remarks.push(Remark { field: "target.kept_by_triggers", refuses, message, advice });
        };
        if trigger.language != "plpgsql" {
            if rule.target.kept_by_triggers.is_empty() {
                add(
                    false,
                    format!(
                        "Trigger {} of {table} runs before each update, in language {}: what it writes cannot be read.",
                        trigger.name, trigger.language
                    ),
                    "If it writes other columns (a time of change), name them in target.kept_by_triggers; otherwise a \
                     run ends at its first chunk."
                        .into(),
                );
            }
            continue;
        }
        let mut unnamed = trigger_text::assigned(&trigger.body);
        unnamed.retain(|c| *c != rule.target.value.0 && !rule.target.kept_by_triggers.iter().any(|k| k.0 == *c));
        if !unnamed.is_empty() {
            let list = unnamed.join(", ");
            add(
                true,
                format!(
                    "Trigger {} of {table} writes {list} before each update, so a run would change more than {}.",
                    trigger.name, rule.target.value
                ),
                format!(
                    "If that is meant to be, set target.kept_by_triggers = [{}]: runs leave these columns to the \
                     trigger, and a rollback does not bring them back.",
                    unnamed.iter().map(|c| format!("{c:?}")).collect::<Vec<_>>().join(", ")
                ),
            );
        }
    }
    Ok(())
}

/// Whether the column takes each allowed value, asked of its type: labels of an enum, checks of a domain,
/// the length of a text, the spelling of a number.
async fn allowed_values(
    tx: &mut PgConnection,
    rule: &Rule,
    shape: &Shape,
    remarks: &mut Vec<Remark>,
) -> Result<(), StoreError> {
    let (type_sql, labels): (String, Option<Vec<String>>) = sqlx::query_as(
        "SELECT format_type(a.atttypid, a.atttypmod),
                (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid)
         FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attname = $2",
    )
    .bind(lookup_name(&rule.target.table))
    .bind(&rule.target.value.0)
    .fetch_one(&mut *tx)
    .await
    .map_err(db)?;
    for value in &rule.allowed_values {
        let mut inner = tx.begin().await.map_err(db)?;
        let mut args = Args::default();
        let given = args.text(value);
        let taken = fetch_one(&mut inner, format!("SELECT CAST({given} AS {type_sql})::text AS taken"), args).await;
        inner.rollback().await.map_err(db)?;
        let what = match taken {
            Ok(row) => match sqlx::Row::try_get::<Option<String>, _>(&row, "taken").map_err(db)? {
                Some(taken) if taken == *value => continue,
                Some(taken) => format!("would stand there as {taken:?}"),
                None => "would stand there as null".into(),
            },
            Err(StoreError::Row(_)) => "is none of its values".into(),
            Err(error) => return Err(error),
        };
        remarks.push(Remark {
            field: "allowed_values",
            refuses: true,
            message: format!("{value:?} {what}: {} of {} is {type_sql}.", shape.value.name, rule.target.table),
            advice: match &labels {
                Some(labels) => format!("It takes: {}.", labels.join(", ")),
                None => "Take it off the list, or change the column's type.".into(),
            },
        });
        break;
    }
    Ok(())
}
