//! Exponential backoff with full jitter: a random share of `initial * 2^attempt`, capped.
//! The formula is the one of the AWS architecture blog's "Exponential Backoff And Jitter".

use std::time::Duration;

use crate::store::StoreError;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub retries: u32,
    pub initial: Duration,
    pub max: Duration,
}

impl Backoff {
    /// The pause before retry number `attempt` (from 0); `fraction` is random, from 0 up to 1.
    pub(crate) fn delay(&self, attempt: u32, fraction: f64) -> Duration {
        let full = self.initial.saturating_mul(2_u32.saturating_pow(attempt.min(30))).min(self.max);
        full.mul_f64(fraction.clamp(0.0, 1.0))
    }

    /// For the run's log: what happened, and the retry that comes after it (`attempt` counts from 0).
    pub(crate) fn announce(&self, error: &StoreError, attempt: u32, pause: Duration) -> String {
        format!("{} Try {} of {} in {} ms.", error.problem().message, attempt + 1, self.retries, pause.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_are_a_share_of_that() {
        let backoff = Backoff { retries: 3, initial: Duration::from_millis(200), max: Duration::from_secs(1) };
        assert_eq!(backoff.delay(0, 1.0), Duration::from_millis(200));
        assert_eq!(backoff.delay(1, 0.5), Duration::from_millis(200));
        assert_eq!(backoff.delay(9, 1.0), Duration::from_secs(1));
        assert_eq!(backoff.delay(9, 0.0), Duration::ZERO);
    }
}
