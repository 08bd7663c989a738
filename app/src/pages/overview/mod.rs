//! The first page: is the data right, is something running, what is wrong, what may I press.

mod classes;
mod findings;
mod now;
mod score;
mod verdict;

use amend_domain::{Act, Analysis, Mode};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::{
    AppError,
    api::{
        overview::{Overview, analyze_now, load_overview},
        session::use_session,
    },
    components::{Button, ButtonKind, ButtonLink, Card, EmptyState, ErrorBox, Loaded, PageHead},
    frame::{use_link, use_refresh, use_rule},
    live::use_live,
    load::load_first,
    pages::runs::RunsTable,
    read::read,
};

type AnalyzeAction = Action<(), Result<Analysis, AppError>>;

#[component]
pub fn OverviewPage() -> impl IntoView {
    let (rule, refresh, live) = (use_rule(), use_refresh(), use_live());
    let data = load_first(
        move || (rule.get(), refresh.count(), live.landmarks(), live.quality.get()),
        |(rule, ..)| load_overview(rule),
    );
    let analyze: AnalyzeAction = Action::new(move |(): &()| {
        let rule = rule.get_untracked();
        async move {
            let answer = analyze_now(rule).await;
            refresh.now();
            answer
        }
    });
    view! {
        <Title text="Overview" />
        {move || analyze.value().get().and_then(Result::err).map(|error| view! { <ErrorBox error /> })}
        <Loaded resource=data lines=12 children={move |data: Signal<Overview>| body(data, analyze)} />
    }
    .into_any()
}

fn body(data: Signal<Overview>, analyze: AnalyzeAction) -> AnyView {
    let analysed = Memo::new(move |_| read(data, |d| d.analysis.is_some()));
    (move || if analysed.get() { report(data, analyze) } else { first_time(data, analyze) }).into_any()
}

fn first_time(data: Signal<Overview>, analyze: AnalyzeAction) -> AnyView {
    view! {
        <PageHead title=|| "Nobody has looked at the table yet." />
        <Card title="What Amend does">
            <EmptyState title="Begin with an analysis">
                <p>
                    "It reads the table once and compares every row with the reference. It changes nothing. \
                    Afterwards this page says how many rows are right, what is wrong with the others, and what a \
                    correction would change."
                </p>
                <Button
                    kind=ButtonKind::Go
                    busy=analyze.pending()
                    test_id="analyze"
                    on_click=move |()| {
                        analyze.dispatch(());
                    }
                >
                    {move || if analyze.pending().get() { "Analysing" } else { "Analyse now" }}
                </Button>
            </EmptyState>
        </Card>
        {now::in_progress(data)}
    }
    .into_any()
}

fn report(data: Signal<Overview>, analyze: AnalyzeAction) -> AnyView {
    let link = use_link();
    let session = use_session();
    let query = use_query_map();
    let faults_only = Memo::new(move |_| read(query, |q| q.get("scale").as_deref() == Some("faults")));
    let analysis = Memo::new(move |_| read(data, |d| d.analysis.clone()));
    let trend = Memo::new(move |_| read(data, |d| d.trend.clone()));
    let newest = Signal::derive(move || read(data, |d| d.runs.clone()));
    let nothing_to_correct = Memo::new(move |_| {
        read(analysis, |a| {
            let counts = a.as_ref().map(Analysis::counts).unwrap_or_default();
            Mode::Overwrite.correctable(&counts) == 0 && verdict::for_a_person(&counts) > 0
        })
    });
    let note = move || session.why_not(Act::Run).map(|why| view! { <span class="dim">{why}</span> });
    view! {
        <PageHead title=move || verdict::headline(analysis.into()) lead=move || verdict::lead(analysis.into(), trend.into())>
            <Button
                busy=analyze.pending()
                test_id="analyze"
                on_click=move |()| {
                    analyze.dispatch(());
                }
            >
                {move || if analyze.pending().get() { "Analysing" } else { "Analyse again" }}
            </Button>
            {move || next_step(nothing_to_correct.get())}
        </PageHead>
        <div class="cols c3">
            {score::card(analysis.into(), trend.into())}
            {findings::card(analysis.into(), trend.into())}
            {now::card(data)}
        </div>
        <div class="cols c2">
            {classes::card(analysis.into(), faults_only.into())}
            <Card
                title="Last runs"
                class="flush"
                tools=move || view! { <a class="more" href=move || link("/runs")>"All runs"</a> }
            >
                <RunsTable runs=newest compact=true />
                {note()}
            </Card>
        </div>
    }
    .into_any()
}

/// The one act that the page leads to.
fn next_step(only_people_can_help: bool) -> AnyView {
    let link = use_link();
    let to = move |path: &'static str| Signal::derive(move || link(path));
    if only_people_can_help {
        view! {
            <ButtonLink href=to("/preview") test_id="to-preview">"Preview"</ButtonLink>
            <ButtonLink kind=ButtonKind::Go href=to("/unresolved") test_id="to-unresolved">"See what needs a person"</ButtonLink>
        }
        .into_any()
    } else {
        view! { <ButtonLink kind=ButtonKind::Go href=to("/preview") test_id="to-preview">"Preview the correction"</ButtonLink> }
            .into_any()
    }
}
