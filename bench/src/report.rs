//! What a comparison prints, and its place in `bench/RESULTS.md`.

use std::{fmt::Write as _, path::Path};

use amend_engine::clock::{Clock as _, SystemClock};
use anyhow::Context as _;

/// One side of one pair.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Side {
    pub seconds: f64,
    pub wal_mb: f64,
    pub heap_mb: f64,
    pub index_mb: f64,
    /// What the processors computed, in seconds, where that was measured.
    pub computed: f64,
}

pub(crate) struct Pair {
    pub theirs: Side,
    pub ours: Side,
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let values = sorted(values);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// `median (least to most)` of the pairwise ratios.
fn ratio(pairs: &[Pair], of: impl Fn(&Pair) -> f64) -> String {
    let values = sorted(pairs.iter().map(of));
    let (Some(least), Some(most)) = (values.first(), values.last()) else { return "none".into() };
    format!("{:.2} ({least:.2} to {most:.2})", median(values.iter().copied()))
}

/// The table of a comparison of two ways to write.
pub(crate) fn of_pairs(pairs: &[Pair], theirs: &str, ours: &str) -> String {
    let mut text =
        String::from("| | time, s | WAL, MB | heap growth, MB | index growth, MB |\n|---|---|---|---|---|\n");
    for (name, is_ours) in [(theirs, false), (ours, true)] {
        let m = |get: fn(Side) -> f64| median(pairs.iter().map(|p| get(if is_ours { p.ours } else { p.theirs })));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {name} (median of {}) | {:.1} | {:.0} | {:.0} | {:.0} |",
            pairs.len(),
            m(|s| s.seconds),
            m(|s| s.wal_mb),
            m(|s| s.heap_mb),
            m(|s| s.index_mb)
        );
    }
    let _ = writeln!(
        text,
        "| pairwise | {} times as fast | {} of it | {} of it | {} of it |",
        ratio(pairs, |p| p.theirs.seconds / p.ours.seconds),
        ratio(pairs, |p| p.ours.wal_mb / p.theirs.wal_mb),
        ratio(pairs, |p| p.ours.heap_mb / p.theirs.heap_mb),
        ratio(pairs, |p| p.ours.index_mb / p.theirs.index_mb),
    );
    text
}

/// The table of a comparison of time alone.
pub(crate) fn of_times(pairs: &[Pair], theirs: &str, ours: &str, word: &str) -> String {
    format!(
        "| {theirs}, s (median of {n}) | {ours}, s (median of {n}) | pairwise |\n|---|---|---|\n| {:.2} | {:.2} | {} {word} |\n",
        median(pairs.iter().map(|p| p.theirs.seconds)),
        median(pairs.iter().map(|p| p.ours.seconds)),
        ratio(pairs, |p| p.theirs.seconds / p.ours.seconds),
        n = pairs.len(),
    )
}

/// What this process has computed so far, all threads together; `None` where the system does not say.
pub(crate) fn computed() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which may hold anything: fields 14 and 15 are ticks of a hundredth of a second.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// The table of a comparison within this process: time, and what was computed, which a busy machine
/// does not change as much.
pub(crate) fn of_times_and_computing(pairs: &[Pair], theirs: &str, ours: &str) -> String {
    let line = |what: &str, of: fn(&Side) -> f64| {
        format!(
            "| {what} | {:.2} | {:.2} | {} |\n",
            median(pairs.iter().map(|p| of(&p.theirs))),
            median(pairs.iter().map(|p| of(&p.ours))),
            ratio(pairs, |p| of(&p.theirs) / of(&p.ours)),
        )
    };
    let mut text = format!(
        "| median of {} | {theirs} | {ours} | theirs / ours, pairwise |\n|---|---|---|---|\n{}",
        pairs.len(),
        line("time, s", |side| side.seconds)
    );
    if pairs.iter().all(|p| p.theirs.computed > 0.0 && p.ours.computed > 0.0) {
        text.push_str(&line("processor time, s", |side| side.computed));
    }
    text
}

/// Prints the result and puts it in the place of the former one of this name.
pub(crate) fn publish(name: &str, what: &str, table: &str, server: &str) -> anyhow::Result<()> {
    let section =
        format!("## {name}\n\n{what}\n\n{table}\n{server}, measured on {}.\n", SystemClock.now().date_naive());
    println!("\n{section}");
    let Ok(file) = std::env::var("AMEND_BENCH_RESULTS") else { return Ok(()) };
    let file = Path::new(&file);
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", file.display())),
    };
    std::fs::write(file, replaced(&text, name, &section)).with_context(|| format!("cannot write {}", file.display()))
}

fn replaced(text: &str, name: &str, section: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut found = false;
    for part in text.split_inclusive('\n').fold(Vec::<String>::new(), |mut parts, line| {
        match parts.last_mut() {
            Some(part) if !line.starts_with("## ") => part.push_str(line),
            _ => parts.push(line.to_owned()),
        }
        parts
    }) {
        if part.lines().next() == Some(&format!("## {name}")) {
            found = true;
            parts.push(format!("{section}\n"));
        } else {
            parts.push(part);
        }
    }
    if !found {
        parts.push(format!("\n{section}"));
    }
    parts.concat().trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_takes_the_place_of_the_former_one() {
        let text = "# Results\n\nWords.\n\n## a\n\nold\n\n## b\n\nkept\n";
        let new = replaced(text, "a", "## a\n\nnew\n");
        assert_eq!(new, "# Results\n\nWords.\n\n## a\n\nnew\n\n## b\n\nkept\n");
        assert!(replaced(&new, "c", "## c\n\nfirst\n").ends_with("kept\n\n## c\n\nfirst\n"));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.5).abs() < 1e-9);
    }
}
