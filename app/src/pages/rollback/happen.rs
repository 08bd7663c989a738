//! Step one: what would happen to each row, in four counts, with a sample of each.

use amend_domain::{FindingRow, RollbackCounts, RollbackSamples, RollbackSource};
use leptos::prelude::*;

use crate::{
    components::{Card, Table},
    format,
    pages::preview::{seconds, value},
};

/// Rows shown of those that are simply put back; the trouble below deserves the room.
const PUT_BACK: usize = 8;

#[component]
pub fn Counts(counts: RollbackCounts, from: RollbackSource) -> impl IntoView {
    let lines = [
        ("s-good", "Put back to their old value", counts.restorable, "count-restorable"),
        ("f-correct", "Already at their old value", counts.original, "count-original"),
        ("s-warn", "Changed by someone since", counts.changed_since, "count-changed-since"),
        ("f-unresolvable", "Deleted since", counts.deleted, "count-deleted"),
    ]
    .map(|(class, text, rows, test_id)| {
        view! {
            <li>
                <i class=format!("swatch {class}") aria-hidden="true"></i>
                <span>{text}</span>
                <span class="num" data-testid=test_id>{format::count(rows)}</span>
            </li>
        }
    })
    .into_iter()
    .collect_view();
    view! {
        <ul class="lines">{lines}</ul>
        <p class="dim num">
            {format!("{} in the {} of the run, each with its old value.", format::counted(counts.total(), "row", "rows"), from.as_str())}
        </p>
    }
    .into_any()
}

#[component]
pub fn Samples(counts: RollbackCounts, samples: RollbackSamples) -> impl IntoView {
    let RollbackSamples { restorable, changed_since, deleted } = samples;
    let note = |shown: usize, of: i64| format!("{shown} of {}", format::count(of));
    let restorable: Vec<_> = restorable.into_iter().take(PUT_BACK).collect();
    let put_back = (!restorable.is_empty()).then(|| {
        view! {
            <Card class="flush" title="Put back" note=note(restorable.len(), counts.restorable)>
                <Rows rows=restorable caption="Rows that would be put back" now="Now, as the run wrote it" then="Will be again" strike=true />
            </Card>
        }
    });
    let conflicts = (!changed_since.is_empty()).then(|| {
        view! {
            <Card class="flush" title="Changed by someone since" note=note(changed_since.len(), counts.changed_since)>
                <Rows
                    rows=changed_since
                    caption="Rows that someone changed after the run"
                    now="Now, as someone wrote it"
                    then="Before the run"
                    strike=false
                />
            </Card>
        }
    });
    let gone = (!deleted.is_empty()).then(|| {
        view! {
            <Card title="Deleted since" note=note(deleted.len(), counts.deleted)>
                <p class="dim">"Only their keys are known. A rollback makes no rows; these are left out."</p>
                <ul class="keys mono">{deleted.into_iter().map(|key| view! { <li>{key}</li> }).collect_view()}</ul>
            </Card>
        }
    });
    view! { {put_back} {conflicts} {gone} }.into_any()
}

#[component]
fn Rows(
    rows: Vec<FindingRow>,
    caption: &'static str,
    now: &'static str,
    then: &'static str,
    /// The present value goes away.
    strike: bool,
) -> impl IntoView {
    let lines = rows
        .into_iter()
        .map(|row| {
            let current = value(row.current);
            let current = if strike { view! { <s class="old">{current}</s> }.into_any() } else { current };
            view! {
                <tr>
                    <td class="mono">{value(row.symbol)}</td>
                    <td class="num">{row.timestamp.map(seconds)}</td>
                    <td>{current}</td>
                    <td class:new=strike>{value(row.proposed)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Table caption>
            <thead>
                <tr>
                    <th scope="col">"Symbol"</th>
                    <th scope="col">"Timestamp, UTC"</th>
                    <th scope="col">{now}</th>
                    <th scope="col">{then}</th>
                </tr>
            </thead>
            <tbody>{lines}</tbody>
        </Table>
    }
}
