//! What is installed at present.

use amend_domain::{CheckState, PreventionKind};
use leptos::prelude::*;

use crate::{
    api::prevention::Prevention,
    components::{Card, Fact, Facts, Moment, Tag, Tone},
    format,
    read::read,
};

pub(super) fn card(data: Signal<Prevention>) -> AnyView {
    let tone = Signal::derive(move || {
        read(data, |p| match (p.status.on, p.status.kind) {
            (true, _) => Tone::Good,
            (false, Some(_)) => Tone::Bad,
            (false, None) => Tone::Neutral,
        })
    });
    let word = Signal::derive(move || {
        read(data, |p| match (p.status.on, p.status.kind) {
            (true, _) => "on".to_owned(),
            (false, Some(_)) => "does not act".to_owned(),
            (false, None) => "off".to_owned(),
        })
    });
    let facts = move || {
        let p = data.get();
        let status = p.status;
        let Some(kind) = status.kind else {
            return view! {
                <p class="dim">"Nothing of Amend stands in the table. Choose what it should do and read the statements; nothing is done before you press the button."</p>
            }
            .into_any();
        };
        let kind = match kind {
            PreventionKind::Fill => "fills",
            PreventionKind::Refuse => "refuses",
        };
        let acted = status.acted.map_or_else(|| "not known".to_owned(), format::count);
        let check = status.check.map_or("none", CheckState::as_str);
        let since = status.since.map(|at| {
            let by = status.installed_by.map(|by| format!(" UTC by {by}"));
            view! { <p class="dim">"Installed " <Moment at /> {by}</p> }
        });
        let trouble = status
            .trouble
            .map(|text| view! { <p class="trouble" role="alert" data-testid="prevention-trouble">{text}</p> });
        view! {
            {trouble}
            <Facts>
                <Fact value=acted label="times it acted" test_id="prevention-acted" />
                <Fact value=kind.to_owned() label="what it does" />
                <Fact value=check.to_owned() label="CHECK holds for" />
            </Facts>
            {since}
        }
        .into_any()
    };
    view! {
        <Card title="Now" tools=move || view! { <Tag tone=tone text=word test_id="prevention-state" /> }>
            {facts}
        </Card>
    }
    .into_any()
}
