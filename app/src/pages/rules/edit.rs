//! The wizard: all steps on one page, with what the database says of the rule beside them.

use amend_domain::{Problem, Rule, RuleSlug};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::{check, form, retire, suggest};
use crate::{
    AppError,
    api::rules::{Desk, RuleAnswer, RuleAsk, What, ask_rule, load_desk},
    components::{ErrorBox, Loaded, PageHead},
    frame::use_refresh,
    load::{Later, load_first, load_later},
    read::read,
};

/// The form and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Make {
    pub rule: RwSignal<Rule>,
    pub desk: Signal<Desk>,
    /// A rule that is there is changed: its slug stays.
    pub changing: bool,
    /// Somebody wrote title or slug, which then no longer follow table and column.
    pub named: RwSignal<bool>,
    /// `Ok(None)` while something is still to be chosen.
    pub checked: Later<Result<Option<RuleAnswer>, AppError>>,
    /// The field at fault, what is there, and the cure.
    pub wrong: Memo<Option<Problem>>,
}

impl Make {
    /// Changes the form.
    pub fn change(self, act: impl FnOnce(&mut Rule)) {
        let named = self.changing || self.named.get_untracked();
        self.rule.update(|rule| {
            act(rule);
            if !named {
                suggest::rename(rule);
            }
        });
    }

    /// What is wrong with one of these fields.
    pub fn wrong_at(self, fields: &'static [&'static str]) -> Signal<Option<String>> {
        Signal::derive(move || {
            let problem = self.wrong.get()?;
            fields.contains(&problem.field.as_deref()?).then(|| suggest::said(&problem))
        })
    }

    pub fn ask(self, what: What) -> RuleAsk {
        RuleAsk { rule: self.rule.get_untracked(), new: !self.changing, what }
    }
}

#[component]
pub fn RuleEditPage() -> impl IntoView {
    let params = use_params_map();
    let slug = Memo::new(move |_| read(params, |p| p.get("slug")));
    // All is built anew for another rule, so that nothing of the last one is left in the form.
    move || {
        let slug = slug.get();
        let data = load_first(
            || (),
            move |()| {
                let slug = slug.clone();
                async move { load_desk(true, slug.map(|s| RuleSlug::parse(&s)).transpose()?).await }
            },
        );
        view! { <Loaded resource=data lines=14 children={move |desk: Signal<Desk>| wizard(desk)} /> }.into_any()
    }
}

fn wizard(desk: Signal<Desk>) -> AnyView {
    let stored = read(desk, |d| d.rule.clone());
    let kept = read(desk, |d| d.kept.clone());
    let changing = stored.is_some();
    let title = match &stored {
        Some(rule) => format!("Change \u{201c}{}\u{201d}.", rule.title),
        None => "A new rule.".to_owned(),
    };
    let rule = RwSignal::new(stored.unwrap_or_else(suggest::blank));
    let refresh = use_refresh();
    let checked = load_later(move || {
        // Asking again by hand: something was mended in the database.
        refresh.count();
        let ask = rule.with(|r| {
            suggest::missing(r).is_none().then(|| RuleAsk { rule: r.clone(), new: !changing, what: What::Check })
        });
        async move {
            match ask {
                Some(ask) => ask_rule(ask).await.map(Some),
                None => Ok(None),
            }
        }
    });
    let wrong = Memo::new(move |_| match checked.value.get() {
        Some(Err(AppError::Refused(problem))) if problem.field.is_some() => Some(problem),
        _ => None,
    });
    let make = Make { rule, desk, changing, named: RwSignal::new(false), checked, wrong };
    let head = title.clone();
    view! {
        <Title text=title />
        <PageHead
            title=move || view! { <span data-testid="rule-verdict">{head.clone()}</span> }
            lead=|| "Making a rule changes nothing in your tables. It is what analyses, runs and prevention go by."
        />
        {kept.map(|problem| view! { <ErrorBox error=problem /> })}
        <div class="rule-make">
            <form class="rule-form" on:submit=|event| event.prevent_default()>
                {form::target(make)}
                {form::reference(make)}
                {form::pairs(make)}
                {form::more(make)}
                {form::name(make)}
            </form>
            <div class="rule-side">{check::card(make)} {changing.then(|| retire::card(make))}</div>
        </div>
    }
    .into_any()
}
