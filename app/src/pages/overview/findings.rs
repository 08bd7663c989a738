//! How many rows have which finding, and what has changed.

use amend_domain::{Analysis, Finding, analysis::Snapshot};
use chrono::TimeDelta;
use leptos::prelude::*;

use crate::{
    components::{Card, FindingName},
    format,
    frame::use_link,
    read::read,
};

/// Trouble first, what is right last.
const ORDER: [Finding; 7] = [
    Finding::Missing,
    Finding::Mismatched,
    Finding::Variant,
    Finding::Orphan,
    Finding::Ambiguous,
    Finding::Unresolvable,
    Finding::Correct,
];

pub(super) fn card(analysis: Signal<Option<Analysis>>, trend: Signal<Vec<Snapshot>>) -> AnyView {
    let before = Memo::new(move |_| read(trend, |t| yesterday(t).cloned()));
    let note = Signal::derive(move || before.get().map(|b| format!("since {}", format::moment(b.at))));
    let rows = ORDER.map(|finding| row(finding, analysis, before)).collect_view();
    view! {
        <Card title="Findings" note=note>
            <table class="finds">
                <caption class="vh">"Rows by finding, with the change"</caption>
                <thead class="vh">
                    <tr>
                        <th scope="col">"Finding"</th>
                        <th scope="col">"Rows"</th>
                        <th scope="col">"Change"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Card>
    }
    .into_any()
}

fn row(finding: Finding, analysis: Signal<Option<Analysis>>, before: Memo<Option<Snapshot>>) -> AnyView {
    let link = use_link();
    let rows = move || analysis.with(|a| a.as_ref().map_or(0, |a| a.counts().get(finding)));
    let missing = move || {
        let (null, blank) = read(analysis, |a| a.as_ref().map(|a| (a.missing.null, a.missing.blank)))?;
        (finding == Finding::Missing && null > 0 && blank > 0).then(|| {
            let text = format!("{} null, {} blank", format::count(null), format::count(blank));
            view! { <small class="dim num">{text}</small> }
        })
    };
    let change = move || before.with(|b| b.as_ref().map(|b| format::change(rows() - b.counts.get(finding))));
    view! {
        <tr class:rest=finding == Finding::Correct>
            <th scope="row">
                <a href=move || link(&format!("/preview?finding={}", finding.as_str()))>
                    <FindingName finding />
                </a>
                {missing}
            </th>
            <td class="num" data-testid=format!("count-{}", finding.as_str())>{move || format::count(rows())}</td>
            <td class="num dim">{change}</td>
        </tr>
    }
    .into_any()
}

/// The newest snapshot that is at least a day older than the last; where there is none, the one
/// before the last.
fn yesterday(trend: &[Snapshot]) -> Option<&Snapshot> {
    let (last, earlier) = trend.split_last()?;
    let edge = last.at - TimeDelta::days(1);
    earlier.iter().rev().find(|s| s.at <= edge).or_else(|| earlier.last())
}
