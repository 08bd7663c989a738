//! The preview: every row that a run would change, before anything is written.

mod filter_bar;
mod grid;
mod pages;
mod plan_card;
mod rows;
mod scroll;
pub mod url;

pub use filter_bar::{parts, words};
pub use rows::{seconds, value};

use amend_domain::{BatchSize, Mode, RowFilter, RuleSlug, RunOptions, Scope, SortDirection};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::{
    AppError,
    api::{
        plan::make_plan,
        rows::{Facets, FirstRows, begin_rows, count_rows, row_facets},
    },
    components::{Card, EmptyState, ErrorBox, PageHead, Skeleton},
    format,
    frame::{use_link, use_refresh, use_rule},
    load::{Later, Load, load_first, load_later},
};
use filter_bar::FilterBar;
use grid::RowGrid;
use pages::PAGE;
use plan_card::{GoRun, PlanCard};
use rows::Column;
use url::{View, encode};

#[component]
pub fn PreviewPage() -> impl IntoView {
    let rule = use_rule();
    let refresh = use_refresh();
    let search = use_location().search;
    let read = Memo::new(move |_| search.with(|s| View::read(s)));
    let view = Memo::new(move |_| read.get().unwrap_or_default());
    let filter = Memo::new(move |_| view.with(View::full_filter));
    let options = Memo::new(move |_| view.with(options_of));

    let source = move || (refresh.count(), rule.get());
    let first = load_first(
        move || (source(), view.get()),
        |((_, rule), view)| async move { (begin_rows(rule.clone(), view.query(None, PAGE)).await, rule, view) },
    );
    // These two make a pass over the table. They begin in the browser, because neither the first
    // paint nor the page's becoming alive should wait for them.
    let count = load_later(move || {
        let ((_, rule), filter) = (source(), filter.get());
        async move { (count_rows(rule, filter.clone()).await, filter) }
    });
    let plan = load_later(move || {
        let ((_, rule), options, view) = (source(), options.get(), view.get());
        async move { (make_plan(rule, options).await, view) }
    });
    let to_change = Signal::derive(move || {
        plan.value.with(|plan| plan.as_ref().and_then(|(plan, _)| plan.as_ref().ok()).map(|plan| plan.to_change))
    });
    let choices = load_first(move || rule.get(), row_facets);

    view! {
        <Title text="Preview" />
        <PageHead
            title=move || view! { <Verdict view count /> }
            lead=|| "Nothing is written until you start the run. What you see is what the run does: both use the same query."
        >
            <ExportLink rule view />
            <GoRun view to_change />
        </PageHead>
        {move || {
            read.get().err().map(|problem| view! { <ErrorBox error=problem><a class="btn" href="/preview">"Show all"</a></ErrorBox> })
        }}
        <Transition fallback=|| view! { <Skeleton lines=2 /> }>
            {move || Suspend::new(async move {
                // Without choices the fields are empty; the rows say what is wrong.
                let facets: Facets = choices.await.unwrap_or_default();
                view! { <FilterBar view facets=Signal::stored(facets) /> }
            })}
        </Transition>
        <div class="preview-split">
            <Rows first count view />
            <Card title="Plan" note=MaybeProp::derive(move || Some(view.with(|v| mode_name(v.mode)).into()))>
                <div class="plan" class:waiting=plan.pending aria-busy=move || plan.pending.get().to_string()>
                    {move || match plan.value.get() {
                        None => view! { <Skeleton lines=6 /> }.into_any(),
                        Some((Ok(plan), view)) => view! { <PlanCard plan view /> }.into_any(),
                        Some((Err(error), _)) => view! { <ErrorBox error /> }.into_any(),
                    }}
                </div>
            </Card>
        </div>
    }
    .into_any()
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Fill => "fill",
        Mode::Overwrite => "overwrite",
    }
}

fn options_of(view: &View) -> RunOptions {
    let symbols = view.filter.symbols.clone();
    RunOptions {
        mode: view.mode,
        scope: Scope { symbols: (!symbols.is_empty()).then_some(symbols), failed_of: None },
        batch_size: BatchSize::Auto,
        ..RunOptions::default()
    }
}

type Counted = (Result<i64, AppError>, RowFilter);

/// The rows counted, in words.
#[component]
fn Verdict(view: Memo<View>, count: Later<Counted>) -> impl IntoView {
    let words = move || {
        let Some((counted, _)) = count.value.get() else {
            return view! { <span class="counting">"Counting the rows\u{2026}"</span> }.into_any();
        };
        let Ok(rows) = counted else { return view! { "The rows could not be counted." }.into_any() };
        let number = view! { <span class="num" data-testid="preview-count">{format::count(rows)}</span> };
        let words = if view.with_untracked(View::is_plan) {
            if rows == 1 { " row would change." } else { " rows would change." }
        } else if rows == 1 {
            " row is let through by the filter."
        } else {
            " rows are let through by the filter."
        };
        view! { {number} {words} }.into_any()
    };
    view! { <span class:waiting=count.pending>{words}</span> }
}

/// The filtered view as CSV, whole.
#[component]
fn ExportLink(rule: Signal<RuleSlug>, view: Memo<View>) -> impl IntoView {
    let href = move || {
        view.with(|view| {
            let mut pairs = vec![("rule".to_owned(), rule.get().to_string())];
            pairs.extend(view.full_filter().to_pairs());
            pairs.extend(view.order_pairs());
            format!("/export/rows.csv?{}", encode(&pairs))
        })
    };
    view! {
        <a class="btn" href=href rel="external" download="" data-testid="export-csv">
            "Export CSV"
        </a>
    }
}

/// The card with the grid.
#[component]
fn Rows(
    first: Load<(Result<FirstRows, AppError>, RuleSlug, View)>,
    count: Later<Counted>,
    view: Memo<View>,
) -> impl IntoView {
    let hidden = RwSignal::new(vec![Column::Key]);
    let refocus = RwSignal::new(None);
    let range = RwSignal::new(String::new());
    let (waiting, set_waiting) = signal(false);
    // The count of another filter is none.
    let total = Signal::derive(move || {
        let wanted = view.with(View::full_filter);
        count.value.get().and_then(|(rows, filter)| rows.ok().filter(|_| filter == wanted))
    });
    let note = MaybeProp::derive(move || range.with(|r| (!r.is_empty()).then(|| format!("rows {r}"))));
    view! {
        <Card title="Rows" note tools=move || view! { <ColumnMenu hidden /> } class="rows-card">
            <div class:waiting=waiting aria-busy=move || waiting.get().to_string()>
                <Transition fallback=|| view! { <Skeleton lines=12 /> } set_pending=set_waiting>
                    {move || Suspend::new(async move {
                        match first.await {
                            (Ok(rows), _, view) if rows.page.rows.is_empty() => nothing(&view).into_any(),
                            (Ok(first), rule, view) => {
                                view! { <RowGrid rule view first count=total hidden refocus range /> }.into_any()
                            }
                            (Err(error), ..) => view! { <ErrorBox error /> }.into_any(),
                        }
                    })}
                </Transition>
            </div>
        </Card>
    }
}

fn nothing(view: &View) -> impl IntoView + use<> {
    let link = use_link();
    if view.is_plan() && view.filter.symbols.is_empty() {
        let other = View { mode: Mode::Overwrite, ..View::default() };
        let wider = (view.mode == Mode::Fill)
            .then(|| view! { <a class="btn" href=move || link(&other.href())>"Look at wrong values too"</a> });
        view! {
            <EmptyState title="Nothing to change">
                <p>
                    "No row has a finding that this mode corrects. Rows whose symbol the reference cannot decide are under Unresolved."
                </p>
                <div class="acts">{wider} <a class="btn" href=move || link("/unresolved")>"Unresolved"</a></div>
            </EmptyState>
        }
        .into_any()
    } else {
        let clear = View { mode: view.mode, sort: view.sort, direction: SortDirection::Asc, ..View::default() };
        view! {
            <EmptyState title="No row is let through">
                <p>"All parts of the filter must hold at once, and symbols are compared exactly, letter case included."</p>
                <div class="acts"><a class="btn" href=move || link(&clear.href())>"Clear the filter"</a></div>
            </EmptyState>
        }
        .into_any()
    }
}

/// Which columns are shown.
#[component]
fn ColumnMenu(hidden: RwSignal<Vec<Column>>) -> impl IntoView {
    let boxes = Column::ALL
        .into_iter()
        .filter(|c| c.can_hide())
        .map(|column| {
            view! {
                <label>
                    <input
                        type="checkbox"
                        prop:checked=move || !hidden.with(|h| h.contains(&column))
                        checked=!hidden.with_untracked(|h| h.contains(&column))
                        on:change=move |_| hidden.update(|h| url::toggle(h, column))
                    />
                    {column.title()}
                </label>
            }
        })
        .collect_view();
    view! {
        <details class="columns" data-testid="columns">
            <summary class="btn quiet">"Columns"</summary>
            <div class="columns-list">{boxes}</div>
        </details>
    }
}
