//! Who asks, through which door, and what each role may do.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Viewer,
    Operator,
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == text)
    }

    /// The permission table, whole.
    #[must_use]
    pub const fn may(self, act: Act) -> bool {
        match act {
            Act::Read => true,
            Act::Run | Act::Rollback | Act::Cancel | Act::Steer | Act::Assign => {
                matches!(self, Self::Operator | Self::Admin)
            }
            Act::ChangeRules | Act::ManagePeople | Act::Purge => matches!(self, Self::Admin),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What can be permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Read,
    Run,
    Rollback,
    Cancel,
    /// Pause, resume, set the pace.
    Steer,
    /// Deciding what the reference cannot, and taking that back.
    Assign,
    ChangeRules,
    ManagePeople,
    /// Dropping journals and copies whose retention is over.
    Purge,
}

impl Act {
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::Run,
        Self::Rollback,
        Self::Cancel,
        Self::Steer,
        Self::Assign,
        Self::ChangeRules,
        Self::ManagePeople,
        Self::Purge,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Rollback => "rollback",
            Self::Cancel => "cancel",
            Self::Steer => "steer",
            Self::Assign => "assign",
            Self::ChangeRules => "change_rules",
            Self::ManagePeople => "manage_people",
            Self::Purge => "purge",
        }
    }
}

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    Browser,
    Rest,
    CommandLine,
    /// Amend itself: takeovers, set-up.
    System,
}

impl Door {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Rest => "rest",
            Self::CommandLine => "command-line",
            Self::System => "system",
        }
    }
}

/// Who asks. Every act of the engine takes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// User name, or `token:NAME`, or the operating system's user on the command line.
    pub name: String,
    pub role: Role,
    pub door: Door,
}
