//! Step two: what to do with rows that changed since, which values, which symbols.

use amend_domain::{BackupInfo, ConflictPolicy, RollbackCounts, RollbackPair, RollbackSource, RunId};
use leptos::{html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::wish::Wish;
use crate::{
    components::{Card, Tag, Tone},
    format,
    frame::use_link,
    pages::preview::value,
};

const CHOICES: [(ConflictPolicy, &str, &str, Tone, &str); 3] = [
    (ConflictPolicy::Skip, "Leave them", "Later work wins. They are counted in the result.", Tone::Good, "safe"),
    (
        ConflictPolicy::Force,
        "Put them back too",
        "Overwrites later work. What is overwritten is kept in the journal of the rollback.",
        Tone::Warn,
        "force",
    ),
    (
        ConflictPolicy::Stop,
        "Stop if there are any",
        "The rollback ends at the first row that changed since.",
        Tone::Neutral,
        "strict",
    ),
];

/// Pairs of values that a plan has at most.
const MOST_PAIRS: usize = 50;

/// Goes to the wizard with another wish, without a step in the history.
fn use_wish(run: RunId) -> impl Fn(Wish) + Clone {
    let navigate = use_navigate();
    let link = use_link();
    move |wish: Wish| {
        let options = NavigateOptions { scroll: false, replace: true, ..NavigateOptions::default() };
        navigate(&link(&wish.href(&run)), options);
    }
}

/// Where the old values come from, where there is a choice.
#[component]
pub fn From(
    run: RunId,
    wish: Memo<Wish>,
    from: RollbackSource,
    copy: BackupInfo,
    /// There is none: the snapshot is all that is left.
    journal_gone: bool,
) -> impl IntoView {
    let go = use_wish(run);
    let made = format!(
        "{}, {}, made {} UTC. Puts back all that Amend wrote since, by whichever run.",
        copy.name,
        format::bytes(copy.bytes),
        format::moment(copy.created_at)
    );
    let choices = [
        (RollbackSource::Journal, "The run's journal", "Puts back what this run wrote.".to_owned()),
        (RollbackSource::Snapshot, "The run's snapshot", made),
    ]
    .into_iter()
    .filter(|(source, ..)| !journal_gone || *source == RollbackSource::Snapshot)
    .map(|(source, name, text)| {
        let go = go.clone();
        view! {
            <label class="choice" class:on=source == from>
                <input
                    type="radio"
                    name="from"
                    value=source.as_str()
                    checked=source == from
                    data-testid=format!("from-{}", source.as_str())
                    on:change=move |_| go(wish.get_untracked().with_source(source))
                />
                <span>
                    <b>{name}</b>
                    <span class="dim">{text}</span>
                </span>
            </label>
        }
    })
    .collect_view();
    view! {
        <Card title="From">
            <fieldset class="choices">
                <legend class="vh">"Where the old values come from"</legend>
                {choices}
            </fieldset>
        </Card>
    }
    .into_any()
}

#[component]
pub fn Conflicts(run: RunId, wish: Memo<Wish>, counts: RollbackCounts) -> impl IntoView {
    let title = match counts.changed_since {
        0 => "Rows that changed since: none now".to_owned(),
        1 => "The row that changed since".to_owned(),
        n => format!("The {} rows that changed since", format::count(n)),
    };
    let go = use_wish(run);
    let choices = CHOICES
        .into_iter()
        .map(|(policy, name, text, tone, word)| {
            let go = go.clone();
            let on = move || wish.with(|w| w.on_conflict == policy);
            view! {
                <label class="choice" class:on=on>
                    <input
                        type="radio"
                        name="on_conflict"
                        value=policy.as_str()
                        checked=wish.with_untracked(|w| w.on_conflict == policy)
                        prop:checked=on
                        data-testid=format!("conflict-{}", policy.as_str())
                        on:change=move |_| go(Wish { on_conflict: policy, ..wish.get_untracked() })
                    />
                    <span>
                        <b>{name}</b>
                        <span class="dim">{text}</span>
                    </span>
                    <Tag tone=Signal::stored(tone) text=word />
                </label>
            }
        })
        .collect_view();
    view! {
        <Card title>
            <fieldset class="choices">
                <legend class="vh">"What to do with rows that someone changed since"</legend>
                {choices}
            </fieldset>
            {(counts.changed_since == 0)
                .then(|| view! { <p class="dim">"The choice holds for rows that someone changes before the rollback gets to them."</p> })}
        </Card>
    }
    .into_any()
}

/// What the run wrote over what, each to be ticked. None ticked means all.
#[component]
pub fn Values(run: RunId, wish: Memo<Wish>, pairs: Vec<RollbackPair>) -> impl IntoView {
    let go = use_wish(run);
    let most = pairs.len() >= MOST_PAIRS;
    let boxes = pairs
        .into_iter()
        .map(|RollbackPair { pair, rows }| {
            let go = go.clone();
            let (old, new) = (value(pair.old.clone()), value(pair.new.clone()));
            let ticked = pair.clone();
            let on = Signal::derive(move || wish.with(|w| w.pairs.contains(&ticked)));
            view! {
                <label class="choice" class:on=on>
                    <input
                        type="checkbox"
                        checked=on.get_untracked()
                        prop:checked=on
                        data-testid="rollback-pair"
                        on:change=move |event| go(wish.get_untracked().with_pair(&pair, event_target_checked(&event)))
                    />
                    <b>{old} " \u{2192} " {new}</b>
                    <span class="num">{format::counted(rows, "row", "rows")}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <Card title="Values">
            <fieldset class="choices pairs">
                <legend class="dim">"What stood there, and what the run wrote. Tick some to put back those alone; the counts follow."</legend>
                {boxes}
            </fieldset>
            {most.then(|| view! { <p class="dim">"The pairs with the most rows. The command line takes any value."</p> })}
        </Card>
    }
    .into_any()
}

#[component]
pub fn Symbols(run: RunId, wish: Memo<Wish>) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    let go = use_wish(run.clone());
    let add = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Some(input) = field.get_untracked() else { return };
        let mut next = wish.get_untracked();
        for symbol in input.value().split([',', ';']).map(str::trim).filter(|s| !s.is_empty()) {
            if !next.symbols.iter().any(|s| s == symbol) {
                next.symbols.push(symbol.to_owned());
            }
        }
        input.set_value("");
        go(next);
    };
    let link = use_link();
    let run = StoredValue::new(run);
    let chosen = move || {
        let wish = wish.get();
        if wish.symbols.is_empty() {
            return view! { <p class="dim">"All symbols of the run. Name some to limit the rollback to them; the counts follow."</p> }
                .into_any();
        }
        let chips = wish
            .symbols
            .iter()
            .map(|symbol| {
                let mut without = wish.clone();
                without.symbols.retain(|s| s != symbol);
                let href = run.with_value(|run| link(&without.href(run)));
                view! {
                    <a class="chip set" data-noscroll="true" href=href aria-label=format!("Take out {symbol}")>
                        <b>{symbol.clone()}</b>
                        <span aria-hidden="true">"\u{2715}"</span>
                    </a>
                }
            })
            .collect_view();
        view! { <div class="chips" role="group" aria-label="Symbols">{chips}</div> }.into_any()
    };
    view! {
        <Card title="Symbols">
            {chosen}
            <form class="add" on:submit=add>
                <label class="fld">
                    <span>"Symbol"</span>
                    <input
                        class="field"
                        node_ref=field
                        autocomplete="off"
                        spellcheck="false"
                        placeholder="exact; several with commas"
                        data-testid="rollback-symbol"
                    />
                </label>
                <button type="submit" class="btn">
                    "Add"
                </button>
            </form>
        </Card>
    }
    .into_any()
}
