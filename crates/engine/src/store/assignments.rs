//! What people decided about matches that the reference cannot decide, and what is asked of the
//! reference to suggest and to check it.
//!
//! Every method of a store that resolves the reference takes the rule's assignments in, as
//! `amend_domain::assignment::decided` says: an alias gives what the reference itself says for the other
//! match, a chosen value counts while a row of the reference gives it; both only where the reference
//! gives no value for the match itself.

use amend_domain::{Assignment, ColumnName, Matches, Rule, RuleSlug, Said};
use async_trait::async_trait;

use super::StoreError;

/// Rows of one match that stand at places (venues) for which the reference gives one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The match's place in the list that was asked for.
    pub at: usize,
    pub value: String,
    pub rows: i64,
}

#[async_trait]
pub trait Assignments: Send + Sync + 'static {
    /// Keeps an assignment, in the place of the one that its match had.
    async fn assign(&self, rule: &RuleSlug, assignment: &Assignment) -> Result<(), StoreError>;

    /// Takes the assignment of a match away; false where it had none.
    async fn unassign(&self, rule: &RuleSlug, matches: &[String]) -> Result<bool, StoreError>;

    /// The rule's assignments, the newest first.
    async fn assignments(&self, rule: &RuleSlug) -> Result<Vec<Assignment>, StoreError>;

    /// What the reference's rows give for each of these matches, in their order, every value once.
    async fn said(&self, rule: &Rule, matches: &[Matches]) -> Result<Vec<Said>, StoreError>;

    /// Matches to which the reference itself gives one value, with it, in some order, at most `limit`.
    async fn known_matches(&self, rule: &Rule, limit: u32) -> Result<Vec<(Matches, String)>, StoreError>;

    /// Joins the rows of these matches with the reference by one column more: `ours` of the target and
    /// `theirs` of the reference. Rows at places where the reference gives no value, or several, are left
    /// out.
    async fn placed(
        &self,
        rule: &Rule,
        matches: &[Matches],
        ours: &ColumnName,
        theirs: &ColumnName,
    ) -> Result<Vec<Placed>, StoreError>;
}
