//! Runs in a table, kept fresh by what is heard of them.

use amend_domain::RunView;
use leptos::prelude::*;

use super::words;
use crate::{
    components::{Moment, StateTag, Table},
    format,
    frame::use_link,
    live::use_live,
    read::read,
};

#[component]
pub fn RunsTable(
    #[prop(into)] runs: Signal<Vec<RunView>>,
    /// Fewer columns, for the overview.
    #[prop(optional)]
    compact: bool,
) -> impl IntoView {
    let rest_head = (!compact).then(|| {
        view! {
            <th scope="col" class="r">"Rows a second"</th>
            <th scope="col" class="r">"Took"</th>
            <th scope="col">"Validation"</th>
            <th scope="col">"By"</th>
        }
    });
    view! {
        <Table caption="Runs, newest first" test_id="runs-table">
            <thead>
                <tr>
                    <th scope="col">"Run"</th>
                    <th scope="col">"State"</th>
                    <th scope="col">"What"</th>
                    <th scope="col" class="r">"Changed"</th>
                    {rest_head}
                    <th scope="col">"Begun"</th>
                </tr>
            </thead>
            <tbody>
                <For each=move || runs.get() key=|r| r.run_id.clone() let(run)>
                    {row(run, runs, compact)}
                </For>
                {move || {
                    read(runs, Vec::is_empty)
                        .then(|| view! { <tr><td colspan="9" class="dim">"No runs."</td></tr> })
                }}
            </tbody>
        </Table>
    }
    .into_any()
}

fn row(first: RunView, runs: Signal<Vec<RunView>>, compact: bool) -> AnyView {
    let (live, link) = (use_live(), use_link());
    let id = first.run_id.clone();
    let href = {
        let path = format!("/runs/{id}");
        move || link(&path)
    };
    let name = id.to_string();
    let begun = first.started_at.unwrap_or(first.created_at);
    let run = Memo::new(move |_| {
        let loaded = runs.with(|all| all.iter().find(|r| r.run_id == id).cloned());
        live.overlay(loaded.unwrap_or_else(|| first.clone()))
    });
    let rest = (!compact).then(|| {
        let validation =
            move || read(run, |r| r.validation.as_ref().map_or("", |v| if v.passed { "passed" } else { "failed" }));
        view! {
            <td class="r num">{move || read(run, words::rate)}</td>
            <td class="r num">{move || format::duration(read(run, |r| r.duration_ms))}</td>
            <td>{validation}</td>
            <td>{move || read(run, |r| r.started_by.clone())}</td>
        }
    });
    view! {
        <tr data-testid="run-row">
            <td class="mono">
                <a class="link" href=href>{name}</a>
            </td>
            <td><StateTag run=run alone=compact /></td>
            <td>{move || run.with(if compact { words::what_short } else { words::what })}</td>
            <td class="r num">{move || format::count(read(run, |r| r.changed))}</td>
            {rest}
            <td><Moment at=begun /></td>
        </tr>
    }
    .into_any()
}
