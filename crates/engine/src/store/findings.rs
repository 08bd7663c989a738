//! Looking: analysis, rows with findings, remembered analyses. Nothing here writes to the target.

use amend_domain::{
    Analysis, RowFilter, RowPage, RowQuery, Rule, RuleSlug, Scope, Summary, UnresolvedRow, analysis::Snapshot,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

#[async_trait]
pub trait Findings: Send + Sync + 'static {
    /// One pass over the table: grouped by match columns and value first, the small result then
    /// joined with the reference. Rows of `scope` alone.
    async fn summarise(&self, rule: &Rule, scope: &Scope) -> Result<Summary, StoreError>;

    /// A page of rows with findings, by keyset. `query.after` is this store's own text.
    async fn rows_page(&self, rule: &Rule, query: &RowQuery) -> Result<RowPage, StoreError>;

    async fn count_rows(&self, rule: &Rule, filter: &RowFilter) -> Result<i64, StoreError>;

    /// Orphan, ambiguous and unresolvable symbols that no assignment decides, those with most rows first.
    async fn unresolved(&self, rule: &Rule, limit: u32) -> Result<Vec<UnresolvedRow>, StoreError>;

    /// Keeps an analysis as the rule's newest and adds a point to its trend.
    async fn save_analysis(&self, analysis: &Analysis) -> Result<(), StoreError>;

    async fn last_analysis(&self, rule: &RuleSlug) -> Result<Option<Analysis>, StoreError>;

    /// The trend since a time, oldest first, at most `limit` newest points.
    async fn snapshots(&self, rule: &RuleSlug, since: DateTime<Utc>, limit: u32) -> Result<Vec<Snapshot>, StoreError>;
}
