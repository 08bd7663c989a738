//! What happened in all schedules together.

use std::collections::BTreeMap;

use anyhow::ensure;

/// Things that have to happen in a few hundred schedules, if they are what they are meant to be.
const EACH: [&str; 12] = [
    "died in a correction",
    "died in a rollback",
    "taken over while it stood still",
    "paused",
    "cancelled",
    "written beside a correction",
    "written beside a rollback",
    "changed",
    "restored",
    "conflicts",
    "deleted",
    "limits reached",
];
/// Schedules from which on that is asked for.
const ENOUGH: u64 = 100;

#[derive(Default)]
pub(super) struct Tally {
    pub schedules: u64,
    counts: BTreeMap<&'static str, i64>,
}

impl Tally {
    pub(super) fn add(&mut self, what: &'static str, times: i64) {
        *self.counts.entry(what).or_insert(0) += times;
    }

    /// # Errors
    /// Names what never happened.
    pub(super) fn is_worth_its_name(&self) -> anyhow::Result<()> {
        ensure!(self.schedules > 0, "no schedule was played");
        let missing: Vec<_> = EACH.iter().filter(|what| self.counts.get(*what).is_none_or(|n| *n == 0)).collect();
        ensure!(self.schedules < ENOUGH || missing.is_empty(), "never in {} schedules: {missing:?}", self.schedules);
        Ok(())
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} schedules", self.schedules)?;
        self.counts.iter().try_for_each(|(what, times)| write!(out, ", {times} {what}"))
    }
}
