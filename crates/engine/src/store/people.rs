//! Users, sessions, tokens and the audit log.

use amend_domain::Role;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    pub name: String,
    /// In PHC string format.
    pub password_hash: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
}

/// A server-side session. Only the hash of the cookie's token is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    pub token_hash: String,
    pub user: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A bearer token. Only its hash is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    pub name: String,
    pub token_hash: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// One act or refused act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: DateTime<Utc>,
    pub who: String,
    pub role: Role,
    pub door: String,
    /// What was asked: `run`, `rollback`, `cancel`, `sign_in`, ...
    pub act: String,
    /// On what: a run's id, a rule's slug, a token's name.
    pub object: String,
    /// `done` or `refused: CODE`.
    pub outcome: String,
    /// JSON text with what else matters.
    pub detail: String,
}

#[async_trait]
pub trait People: Send + Sync + 'static {
    async fn user_count(&self) -> Result<i64, StoreError>;
    /// False when the name is taken.
    async fn create_user(&self, user: &UserRecord) -> Result<bool, StoreError>;
    async fn user(&self, name: &str) -> Result<Option<UserRecord>, StoreError>;
    async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool, StoreError>;

    async fn create_session(&self, session: &SessionRecord) -> Result<(), StoreError>;
    /// Only while it has not expired.
    async fn session(&self, token_hash: &str, now: DateTime<Utc>) -> Result<Option<SessionRecord>, StoreError>;
    async fn delete_session(&self, token_hash: &str) -> Result<bool, StoreError>;
    async fn delete_expired_sessions(&self, now: DateTime<Utc>) -> Result<i64, StoreError>;

    /// False when the name is taken.
    async fn create_token(&self, token: &TokenRecord) -> Result<bool, StoreError>;
    /// Only while it has not expired.
    async fn token(&self, token_hash: &str, now: DateTime<Utc>) -> Result<Option<TokenRecord>, StoreError>;
    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError>;
    async fn delete_token(&self, name: &str) -> Result<bool, StoreError>;

    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError>;
    /// Newest first.
    async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError>;
}
