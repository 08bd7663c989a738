//! All runs, filtered by state and kind; the filter is in the URL.

mod table;
pub mod words;

pub use table::RunsTable;

use amend_domain::{RunId, RunKind, RunState, RunView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{hooks::use_query_map, params::ParamsMap};

use crate::{
    api::runs::{PAGE, RunsQuery, list_runs},
    components::{ButtonKind, ButtonLink, Card, EmptyState, Loaded, PageHead},
    format,
    frame::{use_link, use_refresh, use_rule},
    live::use_live,
    load::load_first,
    read::read,
};

/// The word in the URL, the word on the chip, the states it means.
const STATES: [(&str, &str, &[RunState]); 5] = [
    ("", "Any state", &[]),
    ("active", "Active", &RunState::ACTIVE),
    ("succeeded", "Succeeded", &[RunState::Succeeded]),
    ("failed", "Failed", &[RunState::Failed]),
    ("cancelled", "Cancelled", &[RunState::Cancelled]),
];

const KINDS: [(&str, &str); 3] = [("", "Any kind"), ("correction", "Corrections"), ("rollback", "Rollbacks")];

/// What the URL asks for. A word that is not known asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Filter {
    state: String,
    kind: String,
    before: Option<RunId>,
}

impl Filter {
    fn of(query: &ParamsMap) -> Self {
        Self {
            state: query.get("state").filter(|s| STATES.iter().any(|(word, ..)| word == s)).unwrap_or_default(),
            kind: query.get("kind").filter(|k| RunKind::parse(k).is_some()).unwrap_or_default(),
            before: query.get("before").and_then(|id| RunId::parse(&id).ok()),
        }
    }

    fn path(&self) -> String {
        let mut parts = Vec::new();
        if !self.state.is_empty() {
            parts.push(format!("state={}", self.state));
        }
        if !self.kind.is_empty() {
            parts.push(format!("kind={}", self.kind));
        }
        if let Some(before) = &self.before {
            parts.push(format!("before={before}"));
        }
        if parts.is_empty() { "/runs".into() } else { format!("/runs?{}", parts.join("&")) }
    }

    fn is_any(&self) -> bool {
        *self == Self::default()
    }
}

#[component]
pub fn RunsPage() -> impl IntoView {
    let (rule, refresh, live, link) = (use_rule(), use_refresh(), use_live(), use_link());
    let query = use_query_map();
    let filter = Memo::new(move |_| read(query, Filter::of));
    let data = load_first(
        move || (rule.get(), filter.get(), refresh.count(), live.landmarks()),
        |(rule, filter, ..)| {
            let states = STATES.iter().find(|(word, ..)| *word == filter.state).map_or(&[][..], |(.., states)| states);
            list_runs(RunsQuery {
                rule: Some(rule),
                states: states.to_vec(),
                kind: RunKind::parse(&filter.kind),
                before: filter.before,
            })
        },
    );
    let active = live.active(rule);
    let title = move || match active.get() {
        Some(run) => format!("{} is {}.", run.run_id, run.state.as_str()),
        None => "Nothing is running.".into(),
    };
    view! {
        <Title text="Runs" />
        <PageHead
            title=move || view! { {title} }
            lead=|| "Every run keeps what stood in the rows before, and can be undone."
        >
            <ButtonLink kind=ButtonKind::Go href=Signal::derive(move || link("/runs/new")) test_id="to-new-run">
                "New run"
            </ButtonLink>
        </PageHead>
        <Chips filter />
        <Loaded resource=data children={move |runs: Signal<Vec<RunView>>| list(runs, filter)} />
    }
    .into_any()
}

#[component]
fn Chips(filter: Memo<Filter>) -> impl IntoView {
    let states = STATES.map(|(word, name, _)| {
        let to = move || Filter { state: word.into(), before: None, ..filter.get() };
        chip(name, Signal::derive(to), Signal::derive(move || filter.with(|f| f.state == word)))
    });
    let kinds = KINDS.map(|(word, name)| {
        let to = move || Filter { kind: word.into(), before: None, ..filter.get() };
        chip(name, Signal::derive(to), Signal::derive(move || filter.with(|f| f.kind == word)))
    });
    view! {
        <div class="chips">
            <div class="chips" role="group" aria-label="State">{states.collect_view()}</div>
            <div class="chips" role="group" aria-label="Kind">{kinds.collect_view()}</div>
        </div>
    }
    .into_any()
}

fn chip(name: &'static str, to: Signal<Filter>, on: Signal<bool>) -> AnyView {
    let link = use_link();
    view! {
        <a class="chip" href=move || link(&read(to, Filter::path)) aria-current=move || on.get().then_some("true")>
            {name}
        </a>
    }
    .into_any()
}

fn list(runs: Signal<Vec<RunView>>, filter: Memo<Filter>) -> AnyView {
    let link = use_link();
    let none = Memo::new(move |_| read(runs, Vec::is_empty));
    let note = Signal::derive(move || format::counted(read(runs, Vec::len) as i64, "run", "runs"));
    let older = move || {
        let last = read(runs, |all| (all.len() >= PAGE as usize).then(|| all.last().map(|r| r.run_id.clone())))??;
        let path = Filter { before: Some(last), ..filter.get() }.path();
        Some(view! { <a class="btn" href=link(&path)>"Older runs"</a> })
    };
    let newest = move || {
        read(filter, |f| f.before.is_some()).then(|| {
            let path = Filter { before: None, ..filter.get() }.path();
            view! { <a class="btn" href=link(&path)>"Newest runs"</a> }
        })
    };
    (move || {
        if !none.get() {
            return view! {
                <Card title="Runs" note=note class="flush">
                    <RunsTable runs />
                </Card>
                <div class="acts">{newest} {older}</div>
            }
            .into_any();
        }
        if read(filter, Filter::is_any) {
            view! {
                <Card title="Runs">
                    <EmptyState title="No run yet">
                        <p>
                            "A run corrects rows in small transactions. Each keeps the old values, so that the whole run, \
                            or a part of it, can be rolled back. You see what it would change before it starts."
                        </p>
                        <ButtonLink kind=ButtonKind::Go href=Signal::derive(move || link("/runs/new"))>
                            "Plan the first run"
                        </ButtonLink>
                    </EmptyState>
                </Card>
            }
            .into_any()
        } else {
            view! {
                <Card title="Runs">
                    <EmptyState title="No run fits this filter">
                        <ButtonLink href=Signal::derive(move || link("/runs"))>"Show all runs"</ButtonLink>
                    </EmptyState>
                </Card>
            }
            .into_any()
        }
    })
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_survives_the_url() {
        let filter = Filter { state: "active".into(), kind: "rollback".into(), before: RunId::parse("r-1").ok() };
        let path = filter.path();
        let query: ParamsMap = path
            .split_once('?')
            .map(|(_, q)| q.split('&').filter_map(|p| p.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())))
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(Filter::of(&query), filter);
        assert_eq!(Filter::default().path(), "/runs");
    }
}
