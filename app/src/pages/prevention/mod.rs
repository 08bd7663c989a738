//! Prevention: what stands in the table so that the fault is not made again, put there and taken off.

mod choose;
mod now;

use amend_domain::{PreventionKind, RuleSlug};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    api::prevention::{Prevention, load_prevention},
    components::{Loaded, PageHead},
    frame::{use_refresh, use_rule},
    load::load_first,
    read::read,
};

#[component]
pub fn PreventionPage() -> impl IntoView {
    let (rule, refresh) = (use_rule(), use_refresh());
    let data = load_first(move || (rule.get(), refresh.count()), |(rule, _)| load_prevention(rule));
    view! {
        <Title text="Prevention" />
        <Loaded resource=data lines=8 children={move |data: Signal<Prevention>| body(rule, data)} />
    }
    .into_any()
}

fn body(rule: Signal<RuleSlug>, data: Signal<Prevention>) -> AnyView {
    let title = move || read(data, headline);
    let lead = move || read(data, lead);
    view! {
        <PageHead title=move || view! { <span data-testid="prevention-verdict">{title}</span> } lead=move || view! { {lead} } />
        <div class="wizard">
            <div class="wizard-side">{now::card(data)}</div>
            <div class="wizard-main">{choose::card(rule, data)}</div>
        </div>
    }
    .into_any()
}

fn headline(p: &Prevention) -> &'static str {
    match (p.status.on, p.status.kind) {
        (true, Some(PreventionKind::Fill)) => "Prevention is on: missing values are filled as they are written.",
        (true, Some(PreventionKind::Refuse)) => "Prevention is on: wrong values are refused as they are written.",
        (true, None) => "Prevention is on.",
        (false, Some(_)) => "Prevention is installed but does not act.",
        (false, None) => "Prevention is off: the fault can be made again.",
    }
}

fn lead(p: &Prevention) -> String {
    format!(
        "A correction mends what was written. Prevention looks at every row of {} as it is written, and sees to {} \
         there and then. What the reference cannot decide passes untouched.",
        p.table, p.column
    )
}

#[cfg(test)]
mod tests {
    use amend_domain::PreventionStatus;

    use super::*;

    #[test]
    fn what_is_installed_but_does_not_act_is_not_called_on() {
        let mut p = Prevention {
            status: PreventionStatus::off(RuleSlug::default_rule()),
            table: "t".into(),
            column: "c".into(),
            no_check: None,
        };
        assert!(headline(&p).contains("is off"));
        p.status.kind = Some(PreventionKind::Refuse);
        assert!(headline(&p).contains("does not act"));
        p.status.on = true;
        assert!(headline(&p).contains("refused"));
    }
}
