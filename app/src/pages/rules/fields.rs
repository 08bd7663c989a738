//! The kinds of fields that the form is made of.

use amend_domain::{ColumnName, Rule};
use leptos::prelude::*;

use super::{edit::Make, suggest};

/// What can be chosen: how it is told apart, and what is read.
pub(super) type Options = Memo<Vec<[String; 2]>>;

/// How a field is called.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// In tests, and for its label.
    pub id: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    /// `Problem::field` of errors about it.
    pub api: &'static [&'static str],
}

/// A label above, what is wrong or a hint below.
pub(super) fn around(make: Make, field: Field, inside: AnyView) -> AnyView {
    let wrong = make.wrong_at(field.api);
    view! {
        <div class="rule-field">
            <label class="name" for=field.id>{field.label}</label>
            {inside}
            {hint(field, wrong)}
        </div>
    }
    .into_any()
}

/// The same around several controls.
pub(super) fn group(make: Make, field: Field, inside: AnyView) -> AnyView {
    let wrong = make.wrong_at(field.api);
    view! {
        <div class="rule-field" role="group" aria-label=field.label aria-describedby=says(field) data-testid=field.id>
            <span class="name">{field.label}</span>
            {inside}
            {hint(field, wrong)}
        </div>
    }
    .into_any()
}

fn hint(field: Field, wrong: Signal<Option<String>>) -> AnyView {
    view! {
        <small class="hint" class:bad=move || wrong.get().is_some() id=says(field) data-testid=says(field)>
            {move || wrong.get().unwrap_or_else(|| field.hint.to_owned())}
        </small>
    }
    .into_any()
}

/// Where it stands what is wrong, so that it is read out with the control.
pub(super) fn says(field: Field) -> String {
    format!("{}-says", field.id)
}

/// One menu of a field; its first line stands for nothing.
pub(super) struct Menu {
    pub id: String,
    /// Where the field's label names several.
    pub name: Option<String>,
    pub none: &'static str,
    pub options: Options,
    pub chosen: Signal<String>,
    pub set: Callback<String>,
}

pub(super) fn menu(make: Make, field: Field, menu: Menu) -> AnyView {
    let Menu { id, name, none, options, chosen, set } = menu;
    let wrong = make.wrong_at(field.api);
    let lines = move || {
        let mut list = options.get();
        list.insert(0, [String::new(), none.to_owned()]);
        list.into_iter()
            .map(|[value, words]| {
                let mine = value.clone();
                let first = chosen.with_untracked(|c| *c == value);
                view! {
                    <option value=value selected=first prop:selected=move || chosen.with(|c| *c == mine)>
                        {words}
                    </option>
                }
            })
            .collect_view()
    };
    view! {
        <select
            class="field"
            id=id.clone()
            data-testid=id
            aria-label=name
            aria-describedby=says(field)
            aria-invalid=move || wrong.get().is_some().then_some("true")
            on:change=move |event| set.run(event_target_value(&event))
        >
            {lines}
        </select>
    }
    .into_any()
}

/// One column, or a table.
pub(super) fn select(
    make: Make,
    field: Field,
    none: &'static str,
    options: Options,
    get: fn(&Rule) -> String,
    set: Callback<String>,
) -> AnyView {
    let chosen = Signal::derive(move || make.rule.with(get));
    let id = field.id.to_owned();
    around(make, field, menu(make, field, Menu { id, name: None, none, options, chosen, set }))
}

/// Several columns of the target.
pub(super) fn ticks(
    make: Make,
    field: Field,
    columns: Options,
    get: fn(&mut Rule) -> &mut Vec<ColumnName>,
    by_key: bool,
) -> AnyView {
    let set = move |name: String| {
        let keys = make.desk.with_untracked(|desk| {
            let table = make.rule.with_untracked(|r| r.target.table.to_string());
            suggest::find(&desk.tables, &table).filter(|_| by_key).map(|t| t.keys.clone()).unwrap_or_default()
        });
        make.change(|rule| suggest::toggle(get(rule), &name, &keys));
    };
    let has = move |name: &str| {
        let mut rule = make.rule.get();
        get(&mut rule).iter().any(|c| c.0 == name)
    };
    let chips = move || {
        columns
            .get()
            .into_iter()
            .map(|[name, _]| {
                let (mine, other, words) = (name.clone(), name.clone(), name.clone());
                let first = untrack(|| has(&name));
                view! {
                    <label class="chip tick" class:on=move || has(&mine)>
                        <input
                            type="checkbox"
                            value=name.clone()
                            checked=first
                            prop:checked=move || has(&other)
                            on:change=move |_| set(name.clone())
                        />
                        {words}
                    </label>
                }
            })
            .collect_view()
    };
    group(make, field, view! { <div class="chips ticks">{chips}</div> }.into_any())
}

/// A line of text.
pub(super) fn text(make: Make, field: Field, fixed: bool, get: fn(&Rule) -> String, set: Callback<String>) -> AnyView {
    let wrong = make.wrong_at(field.api);
    let value = move || make.rule.with(get);
    let inside = view! {
        <input
            class="field"
            id=field.id
            data-testid=field.id
            autocomplete="off"
            spellcheck="false"
            readonly=fixed
            aria-describedby=says(field)
            aria-invalid=move || wrong.get().is_some().then_some("true")
            value=untrack(value)
            prop:value=value
            on:change=move |event| set.run(event_target_value(&event))
        />
    };
    around(make, field, inside.into_any())
}
