//! What runs now, or what ran last.

use amend_domain::RunView;
use leptos::prelude::*;

use crate::{
    api::overview::Overview,
    components::{Bar, ButtonKind, ButtonLink, Card, Fact, Facts, StateTag},
    format,
    frame::{use_link, use_rule},
    live::use_live,
    pages::runs::words,
    read::read,
};

/// The active run: what is heard of it, or what was loaded with the page.
fn active(data: Signal<Overview>) -> Memo<Option<RunView>> {
    let live = use_live();
    let heard = live.active(use_rule());
    Memo::new(move |_| {
        heard.get().or_else(|| {
            let loaded = read(data, |d| d.runs.iter().find(|r| r.state.is_active()).cloned())?;
            Some(live.overlay(loaded)).filter(|r| r.state.is_active())
        })
    })
}

/// Only what runs, for a page that has no room for more.
pub(super) fn in_progress(data: Signal<Overview>) -> AnyView {
    let active = active(data);
    let there = Memo::new(move |_| read(active, Option::is_some));
    (move || there.get().then(|| card(data))).into_any()
}

pub(super) fn card(data: Signal<Overview>) -> AnyView {
    let active = active(data);
    let there = Memo::new(move |_| read(active, Option::is_some));
    (move || if there.get() { running(active) } else { resting(data) }).into_any()
}

fn running(active: Memo<Option<RunView>>) -> AnyView {
    // The last view stays while this one is taken away.
    let Some(first) = active.get_untracked() else { return ().into_any() };
    let run = Memo::new(move |before: Option<&RunView>| {
        active.get().unwrap_or_else(|| before.cloned().unwrap_or_else(|| first.clone()))
    });
    let link = use_link();
    let of = move || read(run, words::changed_of);
    view! {
        <Card title="Run in progress" test_id="run-in-progress" tools=move || view! { <StateTag run=run /> }>
            <p class="num">{move || read(run, words::what)}</p>
            <Facts>
                <Fact value=Signal::derive(move || format!("{:.1} %", read(run, RunView::progress))) label=Signal::derive(of) />
                <Fact value=Signal::derive(move || read(run, words::rate)) label="rows a second" />
                <Fact value=Signal::derive(move || read(run, words::eta)) label="left, about" />
            </Facts>
            <Bar
                share=Signal::derive(move || read(run, RunView::progress))
                label="Progress of the run"
                text=Signal::derive(of)
                test_id="overview-progress"
            />
            <div class="acts">
                <ButtonLink href=Signal::derive(move || link(&format!("/runs/{}", read(run, |r| r.run_id.to_string()))))>
                    "Open"
                </ButtonLink>
            </div>
        </Card>
    }
    .into_any()
}

fn resting(data: Signal<Overview>) -> AnyView {
    let link = use_link();
    let last = move || read(data, |d| d.runs.iter().find(|r| r.state.is_over()).cloned());
    view! {
        <Card title="Nothing is running" test_id="nothing-running">
            {move || match last() {
                Some(run) => {
                    let href = link(&format!("/runs/{}", run.run_id));
                    let took = format::duration(run.duration_ms);
                    let id = run.run_id.to_string();
                    let what = words::what(&run);
                    let changed = format::count(run.changed);
                    let checked = run.validation.as_ref().map_or("unchecked", |v| if v.passed { "proved" } else { "not proved" });
                    view! {
                        <p>
                            "Last: "
                            <a class="link" href=href>
                                <code>{id}</code>
                            </a>
                            ", "
                            {what}
                            "."
                        </p>
                        <Facts>
                            <Fact value=changed label="rows changed" />
                            <Fact value=took label="took" />
                            <Fact value=checked label="by validation" />
                        </Facts>
                    }
                        .into_any()
                }
                None => {
                    view! {
                        <p class="dim">
                            "No run has been made yet. A run changes rows in small steps, keeps what stood there before, \
                            checks itself at the end, and can be rolled back."
                        </p>
                    }
                        .into_any()
                }
            }}
            <div class="acts">
                <ButtonLink kind=ButtonKind::Plain href=Signal::derive(move || link("/runs/new")) test_id="to-new-run">
                    "New run"
                </ButtonLink>
            </div>
        </Card>
    }
    .into_any()
}
