//! Symbols that the reference cannot decide: a work queue with suggestions, and what people assigned.

mod assigned;
mod settle;

use amend_domain::{Act, Finding, RowFilter, UnresolvedRow};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::{
    api::{
        session::use_session,
        unresolved::{Hint, LISTED, Queue, Work, list_unresolved},
    },
    components::{
        Button, Card, EmptyState, ErrorBox, FindingName, FindingSwatch, PageHead, Skeleton, Table, finding_name,
    },
    format,
    frame::{use_link, use_refresh, use_rule},
    live::use_live,
    load::load_first,
    pages::preview::{
        url::{View, decode, toggle, with_query},
        value, words,
    },
};

/// The three kinds: what is wrong, and what a person can do.
const KINDS: [(Finding, &str, &str); 3] = [
    (
        Finding::Orphan,
        "The reference has no row for the symbol.",
        "Say whose other spelling it is, or add it to the reference. The next run corrects the rows.",
    ),
    (
        Finding::Ambiguous,
        "Several reference rows match and name different values. Amend never guesses between them.",
        "Choose one of the values, settle the reference, or let the rule match by one more column (such as the venue).",
    ),
    (
        Finding::Unresolvable,
        "The reference row is there, but its value is blank or not one of the rule's allowed values.",
        "Fill in the value in the reference, or allow it in the rule.",
    ),
];

#[component]
pub fn UnresolvedPage() -> impl IntoView {
    let rule = use_rule();
    let (refresh, live) = (use_refresh(), use_live());
    let search = use_location().search;
    let wanted = Memo::new(move |_| search.with(|s| kinds(s)));
    let settling = settle::Settling::new(rule);
    let loaded = load_first(
        move || {
            // A new analysis says that the table or its reference moved.
            let analysed = live.quality.with(|q| q.as_ref().map(|(_, snapshot)| snapshot.at));
            (refresh.count(), analysed, rule.get())
        },
        |(_, _, rule)| list_unresolved(rule),
    );
    view! {
        <Title text="Unresolved" />
        <Transition fallback=|| view! { <Skeleton lines=8 /> }>
            {move || Suspend::new(async move {
                match loaded.await {
                    Ok(Queue { work, assigned }) => {
                        let assigned = assigned::card(assigned, settling);
                        view! { <List rows=work wanted settling /> {assigned} }.into_any()
                    }
                    Err(error) => {
                        view! {
                            <PageHead title=|| "The list cannot be shown." />
                            <ErrorBox error />
                        }
                        .into_any()
                    }
                }
            })}
        </Transition>
        {settle::dialog(settling)}
    }
    .into_any()
}

/// The kinds that the URL asks for; what is no kind is left out.
fn kinds(search: &str) -> Vec<Finding> {
    decode(search)
        .into_iter()
        .filter(|(key, _)| key == "finding")
        .filter_map(|(_, word)| Finding::parse(&word))
        .filter(|f| f.needs_a_person())
        .collect()
}

#[component]
fn List(rows: Vec<Work>, wanted: Memo<Vec<Finding>>, settling: settle::Settling) -> impl IntoView {
    if rows.is_empty() {
        return view! {
            <PageHead title=|| "Nothing is unresolved." />
            <EmptyState title="Every symbol is decided">
                <p>
                    "Here would stand symbols without a reference row (orphan), with reference rows that disagree (ambiguous), or whose reference value cannot be used (unresolvable). A run leaves their rows alone until a person settles the reference, or assigns them here."
                </p>
            </EmptyState>
        }
        .into_any();
    }
    let affected: i64 = rows.iter().map(|w| w.row.rows).sum();
    let full = rows.len() >= LISTED as usize;
    let title = move || {
        let more = full.then_some("At least ");
        let rest = if affected == 1 { " row needs a person." } else { " rows need a person." };
        view! { {more} <span class="num" data-testid="unresolved-count">{format::count(affected)}</span> {rest} }
    };
    let lead = format!(
        "They belong to {} that the reference cannot decide. No run touches them.",
        format::counted(count(rows.len()), "symbol", "symbols")
    );
    let totals = KINDS.map(|(kind, ..)| {
        let of = rows.iter().map(|w| &w.row).filter(|r| r.finding == kind);
        (kind, count(of.clone().count()), of.map(|r| r.rows).sum::<i64>())
    });
    let all = StoredValue::new(rows);
    let shown = Memo::new(move |_| {
        let wanted = wanted.get();
        all.with_value(|rows| {
            rows.iter().filter(|w| wanted.is_empty() || wanted.contains(&w.row.finding)).cloned().collect::<Vec<_>>()
        })
    });
    view! {
        <PageHead title lead=move || lead.clone() />
        <Chips totals wanted />
        <div class="kinds">
            {KINDS
                .into_iter()
                .zip(totals)
                .filter(|(_, (_, symbols, _))| *symbols > 0)
                .map(|((kind, wrong, cure), (_, _, rows))| {
                    view! {
                        <Card title=finding_name(kind) note=format::counted(rows, "row", "rows")>
                            <p><FindingSwatch finding=kind /> " " {wrong}</p>
                            <p class="dim">{cure}</p>
                        </Card>
                    }
                })
                .collect_view()}
        </div>
        <Card
            title="Symbols"
            class="flush"
            note=MaybeProp::derive(move || {
                let shown = format::count(count(shown.with(Vec::len)));
                Some(if full { format!("{shown}, those with most rows of more") } else { shown })
            })
        >
            <Table caption="Symbols that the reference cannot decide" test_id="unresolved-table">
                <thead>
                    <tr>
                        <th scope="col">"Symbol"</th>
                        <th scope="col">"Finding"</th>
                        <th scope="col" class="r">"Rows"</th>
                        <th scope="col">"They carry"</th>
                        <th scope="col">"Reference"</th>
                        <th scope="col">"Suggested"</th>
                        <th scope="col">"First and last"</th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || shown.get() key=|w| (w.write.clone(), w.row.symbol.clone(), w.row.finding) let(work)>
                        <Line work settling />
                    </For>
                </tbody>
            </Table>
        </Card>
    }
    .into_any()
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[component]
fn Chips(totals: [(Finding, i64, i64); 3], wanted: Memo<Vec<Finding>>) -> impl IntoView {
    let link = use_link();
    let chips = totals
        .map(|(kind, symbols, _)| {
            let href = move || {
                let mut next = wanted.get();
                toggle(&mut next, kind);
                let pairs: Vec<_> = next.iter().map(|f| ("finding".to_owned(), f.as_str().to_owned())).collect();
                link(&with_query("/unresolved", &pairs))
            };
            view! {
                <a
                    class="chip"
                    data-noscroll="true"
                    data-testid=format!("finding-{}", kind.as_str())
                    href=href
                    aria-current=move || wanted.with(|w| w.contains(&kind)).then_some("true")
                >
                    <FindingSwatch finding=kind />
                    {finding_name(kind)}
                    <span class="num dim">{format::count(symbols)}</span>
                </a>
            }
        })
        .into_iter()
        .collect_view();
    view! {
        <section class="filter" aria-label="Filter">
            <div class="chips" role="group" aria-label="Kinds shown; none chosen means all">
                <span class="chips-of">"Show"</span>
                {chips}
            </div>
        </section>
    }
}

#[component]
fn Line(work: Work, settling: settle::Settling) -> impl IntoView {
    let link = use_link();
    let suggested = suggested(&work, settling);
    let UnresolvedRow { symbol, finding, rows, current, candidates, first_seen, last_seen, .. } = work.row;
    let carried = current
        .into_iter()
        .map(|(now, n)| view! { <span class="carried">{value(now)} <small class="num dim">{format::count(n)}</small></span> })
        .collect_view();
    let says = if candidates.is_empty() {
        view! { <span class="dim">"no row"</span> }.into_any()
    } else {
        candidates.into_iter().map(|c| view! { <span class="carried">{value(c)}</span> }).collect_view().into_any()
    };
    let rows = format::count(rows);
    let rows = match symbol.clone() {
        None => rows.into_any(),
        Some(symbol) => {
            let name = format!("{rows} rows of {}", words(Some(&symbol)));
            let filter = RowFilter { findings: vec![finding], symbols: vec![symbol], ..RowFilter::default() };
            let view = View { filter, ..View::default() };
            view! { <a class="text-link" href=move || link(&view.href()) aria-label=name>{rows}</a> }.into_any()
        }
    };
    view! {
        <tr data-testid="unresolved-row">
            <td class="mono">{value(symbol)}</td>
            <td><FindingName finding /></td>
            <td class="r num">{rows}</td>
            <td class="carries">{carried}</td>
            <td>{says}</td>
            <td>{suggested}</td>
            <td class="num seen">
                <span>{first_seen.map(format::date)}</span>
                <span class="dim">{last_seen.map(format::date)}</span>
            </td>
        </tr>
    }
    .into_any()
}

/// A button for each suggestion, and one for anything else.
fn suggested(work: &Work, settling: settle::Settling) -> AnyView {
    let Some(symbol) = work.write.clone() else {
        return view! { <span class="dim">"a row without a symbol"</span> }.into_any();
    };
    let session = use_session();
    let subject = settle::Subject {
        symbol,
        is_value: work.row.finding == Finding::Ambiguous,
        choices: work.hints.iter().map(|hint| hint.text.clone()).collect(),
        back: false,
    };
    let why_not = session.why_not(Act::Assign);
    let blocked = || MaybeProp::from(why_not.clone());
    let button = |hint: &Hint| {
        let (subject, text) = (subject.clone(), hint.text.clone());
        let gives = (hint.text != hint.value).then(|| format!("\u{2192} {}", hint.value));
        let (label, sure, why) = (hint.text.clone(), format!("{} %", hint.confidence), hint.why.clone());
        let open = move |()| settling.about(subject.clone(), text.clone());
        view! {
            <div class="suggestion">
                <Button blocked=blocked() test_id="suggestion" on_click=open>
                    <span class="mono">{label}</span>
                    {gives}
                    <small class="num dim">{sure}</small>
                </Button>
                <small class="dim">{why}</small>
            </div>
        }
    };
    let hints = work.hints.iter().map(button).collect_view();
    let other = move |()| settling.about(subject.clone(), String::new());
    view! {
        <div class="decide">
            <div>{hints}</div>
            <Button blocked=blocked() test_id="decide" on_click=other>"Decide\u{2026}"</Button>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kinds_that_need_a_person_are_asked_for() {
        assert_eq!(kinds("?finding=orphan&finding=missing&finding=nonsense"), [Finding::Orphan]);
    }
}
