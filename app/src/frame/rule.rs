//! The rule that pages are about: `?rule=` in the URL, the server's first one without.

use amend_domain::{Rule, RuleSlug};
use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate, use_query_map},
};

use super::use_refresh;
use crate::{api::rules::list_rules, load::load_first};

#[derive(Clone, Copy)]
struct CurrentRule {
    current: Memo<RuleSlug>,
    first: StoredValue<RuleSlug>,
}

/// The rule of pages that name none. The server looks it up for each page and puts it among the request's
/// extensions; the document carries it to the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstRule(pub RuleSlug);

#[cfg(feature = "ssr")]
pub(crate) fn first_rule() -> RuleSlug {
    use_context::<axum::http::request::Parts>()
        .and_then(|request| request.extensions.get::<FirstRule>().cloned())
        .map_or_else(RuleSlug::default_rule, |first| first.0)
}

#[cfg(not(feature = "ssr"))]
fn first_rule() -> RuleSlug {
    document()
        .body()
        .and_then(|body| body.get_attribute("data-first-rule"))
        .and_then(|slug| RuleSlug::parse(&slug).ok())
        .unwrap_or_else(RuleSlug::default_rule)
}

pub(super) fn provide() {
    let query = use_query_map();
    let first = StoredValue::new(first_rule());
    let current = Memo::new(move |_| {
        query.with(|q| q.get("rule").and_then(|slug| RuleSlug::parse(&slug).ok())).unwrap_or_else(|| first.get_value())
    });
    provide_context(CurrentRule { current, first });
}

/// The rule of the page.
///
/// # Panics
/// Outside the frame.
#[must_use]
pub fn use_rule() -> Signal<RuleSlug> {
    expect_context::<CurrentRule>().current.into()
}

/// Makes a link within Amend that keeps the rule: `link("/preview?finding=missing")`.
///
/// # Panics
/// Outside the frame.
pub fn use_link() -> impl Fn(&str) -> String + Copy + Send + Sync + 'static {
    let CurrentRule { current: rule, first } = expect_context();
    move |path: &str| {
        let rule = rule.get();
        if rule == first.get_value() {
            return path.to_owned();
        }
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{path}{joint}rule={rule}")
    }
}

/// Says which rule one looks at, and changes it where there are several.
#[component]
pub fn RulePicker() -> impl IntoView {
    let rule = use_rule();
    let refresh = use_refresh();
    // A rule that was just made is among them.
    let all = load_first(move || refresh.count(), |_| list_rules());
    view! {
        <div class="pick" data-testid="rule-picker">
            <Transition fallback=|| view! { <span class="dim">"Rule"</span> }>
                {move || Suspend::new(async move {
                    match all.await {
                        Ok(list) => picker(list, rule),
                        // The page itself says what is wrong; here stands only the name asked for.
                        Err(_) => view! { <span>{move || rule.get().to_string()}</span> }.into_any(),
                    }
                })}
            </Transition>
        </div>
    }
    .into_any()
}

fn picker(list: Vec<Rule>, rule: Signal<RuleSlug>) -> AnyView {
    let known = StoredValue::new(list);
    let tables = move || {
        known.with_value(|list| {
            list.iter()
                .find(|r| r.slug == rule.get())
                .map_or_else(|| "no such rule yet".into(), |r| format!("{} from {}", r.target.table, r.reference.table))
        })
    };
    let here = move || known.with_value(|list| list.iter().any(|r| r.slug == rule.get()));
    // A retired rule is looked at where somebody follows a link to it.
    let shown = |r: &&Rule| !r.retired || untrack(|| rule.get()) == r.slug;
    let names = known.with_value(|list| {
        list.iter().filter(shown).map(|r| (r.slug.to_string(), r.title.clone())).collect::<Vec<_>>()
    });
    if names.len() == 1 && here() {
        let title = names.into_iter().next().map(|(_, title)| title);
        return view! { <span>{title}</span> <small>{tables}</small> }.into_any();
    }
    let navigate = use_navigate();
    let location = use_location();
    let go = move |slug: String| {
        let path = location.pathname.get_untracked();
        navigate(&format!("{path}?rule={slug}"), NavigateOptions::default());
    };
    view! {
        <select aria-label="Rule" on:change=move |event| go(event_target_value(&event))>
            {move || (!here()).then(|| view! { <option selected=true>{rule.get().to_string()}</option> })}
            {names
                .into_iter()
                .map(|(slug, title)| {
                    let mine = slug.clone();
                    view! { <option value=slug selected=move || rule.get().as_str() == mine>{title}</option> }
                })
                .collect_view()}
        </select>
        <small>{tables}</small>
    }
    .into_any()
}
