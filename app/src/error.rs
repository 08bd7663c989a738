//! The one error of every server function.

use amend_domain::{ErrorCode, Problem};
use leptos::server_fn::{
    Bytes,
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use serde::{Deserialize, Serialize};

/// What a server function can answer besides success. On the wire it is the problem alone: the other
/// two are made in the browser and never sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(from = "Problem", into = "Problem")]
pub enum AppError {
    /// The server understood and said no, or failed and said why.
    #[error("{0}")]
    Refused(Problem),
    /// No answer came: the network, or the server is down. Made in the browser alone.
    #[error("The server did not answer. {unreachable}")]
    Unreachable { unreachable: String },
    /// An answer came that this page cannot read, most likely because the server is newer.
    #[error("The server's answer could not be read. {garbled}")]
    Garbled { garbled: String },
}

impl AppError {
    /// The code to quote and to test.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(problem) => problem.code.as_str(),
            Self::Unreachable { .. } => "UNREACHABLE",
            Self::Garbled { .. } => "UNREADABLE_ANSWER",
        }
    }

    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        matches!(self, Self::Refused(problem) if problem.code == code)
    }

    /// What happened, in one sentence.
    #[must_use]
    pub fn happened(&self) -> String {
        match self {
            Self::Refused(problem) => problem.message.clone(),
            Self::Unreachable { .. } => "The server did not answer.".into(),
            Self::Garbled { .. } => "The server's answer could not be read by this page.".into(),
        }
    }

    /// What is safe all the same.
    #[must_use]
    pub fn kept_safe(&self) -> &'static str {
        use ErrorCode as E;
        let Self::Refused(problem) = self else {
            return "Runs go on in the server whether or not this page can see them; what is committed stays.";
        };
        match problem.code {
            E::InvalidOptions | E::MissingCorrectionId => "Nothing was sent to the database.",
            E::NotSignedIn | E::Forbidden | E::RuleNotFound | E::CorrectionNotFound | E::NotFound => {
                "Nothing was changed."
            }
            E::OperationInProgress => "The run that is active goes on undisturbed; nothing else was started.",
            E::Drift => "The run stopped before its first write.",
            E::AlreadyRolledBack | E::WrongState | E::RuleUnusable | E::ReadOnly => "No row was changed.",
            E::Locked | E::DatabaseUnavailable | E::DiskFull | E::LeaseLost | E::Timeout | E::Internal => {
                "Work is done in transactions: a chunk is either committed with its backup or not at all."
            }
            E::ValidationFailed | E::RowsRefused | E::BreakerOpen => {
                "What was changed is in the journal and can be rolled back."
            }
            E::TooManyRequests => "Nothing was changed.",
        }
    }

    /// What to do now.
    #[must_use]
    pub fn next(&self) -> String {
        match self {
            Self::Refused(problem) => match (&problem.advice, problem.code) {
                (Some(advice), _) => advice.clone(),
                (None, ErrorCode::NotSignedIn) => "Sign in again.".into(),
                (None, ErrorCode::Internal) => "Try again; if it stays, look into the server's log.".into(),
                (None, ErrorCode::InvalidOptions) => "Correct the field and try again.".into(),
                (None, _) => "Try again.".into(),
            },
            Self::Unreachable { .. } => {
                "Check that `amend serve` is running and the network is there; then try again.".into()
            }
            Self::Garbled { .. } => "Reload the page: the server may have been updated.".into(),
        }
    }
}

impl From<Problem> for AppError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(problem) => problem,
            AppError::Unreachable { .. } | AppError::Garbled { .. } => {
                Self::new(ErrorCode::Internal, error.happened()).advice(error.next())
            }
        }
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        use ServerFnErrorErr as E;
        match error {
            E::Request(why) => Self::Unreachable { unreachable: why },
            E::Deserialization(why) | E::Response(why) | E::Serialization(why) | E::UnsupportedRequestMethod(why) => {
                Self::Garbled { garbled: why }
            }
            E::Args(why) | E::MissingArg(why) => {
                Self::Refused(Problem::field("request", &format!("is not readable: {why}")))
            }
            E::Registration(why) | E::MiddlewareError(why) | E::ServerError(why) => {
                Self::Refused(Problem::new(ErrorCode::Internal, format!("The server failed: {why}")))
            }
        }
    }

    /// Reads the body of an error. The sign-in layer stands before server functions and answers for
    /// itself; whatever shape that has, what counts is that nobody is signed in.
    fn de(data: Bytes) -> Self {
        match serde_json::from_slice(&data) {
            Ok(error) => error,
            Err(why) => {
                let text = String::from_utf8_lossy(&data);
                if text.contains(ErrorCode::NotSignedIn.as_str()) {
                    Self::Refused(Problem::new(ErrorCode::NotSignedIn, "Your session is over."))
                } else {
                    Self::Garbled { garbled: why.to_string() }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_survives_the_wire() {
        let error = AppError::from(Problem::new(ErrorCode::Drift, "The numbers have moved.").advice("Preview again."));
        assert_eq!(AppError::de(error.ser()), error);
    }

    #[test]
    fn an_answer_of_the_sign_in_layer_is_understood() {
        let body = Bytes::from_static(br#"{"error":{"code":"NOT_SIGNED_IN"}}"#);
        assert!(AppError::de(body).is(ErrorCode::NotSignedIn));
    }
}
