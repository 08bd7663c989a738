//! The filter: chips for findings, fields for the rest, and what is set, each with a way to unset it.
//!
//! What is set lives in the URL alone. Chips are links, so they work before the page runs and Back
//! undoes them.

use amend_domain::{Finding, Mode, RowFilter, finding::is_blank};
use leptos::{html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{
    rows::seconds,
    url::{View, toggle},
};
use crate::{
    api::rows::Facets,
    components::{FindingSwatch, finding_name},
    frame::use_link,
};

#[component]
pub fn FilterBar(view: Memo<View>, facets: Signal<Facets>) -> impl IntoView {
    view! {
        <section class="filter" aria-label="Filter">
            <ModeChips view />
            <FindingChips view />
            <Fields view facets />
            <Chosen view />
        </section>
    }
    .into_any()
}

/// Which findings a run corrects.
#[component]
fn ModeChips(view: Memo<View>) -> impl IntoView {
    let link = use_link();
    let chips = [(Mode::Fill, "Fill missing"), (Mode::Overwrite, "Also overwrite wrong values")]
        .into_iter()
        .map(|(mode, text)| {
            let href = move || {
                // The findings shown follow the mode again.
                let other = View { mode, ..view.get() }.with(|f| f.findings.clear());
                link(&other.href())
            };
            view! {
                <a
                    class="chip"
                    data-noscroll="true"
                    data-testid=format!("mode-{}", mode.as_str())
                    href=href
                    aria-current=move || view.with(|v| v.mode == mode).then_some("true")
                >
                    {text}
                </a>
            }
        })
        .collect_view();
    view! { <div class="chips" role="group" aria-label="Mode of the run"><span class="chips-of">"Mode"</span>{chips}</div> }
}

#[component]
fn FindingChips(view: Memo<View>) -> impl IntoView {
    let link = use_link();
    let chips = Finding::ALL
        .into_iter()
        .map(|finding| {
            let href = move || {
                let view = view.get();
                let mut findings = view.findings();
                toggle(&mut findings, finding);
                link(&view.with(|f| f.findings = findings).href())
            };
            let shown = move || view.with(|v| v.findings().contains(&finding));
            view! {
                <a
                    class="chip"
                    data-noscroll="true"
                    data-testid=format!("finding-{}", finding.as_str())
                    href=href
                    aria-current=move || shown().then_some("true")
                    title=move || if shown() { "Shown; press to leave these rows out" } else { "Press to show these rows too" }
                >
                    <FindingSwatch finding />
                    {finding_name(finding)}
                </a>
            }
        })
        .collect_view();
    view! { <div class="chips" role="group" aria-label="Findings shown"><span class="chips-of">"Findings"</span>{chips}</div> }
}

/// Goes to another view of the same page.
fn use_go() -> impl Fn(View) + Clone {
    let navigate = use_navigate();
    let link = use_link();
    move |view: View| {
        navigate(&link(&view.href()), NavigateOptions { scroll: false, ..NavigateOptions::default() });
    }
}

#[component]
fn Fields(view: Memo<View>, facets: Signal<Facets>) -> impl IntoView {
    let go = use_go();
    let symbol = NodeRef::<html::Input>::new();
    let add = move || {
        let Some(field) = symbol.get_untracked() else { return };
        let named = split(&field.value());
        if !named.is_empty() {
            field.set_value("");
            go(view.get_untracked().with(|f| {
                for symbol in named {
                    if !f.symbols.contains(&symbol) {
                        f.symbols.push(symbol);
                    }
                }
            }));
        }
    };
    view! {
        <div class="filter-fields">
            <form
                action="/preview"
                method="get"
                on:submit=move |event| {
                    event.prevent_default();
                    add();
                }
            >
                <label class="fld">
                    <span>"Symbol"</span>
                    <input
                        name="symbol"
                        class="field"
                        autocomplete="off"
                        spellcheck="false"
                        placeholder="exact; Enter adds it"
                        data-testid="filter-symbol"
                        node_ref=symbol
                    />
                </label>
            </form>
            {move || choices(&facets.get()).into_iter().map(|choice| view! { <Choices choice view /> }).collect_view()}
        </div>
    }
}

/// Several symbols may be pasted at once.
fn split(text: &str) -> Vec<String> {
    text.split([',', ';', '\n']).map(str::trim).filter(|s| !s.is_empty()).map(String::from).collect()
}

/// One field with what it can be set to: which choice a filter has, and how it gets one.
struct Choice {
    title: String,
    name: String,
    words: Vec<String>,
    find: Find,
    set: Set,
}

type Find = Box<dyn Fn(&RowFilter) -> Option<usize> + Send + Sync>;
type Set = Box<dyn Fn(&mut RowFilter, Option<usize>)>;

fn choices(facets: &Facets) -> Vec<Choice> {
    let (known, values) = (facets.current.clone(), facets.current.clone());
    let now = Choice {
        title: "Now".into(),
        name: "current".into(),
        words: values.iter().map(|v| words(v.as_deref())).collect(),
        find: Box::new(move |f| f.current.first().and_then(|now| known.iter().position(|v| v == now))),
        set: Box::new(move |f, at| f.current = at.and_then(|i| values.get(i).cloned()).into_iter().collect()),
    };
    let (known, values) = (facets.proposed.clone(), facets.proposed.clone());
    let will_be = Choice {
        title: "Will be".into(),
        name: "proposed".into(),
        words: values.clone(),
        find: Box::new(move |f| f.proposed.first().and_then(|value| known.iter().position(|v| v == value))),
        set: Box::new(move |f, at| f.proposed = at.and_then(|i| values.get(i).cloned()).into_iter().collect()),
    };
    let dimensions = facets.dimensions.iter().map(|(name, values)| {
        let (of, known) = (name.clone(), values.clone());
        let (name, values) = (name.clone(), values.clone());
        Choice {
            title: name.clone(),
            name: format!("dim.{name}"),
            words: values.clone(),
            find: Box::new(move |f| {
                let (_, value) = f.dimensions.iter().find(|(n, _)| *n == of)?;
                known.iter().position(|v| v == value)
            }),
            set: Box::new(move |f, at| {
                f.dimensions.retain(|(n, _)| *n != name);
                f.dimensions.extend(at.and_then(|i| values.get(i).cloned()).map(|v| (name.clone(), v)));
            }),
        }
    });
    [now, will_be].into_iter().chain(dimensions).collect()
}

#[component]
fn Choices(choice: Choice, view: Memo<View>) -> impl IntoView {
    let go = use_go();
    let Choice { title, name, words, find, set } = choice;
    let chosen = Memo::new(move |_| view.with(|v| find(&v.filter)));
    let first = chosen.get_untracked();
    let options = words
        .into_iter()
        .enumerate()
        .map(|(i, text)| view! { <option value=i.to_string() selected=first == Some(i)>{text}</option> })
        .collect_view();
    view! {
        <label class="fld">
            <span>{title}</span>
            <select
                class="field"
                data-testid=format!("filter-{name}")
                prop:value=move || chosen.get().map_or_else(String::new, |i| i.to_string())
                on:change=move |event| {
                    let at = event_target_value(&event).parse().ok();
                    go(view.get_untracked().with(|f| set(f, at)));
                }
            >
                <option value="" selected=first.is_none()>"any"</option>
                {options}
            </select>
        </label>
    }
}

/// A value in words, null and blank named.
pub fn words(value: Option<&str>) -> String {
    match value {
        None => "null".into(),
        Some("") => "blank".into(),
        Some(text) if is_blank(text) => match text.chars().count() {
            1 => "blank, 1 space".into(),
            n => format!("blank, {n} spaces"),
        },
        Some(text) => text.into(),
    }
}

/// What is set beyond the findings; each can be taken out, and all at once.
#[component]
fn Chosen(view: Memo<View>) -> impl IntoView {
    let link = use_link();
    move || {
        let view = view.get();
        let chosen = parts(&view.filter);
        (!chosen.is_empty()).then(|| {
            let chips = chosen
                .into_iter()
                .map(|(name, value, without)| {
                    let href = link(&View { filter: without, ..view.clone() }.href());
                    view! {
                        <a
                            class="chip set"
                            data-noscroll="true"
                            href=href
                            aria-label=format!("Take out {name} {value}")
                            data-testid="filter-chip"
                        >
                            {name.clone()}
                            ": "
                            <b>{value.clone()}</b>
                            <span aria-hidden="true">"\u{2715}"</span>
                        </a>
                    }
                })
                .collect_view();
            let findings = view.filter.findings.clone();
            let all = View { filter: RowFilter { findings, ..RowFilter::default() }, ..view.clone() };
            view! {
                <div class="chips" role="group" aria-label="Set">
                    <span class="chips-of">"Set"</span>
                    {chips}
                    <a class="chip-clear" data-noscroll="true" href=link(&all.href())>
                        "Clear"
                    </a>
                </div>
            }
        })
    }
}

/// Each part of a filter but its findings: name, value in words, and the filter without it.
pub fn parts(filter: &RowFilter) -> Vec<(String, String, RowFilter)> {
    let mut all = Vec::new();
    let mut part = |name: &str, value: String, take: &dyn Fn(&mut RowFilter)| {
        let mut without = filter.clone();
        take(&mut without);
        all.push((name.to_owned(), value, without));
    };
    for (i, symbol) in filter.symbols.iter().enumerate() {
        part("symbol", symbol.clone(), &|f| drop(f.symbols.remove(i)));
    }
    for (i, value) in filter.current.iter().enumerate() {
        part("now", words(value.as_deref()), &|f| drop(f.current.remove(i)));
    }
    for (i, value) in filter.proposed.iter().enumerate() {
        part("will be", value.clone(), &|f| drop(f.proposed.remove(i)));
    }
    for (i, (name, value)) in filter.dimensions.iter().enumerate() {
        part(name, value.clone(), &|f| drop(f.dimensions.remove(i)));
    }
    if let Some(t) = filter.from {
        part("from", seconds(t), &|f| f.from = None);
    }
    if let Some(t) = filter.until {
        part("until", seconds(t), &|f| f.until = None);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_symbols_are_taken_apart() {
        assert_eq!(split(" AAPL, ^XU100 ;;\nO'Reilly "), ["AAPL", "^XU100", "O'Reilly"]);
    }

    #[test]
    fn each_part_can_be_taken_out_alone() {
        let filter = RowFilter { symbols: vec!["A".into(), "B".into()], current: vec![None], ..RowFilter::default() };
        let all = parts(&filter);
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].2.symbols, ["B"]);
        assert_eq!((all[2].1.as_str(), all[2].2.current.len()), ("null", 0));
    }
}
