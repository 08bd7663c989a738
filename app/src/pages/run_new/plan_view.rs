//! The plan as it stands: counts, batches, time, risks, and the hash that binds it to the run.

use amend_domain::{Finding, Plan, Risk, Severity};
use leptos::prelude::*;

use super::Counted;
use crate::{
    components::{ErrorBox, Fact, Facts, FindingName, Moment, Tag, Tone},
    format::{self, count},
};

pub(super) fn plan(counted: Counted, fresh: Memo<bool>) -> AnyView {
    view! {
        <div class="plan" class:dated=move || !fresh.get() aria-busy=move || (!fresh.get()).to_string()>
            {move || match counted.get() {
                Some(Ok(plan)) => shown(plan),
                Some(Err(error)) => view! { <ErrorBox error /> }.into_any(),
                None => view! { <crate::components::Skeleton lines=5 /> }.into_any(),
            }}
        </div>
        <span class="vh" role="status">
            {move || counted.with(|c| match c {
                Some(Ok(plan)) => format!("{} rows would be changed", count(plan.to_change)),
                _ => String::new(),
            })}
        </span>
    }
    .into_any()
}

fn shown(plan: Plan) -> AnyView {
    let findings = Finding::ALL
        .into_iter()
        .filter(|f| *f != Finding::Correct)
        .map(|finding| {
            let rows = plan.counts.get(finding);
            let fate = if plan.options.mode.corrects(finding) {
                "corrected"
            } else if finding.needs_a_person() {
                "left for a person"
            } else {
                "left as they are"
            };
            view! {
                <tr>
                    <th scope="row"><FindingName finding /></th>
                    <td class="num">{count(rows)}</td>
                    <td class="dim">{fate}</td>
                </tr>
            }
        })
        .collect_view();
    let proposed = plan
        .by_proposed
        .iter()
        .map(|(value, rows)| view! { <span class="chip num"><b>{value.clone()}</b> " " {count(*rows)}</span> })
        .collect_view();
    let risks = plan.risks.iter().map(risk).collect_view();
    view! {
        <Facts>
            <Fact value=count(plan.to_change) label="rows to change" test_id="plan-to-change" />
            <Fact value=count(plan.estimated_batches) label="transactions, about" />
            <Fact value=format::duration(plan.estimated_ms) label="by estimate" />
        </Facts>
        <table class="finds">
            <caption class="vh">"Rows in scope by finding, and what becomes of them"</caption>
            <tbody>{findings}</tbody>
        </table>
        {(!plan.by_proposed.is_empty())
            .then(|| view! { <div class="chips" role="group" aria-label="Rows by the value they would get">{proposed}</div> })}
        {(!plan.risks.is_empty()).then(|| view! { <ul class="risks" aria-label="Risks">{risks}</ul> })}
        <p class="dim num">
            "Plan "
            <code data-testid="plan-hash">{plan.hash.to_string()}</code>
            ", counted "
            <Moment at=plan.generated_at />
            " UTC"
        </p>
    }
    .into_any()
}

fn risk(risk: &Risk) -> AnyView {
    let (tone, word) = match risk.severity {
        Severity::Low => (Tone::Neutral, "low"),
        Severity::Medium => (Tone::Warn, "medium"),
        Severity::High => (Tone::Bad, "high"),
    };
    view! {
        <li>
            <Tag tone=Signal::stored(tone) text=word />
            <span>
                {risk.description.clone()}
                <small>{risk.mitigation.clone()}</small>
            </span>
        </li>
    }
    .into_any()
}
