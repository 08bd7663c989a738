//! The verdict in words and numbers.

use amend_domain::{Analysis, FindingCounts, Mode, analysis::Snapshot};
use chrono::{DateTime, TimeDelta, Utc};
use leptos::prelude::*;

use crate::{
    components::Moment,
    format::{self, count, counted},
    read::read,
};

/// Rows that no correction may decide.
pub(super) const fn for_a_person(counts: &FindingCounts) -> i64 {
    counts.orphan + counts.ambiguous + counts.unresolvable
}

pub(super) fn headline(analysis: Signal<Option<Analysis>>) -> impl IntoView {
    move || {
        let counts = read(analysis, |a| a.as_ref().map(Analysis::counts)).unwrap_or_default();
        let wrong = Mode::Overwrite.correctable(&counts);
        let person = for_a_person(&counts);
        let (number, words, bad) = if counts.total() == 0 {
            (String::new(), "The table has no rows.".to_owned(), false)
        } else if wrong > 0 {
            (count(wrong), format!("{} can be corrected now.", if wrong == 1 { "row" } else { "rows" }), true)
        } else if person > 0 {
            (
                count(person),
                format!("{} a person; all others are right.", if person == 1 { "row needs" } else { "rows need" }),
                true,
            )
        } else {
            (String::new(), format!("All {} are right.", counted(counts.total(), "row", "rows")), false)
        };
        view! {
            <span data-testid="verdict">
                <em class="num" class:bad=bad>{number}</em>
                " "
                {words}
            </span>
        }
    }
}

pub(super) fn lead(analysis: Signal<Option<Analysis>>, trend: Signal<Vec<Snapshot>>) -> impl IntoView {
    move || {
        let analysis = analysis.get()?;
        let counts = analysis.counts();
        let person = for_a_person(&counts);
        let person = (person > 0 && Mode::Overwrite.correctable(&counts) > 0)
            .then(|| format!("{} a person. ", counted(person, "row needs", "rows need")));
        let drift = trend.with(|t| week(t, analysis.score)).map(|drift| {
            let way = if drift.points < 0.0 { "down" } else { "up" };
            format!("Quality is {way} {:.2} points {}. ", drift.points.abs(), drift.span())
        });
        Some(view! {
            <p>
                {format!("{} % of {} agree with the reference. ", format::percent(analysis.score), counted(analysis.total, "row", "rows"))}
                {person}
                {drift}
                "Analysed "
                <Moment at=analysis.generated_at />
                " UTC"
                {(analysis.duration_ms > 0).then(|| format!(", in {}", format::duration(analysis.duration_ms)))}
                "."
            </p>
        })
    }
}

/// How the score moved within a week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drift {
    pub points: f64,
    /// What it is measured against, where that is younger than a week.
    since: Option<DateTime<Utc>>,
}

impl Drift {
    /// `in 7 days`, or since when.
    pub(super) fn span(&self) -> String {
        self.since.map_or_else(|| "in 7 days".into(), |at| format!("since {}", format::moment(at)))
    }
}

/// The change against the newest snapshot that is a week old or older (or the oldest there is, where
/// all are younger); nothing where that is no change worth a word.
pub(super) fn week(trend: &[Snapshot], score: f64) -> Option<Drift> {
    let last = trend.last()?;
    let edge = last.at - TimeDelta::days(7);
    let old = trend.iter().rev().find(|s| s.at <= edge);
    let before = old.or_else(|| trend.first())?;
    let points = score - before.score;
    (points.abs() >= 0.005).then(|| Drift { points, since: old.is_none().then_some(before.at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(day: i64, score: f64) -> Snapshot {
        let at = DateTime::from_timestamp(day * 86_400, 0).unwrap_or_default();
        Snapshot { at, counts: FindingCounts::default(), score }
    }

    #[test]
    fn the_week_is_measured_against_the_day_before_it() {
        let trend = [snapshot(0, 99.0), snapshot(2, 97.0), snapshot(5, 96.0), snapshot(10, 94.0)];
        assert_eq!(week(&trend, 94.0).map(|d| (d.points, d.since)), Some((-3.0, None)));
        assert_eq!(week(&trend[..2], 97.0).map(|d| d.since), Some(Some(trend[0].at)));
        assert_eq!(week(&trend[3..], 94.0), None);
        assert_eq!(week(&[], 94.0), None);
    }
}
