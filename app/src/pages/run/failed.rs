//! The rows that the table refused, and trying them again.

use amend_domain::{Act, RunKind, RunView};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_navigate;

use crate::{
    api::{runs::steer_run, session::use_session},
    components::{Button, Card, Table, Tone, use_toasts},
    format::{count, counted},
    frame::use_link,
    read::read,
};

/// Nothing for a run that lists none.
pub(super) fn card(run: Memo<RunView>, rows: Memo<Vec<Vec<String>>>) -> AnyView {
    (move || (!read(rows, Vec::is_empty)).then(|| listed(run, rows))).into_any()
}

fn listed(run: Memo<RunView>, rows: Memo<Vec<Vec<String>>>) -> AnyView {
    let note = Signal::derive(move || {
        let (shown, all) = (read(rows, Vec::len) as i64, read(run, |r| r.failed));
        if shown < all { format!("first {shown} of {}", count(all)) } else { counted(all, "row", "rows") }
    });
    let body = move || rows.with(|rows| rows.iter().map(|row| line(row)).collect_view());
    view! {
        <Card title="Failed rows" note=note tools=move || retry(run) class="flush" test_id="failed-rows">
            <Table caption="Rows that the table refused" test_id="failed-table">
                <thead>
                    <tr>
                        <th scope="col">"Key"</th>
                        <th scope="col">"Symbol"</th>
                        <th scope="col">"Change"</th>
                        <th scope="col">"Why"</th>
                    </tr>
                </thead>
                <tbody>{body}</tbody>
            </Table>
        </Card>
    }
    .into_any()
}

fn line(row: &[String]) -> AnyView {
    let cells = row.iter().map(|text| view! { <td class="cut" title=text.clone()>{text.clone()}</td> });
    view! { <tr>{cells.collect_view()}</tr> }.into_any()
}

fn retry(run: Memo<RunView>) -> AnyView {
    let (link, session, toasts, navigate) = (use_link(), use_session(), use_toasts(), use_navigate());
    let busy = RwSignal::new(false);
    let blocked = Signal::derive(move || {
        session.why_not(Act::Run).or_else(|| {
            read(run, |r| match r.state.is_over() {
                true if r.kind == RunKind::Correction => None,
                true => Some("Only a correction tries rows again.".to_owned()),
                false => Some("It is not over yet: more rows may fail.".to_owned()),
            })
        })
    });
    let ask = move |()| {
        let (id, navigate) = (run.with_untracked(|r| r.run_id.clone()), navigate.clone());
        busy.set(true);
        spawn_local(async move {
            match steer_run(id, "retry".to_owned(), 0).await {
                Ok(view) => navigate(&link(&format!("/runs/{}", view.run_id)), Default::default()),
                Err(error) => toasts.show(Tone::Bad, format!("{} {}", error.happened(), error.next())),
            }
            // The page may have been left meanwhile.
            let _gone = busy.try_set(false);
        });
    };
    view! {
        <Button blocked=blocked busy=busy test_id="retry-failed" on_click=ask>
            "Try these again"
        </Button>
    }
    .into_any()
}
