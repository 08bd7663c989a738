//! Counting what the test programs say about themselves.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

/// How many tests did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Counts {
    pub const fn one_failure() -> Self {
        Self { passed: 0, failed: 1, skipped: 0 }
    }

    /// Holds the counts against how the program ended: one that failed without naming a failed
    /// test (it did not compile, it crashed) counts as one failure.
    pub const fn with_exit(mut self, succeeded: bool) -> Self {
        if !succeeded && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

/// One part of the tests, over.
pub struct Outcome {
    pub name: &'static str,
    pub counts: Counts,
    pub elapsed: Duration,
    /// Why there are no counts, where there are none.
    pub note: Option<String>,
}

/// The table of all parts, ending in the line that says it all.
pub fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::from("\n    part     passed   failed  skipped     time\n");
    for Outcome { name, counts, elapsed, note } in outcomes {
        let seconds = elapsed.as_secs();
        let _infallible = writeln!(
            text,
            "    {name:6} {:>8} {:>8} {:>8} {:>4}:{:02}{}{}",
            counts.passed,
            counts.failed,
            counts.skipped,
            seconds / 60,
            seconds % 60,
            if note.is_some() { "   " } else { "" },
            note.as_deref().and_then(|note| note.lines().next()).unwrap_or(""),
        );
    }
    let passed: u64 = outcomes.iter().map(|outcome| outcome.counts.passed).sum();
    let failed: u64 = outcomes.iter().map(|outcome| outcome.counts.failed).sum();
    let _infallible = writeln!(text, "\n{passed} passed, {failed} failed");
    text
}

/// Reads nextest's line `Summary [ 0.1s] 4 tests run: 3 passed (1 slow), 1 failed, 2 skipped`.
/// Tests that it had no time for (`3/4 tests run`) and every ending but a pass count as failed.
pub fn of_nextest(output: &str) -> Option<Counts> {
    let line = output.lines().rev().map(str::trim).find(|line| line.starts_with("Summary ["))?;
    let (head, tail) = line.split_once(']')?.1.split_once("run:")?;
    let mut counts = Counts::default();
    for item in without_parentheses(tail).split(',') {
        let (number, word) = item.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match word.trim() {
            "passed" => counts.passed += number,
            "skipped" => counts.skipped += number,
            _ => counts.failed += number,
        }
    }
    if let Some((run, all)) = head.split_whitespace().next()?.split_once('/') {
        counts.failed += all.parse::<u64>().ok()?.checked_sub(run.parse().ok()?)?;
    }
    Some(counts)
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::new();
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    kept
}

/// Adds up the lines `test result: ok. 3 passed; 0 failed; 1 ignored; ...` of `cargo test`.
pub fn of_libtest(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
        let numbers = line.split_once('.').map_or(line, |(_, numbers)| numbers);
        for item in numbers.split(';') {
            let Some((number, word)) = item.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => counts.passed += number,
                "failed" => counts.failed += number,
                "ignored" => counts.skipped += number,
                _ => {}
            }
        }
    }
    counts
}

/// Reads Playwright's JSON report. Errors outside of any test count as one failure each.
pub fn of_playwright(report: &str) -> anyhow::Result<Counts> {
    let report: Value = serde_json::from_str(report).context("Playwright's report is no JSON")?;
    let number =
        |name: &str| report["stats"][name].as_u64().with_context(|| format!("Playwright's report has no stats.{name}"));
    let errors = report["errors"].as_array().map_or(0, Vec::len) as u64;
    Ok(Counts {
        passed: number("expected")? + number("flaky")?,
        failed: number("unexpected")? + errors,
        skipped: number("skipped")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Counts, Outcome, of_libtest, of_nextest, of_playwright, text};
    use std::time::Duration;

    const fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn nextest_counts_passes_failures_and_skips() {
        let output = "   Compiling x\n     Summary [   0.512s] 12 tests run: 12 passed, 3 skipped\n";
        assert_eq!(of_nextest(output), Some(counts(12, 0, 3)));
        let output = "     Summary [   9.000s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(of_nextest(output), Some(counts(1, 0, 0)));
    }

    #[test]
    fn nextest_counts_every_other_ending_as_failed() {
        let output = "Summary [  61.002s] 10 tests run: 6 passed (2 slow, 1 flaky), 2 failed, 1 timed out, 1 exec failed, 4 skipped\n        FAIL [   0.1s] x";
        assert_eq!(of_nextest(output), Some(counts(6, 4, 4)));
    }

    #[test]
    fn nextest_tests_that_never_ran_are_failed() {
        let output = "Summary [   1.0s] 3/10 tests run: 2 passed, 1 failed, 0 skipped";
        assert_eq!(of_nextest(output), Some(counts(2, 8, 0)));
    }

    #[test]
    fn nextest_without_a_summary_has_no_counts() {
        assert_eq!(of_nextest("error: could not compile `x`"), None);
    }

    #[test]
    fn libtest_lines_are_added_up() {
        let output = "\
            test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.20s\n";
        assert_eq!(of_libtest(output), counts(7, 1, 1));
    }

    #[test]
    fn a_crash_without_a_failed_test_is_one_failure() {
        assert_eq!(counts(7, 0, 0).with_exit(false), counts(7, 1, 0));
        assert_eq!(counts(7, 2, 0).with_exit(false), counts(7, 2, 0));
        assert_eq!(counts(7, 0, 0).with_exit(true), counts(7, 0, 0));
    }

    #[test]
    fn playwright_reports_are_read() {
        let report = r#"{"errors":[{"message":"x"}],"stats":{"expected":4,"unexpected":1,"flaky":1,"skipped":2}}"#;
        assert_eq!(of_playwright(report).expect("a report"), counts(5, 2, 2));
        assert!(of_playwright("{}").is_err());
        assert!(of_playwright("").is_err());
    }

    #[test]
    fn the_summary_ends_with_the_sums_alone() {
        let outcomes = [
            Outcome { name: "unit", counts: counts(10, 0, 1), elapsed: Duration::from_secs(65), note: None },
            Outcome {
                name: "e2e",
                counts: Counts::one_failure(),
                elapsed: Duration::from_secs(2),
                note: Some("no browser\nmore".to_owned()),
            },
        ];
        let text = text(&outcomes);
        assert!(text.ends_with("\n10 passed, 1 failed\n"), "{text}");
        assert!(text.contains("1:05"), "{text}");
        assert!(text.contains("no browser\n"), "{text}");
    }
}
