//! [`People`]: users, sessions, tokens, the audit log.

use amend_domain::Role;
use amend_engine::store::{AuditEntry, People, SessionRecord, StoreError, TokenRecord, UserRecord};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{
    Row as _, Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::{
    error::{corrupt, db},
    store::SqliteStore,
    time::{from_micros, micros},
};

fn role(table: &'static str, key: &str, row: &SqliteRow) -> Result<Role, StoreError> {
    let text: String = row.try_get("role").map_err(db)?;
    Role::parse(&text).ok_or_else(|| corrupt(table, "role", key, format!("{text:?} is no role")))
}

fn time(table: &'static str, column: &'static str, key: &str, row: &SqliteRow) -> Result<DateTime<Utc>, StoreError> {
    from_micros(table, column, key, row.try_get(column).map_err(db)?)
}

fn read_token(row: &SqliteRow) -> Result<TokenRecord, StoreError> {
    let name: String = row.try_get("name").map_err(db)?;
    let expires_at: Option<i64> = row.try_get("expires_at").map_err(db)?;
    Ok(TokenRecord {
        token_hash: row.try_get("token_hash").map_err(db)?,
        role: role("amend_token", &name, row)?,
        created_at: time("amend_token", "created_at", &name, row)?,
        expires_at: expires_at.map(|m| from_micros("amend_token", "expires_at", &name, m)).transpose()?,
        name,
    })
}

impl SqliteStore {
    async fn write(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<u64, StoreError> {
        let mut connection = self.writer.acquire(None).await?;
        Ok(query.execute(&mut *connection).await.map_err(db)?.rows_affected())
    }

    async fn find(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Option<SqliteRow>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        query.fetch_optional(&mut *connection).await.map_err(db)
    }

    async fn list(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        query.fetch_all(&mut *connection).await.map_err(db)
    }
}

#[async_trait]
impl People for SqliteStore {
    async fn user_count(&self) -> Result<i64, StoreError> {
        let row = self.find(sqlx::query("SELECT count(*) FROM amend_user")).await?;
        row.map_or(Ok(0), |row| row.try_get(0).map_err(db))
    }

    async fn create_user(&self, user: &UserRecord) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO amend_user (name, password_hash, role, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(&user.name)
        .bind(&user.password_hash)
        .bind(user.role.as_str())
        .bind(micros(user.created_at));
        Ok(self.write(query).await? == 1)
    }

    async fn user(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        let Some(row) = self.find(sqlx::query("SELECT * FROM amend_user WHERE name = ?1").bind(name)).await? else {
            return Ok(None);
        };
        Ok(Some(UserRecord {
            name: row.try_get("name").map_err(db)?,
            password_hash: row.try_get("password_hash").map_err(db)?,
            role: role("amend_user", name, &row)?,
            created_at: time("amend_user", "created_at", name, &row)?,
        }))
    }

    async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool, StoreError> {
        let query =
            sqlx::query("UPDATE amend_user SET password_hash = ?2 WHERE name = ?1").bind(name).bind(password_hash);
        Ok(self.write(query).await? == 1)
    }

    async fn create_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO amend_session (token_hash, user_name, role, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(&session.token_hash)
        .bind(&session.user)
        .bind(session.role.as_str())
        .bind(micros(session.created_at))
        .bind(micros(session.expires_at));
        if self.write(query).await? == 1 { Ok(()) } else { Err(StoreError::Other("no session was written".into())) }
    }

    async fn session(&self, token_hash: &str, now: DateTime<Utc>) -> Result<Option<SessionRecord>, StoreError> {
        let query = sqlx::query("SELECT * FROM amend_session WHERE token_hash = ?1 AND expires_at > ?2")
            .bind(token_hash)
            .bind(micros(now));
        let Some(row) = self.find(query).await? else { return Ok(None) };
        // A session is named by its user in an error: its hash is nobody's business.
        let user: String = row.try_get("user_name").map_err(db)?;
        Ok(Some(SessionRecord {
            token_hash: row.try_get("token_hash").map_err(db)?,
            role: role("amend_session", &user, &row)?,
            created_at: time("amend_session", "created_at", &user, &row)?,
            expires_at: time("amend_session", "expires_at", &user, &row)?,
            user,
        }))
    }

    async fn delete_session(&self, token_hash: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM amend_session WHERE token_hash = ?1").bind(token_hash);
        Ok(self.write(query).await? == 1)
    }

    async fn delete_expired_sessions(&self, now: DateTime<Utc>) -> Result<i64, StoreError> {
        let query = sqlx::query("DELETE FROM amend_session WHERE expires_at <= ?1").bind(micros(now));
        Ok(i64::try_from(self.write(query).await?).unwrap_or(i64::MAX))
    }

    async fn create_token(&self, token: &TokenRecord) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO amend_token (name, token_hash, role, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(&token.name)
        .bind(&token.token_hash)
        .bind(token.role.as_str())
        .bind(micros(token.created_at))
        .bind(token.expires_at.map(micros));
        Ok(self.write(query).await? == 1)
    }

    async fn token(&self, token_hash: &str, now: DateTime<Utc>) -> Result<Option<TokenRecord>, StoreError> {
        let query =
            sqlx::query("SELECT * FROM amend_token WHERE token_hash = ?1 AND (expires_at IS NULL OR expires_at > ?2)")
                .bind(token_hash)
                .bind(micros(now));
        self.find(query).await?.as_ref().map(read_token).transpose()
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        let rows = self.list(sqlx::query("SELECT * FROM amend_token ORDER BY name")).await?;
        rows.iter().map(read_token).collect()
    }

    async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.write(sqlx::query("DELETE FROM amend_token WHERE name = ?1").bind(name)).await? == 1)
    }

    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO amend_audit (at, who, role, door, act, object, outcome, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(micros(entry.at))
        .bind(&entry.who)
        .bind(entry.role.as_str())
        .bind(&entry.door)
        .bind(&entry.act)
        .bind(&entry.object)
        .bind(&entry.outcome)
        .bind(&entry.detail);
        if self.write(query).await? == 1 { Ok(()) } else { Err(StoreError::Other("no audit entry was written".into())) }
    }

    async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = self.list(sqlx::query("SELECT * FROM amend_audit ORDER BY id DESC LIMIT ?1").bind(limit)).await?;
        rows.iter()
            .map(|row| {
                let key = row.try_get::<i64, _>("id").map_err(db)?.to_string();
                Ok(AuditEntry {
                    at: time("amend_audit", "at", &key, row)?,
                    who: row.try_get("who").map_err(db)?,
                    role: role("amend_audit", &key, row)?,
                    door: row.try_get("door").map_err(db)?,
                    act: row.try_get("act").map_err(db)?,
                    object: row.try_get("object").map_err(db)?,
                    outcome: row.try_get("outcome").map_err(db)?,
                    detail: row.try_get("detail").map_err(db)?,
                })
            })
            .collect()
    }
}
