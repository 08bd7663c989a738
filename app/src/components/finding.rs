//! The names and colours of findings, the same on every page.

use amend_domain::Finding;
use leptos::prelude::*;

/// As people call it.
#[must_use]
pub const fn finding_name(finding: Finding) -> &'static str {
    match finding {
        Finding::Correct => "Correct",
        Finding::Missing => "Missing",
        Finding::Mismatched => "Mismatched",
        Finding::Variant => "Spelling variant",
        Finding::Orphan => "Orphan",
        Finding::Ambiguous => "Ambiguous",
        Finding::Unresolvable => "Unresolvable",
    }
}

/// What it means, for tooltips and legends.
const fn finding_meaning(finding: Finding) -> &'static str {
    match finding {
        Finding::Correct => "The value is the reference's value.",
        Finding::Missing => "No value, or blank.",
        Finding::Mismatched => "The reference has another value.",
        Finding::Variant => "Differs by letter case or surrounding space alone.",
        Finding::Orphan => "The reference has no such symbol.",
        Finding::Ambiguous => "Reference rows disagree; never guessed.",
        Finding::Unresolvable => "The reference has no usable value.",
    }
}

/// A class that sets `fill` and `background` to the finding's colour.
#[must_use]
pub const fn finding_fill(finding: Finding) -> &'static str {
    match finding {
        Finding::Correct => "f-correct",
        Finding::Missing => "f-missing",
        Finding::Mismatched => "f-mismatched",
        Finding::Variant => "f-variant",
        Finding::Orphan => "f-orphan",
        Finding::Ambiguous => "f-ambiguous",
        Finding::Unresolvable => "f-unresolvable",
    }
}

/// The colour alone; the name always stands beside it.
#[component]
pub fn FindingSwatch(finding: Finding) -> impl IntoView {
    view! { <i class=format!("swatch {}", finding_fill(finding)) aria-hidden="true"></i> }.into_any()
}

/// Swatch and name.
#[component]
pub fn FindingName(finding: Finding) -> impl IntoView {
    view! {
        <span class="finding" title=finding_meaning(finding)>
            <FindingSwatch finding />
            {finding_name(finding)}
        </span>
    }
    .into_any()
}

/// The findings of a picture, in the order in which it draws them.
#[component]
pub fn FindingLegend(findings: Vec<Finding>) -> impl IntoView {
    view! { <div class="legend">{findings.into_iter().map(|finding| view! { <FindingName finding /> }).collect_view()}</div> }
        .into_any()
}
