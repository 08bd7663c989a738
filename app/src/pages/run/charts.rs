//! The last chunks as lines: how fast, and how large.

use amend_domain::ChunkRecord;
use leptos::prelude::*;

use crate::{
    components::{Axis, Card, Point, TrendLine},
    format::{self, count, counted},
    read::read,
};

const EMPTY: &str = "No transaction yet";
const ROWS: Axis = Axis { words: short, floor: Some(0.0), most: f64::INFINITY, least_span: 1.0 };

pub(super) fn rate(chunks: Memo<Vec<ChunkRecord>>) -> AnyView {
    let points = points(chunks, per_second, |c| format!("{} rows a second", format::rate(per_second(c))));
    view! {
        <Card title="Rows looked at a second" note=note(chunks)>
            <TrendLine points label="Rows looked at a second, by transaction" axis=ROWS empty=EMPTY />
        </Card>
    }
    .into_any()
}

#[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
pub(super) fn size(chunks: Memo<Vec<ChunkRecord>>) -> AnyView {
    let points = points(
        chunks,
        |c| c.changed as f64,
        |c| format!("{} changed in {}", counted(c.changed, "row", "rows"), format::duration(c.duration_ms)),
    );
    view! {
        <Card title="Rows changed a transaction" note=note(chunks) class="second-series">
            <TrendLine points label="Rows changed, by transaction" axis=ROWS empty=EMPTY />
        </Card>
    }
    .into_any()
}

fn note(chunks: Memo<Vec<ChunkRecord>>) -> Signal<Option<String>> {
    Signal::derive(move || {
        let n = read(chunks, Vec::len);
        (n > 0).then(|| format!("last {}", counted(n as i64, "transaction", "transactions")))
    })
}

#[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
fn points(
    chunks: Memo<Vec<ChunkRecord>>,
    value: fn(&ChunkRecord) -> f64,
    words: fn(&ChunkRecord) -> String,
) -> Signal<Vec<Point>> {
    Signal::derive(move || {
        chunks.with(|all| {
            all.iter()
                .map(|c| Point { x: c.no as f64, y: value(c), label: format!("{}: {}", c.no, words(c)) })
                .collect()
        })
    })
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(chunk: &ChunkRecord) -> f64 {
    chunk.scanned as f64 * 1000.0 / chunk.duration_ms.max(1) as f64
}

/// `1.2k`, for an axis.
#[expect(clippy::cast_possible_truncation, reason = "rows for an axis")]
fn short(value: f64) -> String {
    if value >= 999_500.0 {
        format!("{:.1}M", value / 1_000_000.0)
    } else if value >= 9_950.0 {
        format!("{:.0}k", value / 1000.0)
    } else if value >= 999.5 {
        format!("{:.1}k", value / 1000.0)
    } else {
        count(value.round() as i64)
    }
}
