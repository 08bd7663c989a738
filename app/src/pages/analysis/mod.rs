//! The analysis: what is wrong, where, and how much; a click on any number narrows the page.

mod look;
mod matrix;
mod pictures;
mod report;
mod symbols;

use amend_domain::{Act, Analysis, RuleSlug};
use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;

use crate::{
    AppError,
    api::{analysis::last_analysis, overview::analyze_now, session::use_session},
    components::{Button, ButtonKind, EmptyState, ErrorBox, PageHead, Skeleton, Tone, use_toasts},
    format,
    frame::{use_refresh, use_rule},
    live::use_live,
    load::load_first,
};
use report::Report;

/// Newer than what the page was loaded with: analysed from here, or by somebody else.
type Newer = RwSignal<Option<Analysis>>;

#[component]
pub fn AnalysisPage() -> impl IntoView {
    let rule = use_rule();
    let loaded = load_first(move || rule.get(), last_analysis);
    let newer: Newer = RwSignal::new(None);
    follow(rule, newer);
    let again = Again::new(rule, newer);
    view! {
        <Title text="Analysis" />
        {move || again.failed().map(|error| view! { <ErrorBox error /> })}
        <Transition fallback=|| view! { <Skeleton lines=8 /> }>
            {move || Suspend::new(async move {
                match loaded.await {
                    Ok(first) => view! { <Loaded first rule newer again /> }.into_any(),
                    Err(error) => {
                        view! {
                            <PageHead title=|| "The analysis cannot be shown." />
                            <ErrorBox error />
                        }
                        .into_any()
                    }
                }
            })}
        </Transition>
    }
    .into_any()
}

/// The report, or what to do where none was made yet.
#[component]
fn Loaded(first: Option<Analysis>, rule: Signal<RuleSlug>, newer: Newer, again: Again) -> impl IntoView {
    let analysis = Memo::new(move |_| {
        let newer = newer.get().filter(|a| rule.with(|r| a.rule == *r));
        match (newer, &first) {
            (Some(newer), Some(first)) if newer.generated_at < first.generated_at => Some(first.clone()),
            (Some(newer), _) => Some(newer),
            (None, first) => first.clone(),
        }
    });
    let there = Memo::new(move |_| analysis.with(Option::is_some));
    move || {
        if there.get() {
            view! { <Report analysis again /> }.into_any()
        } else {
            view! {
                <PageHead title=|| "Nothing was analysed yet." />
                <EmptyState title="One pass over the table">
                    <p>
                        "An analysis compares every row with the reference and sorts it into one finding: correct, missing, mismatched, spelling variant, orphan, ambiguous or unresolvable. It only reads, and its result is kept for this page, the overview and the trend."
                    </p>
                    <div class="acts"><AgainButton again kind=ButtonKind::Go text="Analyse now" /></div>
                </EmptyState>
            }
            .into_any()
        }
    }
}

/// Making a new analysis. What is shown stays until the new one is there.
#[derive(Clone, Copy)]
pub struct Again {
    action: Action<RuleSlug, Result<Analysis, AppError>>,
    rule: Signal<RuleSlug>,
}

impl Again {
    fn new(rule: Signal<RuleSlug>, newer: Newer) -> Self {
        let toasts = use_toasts();
        let action = Action::new(move |rule: &RuleSlug| {
            let rule = rule.clone();
            async move {
                let answer = analyze_now(rule).await;
                if let Ok(analysis) = &answer {
                    let rows = format::counted(analysis.total, "row", "rows");
                    toasts.show(Tone::Good, format!("{rows} analysed in {}.", format::duration(analysis.duration_ms)));
                    newer.set(Some(analysis.clone()));
                }
                answer
            }
        });
        Self { action, rule }
    }

    fn failed(self) -> Option<AppError> {
        self.action.value().get().and_then(Result::err)
    }
}

#[component]
pub fn AgainButton(again: Again, #[prop(optional)] kind: ButtonKind, #[prop(into)] text: String) -> impl IntoView {
    let session = use_session();
    let busy = again.action.pending();
    view! {
        <Button
            kind
            busy
            blocked=MaybeProp::derive(move || session.why_not(Act::Read))
            test_id="analyze-again"
            on_click=move |()| {
                again.action.dispatch(again.rule.get_untracked());
            }
        >
            {move || if busy.get() { "Analysing\u{2026}".to_owned() } else { text.clone() }}
        </Button>
    }
}

/// Loads what somebody else analysed (or a run's closing analysis), and loads again on `r`.
fn follow(rule: Signal<RuleSlug>, newer: Newer) {
    let live = use_live();
    let refresh = use_refresh();
    Effect::new(move |before: Option<()>| {
        let _again = refresh.count();
        let heard = live.quality.get();
        let wanted = rule.get();
        // The first time, the page has just been loaded.
        if before.is_none() || heard.is_some_and(|(of, _)| of != wanted) {
            return;
        }
        spawn_local(async move {
            match last_analysis(wanted).await {
                // The page may be left by now.
                Ok(found) => drop(newer.try_set(found)),
                Err(error) => leptos::logging::warn!("analysis: {error}"),
            }
        });
    });
}
