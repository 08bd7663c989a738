//! What happened: the last chunks, and the log.

use amend_domain::{ChunkRecord, EventRecord};
use leptos::prelude::*;

use crate::{
    components::{Card, Table},
    format::{clock, count, counted, duration},
    read::read,
};

/// Chunks listed; the charts show more.
const LISTED: usize = 40;

pub(super) fn chunks(chunks: Memo<Vec<ChunkRecord>>) -> AnyView {
    let note = Signal::derive(move || {
        let n = read(chunks, Vec::len);
        if n > LISTED { format!("last {LISTED} of {}", count(n as i64)) } else { counted(n as i64, "done", "done") }
    });
    let rows = move || chunks.with(|all| all.iter().rev().take(LISTED).map(chunk).collect_view());
    view! {
        <Card title="Transactions" note=note class="flush">
            <Table caption="Transactions, newest first" test_id="chunks-table">
                <thead>
                    <tr>
                        <th scope="col" class="r">"No"</th>
                        <th scope="col">"At, UTC"</th>
                        <th scope="col" class="r">"Looked at"</th>
                        <th scope="col" class="r">"Changed"</th>
                        <th scope="col" class="r">"Passed over"</th>
                        <th scope="col" class="r">"Took"</th>
                        <th scope="col">"Up to"</th>
                        <th scope="col">"Other columns"</th>
                    </tr>
                </thead>
                <tbody>
                    {rows}
                    {move || {
                        read(chunks, Vec::is_empty).then(|| view! { <tr><td colspan="8" class="dim">"None yet."</td></tr> })
                    }}
                </tbody>
            </Table>
        </Card>
    }
    .into_any()
}

fn chunk(chunk: &ChunkRecord) -> AnyView {
    let untouched = if chunk.changed == 0 {
        ""
    } else if chunk.untouched_before == chunk.untouched_after {
        "as before"
    } else {
        "differ"
    };
    view! {
        <tr>
            <td class="r num">{count(chunk.no)}</td>
            <td class="num">{clock(chunk.at)}</td>
            <td class="r num">{count(chunk.scanned)}</td>
            <td class="r num">{count(chunk.changed)}</td>
            <td class="r num">{count(chunk.skipped + chunk.conflicts)}</td>
            <td class="r num">{duration(chunk.duration_ms)}</td>
            <td class="mono cut" title=chunk.upto.clone()>{chunk.upto.clone()}</td>
            <td>{untouched}</td>
        </tr>
    }
    .into_any()
}

pub(super) fn log(events: Memo<Vec<EventRecord>>) -> AnyView {
    let note = Signal::derive(move || counted(read(events, Vec::len) as i64, "entry", "entries"));
    let newest = move || events.with(|all| all.iter().rev().cloned().collect::<Vec<_>>());
    view! {
        <Card title="Log" note=note>
            <ol class="log" data-testid="run-log">
                <For each=newest key=|e| e.seq let(event)>
                    <li>
                        <time class="num" datetime=event.at.to_rfc3339()>{clock(event.at)}</time>
                        <span>{event.message}</span>
                    </li>
                </For>
            </ol>
        </Card>
    }
    .into_any()
}
