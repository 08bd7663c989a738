//! Rules: the list, and the wizard that makes and changes them.

mod check;
mod edit;
mod fields;
mod form;
mod retire;
mod suggest;

pub use edit::RuleEditPage;

use amend_domain::{Act, RuleSlug};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    api::{
        rules::{Desk, load_desk},
        session::use_session,
    },
    components::{ButtonKind, ButtonLink, Card, EmptyState, Loaded, PageHead, StateTag, Table, Tag},
    format,
    frame::{use_link, use_refresh},
    live::use_live,
    load::load_first,
    read::read,
};

const COLUMNS: [&str; 8] = ["Rule", "Corrects", "By", "Matched by", "Key", "Allowed", "Analysed (UTC)", "Running now"];

#[component]
pub fn RulesPage() -> impl IntoView {
    let (refresh, live) = (use_refresh(), use_live());
    let data = load_first(
        move || (refresh.count(), live.quality.with(|q| q.as_ref().map(|(_, snapshot)| snapshot.at))),
        |_| load_desk(false, None),
    );
    view! {
        <Title text="Rules" />
        <Loaded resource=data lines=8 children={move |desk: Signal<Desk>| list(desk)} />
    }
    .into_any()
}

fn list(desk: Signal<Desk>) -> AnyView {
    let link = use_link();
    let count = move || read(desk, |d| d.rules.len());
    let in_force = move || read(desk, |d| d.rules.iter().filter(|r| r.get(2).is_some_and(String::is_empty)).count());
    let title = move || match in_force() {
        0 => "No column is watched.".to_owned(),
        n => format!("{} watched.", format::counted(i64::try_from(n).unwrap_or(i64::MAX), "column is", "columns are")),
    };
    let blocked = MaybeProp::from(use_session().why_not(Act::ChangeRules));
    view! {
        <PageHead
            title=move || view! { <span data-testid="rules-verdict">{title}</span> }
            lead=|| "A rule says which column must agree with which column of a reference, and how a row finds its reference."
        >
            <ButtonLink kind=ButtonKind::Go blocked href=Signal::derive(move || link("/rules/new")) test_id="new-rule">
                "New rule"
            </ButtonLink>
        </PageHead>
        {move || {
            if count() == 0 {
                return view! {
                    <Card title="Rules">
                        <EmptyState title="Nothing is watched">
                            <p>
                                "Choose two tables of this database: one whose values may be wrong, and one that knows the right ones. Making a rule changes nothing in either."
                            </p>
                        </EmptyState>
                    </Card>
                }
                .into_any();
            }
            view! {
                <Card title="Rules" class="flush">
                    <Table caption="Rules" test_id="rules-table">
                        <thead>
                            <tr>
                                {COLUMNS.map(|name| view! { <th scope="col">{name}</th> }).collect_view()}
                                <th scope="col"><span class="vh">"Change"</span></th>
                            </tr>
                        </thead>
                        <tbody>{move || desk.get().rules.into_iter().map(line).collect_view()}</tbody>
                    </Table>
                </Card>
            }
            .into_any()
        }}
    }
    .into_any()
}

fn line(rule: Vec<String>) -> AnyView {
    let live = use_live();
    let mut cells = rule.into_iter();
    let slug = cells.next().unwrap_or_default();
    let title = cells.next().unwrap_or_default();
    let retired = cells.next().filter(|word| !word.is_empty());
    let active = live.active(Signal::stored(RuleSlug::from_trusted(slug.clone())));
    let at = |path: &str| format!("{path}?rule={slug}");
    let analysis = at("/analysis");
    let edit = format!("/rules/{slug}/edit");
    let name = title.clone();
    let cells = cells.map(|text| view! { <td class="mono num">{text}</td> }).collect_view();
    let running = {
        let slug = slug.clone();
        move || {
            active.get().map(|run| {
                let path = format!("/runs/{}?rule={slug}", run.run_id);
                view! {
                    <a class="link mono" href=path>{run.run_id.to_string()}</a>
                    " "
                    <StateTag run=Signal::stored(run) />
                }
            })
        }
    };
    view! {
        <tr class="rule-line" data-testid="rule-row" data-rule=slug.clone()>
            <td>
                <a class="link" href=analysis>{title}</a>
                " "
                {retired.map(|word| view! { <Tag text=word /> })}
                <small class="mono dim">{slug.clone()}</small>
            </td>
            {cells}
            <td>{running}</td>
            <td>
                <a class="text-link" href=edit data-testid="edit-rule" aria-label=format!("Change {name}")>"Change"</a>
            </td>
        </tr>
    }
    .into_any()
}
