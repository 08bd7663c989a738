//! What people have assigned, and taking it back.

use amend_domain::Act;
use leptos::prelude::*;

use super::settle::{Settling, Subject};
use crate::{
    api::session::use_session,
    components::{Button, Card, Table},
    format,
};

/// Nothing while nothing is assigned.
pub(super) fn card(rows: Vec<Vec<String>>, settling: Settling) -> AnyView {
    if rows.is_empty() {
        return ().into_any();
    }
    let note = format::counted(super::count(rows.len()), "symbol", "symbols");
    let lines = rows.into_iter().map(|row| line(row, settling)).collect_view();
    view! {
        <Card title="Assigned by people" note=note class="flush" test_id="assigned">
            <Table caption="What people assigned" test_id="assigned-table">
                <thead>
                    <tr>
                        <th scope="col">"Symbol"</th>
                        <th scope="col">"Decided"</th>
                        <th scope="col">"Gives now"</th>
                        <th scope="col">"Standing"</th>
                        <th scope="col">"By"</th>
                        <th scope="col">"When"</th>
                        <th scope="col"><span class="vh">"Act"</span></th>
                    </tr>
                </thead>
                <tbody>{lines}</tbody>
            </Table>
        </Card>
    }
    .into_any()
}

fn line(row: Vec<String>, settling: Settling) -> AnyView {
    let session = use_session();
    let symbol = row.first().cloned().unwrap_or_default();
    let name = symbol.clone();
    let cells = row.into_iter().map(|text| view! { <td class="mono">{text}</td> }).collect_view();
    let blocked = MaybeProp::derive(move || session.why_not(Act::Assign));
    let back = move |()| {
        settling.about(Subject { symbol: symbol.clone(), back: true, ..Subject::default() }, String::new());
    };
    view! {
        <tr data-testid="assigned-row">
            {cells}
            <td>
                <Button blocked test_id="take-back" on_click=back>
                    "Take back"
                    <span class="vh">" " {name}</span>
                </Button>
            </td>
        </tr>
    }
    .into_any()
}
