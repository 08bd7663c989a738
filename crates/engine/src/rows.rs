//! Rows with their findings, for the preview grid and the work queue.

use amend_domain::{Act, Caller, Problem, RowFilter, RowPage, RowQuery, RuleSlug, UnresolvedRow};

use crate::facade::{Engine, public};

impl Engine {
    /// One page of rows.
    ///
    /// # Errors
    /// A limit outside 1 to 1,000; `RULE_NOT_FOUND`; `RULE_UNUSABLE`; trouble with the database.
    pub async fn rows(&self, who: &Caller, slug: &RuleSlug, query: &RowQuery) -> Result<RowPage, Problem> {
        self.authorise(who, Act::Read, "rows", slug.as_str()).await?;
        query.check()?;
        let rule = self.rule_or_problem(slug).await?;
        self.inner.store.rows_page(&rule, query).await.map_err(public)
    }

    /// One page of an export: the same with up to [`RowQuery::MAX_EXPORT`] rows.
    ///
    /// # Errors
    /// As [`Engine::rows`].
    pub async fn rows_to_export(&self, who: &Caller, slug: &RuleSlug, query: &RowQuery) -> Result<RowPage, Problem> {
        self.authorise(who, Act::Read, "rows", slug.as_str()).await?;
        if !(1..=RowQuery::MAX_EXPORT).contains(&query.limit) {
            return Err(Problem::field("limit", "must be 1 to 10000"));
        }
        let rule = self.rule_or_problem(slug).await?;
        self.inner.store.rows_page(&rule, query).await.map_err(public)
    }

    /// Rows that a filter lets through.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`; `RULE_UNUSABLE`; trouble with the database.
    pub async fn count_rows(&self, who: &Caller, slug: &RuleSlug, filter: &RowFilter) -> Result<i64, Problem> {
        self.authorise(who, Act::Read, "rows", slug.as_str()).await?;
        let rule = self.rule_or_problem(slug).await?;
        self.inner.store.count_rows(&rule, filter).await.map_err(public)
    }

    /// Symbols that need a person, those with most rows first. [`Engine::unresolved_work`] adds suggestions.
    ///
    /// # Errors
    /// A limit outside 1 to 10,000; `RULE_NOT_FOUND`; trouble with the database.
    pub async fn unresolved(&self, who: &Caller, slug: &RuleSlug, limit: u32) -> Result<Vec<UnresolvedRow>, Problem> {
        self.authorise(who, Act::Read, "unresolved", slug.as_str()).await?;
        if !(1..=10_000).contains(&limit) {
            return Err(Problem::field("limit", "must be 1 to 10000"));
        }
        let rule = self.rule_or_problem(slug).await?;
        self.inner.store.unresolved(&rule, limit).await.map_err(public)
    }
}
