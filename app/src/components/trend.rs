//! A line over time or over a sequence: small, server-rendered, without a library.
//!
//! The picture is SVG stretched to the room there is; the words beside it are HTML, so that they
//! keep their size.

use leptos::prelude::*;

/// One point: its place on the x axis in any unit, its value, and the words for its tooltip: what
/// stands before the colon names its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub label: String,
}

/// The y axis: how it is bounded, and how a value is written.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    pub words: fn(f64) -> String,
    /// Where it begins; `None` follows the points.
    pub floor: Option<f64>,
    /// It never goes beyond.
    pub most: f64,
    /// It spans at least this much, so that noise does not look like a cliff.
    pub least_span: f64,
}

/// The picture's own units; it is stretched to the room there is.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;
const GRID_LINES: i32 = 3;
/// Tooltips at most.
const MOST_HITS: usize = 100;

/// A line with an area below. With one point it is a dot; without any it says so.
#[component]
pub fn TrendLine(
    #[prop(into)] points: Signal<Vec<Point>>,
    /// What is shown, for those who do not see it.
    #[prop(into)]
    label: String,
    axis: Axis,
    /// Said where there are no points yet.
    empty: &'static str,
) -> impl IntoView {
    let some = Memo::new(move |_| points.with(|p| !p.is_empty()));
    move || {
        if !some.get() {
            return view! { <p class="trend-none dim">{empty}</p> }.into_any();
        }
        let label = label.clone();
        view! {
            <div class="trend" role="img" aria-label=label>
                <div class="trend-y num" aria-hidden="true">{move || points.with(|p| y_words(p, axis))}</div>
                <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" aria-hidden="true">
                    {move || points.with(|p| draw(p, axis))}
                </svg>
                <div class="trend-x num" aria-hidden="true">{move || points.with(|p| x_words(p))}</div>
            </div>
        }
        .into_any()
    }
}

fn y_words(points: &[Point], axis: Axis) -> AnyView {
    let (low, high) = bounds(points, axis);
    (0..=GRID_LINES)
        .rev()
        .map(|i| (axis.words)(low + (high - low) * f64::from(i) / f64::from(GRID_LINES)))
        .map(|words| view! { <span>{words}</span> })
        .collect_view()
        .into_any()
}

fn x_words(points: &[Point]) -> AnyView {
    let place = |p: &Point| p.label.split_once(": ").map_or(p.label.as_str(), |(place, _)| place).to_owned();
    let first = (points.len() > 1).then(|| points.first().map(place)).flatten();
    view! {
        <span>{first}</span>
        <span>{points.last().map(place)}</span>
    }
    .into_any()
}

fn draw(points: &[Point], axis: Axis) -> AnyView {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return ().into_any() };
    let (low, high) = bounds(points, axis);
    let px = |p: &Point| if last.x > first.x { (p.x - first.x) / (last.x - first.x) * WIDTH } else { WIDTH };
    let py = |p: &Point| (high - p.y) / (high - low) * HEIGHT;
    let grid: String =
        (0..=GRID_LINES).map(|i| format!("M0 {:.2}H{WIDTH}", HEIGHT * f64::from(i) / f64::from(GRID_LINES))).collect();
    let line: String = points
        .iter()
        .enumerate()
        .map(|(i, p)| format!("{}{:.1} {:.2}", if i == 0 { 'M' } else { 'L' }, px(p), py(p)))
        .collect();
    let area = format!("{line}V{HEIGHT}H{:.1}Z", px(first));
    // A line of no length with round ends stays a dot, however the picture is stretched.
    let end = format!("M{:.1} {:.2}h0", px(last), py(last));
    let shown: Vec<&Point> = points.iter().step_by(points.len().div_ceil(MOST_HITS)).collect();
    #[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
    let width = WIDTH / shown.len() as f64;
    let hits = shown
        .into_iter()
        .map(|p| {
            view! {
                <rect class="hit" x=format!("{:.1}", px(p) - width / 2.0) y="0" width=format!("{width:.1}") height=HEIGHT>
                    <title>{p.label.clone()}</title>
                </rect>
            }
        })
        .collect_view();
    view! {
        <path class="grid" d=grid />
        <path class="area" d=area />
        <path class="line" d=line />
        <path class="dot" d=end />
        {hits}
    }
    .into_any()
}

fn bounds(points: &[Point], axis: Axis) -> (f64, f64) {
    let least = points.iter().map(|p| p.y).fold(f64::INFINITY, f64::min);
    let most = points.iter().map(|p| p.y).fold(f64::NEG_INFINITY, f64::max);
    let room = ((most - least) * 0.15).max((axis.least_span - (most - least)) / 2.0).max(0.0);
    let high = (most + room).min(axis.most);
    let low = axis.floor.unwrap_or_else(|| (least - room).min(high - axis.least_span));
    (low, high.max(low + axis.least_span))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERCENT: Axis = Axis { words: |v| v.to_string(), floor: None, most: 100.0, least_span: 1.0 };

    fn at(values: &[f64]) -> Vec<Point> {
        values.iter().map(|y| Point { x: 0.0, y: *y, label: String::new() }).collect()
    }

    #[test]
    fn a_percentage_never_exceeds_a_hundred() {
        assert_eq!(bounds(&at(&[100.0]), PERCENT), (99.0, 100.0));
        assert_eq!(bounds(&at(&[60.0, 100.0]), PERCENT), (54.0, 100.0));
    }

    #[test]
    fn one_value_stands_in_the_middle() {
        assert_eq!(bounds(&at(&[50.0]), PERCENT), (49.5, 50.5));
        let counts = Axis { floor: Some(0.0), most: f64::INFINITY, ..PERCENT };
        assert_eq!(bounds(&at(&[0.0]), counts), (0.0, 1.0));
    }
}
