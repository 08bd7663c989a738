//! The grid over any number of rows: a window of rendered rows on a tall empty box.

use amend_domain::{RowSort, RuleSlug, SortDirection};
use leptos::{ev, html, prelude::*, task::spawn_local};

use super::{
    pages::{PAGE, Pages, Step, page_of},
    rows::{Column, Row, row_id},
    scroll::{ROW, Scroll},
    url::View,
};
use crate::{
    AppError,
    api::rows::{FirstRows, row_cursors, rows},
    components::ErrorBox,
    format,
    frame::use_link,
};

/// What the parts of the grid share.
#[derive(Clone, Copy)]
struct Grid {
    rule: StoredValue<RuleSlug>,
    view: StoredValue<View>,
    pages: RwSignal<Pages>,
    scroll: RwSignal<Scroll>,
    selected: RwSignal<Option<i64>>,
    failed: RwSignal<Option<AppError>>,
    /// A fetch is under way; one at a time, so that cursors stay in order.
    fetching: StoredValue<bool>,
    sight: NodeRef<html::Div>,
}

/// The rows of one view. It is made anew for another view.
#[component]
pub fn RowGrid(
    rule: RuleSlug,
    view: View,
    first: FirstRows,
    /// Rows in all, once counted.
    count: Signal<Option<i64>>,
    hidden: RwSignal<Vec<Column>>,
    /// The head that was pressed last: it gets the focus back when the grid is made anew.
    refocus: RwSignal<Option<RowSort>>,
    /// The rows in sight, in words, for the card's head.
    range: RwSignal<String>,
) -> impl IntoView {
    let FirstRows { dimensions, page } = first;
    let start = Pages::beginning_with(page);
    let known = start.end().unwrap_or_else(|| start.reach());
    let mode = view.mode;
    let names = StoredValue::new(dimensions);
    let grid = Grid {
        rule: StoredValue::new(rule),
        view: StoredValue::new(view),
        pages: RwSignal::new(start),
        scroll: RwSignal::new(Scroll::new(known)),
        selected: RwSignal::new(None),
        failed: RwSignal::new(None),
        fetching: StoredValue::new(false),
        sight: NodeRef::new(),
    };
    let total = Memo::new(move |_| {
        grid.pages.with(|pages| {
            pages.end().unwrap_or_else(|| {
                // More pages are there than the count says: rows came in meanwhile.
                let least = pages.reach() - i64::from(PAGE) + 1;
                count.get().map_or_else(|| pages.reach(), |n| n.max(least))
            })
        })
    });
    let window = Memo::new(move |_| grid.scroll.with(Scroll::window));
    let tall = NodeRef::<html::Div>::new();
    let layer = NodeRef::<html::Div>::new();
    keep_in_step(grid, total, window, tall, layer, range);

    view! {
        {move || {
            grid.failed
                .get()
                .map(|error| {
                    view! {
                        <ErrorBox error>
                            <button type="button" class="btn" on:click=move |_| {
                                grid.failed.set(None);
                                drive(grid);
                            }>"Try again"</button>
                        </ErrorBox>
                    }
                })
        }}
        <div class="grid-frame">
        <div
            class=move || {
                let hide = hidden.with(|h| h.iter().map(|c| format!(" hide-{}", c.class())).collect::<String>());
                format!("grid{hide}")
            }
            role="grid"
            data-testid="grid"
            aria-label="Rows. Arrow keys move the selected row."
            aria-rowcount=move || (total.get() + 1).to_string()
            aria-activedescendant=move || {
                let (from, to) = window.get();
                grid.selected.get().filter(|row| (from..to).contains(row)).map(row_id)
            }
            tabindex="0"
            node_ref=grid.sight
            on:scroll=move |_| on_scroll(grid)
            on:keydown=move |event| on_key(grid, &event)
        >
            <Head grid names refocus />
            <div class="grid-tall" role="presentation" node_ref=tall>
                <div class="grid-layer" role="rowgroup" node_ref=layer>
                    <For
                        each=move || {
                            let (from, to) = window.get();
                            grid.pages.with(|p| (from..to).map(|i| (i, p.row(i).cloned())).collect::<Vec<_>>())
                        }
                        key=|(index, row)| (*index, row.is_some())
                        let((index, row))
                    >
                        <Row index row mode dimensions=names.with_value(Vec::len) selected=grid.selected />
                    </For>
                </div>
            </div>
        </div>
        {move || reading_on(grid, total)}
        </div>
    }
    .into_any()
}

#[component]
fn Head(grid: Grid, names: StoredValue<Vec<String>>, refocus: RwSignal<Option<RowSort>>) -> impl IntoView {
    let heads = Column::ALL
        .into_iter()
        .map(|column| match (column, column.sort()) {
            (Column::Dimensions, _) => names
                .get_value()
                .into_iter()
                .map(|name| view! { <span role="columnheader" class="c-dim">{name}</span> })
                .collect_view()
                .into_any(),
            (_, Some(sort)) => view! { <SortHead grid column sort refocus /> }.into_any(),
            (_, None) => view! { <span role="columnheader" class=column.class()>{column.title()}</span> }.into_any(),
        })
        .collect_view();
    view! { <div role="row" class="g-row g-head" aria-rowindex="1">{heads}</div> }
}

/// A head that orders by its column: up, down, the table's own order.
#[component]
fn SortHead(grid: Grid, column: Column, sort: RowSort, refocus: RwSignal<Option<RowSort>>) -> impl IntoView {
    let here = use_link();
    let link = NodeRef::<html::A>::new();
    Effect::new(move || {
        if let Some(link) = link.get()
            && refocus.get_untracked() == Some(sort)
        {
            refocus.set(None);
            // It fails only for an element that is gone, and then there is nothing to focus.
            drop(link.focus());
        }
    });
    grid.view.with_value(|view| {
        let (arrow, order) = match (view.sort == sort, view.direction) {
            (true, SortDirection::Asc) => ("\u{2191}", Some("ascending")),
            (true, SortDirection::Desc) => ("\u{2193}", Some("descending")),
            (false, _) => ("", None),
        };
        let href = view.sorted(sort).href();
        view! {
            <span role="columnheader" class=column.class() aria-sort=order>
                <a
                    href=move || here(&href)
                    data-noscroll="true"
                    title="Sort by this column"
                    data-testid=format!("sort-{}", sort.as_str())
                    node_ref=link
                    on:click=move |_| refocus.set(Some(sort))
                >
                    {column.title()}
                    <span aria-hidden="true">{arrow}</span>
                </a>
            </span>
        }
    })
}

/// Ties the browser's boxes to the state. All of it is the browser's; the server renders the first
/// rows and leaves it there.
fn keep_in_step(
    grid: Grid,
    total: Memo<i64>,
    window: Memo<(i64, i64)>,
    tall: NodeRef<html::Div>,
    layer: NodeRef<html::Div>,
    range: RwSignal<String>,
) {
    let measure = move || {
        if let Some(sight) = grid.sight.get_untracked() {
            grid.scroll.update(|s| s.measured(f64::from(sight.client_height()) - ROW));
        }
    };
    Effect::new(move || {
        if grid.sight.get().is_some() {
            measure();
            let resized = window_event_listener(ev::resize, move |_| measure());
            on_cleanup(move || resized.remove());
        }
    });
    Effect::new(move || {
        let rows = total.get();
        grid.scroll.update(|s| s.resized(rows));
    });
    Effect::new(move || {
        let (height, shift) = grid.scroll.with(|s| (s.height(), s.shift()));
        let (Some(tall), Some(layer)) = (tall.get(), layer.get()) else { return };
        // Through the DOM rather than as attributes: see the crate's head on styles.
        for (element, name, text) in
            [(&tall, "height", format!("{height}px")), (&layer, "transform", format!("translateY({shift}px)"))]
        {
            if let Err(thrown) = web_sys::HtmlElement::style(element).set_property(name, &text) {
                leptos::logging::error!("grid {name}: {thrown:?}");
            }
        }
    });
    Effect::new(move || {
        window.track();
        total.track();
        drive(grid);
    });
    Effect::new(move || {
        let (from, to) = grid.scroll.with(Scroll::in_sight);
        range.set(format!("{} to {} of {}", format::count(from), format::count(to), format::count(total.get())));
    });
}

fn on_scroll(grid: Grid) {
    if let Some(sight) = grid.sight.get_untracked() {
        grid.scroll.update(|s| s.scrolled(f64::from(sight.scroll_top())));
    }
}

/// Scrolls so that the row is in sight.
fn reveal(grid: Grid, row: i64) {
    let top = grid.scroll.try_update(|s| s.reveal(row)).flatten();
    if let (Some(top), Some(sight)) = (top, grid.sight.get_untracked()) {
        #[expect(clippy::cast_possible_truncation, reason = "below 8 million")]
        sight.set_scroll_top(top.round() as i32);
    }
}

fn on_key(grid: Grid, event: &web_sys::KeyboardEvent) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let (first, _) = grid.scroll.with_untracked(Scroll::in_sight);
    let page = grid.scroll.with_untracked(Scroll::page);
    let last = grid.scroll.with_untracked(|s| s.rows() - 1);
    let at = grid.selected.get_untracked();
    let to = match event.key().as_str() {
        "ArrowDown" => at.map_or(first - 1, |row| row + 1),
        "ArrowUp" => at.map_or(first - 1, |row| row - 1),
        "PageDown" => at.unwrap_or(first - 1) + page,
        "PageUp" => at.unwrap_or(first - 1) - page,
        "Home" => 0,
        "End" => last,
        "Escape" => {
            grid.selected.set(None);
            return;
        }
        _ => return,
    };
    event.prevent_default();
    if last >= 0 {
        let to = to.clamp(0, last);
        grid.selected.set(Some(to));
        reveal(grid, to);
    }
}

/// What is said while the way to rows far down is read.
fn reading_on(grid: Grid, total: Memo<i64>) -> Option<impl IntoView> {
    let (first, _) = grid.scroll.with(Scroll::in_sight);
    let reach = grid.pages.with(Pages::reach);
    if page_of(first - 1) * i64::from(PAGE) < reach || total.get() == 0 {
        return None;
    }
    Some(view! {
        <p class="grid-note" role="status" data-testid="reading-on">
            <span class="num">
                "On the way to row "{format::count(first)}": at "{format::count(reach)}
                ". Rows are read in order, since a row cannot be found by its number; a filter by symbol is faster."
            </span>
            <button type="button" class="btn" on:click=move |_| reveal(grid, (reach - i64::from(PAGE)).max(0))>
                "Stop here"
            </button>
        </p>
    })
}

/// Fetches what is missing around the window, one step after the other, until nothing is.
fn drive(grid: Grid) {
    let idle = grid.failed.with_untracked(Option::is_none) && !grid.fetching.get_value();
    if !idle || next(grid).is_none() {
        return;
    }
    grid.fetching.set_value(true);
    spawn_local(async move {
        while let Some(step) = next(grid) {
            if !take(grid, step).await {
                break;
            }
        }
        // The grid may be gone by now.
        let _gone = grid.fetching.try_set_value(false);
    });
}

/// The next step for the window as it is now, and one page ahead.
fn next(grid: Grid) -> Option<Step> {
    let (from, to) = grid.scroll.try_with_untracked(Scroll::window)?;
    grid.pages.try_with_untracked(|p| p.next_step(page_of(from), page_of((to - 1).max(from)) + 1))?
}

/// Does one step; false when it failed or the grid is gone.
async fn take(grid: Grid, step: Step) -> bool {
    let (Some(rule), Some(view)) = (grid.rule.try_get_value(), grid.view.try_get_value()) else { return false };
    let error = match step {
        Step::Fetch { page, after } => match rows(rule, view.query(after, PAGE)).await {
            Ok(answer) => {
                let near = grid.scroll.try_with_untracked(|s| page_of(s.window().0));
                return near.is_some_and(|near| grid.pages.try_update(|p| p.fetched(page, answer, near)).is_some());
            }
            Err(error) => error,
        },
        Step::Skip { after, pages } => match row_cursors(rule, view.query(after, PAGE), pages).await {
            Ok(cursors) => return grid.pages.try_update(|p| p.skipped(pages, cursors)).is_some(),
            Err(error) => error,
        },
    };
    let _gone = grid.failed.try_set(Some(error));
    false
}
