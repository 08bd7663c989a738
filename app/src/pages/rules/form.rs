//! The steps of the form.

use amend_domain::{Act, ColumnName, Rule, RuleSlug, TableName};
use leptos::{prelude::*, task::spawn_local};

use super::{
    edit::Make,
    fields::{Field, Menu, Options, around, group, menu, says, select, text, ticks},
    suggest,
};
use crate::{
    api::{
        rules::{What, ask_rule},
        session::use_session,
    },
    components::{Button, Card},
    read::read,
};

/// All tables.
fn tables(make: Make) -> Options {
    Memo::new(move |_| {
        make.desk.with(|desk| {
            let names = desk.tables.iter().map(|t| t.table.to_string());
            names.map(|name| [name.clone(), name]).collect()
        })
    })
}

/// The columns of the table that is chosen, with their types.
fn columns(make: Make, table: fn(&Rule) -> &TableName) -> Options {
    Memo::new(move |_| {
        let name = make.rule.with(|rule| table(rule).to_string());
        make.desk.with(|desk| {
            let Some(found) = suggest::find(&desk.tables, &name) else { return Vec::new() };
            let pairs = found.columns.iter().zip(&found.types);
            pairs.map(|(column, of)| [column.clone(), format!("{column}  \u{00b7}  {of}")]).collect()
        })
    })
}

fn of_target(make: Make) -> Options {
    columns(make, |rule| &rule.target.table)
}

fn of_reference(make: Make) -> Options {
    columns(make, |rule| &rule.reference.table)
}

/// Sets a part of the rule to what was chosen.
fn set(make: Make, act: fn(&mut Rule, String)) -> Callback<String> {
    Callback::new(move |text| make.change(|rule| act(rule, text)))
}

pub(super) fn target(make: Make) -> AnyView {
    const TABLE: Field = Field {
        id: "target-table",
        label: "Table",
        hint: "The table whose values may be wrong.",
        api: &["target.table"],
    };
    const VALUE: Field = Field {
        id: "target-value",
        label: "Column to correct",
        hint: "The one column that runs write.",
        api: &["target.value"],
    };
    const KEY: Field = Field {
        id: "target-key",
        label: "Key",
        hint: "Finds a row again: the primary key, or another unique set of columns without nulls.",
        api: &["target.key"],
    };
    let columns = of_target(make);
    let take = Callback::new(move |name: String| {
        make.desk.with_untracked(|desk| make.change(|rule| suggest::target(rule, &desk.tables, &name)));
    });
    view! {
        <Card title="1. What is corrected">
            <div class="fields">
                {select(make, TABLE, "Choose a table\u{2026}", tables(make), |r| r.target.table.to_string(), take)}
                {select(
                    make,
                    VALUE,
                    "Choose a column\u{2026}",
                    columns,
                    |r| r.target.value.0.clone(),
                    set(make, |r, text| r.target.value = ColumnName(text)),
                )}
            </div>
            {ticks(make, KEY, columns, |r| &mut r.target.key, true)}
        </Card>
    }
    .into_any()
}

pub(super) fn reference(make: Make) -> AnyView {
    const TABLE: Field = Field {
        id: "reference-table",
        label: "Reference table",
        hint: "The table that knows the right values. It is only read.",
        api: &["reference.table"],
    };
    const VALUE: Field = Field {
        id: "reference-value",
        label: "Column with the right value",
        hint: "Of the same kind of type as the column to correct.",
        api: &["reference.value"],
    };
    let take = Callback::new(move |name: String| {
        make.desk.with_untracked(|desk| make.change(|rule| suggest::reference(rule, &desk.tables, &name)));
    });
    view! {
        <Card title="2. What knows the right value">
            <div class="fields">
                {select(make, TABLE, "Choose a table\u{2026}", tables(make), |r| r.reference.table.to_string(), take)}
                {select(
                    make,
                    VALUE,
                    "Choose a column\u{2026}",
                    of_reference(make),
                    |r| r.reference.value.0.clone(),
                    set(make, |r, text| r.reference.value = ColumnName(text)),
                )}
            </div>
        </Card>
    }
    .into_any()
}

/// Match columns, side by side.
pub(super) fn pairs(make: Make) -> AnyView {
    const PAIRS: Field = Field {
        id: "match-columns",
        label: "Columns that must be equal",
        hint: "Compared exactly, as texts. Where several rows of the reference match and disagree, no run decides.",
        api: &["target.matches", "reference.matches"],
    };
    let (mine, theirs) = (of_target(make), of_reference(make));
    let count = Memo::new(move |_| read(make.rule, |r| r.target.matches.len()));
    let one = move |id: String, name: String, options: Options, chosen: Signal<String>, set: Callback<String>| {
        menu(make, PAIRS, Menu { id, name: Some(name), none: "Choose\u{2026}", options, chosen, set })
    };
    let row = move |at: usize| {
        let ours = Signal::derive(move || part(make, at, |r| &r.target.matches));
        let other = Signal::derive(move || part(make, at, |r| &r.reference.matches));
        let set_ours = Callback::new(move |text| make.change(|rule| put(&mut rule.target.matches, at, text)));
        let set_other = Callback::new(move |text| make.change(|rule| put(&mut rule.reference.matches, at, text)));
        let no = at + 1;
        let (a, b) = (format!("Column {no} of the table to correct"), format!("Column {no} of the reference"));
        let alone = MaybeProp::derive(move || (count.get() < 2).then(|| "At least one pair is needed.".to_owned()));
        let remove = move |()| {
            make.change(|rule| {
                for list in [&mut rule.target.matches, &mut rule.reference.matches] {
                    if at < list.len() {
                        list.remove(at);
                    }
                }
            });
        };
        view! {
            <div class="pair">
                {one(format!("match-target-{no}"), a, mine, ours, set_ours)}
                <span aria-hidden="true">"="</span>
                {one(format!("match-reference-{no}"), b, theirs, other, set_other)}
                <Button blocked=alone on_click=remove>
                    "Remove"
                    <span class="vh">" pair " {no}</span>
                </Button>
            </div>
        }
        .into_any()
    };
    let add = move |()| {
        make.change(|rule| {
            rule.target.matches.push(ColumnName::new(""));
            rule.reference.matches.push(ColumnName::new(""));
        });
    };
    let inside = view! {
        <div class="pairs-of">{move || (0..count.get()).map(row).collect_view()}</div>
        <div class="acts">
            <Button test_id="add-pair" on_click=add>"Add a pair"</Button>
        </div>
    };
    view! { <Card title="3. How a row finds its reference">{group(make, PAIRS, inside.into_any())}</Card> }.into_any()
}

fn part(make: Make, at: usize, list: fn(&Rule) -> &Vec<ColumnName>) -> String {
    make.rule.with(|rule| list(rule).get(at).map(|c| c.0.clone()).unwrap_or_default())
}

fn put(list: &mut [ColumnName], at: usize, text: String) {
    if let Some(column) = list.get_mut(at) {
        column.0 = text;
    }
}

pub(super) fn more(make: Make) -> AnyView {
    const TIME: Field = Field {
        id: "target-timestamp",
        label: "The rows' own time",
        hint: "For \u{201c}first seen\u{201d} and the charts by day.",
        api: &["target.timestamp"],
    };
    const DIMENSIONS: Field = Field {
        id: "target-dimensions",
        label: "Dimensions",
        hint: "Analyses group by these as well, such as a timeframe or a venue.",
        api: &["target.dimensions"],
    };
    const KEPT: Field = Field {
        id: "target-kept",
        label: "Written by triggers",
        hint: "Columns that the table's own triggers write on every update, such as an updated_at. Runs leave them to the triggers.",
        api: &["target.kept_by_triggers"],
    };
    let columns = of_target(make);
    view! {
        <Card title="4. What else is known" note="optional">
            {allowed(make)}
            {select(
                make,
                TIME,
                "None",
                columns,
                |r| r.target.timestamp.as_ref().map(|c| c.0.clone()).unwrap_or_default(),
                set(make, |r, text| r.target.timestamp = (!text.is_empty()).then_some(ColumnName(text))),
            )}
            {ticks(make, DIMENSIONS, columns, |r| &mut r.target.dimensions, false)}
            {ticks(make, KEPT, columns, |r| &mut r.target.kept_by_triggers, false)}
        </Card>
    }
    .into_any()
}

/// Values, one a line, and taking them over from the reference.
fn allowed(make: Make) -> AnyView {
    const ALLOWED: Field = Field {
        id: "allowed-values",
        label: "Allowed values",
        hint: "One a line. Empty: any value of the reference that is not blank may be written.",
        api: &["allowed_values"],
    };
    let session = use_session();
    let (busy, trouble) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let blocked = MaybeProp::derive(move || {
        let open = make.rule.with(|r| r.reference.table.name.is_empty() || r.reference.value.0.is_empty());
        session.why_not(Act::ChangeRules).or_else(|| open.then(|| "Choose the reference's column first.".to_owned()))
    });
    let take = move |()| {
        busy.set(true);
        trouble.set(None);
        let ask = make.ask(What::Values);
        let from = ask.rule.reference.clone();
        spawn_local(async move {
            let answer = ask_rule(ask).await;
            // The page may have been left, and the reference be another by now.
            let Some(same) = make.rule.try_with_untracked(|r| r.reference == from) else { return };
            busy.set(false);
            match answer {
                Ok(answer) if same => make.change(|rule| rule.allowed_values = answer.values),
                Ok(_) => {}
                Err(error) => trouble.set(Some(format!("{} {}", error.happened(), error.next()))),
            }
        });
    };
    let lines = move || read(make.rule, |r| r.allowed_values.join("\n"));
    let first = untrack(lines);
    let inside = view! {
        <textarea
            class="field mono"
            id=ALLOWED.id
            data-testid=ALLOWED.id
            rows="4"
            aria-describedby=says(ALLOWED)
            spellcheck="false"
            prop:value=lines
            on:change=move |event| {
                let text = event_target_value(&event);
                make.change(|rule| rule.allowed_values = text.lines().filter(|l| !l.is_empty()).map(Into::into).collect());
            }
        >
            {first}
        </textarea>
        <div class="acts">
            <Button blocked busy=busy test_id="take-values" on_click=take>"Take those of the reference"</Button>
            <span class="trouble" role="status">{move || trouble.get()}</span>
        </div>
    };
    around(make, ALLOWED, inside.into_any())
}

pub(super) fn name(make: Make) -> AnyView {
    const TITLE: Field = Field { id: "rule-title", label: "Name", hint: "For people.", api: &["title"] };
    const SLUG: Field = Field {
        id: "rule-slug",
        label: "Slug",
        hint: "Its name in addresses and after --rule: a-z, 0-9 and -. It stays for ever.",
        api: &["rule", "slug"],
    };
    let title = Callback::new(move |text: String| {
        make.named.set(true);
        make.change(|rule| rule.title = text);
    });
    let slug = Callback::new(move |text: String| {
        make.named.set(true);
        make.change(|rule| rule.slug = RuleSlug::from_trusted(text));
    });
    view! {
        <Card title="5. Its name">
            <div class="fields">
                {text(make, TITLE, false, |r| r.title.clone(), title)}
                {text(make, SLUG, make.changing, |r| r.slug.to_string(), slug)}
            </div>
        </Card>
    }
    .into_any()
}
