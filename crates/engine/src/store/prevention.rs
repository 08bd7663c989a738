//! What stands in a target table itself, so that the fault is not made again.

use std::time::Duration;

use amend_domain::{PreventionChoice, PreventionStatus, Rule, RuleSlug};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

/// Something to be installed.
#[derive(Debug, Clone)]
pub struct PreventionRequest<'a> {
    pub rule: &'a Rule,
    pub choice: PreventionChoice,
    /// How long each statement may wait for the table's lock. Whoever comes later waits behind it.
    pub lock_timeout: Duration,
    pub installed_by: &'a str,
    pub now: DateTime<Utc>,
}

/// Each method is one transaction, tried once; nothing of it is left when it fails.
#[async_trait]
pub trait Prevention: Send + Sync + 'static {
    /// Whether a CHECK can be added to a table that is there.
    fn can_add_check(&self) -> bool;

    /// Every statement that [`Self::install_prevention`], [`Self::add_check`] and
    /// [`Self::validate_check`] would run on the database's own objects, in this order.
    ///
    /// # Errors
    /// [`StoreError::Missing`] and [`StoreError::Unsupported`] where it could not be installed.
    async fn prevention_sql(&self, rule: &Rule, choice: PreventionChoice) -> Result<Vec<String>, StoreError>;

    /// The same of [`Self::remove_prevention`]; empty where nothing is installed.
    async fn removal_sql(&self, rule: &RuleSlug) -> Result<Vec<String>, StoreError>;

    /// What is installed for a rule; off when nothing is.
    async fn prevention(&self, rule: &Rule) -> Result<PreventionStatus, StoreError>;

    /// Installs what fills or refuses, in the place of what Amend installed before for this rule. False,
    /// and nothing done, where exactly that stands already. Rows that Amend itself corrects or restores
    /// pass it untouched.
    ///
    /// # Errors
    /// [`StoreError::Locked`]; [`StoreError::ReadOnly`] without the rights of the table's owner;
    /// [`StoreError::Unsupported`] when something of that name is there that Amend did not make.
    async fn install_prevention(&self, request: &PreventionRequest<'_>) -> Result<bool, StoreError>;

    /// Adds the CHECK for rows written from now on; nothing is done where it stands already.
    ///
    /// # Errors
    /// As [`Self::install_prevention`].
    async fn add_check(&self, request: &PreventionRequest<'_>) -> Result<(), StoreError>;

    /// Looks whether the CHECK holds for every row, while others go on writing.
    ///
    /// # Errors
    /// [`StoreError::Row`] when a row breaks it; it then stays in force for new rows.
    async fn validate_check(&self, request: &PreventionRequest<'_>) -> Result<(), StoreError>;

    /// Takes everything off again, also when the rule or the table has changed since; false where
    /// nothing was installed. What somebody else put there under the same name stays.
    async fn remove_prevention(&self, rule: &RuleSlug, lock_timeout: Duration) -> Result<bool, StoreError>;
}

/// A name for a rule's database objects: at most `longest` bytes, and another for every rule.
#[must_use]
pub fn prevention_name(rule: &RuleSlug, longest: usize) -> String {
    let name = format!("amend_prevent_{}", rule.as_str().replace('-', "_"));
    // A slug may hold no underscore, so nothing is lost by writing one for each hyphen.
    if name.len() <= longest {
        return name;
    }
    let digest = blake3::hash(rule.as_str().as_bytes()).to_hex();
    // Slugs are ASCII.
    format!("{}_{}", &name[..longest.saturating_sub(9)], &digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_tell_long_rules_apart() {
        let of = |slug: &str| prevention_name(&RuleSlug::from_trusted(slug), 63);
        assert_eq!(of("ticks-class"), "amend_prevent_ticks_class");
        let (a, b) = (of(&"a".repeat(64)), of(&format!("{}b", "a".repeat(63))));
        assert_eq!((a.len(), b.len()), (63, 63));
        assert_ne!(a, b);
    }
}
