//! The report: verdict, filter, numbers, pictures.

use amend_domain::{Analysis, Finding, Mode, RowFilter, finding::percent};
use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
};

use super::{
    Again, AgainButton,
    look::{Look, Part},
    matrix::{HeatTable, matrix},
    pictures::{BarRow, by_carried, by_class, by_dimension, by_symbol, clicked, dimensions, stacked},
    symbols::SymbolTable,
};
use crate::{
    api::{prevention::load_prevention, rows::count_rows},
    charts::Chart,
    components::{ButtonKind, ButtonLink, Card, ErrorBox, Fact, Facts, FindingSwatch, PageHead, finding_name},
    format,
    frame::use_link,
    load::load_later,
    pages::preview::url::View,
};

type Shown = Memo<Option<Analysis>>;

#[component]
pub fn Report(analysis: Shown, again: Again) -> impl IntoView {
    let search = use_location().search;
    let read = Memo::new(move |_| search.with(|s| Look::read(s)));
    let look = Memo::new(move |_| read.get().unwrap_or_default());
    let names = Memo::new(move |_| analysis.with(|a| a.as_ref().map(dimensions).unwrap_or_default()));
    let matrix = part(analysis, look, matrix);
    view! {
        <Opening analysis again />
        {move || {
            read.get().err().map(|problem| view! { <ErrorBox error=problem><a class="btn" href="/analysis">"Show all"</a></ErrorBox> })
        }}
        <Narrowing look analysis />
        <div class="analysis-row">
            <Findings analysis look />
            <Picture title="Findings by value" of="Value" analysis look rows=by_class follows=&[Part::Proposed] />
        </div>
        <Card title="From what they carry to what they should" note=note(look, &[Part::Current, Part::Proposed]) class="flush">
            <HeatTable matrix look />
        </Card>
        <div class="analysis-row even">
            <Picture
                title="Worst symbols"
                of="Symbol"
                analysis
                look
                rows=by_symbol
                follows=&[Part::Symbol, Part::Proposed]
            />
            <Picture title="What wrong rows carry" of="Now" analysis look rows=by_carried follows=&[Part::Current, Part::Proposed] />
        </div>
        <div class="analysis-row even">
            {move || {
                names
                    .get()
                    .into_iter()
                    .map(|name| {
                        let by = name.clone();
                        view! {
                            <Picture
                                title=format!("By {name}")
                                of=name
                                analysis
                                look
                                rows=move |a: &Analysis, look: &Look| by_dimension(a, look, &by)
                                follows=&[Part::Dimension]
                            />
                        }
                    })
                    .collect_view()
            }}
        </div>
        <Card title="Symbols with most wrong rows" note=symbols_note(analysis, look) class="flush">
            <SymbolTable analysis look />
        </Card>
    }
    .into_any()
}

/// A value computed from the analysis and the look, anew only when it changes.
fn part<T: Default + PartialEq + Send + Sync + 'static>(
    analysis: Shown,
    look: Memo<Look>,
    make: impl Fn(&Analysis, &Look) -> T + Send + Sync + 'static,
) -> Memo<T> {
    Memo::new(move |_| analysis.with(|a| a.as_ref().map(|a| look.with(|look| make(a, look))).unwrap_or_default()))
}

fn note(look: Memo<Look>, follows: &'static [Part]) -> MaybeProp<String> {
    MaybeProp::derive(move || look.with(|l| l.ignored(follows)))
}

fn symbols_note(analysis: Shown, look: Memo<Look>) -> MaybeProp<String> {
    MaybeProp::derive(move || {
        let ignored = look.with(|l| l.ignored(&[Part::Symbol, Part::Proposed]));
        ignored.or_else(|| {
            analysis.with(|a| {
                a.as_ref().map(|a| {
                    let all = format::count(a.symbols_wrong);
                    format!("{} of {all}", format::count(a.symbols_wrong.min(200)))
                })
            })
        })
    })
}

/// The verdict in words and numbers, and the acts.
#[component]
fn Opening(analysis: Shown, again: Again) -> impl IntoView {
    let link = use_link();
    let correctable = move || analysis.with(|a| a.as_ref().map_or(0, |a| Mode::Overwrite.correctable(&a.counts())));
    let title = move || {
        view! {
            {move || match correctable() {
                0 => "Nothing is left that a run could correct.".into_any(),
                n => {
                    let rest = if n == 1 { " row can be corrected now." } else { " rows can be corrected now." };
                    view! { <em class="num bad" data-testid="correctable">{format::count(n)}</em> {rest} }.into_any()
                }
            }}
        }
    };
    let lead = move || {
        view! {
            {move || {
                analysis.with(|a| {
                    a.as_ref().map(|a| {
                        let person = a.orphan + a.ambiguous + a.unresolvable;
                        let left = (person > 0).then(|| {
                            view! {
                                " "
                                <a href=link("/unresolved") class="text-link">
                                    {format::counted(person, "row needs", "rows need")} " a person"
                                </a>
                                ", because the reference does not decide."
                            }
                        });
                        view! {
                            {format!(
                                "{}% of {} agree with the reference.",
                                format::percent(a.score),
                                format::counted(a.total, "row", "rows"),
                            )}
                            {left}
                            " "
                            <span class="dim" data-testid="analysed-at">
                                {format!(
                                    "Analysed {} UTC in {}.",
                                    format::moment(a.generated_at),
                                    format::duration(a.duration_ms),
                                )}
                            </span>
                        }
                    })
                })
            }}
        }
    };
    let lead = move || view! { {lead()} {prevention(analysis)} };
    let preview = Signal::derive(move || link(&View { mode: Mode::Overwrite, ..View::default() }.href()));
    view! {
        <PageHead title lead>
            <AgainButton again text="Analyse again" />
            <ButtonLink kind=ButtonKind::Go href=preview test_id="go-preview">
                "Preview the correction"
            </ButtonLink>
        </PageHead>
    }
}

/// Whether the same fault can be made again.
fn prevention(analysis: Shown) -> impl IntoView {
    let link = use_link();
    let rule = Memo::new(move |_| analysis.with(|a| a.as_ref().map(|a| a.rule.clone())));
    let asked = load_later(move || {
        let rule = rule.get();
        async move {
            match rule {
                Some(rule) => load_prevention(rule).await.map(Some),
                None => Ok(None),
            }
        }
    });
    let words = move || {
        asked.value.with(|answer| match answer {
            Some(Ok(Some(p))) if p.status.on => Some(match p.status.acted {
                Some(n) => format!("Prevention is on and acted {}", format::counted(n, "time", "times")),
                None => "Prevention is on".to_owned(),
            }),
            Some(Ok(Some(p))) if p.status.kind.is_some() => Some("Prevention does not act".to_owned()),
            Some(Ok(Some(_))) => Some("Prevention is off".to_owned()),
            // Its own page says what is wrong.
            _ => None,
        })
    };
    view! {
        " "
        <a href=move || link("/prevention") class="text-link num" data-testid="prevention-line">
            {words}
        </a>
    }
}

/// The scale, and what the page is narrowed to, with its exact rows and the way to see them.
#[component]
fn Narrowing(look: Memo<Look>, analysis: Shown) -> impl IntoView {
    let link = use_link();
    let scale = [("Faults only", false), ("All rows", true)]
        .into_iter()
        .map(|(text, all)| {
            let href = move || link(&Look { all, ..look.get() }.href());
            view! {
                <a
                    class="chip"
                    data-noscroll="true"
                    data-testid=if all { "scale-all" } else { "scale-faults" }
                    href=href
                    aria-current=move || look.with(|l| l.all == all).then_some("true")
                >
                    {text}
                </a>
            }
        })
        .collect_view();
    // Counted by the database, since the analysis is not split by every part at once.
    // It may take a pass over the table, so it begins in the browser, and no paint waits for it.
    let counted = load_later(move || {
        let filter = look.with(|l| l.narrows().then(|| l.preview().filter));
        let rule = analysis.with(|a| a.as_ref().map(|a| a.rule.clone()));
        async move {
            match (filter, rule) {
                (Some(filter), Some(rule)) => count_rows(rule, filter).await.map(Some),
                _ => Ok(None),
            }
        }
    });
    let chips = move || {
        let look = look.get();
        look.narrows().then(|| {
            let chips = look
                .parts()
                .into_iter()
                .map(|(name, value, without)| {
                    view! {
                        <a
                            class="chip set"
                            data-noscroll="true"
                            data-testid="filter-chip"
                            href=link(&without.href())
                            aria-label=format!("Take out {name} {value}")
                        >
                            {name.clone()}
                            ": "
                            <b>{value.clone()}</b>
                            <span aria-hidden="true">"\u{2715}"</span>
                        </a>
                    }
                })
                .collect_view();
            let clear = Look { filter: RowFilter::default(), all: look.all };
            view! {
                <div class="chips" role="group" aria-label="Narrowed to">
                    <span class="chips-of">"Narrowed to"</span>
                    {chips}
                    <a class="chip-clear" data-noscroll="true" href=link(&clear.href())>
                        "Clear"
                    </a>
                    <a class="btn" href=link(&look.preview().href()) data-testid="narrowed-preview">
                        {move || {
                            counted.value.with(|rows| match rows {
                                Some(Ok(Some(n))) => format!("See {}", format::counted(*n, "row", "rows")),
                                // The preview itself says what is wrong.
                                _ => "See the rows".into(),
                            })
                        }}
                    </a>
                </div>
            }
        })
    };
    view! {
        <section class="filter" aria-label="Scale and filter">
            <div class="chips" role="group" aria-label="Scale"><span class="chips-of">"Scale"</span>{scale}</div>
            {chips}
        </section>
    }
}

/// The exact counts; each line narrows the page to its finding.
#[component]
fn Findings(analysis: Shown, look: Memo<Look>) -> impl IntoView {
    let link = use_link();
    let lines = move || {
        analysis.with(|a| {
            let a = a.as_ref()?;
            let counts = a.counts();
            let lines = Finding::ALL
                .into_iter()
                .map(|finding| {
                    let rows = counts.get(finding);
                    let filter = RowFilter { findings: vec![finding], ..RowFilter::default() };
                    let chosen = {
                        let filter = filter.clone();
                        move || look.with(|l| l.filter.findings == filter.findings).then_some("true")
                    };
                    let href = move || link(&look.with(|l| l.narrowed(filter.clone())).href());
                    let split = (finding == Finding::Missing && rows > 0).then(|| {
                        let text =
                            format!("{} null, {} blank", format::count(counts.missing_null), format::count(counts.missing_blank));
                        view! { <small class="dim">{text}</small> }
                    });
                    view! {
                        <li>
                            <a href=href data-noscroll="true" aria-current=chosen data-testid=format!("narrow-{}", finding.as_str())>
                                <FindingSwatch finding />
                                <span>{finding_name(finding)} {split}</span>
                                <span class="num">{format::count(rows)}</span>
                                <span class="num dim">{format::percent(percent(rows, a.total))}"%"</span>
                            </a>
                        </li>
                    }
                })
                .collect_view();
            let facts = [
                (format!("{}%", format::percent(a.completeness)), "have a value"),
                (format!("{}%", format::percent(a.integrity)), "have a reference"),
                (format::count(a.symbols_referenced), "symbols in use"),
                (format::count(a.symbols_unused), "symbols without rows"),
            ];
            Some(view! {
                <ul class="finding-lines">{lines}</ul>
                <Facts>{facts.map(|(value, label)| view! { <Fact value label /> }).into_iter().collect_view()}</Facts>
            })
        })
    };
    view! { <Card title="Findings" note="rows">{lines}</Card> }
}

/// A card with a stacked bar chart; a click on a part narrows the page to it.
#[component]
fn Picture<F>(
    #[prop(into)] title: String,
    /// What each bar is.
    #[prop(into)]
    of: String,
    analysis: Shown,
    look: Memo<Look>,
    rows: F,
    follows: &'static [Part],
) -> impl IntoView
where
    F: Fn(&Analysis, &Look) -> Vec<BarRow> + Send + Sync + 'static,
{
    let link = use_link();
    let navigate = use_navigate();
    let bars = part(analysis, look, rows);
    let spec = Signal::derive(move || bars.with(|rows| look.with(|l| stacked(rows, l))));
    let target = RwSignal::new(None::<Look>);
    Effect::new(move || {
        if let Some(look) = target.get() {
            navigate(&link(&look.href()), NavigateOptions { scroll: false, ..NavigateOptions::default() });
        }
    });
    let on_click = Callback::new(move |(series, bar): (usize, usize)| {
        target.set(bars.with_untracked(|rows| look.with_untracked(|l| clicked(rows, l, series, bar))));
    });
    let empty = Memo::new(move |_| bars.with(Vec::is_empty));
    let label = format!("{title}, rows by finding. The table below has the same numbers.");
    view! {
        <Card title note=note(look, follows)>
            {move || {
                if empty.get() {
                    view! { <p class="dim">"No rows of this look."</p> }.into_any()
                } else {
                    view! { <Chart label=label.clone() spec of=of.clone() on_click /> }.into_any()
                }
            }}
        </Card>
    }
    .into_any()
}
