//! What the database is and what stands in it.

use amend_domain::{ColumnName, Rule, RuleSlug, TableName};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    Sqlite,
    Postgres,
}

impl StoreKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// For `amend doctor` and the health page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    pub kind: StoreKind,
    /// As the database says it.
    pub version: String,
    /// Whether the version is one we support (SQLite 3.38, PostgreSQL 14 and later).
    pub supported: bool,
    /// Where, without any password.
    pub location: String,
    /// The database's own clock.
    pub clock: DateTime<Utc>,
    /// Free bytes where the database lies, when they can be known.
    pub free_bytes: Option<u64>,
    /// Size of the database in bytes.
    pub size_bytes: Option<u64>,
    /// Whether Amend's own tables can be written.
    pub writable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    pub name: ColumnName,
    /// As the database spells the type, lower case.
    pub type_name: String,
    pub nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    pub table: TableName,
    pub columns: Vec<ColumnInfo>,
    /// Unique sets of columns, the primary key first. Those with a nullable column are left out,
    /// but for the primary key.
    pub keys: Vec<Vec<ColumnName>>,
    /// The leading columns of every index.
    pub indexes: Vec<Vec<ColumnName>>,
    /// From statistics where there are any; an estimate.
    pub estimated_rows: Option<i64>,
}

/// Something about the tables of a rule that a run would meet and that only the database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The field of the rule that it is about, such as `target.value`.
    pub field: &'static str,
    /// Whether no run can work, or whether one should only know it.
    pub refuses: bool,
    /// One sentence: what is there.
    pub message: String,
    /// What to do.
    pub advice: String,
}

#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    fn kind(&self) -> StoreKind;

    /// Brings Amend's own tables up to date; says the names of what it applied.
    async fn migrate(&self) -> Result<Vec<String>, StoreError>;

    /// A round trip, no more.
    async fn ping(&self) -> Result<(), StoreError>;

    async fn server_info(&self) -> Result<ServerInfo, StoreError>;

    /// All ordinary tables that are not Amend's own and not the system's.
    async fn tables(&self) -> Result<Vec<TableInfo>, StoreError>;

    /// One table; the name must be spelled exactly.
    async fn table(&self, table: &TableName) -> Result<Option<TableInfo>, StoreError>;

    /// What stands in the way of this rule's runs, beyond tables and columns that are not there: what the
    /// database alone writes, hides or would refuse.
    async fn remarks(&self, rule: &Rule) -> Result<Vec<Remark>, StoreError>;

    async fn has_rows(&self, table: &TableName) -> Result<bool, StoreError>;

    /// The different values that a column has, as texts, in some order, at most `limit`; null is none.
    async fn distinct_values(
        &self,
        table: &TableName,
        column: &ColumnName,
        limit: u32,
    ) -> Result<Vec<String>, StoreError>;

    /// Whether the connected user may update this column (SQLite: whether the file is writable).
    async fn may_update(&self, table: &TableName, column: &ColumnName) -> Result<bool, StoreError>;

    /// Inserts or replaces the rule by its slug.
    async fn save_rule(&self, rule: &Rule, now: DateTime<Utc>) -> Result<(), StoreError>;

    async fn rule(&self, slug: &RuleSlug) -> Result<Option<Rule>, StoreError>;

    /// By slug.
    async fn rules(&self) -> Result<Vec<Rule>, StoreError>;
}
