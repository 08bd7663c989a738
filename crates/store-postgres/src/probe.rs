//! What this server can do, found out by asking for it. Servers that speak PostgreSQL's language under
//! another name lack some of it; none of them is known here by name.

use amend_engine::store::{Remark, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::error::db;

/// Functions without which no run can prove what it did.
const NEEDED: [(&str, &str); 2] = [
    ("hash_record_extended(record,bigint)", "a run proves with it that it changed no other column"),
    ("row_security_active(oid)", "it tells whether rows are hidden"),
];

/// One refusing remark for each function that a run cannot do without.
pub(crate) async fn missing_functions(conn: &mut PgConnection) -> Result<Vec<Remark>, StoreError> {
    let mut remarks = Vec::new();
    for (function, why) in NEEDED {
        if !has_function(conn, function).await? {
            remarks.push(Remark {
                field: "target.table",
                refuses: true,
                message: format!("This server has no function {function}: {why}."),
                advice: "Run Amend against a PostgreSQL 14 or later.".into(),
            });
        }
    }
    Ok(remarks)
}

pub(crate) async fn has_function(conn: &mut PgConnection, signature: &str) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT to_regprocedure($1) IS NOT NULL").bind(signature).fetch_one(conn).await.map_err(db)
}

/// Why ranges of this table's blocks cannot be read alone; none where they can. `table` is quoted.
///
/// The plan is asked for, not only whether the condition is taken: a server that took it and read the whole
/// table for each range would be slower than by key.
pub(crate) async fn no_ranges_because(conn: &mut PgConnection, table: &str) -> Result<Option<String>, StoreError> {
    let mut inner = conn.begin().await.map_err(db)?;
    let sql = format!("EXPLAIN SELECT 1 FROM {table} WHERE ctid >= '(0,0)'::tid AND ctid < '(1,0)'::tid");
    let plan = async {
        // An empty table would be read whole for the same price.
        sqlx::query("SELECT set_config('enable_seqscan', 'off', true)").execute(&mut *inner).await?;
        // `table` comes quoted from the catalog.
        sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut *inner).await
    };
    let plan = plan.await;
    inner.rollback().await.map_err(db)?;
    match plan {
        Ok(lines) if lines.iter().any(|line| line.contains("Tid Range Scan")) => Ok(None),
        Ok(_) => Ok(Some("this server reads a whole table to find the rows of a block".into())),
        Err(error) => unable(error, "this server cannot find rows by their block (ctid)").map(Some),
    }
}

/// The reason where the server says that it knows no such thing; any other error stays one.
pub(crate) fn unable(error: sqlx::Error, reason: &str) -> Result<String, StoreError> {
    let code = error.as_database_error().and_then(|e| e.code()).unwrap_or_default();
    match &*code {
        // Undefined function, column, table, object; wrong kind; feature not supported.
        "42883" | "42703" | "42P01" | "42704" | "42809" | "42804" | "0A000" => Ok(reason.into()),
        _ => Err(db(error)),
    }
}
