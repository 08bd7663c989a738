//! Quality by value: stacked bars, in shares or with the faults alone.

use amend_domain::{Analysis, ClassCounts, Finding};
use leptos::prelude::*;

use crate::{
    components::{Card, FindingLegend, Segment, StackBar, finding_fill, finding_name},
    format,
    frame::use_link,
    read::read,
};

/// Classes shown here; the analysis page has them all.
const MOST: usize = 9;

pub(super) fn card(analysis: Signal<Option<Analysis>>, faults_only: Signal<bool>) -> AnyView {
    let link = use_link();
    let classes = Memo::new(move |_| read(analysis, |a| a.as_ref().map(|a| a.by_class.clone()).unwrap_or_default()));
    let legend = move || {
        let findings = Finding::ALL.into_iter().filter(|f| !(faults_only.get() && *f == Finding::Correct)).collect();
        view! { <FindingLegend findings /> }
    };
    // Links, so that the scale is in the URL and works before the module does.
    let tools = move || {
        view! {
            <span class="switch" role="group" aria-label="Scale">
                <a href=move || link("/") aria-current=move || (!faults_only.get()).then_some("true")>"Shares"</a>
                <a
                    href=move || link("/?scale=faults")
                    aria-current=move || faults_only.get().then_some("true")
                    data-testid="faults-only"
                >
                    "Faults only"
                </a>
            </span>
        }
    };
    view! {
        <Card title="Quality by value" tools=tools>
            {legend}
            <div class="classes" data-testid="by-class">
                {move || {
                    let faults_only = faults_only.get();
                    classes.with(|all| bars(all, faults_only))
                }}
            </div>
            {move || {
                classes
                    .with(|all| all.len() > MOST)
                    .then(|| view! { <a class="more" href=link("/analysis")>"All values"</a> })
            }}
        </Card>
    }
    .into_any()
}

fn bars(classes: &[ClassCounts], faults_only: bool) -> AnyView {
    let most = classes.iter().map(faults).max().unwrap_or(0);
    if faults_only && most == 0 {
        return view! { <p class="dim">"No value has a fault."</p> }.into_any();
    }
    classes
        .iter()
        .take(MOST)
        .map(|class| {
            let name = class.class.clone().unwrap_or_else(|| "no value".into());
            let (number, whole) = if faults_only { (faults(class), most) } else { (class.total, class.total) };
            let segments = Finding::ALL
                .into_iter()
                .filter(|f| !(faults_only && *f == Finding::Correct))
                .map(|finding| {
                    let rows = class.counts.get(finding);
                    Segment {
                        class: finding_fill(finding),
                        rows,
                        title: format!("{name}, {}: {}", finding_name(finding), format::counted(rows, "row", "rows")),
                    }
                })
                .collect::<Vec<_>>();
            let label = format!(
                "{name}: {} % correct, {} wrong",
                format::percent(class.counts.score()),
                format::count(faults(class))
            );
            view! {
                <span class="class-name">{name}</span>
                <StackBar segments whole label />
                <span class="num">{format::count(number)}</span>
            }
        })
        .collect_view()
        .into_any()
}

const fn faults(class: &ClassCounts) -> i64 {
    class.total - class.counts.correct
}
