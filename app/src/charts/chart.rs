//! The canvas, its life, and the table behind it.

use leptos::{html, prelude::*};
use wasm_bindgen::closure::Closure;

use super::{ChartSpec, Series};
use crate::interop::charts::{DrawnChart, Library, library, load};

/// A chart. Figures change without animation; `on_click` gets the places of series and label.
#[component]
pub fn Chart(
    /// What the chart shows, in words, for those who do not see it.
    #[prop(into)]
    label: Signal<String>,
    #[prop(into)] spec: Signal<ChartSpec>,
    /// What the labels are: the heading of the table's first column.
    #[prop(into)]
    of: String,
    #[prop(optional, into)] on_click: Option<Callback<(usize, usize)>>,
) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    let problem = RwSignal::new(None::<&'static str>);
    draw(canvas, spec, on_click, problem);

    view! {
        <figure class="chart">
            <div class="chart-box">
                // It gives the box its height before the chart is there (see the crate's head on styles).
                <svg class="chart-space" width="1" height=move || spec.with(|s| s.height) aria-hidden="true"></svg>
                <canvas node_ref=canvas role="img" aria-label=move || label.get()></canvas>
            </div>
            {move || {
                problem
                    .get()
                    .map(|text| {
                        view! {
                            <p class="chart-off" role="status">
                                {text}
                                <button type="button" class="btn" on:click=move |_| load()>
                                    "Try again"
                                </button>
                            </p>
                        }
                    })
            }}
            <details class="chart-table">
                <summary>"Show as table"</summary>
                <div class="table-wrap chart-scroll" tabindex="0" role="region" aria-label=move || label.get()>
                    <ChartTable spec of on_click />
                </div>
            </details>
        </figure>
    }
}

/// The effect owns the drawn chart, so it is destroyed with the component. Effects do not run on
/// the server.
fn draw(
    canvas: NodeRef<html::Canvas>,
    spec: Signal<ChartSpec>,
    on_click: Option<Callback<(usize, usize)>>,
    problem: RwSignal<Option<&'static str>>,
) {
    Effect::new(move |drawn: Option<Option<DrawnChart>>| {
        let drawn = drawn.flatten();
        let element = canvas.get()?;
        match library().get() {
            Library::Ready => problem.set(None),
            Library::Absent => {
                load();
                return None;
            }
            Library::Loading => return None,
            Library::Failed => {
                problem.set(Some("The chart could not be loaded. The table has the same numbers. "));
                return None;
            }
        }
        let Ok(json) = spec.with(serde_json::to_string) else { return drawn };
        let result = match drawn {
            Some(chart) => chart.update(&json).map(|()| chart),
            None => {
                let click = on_click.map(|on_click| {
                    Closure::<dyn Fn(u32, u32)>::new(move |series: u32, label: u32| {
                        on_click.run((series as usize, label as usize));
                    })
                });
                DrawnChart::create(&element, &json, click)
            }
        };
        match result {
            Ok(chart) => Some(chart),
            Err(thrown) => {
                leptos::logging::error!("chart: {thrown:?}");
                problem.set(Some("The chart could not be drawn. The table has the same numbers. "));
                None
            }
        }
    });
}

/// The same numbers; with `on_click` each is a button, so the keyboard reaches what the mouse does.
#[component]
fn ChartTable(spec: Signal<ChartSpec>, of: String, on_click: Option<Callback<(usize, usize)>>) -> impl IntoView {
    view! {
        <table class="table">
            <thead>
                <tr>
                    <th scope="col">{of}</th>
                    {move || {
                        spec.with(|s| {
                            s.series
                                .iter()
                                .map(|one| view! { <th scope="col" class="r">{one.name.clone()}</th> })
                                .collect_view()
                        })
                    }}
                </tr>
            </thead>
            <tbody>
                {move || {
                    spec.with(|s| {
                        s.labels
                            .iter()
                            .enumerate()
                            .map(|(row, label)| {
                                view! {
                                    <tr>
                                        <th scope="row">{label.clone()}</th>
                                        {s.series
                                            .iter()
                                            .enumerate()
                                            .map(|(column, one)| cell(s, one, column, row, on_click))
                                            .collect_view()}
                                    </tr>
                                }
                            })
                            .collect_view()
                    })
                }}
            </tbody>
        </table>
    }
}

fn cell(
    spec: &ChartSpec,
    series: &Series,
    column: usize,
    row: usize,
    on_click: Option<Callback<(usize, usize)>>,
) -> impl IntoView + use<> {
    let text = number(series.values.get(row).copied().flatten(), spec.unit);
    let inner = match on_click {
        Some(on_click) => view! {
            <button type="button" class="cell-link" on:click=move |_| on_click.run((column, row))>
                {text}
            </button>
        }
        .into_any(),
        None => text.into_any(),
    };
    view! { <td class="r num">{inner}</td> }
}

/// Whole numbers with separators, others with two decimals, a dash for a gap.
fn number(value: Option<f64>, unit: Option<&str>) -> String {
    let Some(value) = value else { return "\u{2013}".into() };
    #[expect(clippy::cast_possible_truncation, reason = "below 2^53, checked to be whole")]
    let text = if value.fract() == 0.0 && value.abs() < 9e15 {
        crate::format::count(value as i64)
    } else {
        format!("{value:.2}")
    };
    match unit {
        Some("%") => format!("{text}%"),
        _ => text,
    }
}
