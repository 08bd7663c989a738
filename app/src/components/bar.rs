//! Bars, drawn as SVG: the page's security policy allows no style attributes.

use leptos::prelude::*;

/// Progress from 0 to 100.
#[component]
pub fn Bar(
    #[prop(into)] share: Signal<f64>,
    /// What progresses, for those who do not see the bar.
    #[prop(into)]
    label: Signal<String>,
    /// The value in words, such as `447,112 of 731,860 rows`.
    #[prop(into)]
    text: Signal<String>,
    #[prop(optional)] test_id: Option<&'static str>,
) -> impl IntoView {
    view! {
        <svg
            class="bar"
            viewBox="0 0 100 1"
            preserveAspectRatio="none"
            role="progressbar"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=move || format!("{:.1}", share.get())
            aria-valuetext=text
            data-testid=test_id
        >
            <rect class="bar-fill" x="0" y="0" height="1" width=move || format!("{:.2}", share.get().clamp(0.0, 100.0)) />
        </svg>
    }
    .into_any()
}

/// One part of a stacked bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// A class that sets `fill`, such as `f-missing`.
    pub class: &'static str,
    pub rows: i64,
    /// For the tooltip.
    pub title: String,
}

/// Parts of a whole, side by side. Parts that are there never vanish: each takes at least half a
/// percent of the width.
#[component]
pub fn StackBar(
    segments: Vec<Segment>,
    /// The width of the bar; more than the sum leaves room at the end.
    whole: i64,
    #[prop(into)] label: String,
) -> impl IntoView {
    let widths = widths(&segments, whole);
    let mut x = 0.0;
    let rects = segments
        .into_iter()
        .zip(widths)
        .filter(|(s, _)| s.rows > 0)
        .map(|(segment, width)| {
            let left = x;
            x += width;
            view! {
                <rect class=segment.class x=format!("{left:.2}") y="0" height="1" width=format!("{:.2}", (width - GAP).max(GAP))>
                    <title>{segment.title}</title>
                </rect>
            }
        })
        .collect_view();
    view! {
        <svg class="stackbar" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label=label>
            {rects}
        </svg>
    }
    .into_any()
}

/// Percent of the width between two parts.
const GAP: f64 = 0.15;
const LEAST: f64 = 0.5;

#[expect(clippy::cast_precision_loss, reason = "shares of a bar")]
fn widths(segments: &[Segment], whole: i64) -> Vec<f64> {
    let whole = whole.max(1) as f64;
    let mut widths: Vec<f64> =
        segments.iter().map(|s| if s.rows > 0 { (s.rows as f64 * 100.0 / whole).max(LEAST) } else { 0.0 }).collect();
    // What the small ones got too much is taken from the largest.
    let over = widths.iter().sum::<f64>() - 100.0;
    if over > 0.0
        && let Some(largest) = widths.iter_mut().max_by(|a, b| a.total_cmp(b))
    {
        *largest -= over;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(rows: i64) -> Segment {
        Segment { class: "f-missing", rows, title: String::new() }
    }

    #[test]
    fn a_single_row_in_a_million_is_seen() {
        let widths = widths(&[segment(999_999), segment(1), segment(0)], 1_000_000);
        assert!((widths[1] - LEAST).abs() < 1e-9);
        assert!((widths.iter().sum::<f64>() - 100.0).abs() < 1e-6);
        assert!(widths[2].abs() < 1e-9);
    }
}
