//! The fields.

use amend_domain::Mode;
use leptos::prelude::*;

use crate::read::read;

use super::options::Choice;
use crate::AppError;

pub(super) fn form(choice: Memo<Choice>, choose: Callback<Choice>) -> AnyView {
    view! {
        <form class="form" on:submit=|event| event.prevent_default()>
            <fieldset>
                <legend>"Which rows"</legend>
                {mode(Mode::Fill, "Fill missing values", "Rows that are null or blank get the reference's value. Nothing else is touched.", choice, choose)}
                {mode(
                    Mode::Overwrite,
                    "Fill, and overwrite wrong values",
                    "Also rows that have another value than the reference, or another spelling of it.",
                    choice,
                    choose,
                )}
            </fieldset>
            {field(&SYMBOLS, choice, choose)}
            <div class="fields">{field(&BATCH, choice, choose)} {field(&MAX, choice, choose)}</div>
            <label class="check">
                <input
                    type="checkbox"
                    name="dry"
                    value="1"
                    data-testid="dry-run"
                    prop:checked=move || read(choice, |c| c.dry_run)
                    checked=choice.with_untracked(|c| c.dry_run)
                    on:change=move |event| choose.run(Choice { dry_run: event_target_checked(&event), ..choice.get_untracked() })
                />
                <span>
                    "Dry run"
                    <small>"Goes through every step in a transaction and takes each back. Nothing is written."</small>
                </span>
            </label>
            <div class="always">
                <b>"Backup: always on."</b>
                " What stood in a row is saved in the same transaction that changes it, so every run can be rolled back. "
                <b>"Validation: always on."</b>
                " At the end the table is checked again, and the run only succeeds if it holds."
            </div>
        </form>
    }
    .into_any()
}

fn mode(
    mode: Mode,
    title: &'static str,
    what: &'static str,
    choice: Memo<Choice>,
    choose: Callback<Choice>,
) -> AnyView {
    let on = move || choice.with(|c| c.mode == mode);
    view! {
        <label class="opt" class:on=on>
            <input
                type="radio"
                name="mode"
                value=mode.as_str()
                data-testid=format!("mode-{}", mode.as_str())
                prop:checked=on
                checked=choice.with_untracked(|c| c.mode == mode)
                on:change=move |_| choose.run(Choice { mode, ..choice.get_untracked() })
            />
            <span>
                <b>{title}</b>
                <small>{what}</small>
            </span>
        </label>
    }
    .into_any()
}

/// A text field: how it is called here, in the URL and in the API, and where it lives in a choice.
struct Field {
    id: &'static str,
    /// `Problem::field` of errors about it.
    api: &'static str,
    label: &'static str,
    hint: &'static str,
    placeholder: &'static str,
    numeric: bool,
    get: fn(&Choice) -> &str,
    set: fn(&mut Choice, String),
}

const SYMBOLS: Field = Field {
    id: "symbols",
    api: "targetSymbols",
    label: "Symbols",
    hint: "Separated by commas. Empty means all.",
    placeholder: "All symbols",
    numeric: false,
    get: |c| &c.symbols,
    set: |c, v| c.symbols = v,
};

const BATCH: Field = Field {
    id: "batch",
    api: "batchSize",
    label: "Batch size",
    hint: "auto, or 1 to 10,000 rows a transaction.",
    placeholder: "auto",
    numeric: false,
    get: |c| &c.batch,
    set: |c, v| c.batch = v,
};

const MAX: Field = Field {
    id: "max",
    api: "maxRecordsToProcess",
    label: "At most, rows",
    hint: "Stops after so many. Empty means no limit.",
    placeholder: "No limit",
    numeric: true,
    get: |c| &c.max,
    set: |c, v| c.max = v,
};

fn field(field: &'static Field, choice: Memo<Choice>, choose: Callback<Choice>) -> AnyView {
    let value = move || choice.with(|c| (field.get)(c).to_owned());
    let wrong = Memo::new(move |_| match read(choice, Choice::options) {
        Err(AppError::Refused(p)) if p.field.as_deref() == Some(field.api) => Some(p.message),
        _ => None,
    });
    let hint_id = format!("{}-hint", field.id);
    view! {
        <div>
            <label for=field.id>{field.label}</label>
            <input
                class="field num"
                id=field.id
                name=field.id
                data-testid=field.id
                placeholder=field.placeholder
                inputmode=field.numeric.then_some("numeric")
                autocomplete="off"
                spellcheck="false"
                aria-describedby=hint_id.clone()
                aria-invalid=move || read(wrong, Option::is_some).then_some("true")
                prop:value=value
                value=choice.with_untracked(|c| (field.get)(c).to_owned())
                on:change=move |event| {
                    let mut next = choice.get_untracked();
                    (field.set)(&mut next, event_target_value(&event));
                    choose.run(next);
                }
            />
            <small id=hint_id class="hint" class:bad=move || read(wrong, Option::is_some)>
                {move || wrong.get().unwrap_or_else(|| field.hint.into())}
            </small>
        </div>
    }
    .into_any()
}
