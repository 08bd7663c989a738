//! The plan beside the rows: what a run would do, how long, what to know before, and the way on.

use amend_domain::{Act, Finding, Mode, Plan, Risk, Severity};
use leptos::prelude::*;

use super::url::{View, with_query};
use crate::{
    api::session::use_session,
    components::{ButtonKind, ButtonLink, Fact, Facts, FindingSwatch, Tag, Tone},
    format,
    frame::use_link,
};

/// Values of the reference listed.
const CLASSES: usize = 8;

/// The plan of a view's mode and symbols.
#[component]
pub fn PlanCard(plan: Plan, view: View) -> impl IntoView {
    let counts = plan.counts;
    let lines = [
        (Finding::Missing, "Fill missing"),
        (Finding::Mismatched, "Overwrite mismatched"),
        (Finding::Variant, "Normalise spelling"),
    ]
    .into_iter()
    .map(|(finding, text)| {
        let rows = if plan.options.mode.corrects(finding) {
            format::count(counts.get(finding))
        } else {
            format!("{} stay", format::count(counts.get(finding)))
        };
        view! {
            <li class:off=!plan.options.mode.corrects(finding)>
                <FindingSwatch finding />
                <span>{text}</span>
                <span class="num">{rows}</span>
            </li>
        }
    })
    .collect_view();
    let mut classes: Vec<_> = plan.by_proposed.clone();
    let more = classes.split_off(classes.len().min(CLASSES));
    let rest = (!more.is_empty()).then(|| {
        let rows = more.iter().map(|(_, n)| n).sum();
        (format!("{} more", more.len()), rows)
    });
    let classes = classes
        .into_iter()
        .chain(rest)
        .map(|(value, rows)| view! { <li><span>{value}</span><span class="num">{format::count(rows)}</span></li> })
        .collect_view();
    let risks = plan.risks.iter().map(risk).collect_view();
    let narrower = (!view.is_plan()).then(|| {
        view! {
            <p class="dim" data-testid="plan-wider">
                "The plan is of the mode and the symbols; a run cannot be limited by the rest of the filter."
            </p>
        }
    });
    view! {
        <Facts>
            <Fact value=format::count(plan.to_change) label="rows" test_id="plan-rows" />
            <Fact value=format::count(plan.estimated_batches) label="batches, about" />
            <Fact value=format::duration(plan.estimated_ms) label="estimated" />
        </Facts>
        {narrower}
        <ul class="lines">{lines}</ul>
        {(!plan.by_proposed.is_empty())
            .then(|| {
                view! {
                    <details>
                        <summary>"By the value written"</summary>
                        <ul class="lines two">{classes}</ul>
                    </details>
                }
            })}
        {(!plan.risks.is_empty()).then(|| view! { <ul class="plan-risks">{risks}</ul> })}
        <p class="dim">
            "Plan "<code class="mono" data-testid="plan-hash">{plan.hash.to_string()}</code>
            ", counted "{format::moment(plan.generated_at)}" UTC. Every old value is kept, so a run can be rolled back."
        </p>
    }
    .into_any()
}

fn risk(risk: &Risk) -> impl IntoView + use<> {
    let (tone, word) = match risk.severity {
        Severity::Low => (Tone::Neutral, "low risk"),
        Severity::Medium => (Tone::Warn, "medium risk"),
        Severity::High => (Tone::Bad, "high risk"),
    };
    view! {
        <li>
            <Tag tone=Signal::stored(tone) text=word />
            <b>{risk.description.clone()}</b>
            <span class="dim">{risk.mitigation.clone()}</span>
        </li>
    }
}

/// The way on: the run panel with this mode and these symbols.
#[component]
pub fn GoRun(view: Memo<View>, to_change: Signal<Option<i64>>) -> impl IntoView {
    let link = use_link();
    let session = use_session();
    let href = Signal::derive(move || {
        let (mode, symbols) = view.with(|v| (v.mode, v.filter.symbols.clone()));
        link(&with_query("/runs/new", &run_pairs(mode, symbols)))
    });
    let blocked = MaybeProp::derive(move || {
        session
            .why_not(Act::Run)
            .or_else(|| (to_change.get() == Some(0)).then(|| "There is nothing that this mode would change.".into()))
    });
    view! {
        <ButtonLink kind=ButtonKind::Go href blocked test_id="go-run">
            "Go on to the run"
        </ButtonLink>
    }
}

/// The parameters of the run panel: the mode, and symbols one by one, as in a row filter.
fn run_pairs(mode: Mode, symbols: Vec<String>) -> Vec<(String, String)> {
    let mut pairs = vec![("mode".to_owned(), mode.as_str().to_owned())];
    pairs.extend(symbols.into_iter().map(|s| ("symbol".to_owned(), s)));
    pairs
}
