//! The one public error: a code that programs test, a sentence for people, and what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Stable codes. Each has one HTTP status and one exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// Input that cannot be used; `Problem::field` names the field.
    InvalidOptions,
    MissingCorrectionId,
    NotSignedIn,
    Forbidden,
    RuleNotFound,
    CorrectionNotFound,
    NotFound,
    /// Another run of the same rule is active.
    OperationInProgress,
    AlreadyRolledBack,
    /// The run is not in a state that allows this.
    WrongState,
    /// The numbers have moved since the plan was made.
    Drift,
    /// The rule does not fit the database (missing table or column, no rows, no unique key).
    RuleUnusable,
    /// The database refuses to write, or lacks rights.
    ReadOnly,
    /// A lock was not granted in time.
    Locked,
    /// Cannot reach the database, or it is too old.
    DatabaseUnavailable,
    /// No space left.
    DiskFull,
    /// The worker's lease was taken over by another.
    LeaseLost,
    Timeout,
    ValidationFailed,
    /// A constraint or trigger of the table refused rows; they are listed with their run.
    RowsRefused,
    /// Too many of the last chunks failed, so the run stopped by itself.
    BreakerOpen,
    TooManyRequests,
    /// A defect of ours; details are in the log under the request id.
    Internal,
}

impl ErrorCode {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidOptions => "INVALID_OPTIONS",
            Self::MissingCorrectionId => "MISSING_CORRECTION_ID",
            Self::NotSignedIn => "NOT_SIGNED_IN",
            Self::Forbidden => "FORBIDDEN",
            Self::RuleNotFound => "RULE_NOT_FOUND",
            Self::CorrectionNotFound => "CORRECTION_NOT_FOUND",
            Self::NotFound => "NOT_FOUND",
            Self::OperationInProgress => "OPERATION_IN_PROGRESS",
            Self::AlreadyRolledBack => "ALREADY_ROLLED_BACK",
            Self::WrongState => "WRONG_STATE",
            Self::Drift => "DRIFT",
            Self::RuleUnusable => "RULE_UNUSABLE",
            Self::ReadOnly => "READ_ONLY",
            Self::Locked => "LOCKED",
            Self::DatabaseUnavailable => "DATABASE_UNAVAILABLE",
            Self::DiskFull => "DISK_FULL",
            Self::LeaseLost => "LEASE_LOST",
            Self::Timeout => "TIMEOUT",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::RowsRefused => "ROWS_REFUSED",
            Self::BreakerOpen => "BREAKER_OPEN",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::Internal => "INTERNAL",
        }
    }

    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidOptions | Self::MissingCorrectionId => 400,
            Self::NotSignedIn => 401,
            Self::Forbidden => 403,
            Self::RuleNotFound | Self::CorrectionNotFound | Self::NotFound => 404,
            Self::OperationInProgress | Self::AlreadyRolledBack | Self::WrongState | Self::Drift | Self::LeaseLost => {
                409
            }
            Self::RuleUnusable | Self::ValidationFailed | Self::RowsRefused => 422,
            Self::TooManyRequests => 429,
            Self::ReadOnly | Self::Locked | Self::DatabaseUnavailable | Self::DiskFull | Self::BreakerOpen => 503,
            Self::Timeout => 504,
            Self::Internal => 500,
        }
    }

    /// 1 failed, 2 wrong use, 3 refused.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::InvalidOptions
            | Self::MissingCorrectionId
            | Self::RuleNotFound
            | Self::CorrectionNotFound
            | Self::NotFound => 2,
            Self::NotSignedIn
            | Self::Forbidden
            | Self::OperationInProgress
            | Self::AlreadyRolledBack
            | Self::WrongState
            | Self::Drift => 3,
            _ => 1,
        }
    }
}

/// What went wrong, for whoever asked. Never holds a database's own text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub code: ErrorCode,
    /// One sentence: what happened.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The offending input field, in the spelling of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Problem {
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), advice: None, field: None }
    }

    /// Bad input: the message is `field` and `what`.
    #[must_use]
    pub fn field(field: &str, what: &str) -> Self {
        Self {
            code: ErrorCode::InvalidOptions,
            message: format!("{field} {what}"),
            advice: None,
            field: Some(field.into()),
        }
    }

    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(advice) = &self.advice {
            write!(f, " {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
