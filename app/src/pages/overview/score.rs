//! The quality score with its trend.

use amend_domain::{Analysis, analysis::Snapshot};
use leptos::prelude::*;

use super::verdict::week;
use crate::{
    api::overview::TREND_DAYS,
    components::{Axis, Card, Point, TrendLine},
    format,
    read::read,
};

const PERCENT: Axis = Axis { words: |v| format!("{v:.1}"), floor: None, most: 100.0, least_span: 1.0 };

pub(super) fn card(analysis: Signal<Option<Analysis>>, trend: Signal<Vec<Snapshot>>) -> AnyView {
    let score = move || read(analysis, |a| a.as_ref().map_or(0.0, |a| a.score));
    let parts = move || {
        read(analysis, |a| {
            a.as_ref().map(|a| {
                format!(
                    "{} % have a value, {} % have a usable reference",
                    format::percent(a.completeness),
                    format::percent(a.integrity)
                )
            })
        })
    };
    let drift = move || {
        let drift = trend.with(|t| week(t, score()))?;
        let word = if drift.points < 0.0 { "down" } else { "up" };
        Some(view! {
            <span class="dim">
                <b class=word>{format!("{word} {:.2} points", drift.points.abs())}</b>
                " "
                {drift.span()}
            </span>
        })
    };
    let points = Signal::derive(move || trend.with(|t| t.iter().map(point).collect::<Vec<_>>()));
    view! {
        <Card title="Quality score" note=format!("{TREND_DAYS} days")>
            <div class="big num">
                <span>
                    <span data-testid="score">{move || format::percent(score())}</span>
                    <small>" %"</small>
                </span>
                {drift}
            </div>
            <p class="dim num">{parts}</p>
            <TrendLine
                points
                label="Quality score over time, in percent"
                axis=PERCENT
                empty="No analysis in this time"
            />
        </Card>
    }
    .into_any()
}

#[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
fn point(snapshot: &Snapshot) -> Point {
    Point {
        x: snapshot.at.timestamp() as f64,
        y: snapshot.score,
        label: format!("{}: {} %", format::moment(snapshot.at), format::percent(snapshot.score)),
    }
}
