//! The worst symbols, sortable.

use amend_domain::{Analysis, Finding, RowFilter, analysis::SymbolCounts, finding::percent};
use leptos::prelude::*;

use super::{look::Look, pictures::worst};
use crate::{
    components::{Segment, StackBar, Table, finding_fill, finding_name},
    format,
    frame::use_link,
    pages::preview::{url::View, value, words},
};

/// What the table can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Symbol,
    Wrong,
    Share,
    Rows,
    First,
    Last,
}

impl By {
    const ALL: [Self; 6] = [Self::Symbol, Self::Wrong, Self::Share, Self::Rows, Self::First, Self::Last];

    const fn title(self) -> &'static str {
        match self {
            Self::Symbol => "Symbol",
            Self::Wrong => "Wrong",
            Self::Share => "Share",
            Self::Rows => "Rows",
            Self::First => "First wrong",
            Self::Last => "Last wrong",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Symbol | Self::First | Self::Last => "",
            Self::Wrong | Self::Share | Self::Rows => "r",
        }
    }

    fn compare(self, a: &SymbolCounts, b: &SymbolCounts) -> std::cmp::Ordering {
        match self {
            Self::Symbol => a.symbol.cmp(&b.symbol),
            Self::Wrong => b.wrong.cmp(&a.wrong),
            Self::Share => percent(b.wrong, b.rows).total_cmp(&percent(a.wrong, a.rows)),
            Self::Rows => b.rows.cmp(&a.rows),
            Self::First => a.first_seen.cmp(&b.first_seen),
            Self::Last => b.last_seen.cmp(&a.last_seen),
        }
    }
}

#[component]
pub fn SymbolTable(analysis: Memo<Option<Analysis>>, look: Memo<Look>) -> impl IntoView {
    let order = RwSignal::new((By::Wrong, false));
    let sorted = Memo::new(move |_| {
        let (by, reversed) = order.get();
        let mut all: Vec<SymbolCounts> = analysis
            .with(|a| a.as_ref().map(|a| look.with(|look| worst(a, look).into_iter().cloned().collect())))
            .unwrap_or_default();
        all.sort_by(|a, b| by.compare(a, b).then_with(|| a.symbol.cmp(&b.symbol)));
        if reversed {
            all.reverse();
        }
        all
    });
    let head = |by: By| {
        let direction = move || match order.get() {
            (now, _) if now != by => None,
            // Symbols and times go up first, sizes down.
            (_, reversed) => {
                Some(if reversed == matches!(by, By::Symbol | By::First) { "descending" } else { "ascending" })
            }
        };
        view! {
            <th scope="col" class=by.class() aria-sort=direction>
                <button
                    type="button"
                    class="sort"
                    on:click=move |_| order.update(|(now, reversed)| {
                        *reversed = *now == by && !*reversed;
                        *now = by;
                    })
                >
                    {by.title()}
                    <span aria-hidden="true">
                        {move || match direction() {
                            Some("ascending") => "\u{2191}",
                            Some(_) => "\u{2193}",
                            None => "",
                        }}
                    </span>
                </button>
            </th>
        }
    };
    let [symbol, wrong, share, rows, first, last] = By::ALL.map(head);
    view! {
            <Table caption="Symbols with most wrong rows" test_id="worst-symbols">
                <thead>
                    <tr>
                        {symbol}
                        <th scope="col">"Should be"</th>
                        {wrong}
                        {share}
                        {rows}
                        <th scope="col">"Findings"</th>
                        {first}
                        {last}
                        <th scope="col"><span class="vh">"Preview"</span></th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || sorted.get() key=|s| (s.symbol.clone(), s.wrong, s.rows) let(symbol)>
                        <SymbolLine symbol look />
                    </For>
                </tbody>
            </Table>
    }
    .into_any()
}

#[component]
fn SymbolLine(symbol: SymbolCounts, look: Memo<Look>) -> impl IntoView {
    let link = use_link();
    let name = words(symbol.symbol.as_deref());
    let wrong: Vec<_> = Finding::ALL.into_iter().filter(|f| *f != Finding::Correct).collect();
    let segments: Vec<_> = wrong
        .iter()
        .map(|f| Segment {
            class: finding_fill(*f),
            rows: symbol.counts.get(*f),
            title: format!("{}: {}", finding_name(*f), format::count(symbol.counts.get(*f))),
        })
        .collect();
    let spoken = wrong
        .iter()
        .filter(|f| symbol.counts.get(**f) > 0)
        .map(|f| format!("{} {}", finding_name(*f), format::count(symbol.counts.get(*f))))
        .collect::<Vec<_>>()
        .join(", ");
    let filter = RowFilter { symbols: symbol.symbol.clone().into_iter().collect(), ..RowFilter::default() };
    // A symbol that is null cannot be named in a filter.
    let narrow = symbol.symbol.is_some().then(|| {
        let filter = filter.clone();
        move || link(&look.with(|l| l.narrowed(filter.clone())).href())
    });
    let preview = symbol.symbol.is_some().then(|| {
        let findings = wrong.iter().copied().filter(|f| symbol.counts.get(*f) > 0).collect();
        let mode = Look::default().preview().mode;
        let view = View { mode, filter: RowFilter { findings, ..filter }, ..View::default() };
        let title = format!("Preview the rows of {name}");
        view! { <a class="text-link" href=move || link(&view.href()) aria-label=title>"Preview"</a> }
    });
    view! {
        <tr>
            <td class="mono">
                {match narrow {
                    Some(href) => view! { <a href=href data-noscroll="true">{name.clone()}</a> }.into_any(),
                    None => value(None),
                }}
            </td>
            <td>{symbol.proposed.clone().unwrap_or_else(|| "undecided".into())}</td>
            <td class="r num">{format::count(symbol.wrong)}</td>
            <td class="r num">{format::percent(percent(symbol.wrong, symbol.rows))}"%"</td>
            <td class="r num">{format::count(symbol.rows)}</td>
            <td class="mini"><StackBar segments whole=symbol.wrong label=spoken /></td>
            <td class="num">{symbol.first_seen.map(format::date)}</td>
            <td class="num">{symbol.last_seen.map(format::date)}</td>
            <td>{preview}</td>
        </tr>
    }
    .into_any()
}
