//! Identifiers as types of their own, so that a run is never looked up by a rule's name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Problem;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text as it stands in the database and in URLs.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes a text that is already known to be well formed (read from our own tables).
            #[must_use]
            pub fn from_trusted(text: impl Into<String>) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A rule's name in URLs and on the command line: `asset-class-correction`.
    RuleSlug
}
text_id! {
    /// A run: `r-` and eight characters for a correction, `b-` and eight for a rollback.
    RunId
}
text_id! {
    /// BLAKE3 over rule, options and counts, first 16 hexadecimal digits.
    PlanHash
}

impl RuleSlug {
    /// The rule that Amend was made for, and the default everywhere.
    #[must_use]
    pub fn default_rule() -> Self {
        Self("asset-class-correction".into())
    }

    /// Reads a slug from outside.
    ///
    /// # Errors
    /// Anything but 1 to 64 of `a-z`, `0-9` and `-`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(Problem::field("rule", "must be 1 to 64 characters of a-z, 0-9 and '-'"))
        }
    }
}

impl RunId {
    /// Reads a run's id from outside.
    ///
    /// # Errors
    /// Empty, over 100 characters, or with characters that no id of ours has.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let fits = (1..=100).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(Problem::field(
                "correctionId",
                "must be 1 to 100 letters, digits, '-' or '_'; `amend runs` lists the ids",
            ))
        }
    }
}

/// The number of a chunk within its run, from 1 in the order of commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChunkNo(pub i64);
