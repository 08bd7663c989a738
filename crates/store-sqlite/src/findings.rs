//! [`Findings`]: looking.

use amend_domain::{
    Analysis, RowFilter, RowPage, RowQuery, Rule, RuleSlug, Scope, Summary, UnresolvedRow, analysis::Snapshot,
};
use amend_engine::store::{Findings, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{analyses, pages, store::SqliteStore, summarise, unresolved};

#[async_trait]
impl Findings for SqliteStore {
    async fn summarise(&self, rule: &Rule, scope: &Scope) -> Result<Summary, StoreError> {
        summarise::summarise(self, rule, scope).await
    }

    async fn rows_page(&self, rule: &Rule, query: &RowQuery) -> Result<RowPage, StoreError> {
        pages::rows_page(self, rule, query).await
    }

    async fn count_rows(&self, rule: &Rule, filter: &RowFilter) -> Result<i64, StoreError> {
        pages::count_rows(self, rule, filter).await
    }

    async fn unresolved(&self, rule: &Rule, limit: u32) -> Result<Vec<UnresolvedRow>, StoreError> {
        unresolved::unresolved(self, rule, limit).await
    }

    async fn save_analysis(&self, analysis: &Analysis) -> Result<(), StoreError> {
        analyses::save(self, analysis).await
    }

    async fn last_analysis(&self, rule: &RuleSlug) -> Result<Option<Analysis>, StoreError> {
        analyses::last(self, rule).await
    }

    async fn snapshots(&self, rule: &RuleSlug, since: DateTime<Utc>, limit: u32) -> Result<Vec<Snapshot>, StoreError> {
        analyses::snapshots(self, rule, since, limit).await
    }
}
