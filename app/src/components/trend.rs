//! A line over time or over a sequence, as SVG: small, server-rendered, without a library.

use leptos::prelude::*;

/// One point: its place on the x axis in any unit, its value, and the words for its tooltip.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub label: String,
}

const WIDTH: f64 = 360.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;

/// A line with an area below. With one point it is a dot; without any it says so.
#[component]
pub fn TrendLine(
    #[prop(into)] points: Signal<Vec<Point>>,
    /// What is shown, for those who do not see it.
    #[prop(into)]
    label: String,
    /// The lowest and highest value of the y axis; taken from the points where it is not given.
    #[prop(optional)]
    floor: Option<f64>,
    #[prop(optional)] ceiling: Option<f64>,
    /// A value of the y axis in words.
    axis: fn(f64) -> String,
    #[prop(default = 150.0)] height: f64,
    /// Said where there are no points yet.
    #[prop(into)]
    empty: &'static str,
) -> impl IntoView {
    view! {
        <svg class="trend" viewBox=format!("0 0 {WIDTH} {height}") role="img" aria-label=label>
            {move || points.with(|p| draw(p, floor, ceiling, axis, height, empty))}
        </svg>
    }
    .into_any()
}

fn draw(
    points: &[Point],
    floor: Option<f64>,
    ceiling: Option<f64>,
    axis: fn(f64) -> String,
    height: f64,
    empty: &'static str,
) -> AnyView {
    let base = height - BOTTOM;
    if points.is_empty() {
        return view! { <text x=WIDTH / 2.0 y=height / 2.0 text-anchor="middle">{empty}</text> }.into_any();
    }
    let (low, high) = bounds(points, floor, ceiling);
    let (first, last) = (points[0].x, points[points.len() - 1].x);
    let px = |x: f64| {
        if last > first { LEFT + (x - first) / (last - first) * (WIDTH - LEFT - RIGHT) } else { WIDTH - RIGHT }
    };
    let py = |y: f64| TOP + (high - y) / (high - low) * (base - TOP);

    let grid = (0..=3)
        .map(|i| {
            let value = low + (high - low) * f64::from(i) / 3.0;
            let y = py(value);
            view! {
                <line class="grid" x1=LEFT x2=WIDTH - RIGHT y1=format!("{y:.1}") y2=format!("{y:.1}") />
                <text x=LEFT - 6.0 y=format!("{:.1}", y + 4.0) text-anchor="end">{axis(value)}</text>
            }
        })
        .collect_view();
    let path: String = points
        .iter()
        .enumerate()
        .map(|(i, p)| format!("{}{:.1} {:.1}", if i == 0 { "M" } else { "L" }, px(p.x), py(p.y)))
        .collect();
    let area = format!("{path}L{:.1} {base:.1}L{:.1} {base:.1}Z", px(last), px(first));
    // Tooltips stand on invisible dots; beyond a hundred they would cover each other.
    let step = points.len().div_ceil(100);
    let dots = points
        .iter()
        .step_by(step)
        .map(|p| {
            view! {
                <circle class="hit" cx=format!("{:.1}", px(p.x)) cy=format!("{:.1}", py(p.y)) r="7">
                    <title>{p.label.clone()}</title>
                </circle>
            }
        })
        .collect_view();
    let end = &points[points.len() - 1];
    let ends = (points.len() > 1).then(|| {
        view! { <text x=LEFT y=height - 5.0>{axis_end(&points[0].label)}</text> }
    });
    view! {
        {grid}
        <path class="area" d=area />
        <path class="line" d=path />
        <circle class="dot" cx=format!("{:.1}", px(end.x)) cy=format!("{:.1}", py(end.y)) r="3" />
        {dots}
        {ends}
        <text x=WIDTH - RIGHT y=height - 5.0 text-anchor="end">{axis_end(&end.label)}</text>
    }
    .into_any()
}

/// The part of a point's words before the colon names its place.
fn axis_end(label: &str) -> String {
    label.split_once(": ").map_or(label, |(place, _)| place).to_owned()
}

fn bounds(points: &[Point], floor: Option<f64>, ceiling: Option<f64>) -> (f64, f64) {
    let least = points.iter().map(|p| p.y).fold(f64::INFINITY, f64::min);
    let most = points.iter().map(|p| p.y).fold(f64::NEG_INFINITY, f64::max);
    let room = ((most - least) * 0.15).max(0.05);
    let low = floor.unwrap_or(least - room);
    let high = ceiling.unwrap_or(most + room);
    if high > low { (low, high) } else { (low, low + 1.0) }
}
