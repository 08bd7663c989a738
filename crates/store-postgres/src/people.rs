//! Users, sessions, tokens and the audit log.

use amend_domain::Role;
use amend_engine::store::{AuditEntry, People, SessionRecord, StoreError, TokenRecord, UserRecord};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use crate::{
    PostgresStore,
    error::{corrupt, db},
};

fn role(table: &'static str, key: &str, text: &str) -> Result<Role, StoreError> {
    Role::parse(text).ok_or_else(|| corrupt(table, "role", key, format!("{text:?} is no role")))
}

#[derive(FromRow)]
struct TokenRow {
    name: String,
    token_hash: String,
    role: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

impl TokenRow {
    fn record(self) -> Result<TokenRecord, StoreError> {
        Ok(TokenRecord {
            role: role("amend.token", &self.name, &self.role)?,
            name: self.name,
            token_hash: self.token_hash,
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

#[derive(FromRow)]
struct AuditRow {
    id: i64,
    at: DateTime<Utc>,
    who: String,
    role: String,
    door: String,
    act: String,
    object: String,
    outcome: String,
    detail: String,
}

#[async_trait]
impl People for PostgresStore {
    async fn user_count(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT count(*) FROM amend.account").fetch_one(&self.pool).await.map_err(db)
    }

    async fn create_user(&self, user: &UserRecord) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO amend.account (name, password_hash, role, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(&user.name)
        .bind(&user.password_hash)
        .bind(user.role.as_str())
        .bind(user.created_at)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn user(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        let row: Option<(String, String, DateTime<Utc>)> =
            sqlx::query_as("SELECT password_hash, role, created_at FROM amend.account WHERE name = $1")
                .bind(name)
                .fetch_optional(&self.pool)
                .await
                .map_err(db)?;
        row.map(|(password_hash, word, created_at)| {
            Ok(UserRecord { name: name.into(), password_hash, role: role("amend.account", name, &word)?, created_at })
        })
        .transpose()
    }

    async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE amend.account SET password_hash = $2 WHERE name = $1")
            .bind(name)
            .bind(password_hash)
            .execute(&self.pool)
            .await
            .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn create_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO amend.session (token_hash, account, role, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&session.token_hash)
        .bind(&session.user)
        .bind(session.role.as_str())
        .bind(session.created_at)
        .bind(session.expires_at)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(())
    }

    async fn session(&self, token_hash: &str, now: DateTime<Utc>) -> Result<Option<SessionRecord>, StoreError> {
        let row: Option<(String, String, DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(
            "SELECT account, role, created_at, expires_at FROM amend.session WHERE token_hash = $1 AND expires_at > $2",
        )
        .bind(token_hash)
        .bind(now)
        .fetch_optional(&self.pool)
        .await
        .map_err(db)?;
        row.map(|(user, word, created_at, expires_at)| {
            let role = role("amend.session", &user, &word)?;
            Ok(SessionRecord { token_hash: token_hash.into(), user, role, created_at, expires_at })
        })
        .transpose()
    }

    async fn delete_session(&self, token_hash: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM amend.session WHERE token_hash = $1")
            .bind(token_hash)
            .execute(&self.pool)
            .await
            .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn delete_expired_sessions(&self, now: DateTime<Utc>) -> Result<i64, StoreError> {
        let done = sqlx::query("DELETE FROM amend.session WHERE expires_at <= $1")
            .bind(now)
            .execute(&self.pool)
            .await
            .map_err(db)?;
        Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
    }

    async fn create_token(&self, token: &TokenRecord) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO amend.token (name, token_hash, role, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(&token.name)
        .bind(&token.token_hash)
        .bind(token.role.as_str())
        .bind(token.created_at)
        .bind(token.expires_at)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn token(&self, token_hash: &str, now: DateTime<Utc>) -> Result<Option<TokenRecord>, StoreError> {
        let row: Option<TokenRow> = sqlx::query_as(
            "SELECT name, token_hash, role, created_at, expires_at FROM amend.token
             WHERE token_hash = $1 AND (expires_at IS NULL OR expires_at > $2)",
        )
        .bind(token_hash)
        .bind(now)
        .fetch_optional(&self.pool)
        .await
        .map_err(db)?;
        row.map(TokenRow::record).transpose()
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        let rows: Vec<TokenRow> =
            sqlx::query_as("SELECT name, token_hash, role, created_at, expires_at FROM amend.token ORDER BY name")
                .fetch_all(&self.pool)
                .await
                .map_err(db)?;
        rows.into_iter().map(TokenRow::record).collect()
    }

    async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        let done =
            sqlx::query("DELETE FROM amend.token WHERE name = $1").bind(name).execute(&self.pool).await.map_err(db)?;
        Ok(done.rows_affected() == 1)
    }

    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO amend.audit (at, who, role, door, act, object, outcome, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(entry.at)
        .bind(&entry.who)
        .bind(entry.role.as_str())
        .bind(&entry.door)
        .bind(&entry.act)
        .bind(&entry.object)
        .bind(&entry.outcome)
        .bind(&entry.detail)
        .execute(&self.pool)
        .await
        .map_err(db)?;
        Ok(())
    }

    async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let rows: Vec<AuditRow> = sqlx::query_as(
            "SELECT id, at, who, role, door, act, object, outcome, detail FROM amend.audit ORDER BY id DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(db)?;
        rows.into_iter()
            .map(|row| {
                Ok(AuditEntry {
                    at: row.at,
                    role: role("amend.audit", &row.id.to_string(), &row.role)?,
                    who: row.who,
                    door: row.door,
                    act: row.act,
                    object: row.object,
                    outcome: row.outcome,
                    detail: row.detail,
                })
            })
            .collect()
    }
}
