//! The states of a run and the one table of allowed changes between them.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Queued,
    Running,
    Pausing,
    Paused,
    Validating,
    Succeeded,
    Failed,
    Cancelling,
    Cancelled,
}

impl RunState {
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Pausing,
        Self::Paused,
        Self::Validating,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelling,
        Self::Cancelled,
    ];

    /// The states that hold the rule's one active place; stores build their unique index of these.
    pub const ACTIVE: [Self; 6] =
        [Self::Queued, Self::Running, Self::Pausing, Self::Paused, Self::Validating, Self::Cancelling];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Validating => "validating",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }

    #[must_use]
    pub fn is_active(self) -> bool {
        Self::ACTIVE.contains(&self)
    }

    #[must_use]
    pub fn is_over(self) -> bool {
        !self.is_active()
    }

    /// The transition table.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use RunState::{Cancelled, Cancelling, Failed, Paused, Pausing, Queued, Running, Succeeded, Validating};
        match (self, next) {
            // A worker took the lease.
            (Queued, Running)
            // A person asked before any worker came: nothing was written, so it is over at once.
            | (Queued, Cancelled)
            // The worker could not even begin (missing table, drift).
            | (Queued, Failed)
            // A person asked; the worker finishes its chunk first.
            | (Running, Pausing | Cancelling)
            // The sweep found nothing left.
            | (Running, Validating)
            // Trouble that retrying does not cure; what was committed stays and can be rolled back.
            | (Running, Failed)
            // The chunk in flight is committed.
            | (Pausing, Paused)
            // The last chunk was in flight: there is nothing to pause any more.
            | (Pausing, Validating | Failed)
            // Cancel wins over pause.
            | (Pausing, Cancelling)
            // No worker is there and no chunk in flight, so it is over at once.
            | (Paused, Cancelled)
            // A person resumed it.
            | (Paused, Running)
            // The chunk in flight is committed, journal and counts are closed.
            | (Cancelling, Cancelled | Failed)
            // Validation found the table as promised, or not.
            | (Validating, Succeeded | Failed)
            // Validation only reads, so cancelling it ends it.
            | (Validating, Cancelling) => true,
            _ => false,
        }
    }
}

/// What an active run is busy with, for the phase steps of its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Waiting,
    Analysing,
    Correcting,
    Sweeping,
    Validating,
    Done,
}

impl Phase {
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Analysing, Self::Correcting, Self::Sweeping, Self::Validating, Self::Done];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Analysing => "analysing",
            Self::Correcting => "correcting",
            Self::Sweeping => "sweeping",
            Self::Validating => "validating",
            Self::Done => "done",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_state_that_is_over() {
        for from in RunState::ALL.into_iter().filter(|s| s.is_over()) {
            assert!(RunState::ALL.into_iter().all(|to| !from.may_become(to)), "{from:?}");
        }
    }

    #[test]
    fn every_active_state_can_end() {
        for from in RunState::ACTIVE {
            let mut seen = vec![from];
            let mut at = 0;
            while let Some(state) = seen.get(at).copied() {
                at += 1;
                for next in RunState::ALL {
                    if state.may_become(next) && !seen.contains(&next) {
                        seen.push(next);
                    }
                }
            }
            assert!(seen.iter().any(|s| s.is_over()), "{from:?}");
        }
    }
}
