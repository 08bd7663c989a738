//! Step three: said once more in numbers, a reason, and the run's id typed.

use amend_domain::{Act, ConflictPolicy, RollbackCounts, RollbackOptions, RollbackSource, RuleSlug, RunId, RunView};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::wish::Wish;
use crate::{
    AppError,
    api::{rollback::start_rollback, session::use_session},
    components::{Button, ButtonKind, Card, ErrorBox},
    format,
    frame::use_link,
    live::use_live,
};

/// Characters of a reason, as the engine takes them.
const REASON: usize = 500;

#[component]
pub fn Confirm(
    run: RunId,
    rule: RuleSlug,
    wish: Memo<Wish>,
    counts: RollbackCounts,
    from: RollbackSource,
) -> impl IntoView {
    let reason = RwSignal::new(String::new());
    let typed = RwSignal::new(String::new());
    let (session, live) = (use_session(), use_live());
    let busy = live.active(Signal::stored(rule));
    let (navigate, link) = (use_navigate(), use_link());
    let wanted = StoredValue::new(run);
    let start = Action::new(move |options: &RollbackOptions| start_rollback(wanted.get_value(), options.clone()));
    Effect::new(move || {
        if let Some(Ok(run)) = start.value().get() {
            let href = link(&format!("/runs/{}", run.run_id));
            live.put(run);
            navigate(&href, NavigateOptions::default());
        }
    });

    let blocked = MaybeProp::derive(move || {
        session
            .why_not(Act::Rollback)
            .or_else(|| {
                busy.get()
                    .map(|active| format!("Run {} of this rule is active; wait for it or cancel it.", active.run_id))
            })
            .or_else(|| wish.with(|w| w.pointless(&counts)))
            .or_else(|| {
                (reason.with(|r| r.chars().count()) > REASON)
                    .then(|| format!("The reason is longer than {REASON} characters."))
            })
            .or_else(|| {
                let same = typed.with(|t| wanted.with_value(|run| t.trim() == run.as_str()));
                (!same).then(|| wanted.with_value(|run| format!("Type {run} to confirm.")))
            })
    });
    let go = move || {
        if blocked.with_untracked(Option::is_none) && !start.pending().get_untracked() {
            let wish = wish.get_untracked();
            start.dispatch(RollbackOptions {
                reason: reason.get_untracked().trim().to_owned(),
                on_conflict: wish.on_conflict,
                scope: wish.scope(),
                source: from,
                ..RollbackOptions::default()
            });
        }
    };
    view! {
        <Card title="What you are about to do">
            <Summary wish counts />
            <form
                class="confirm"
                on:submit=move |event| {
                    event.prevent_default();
                    go();
                }
            >
                <label class="fld">
                    <span>"Reason, kept with the rollback"</span>
                    <textarea
                        class="field"
                        rows="3"
                        maxlength=REASON.to_string()
                        data-testid="rollback-reason"
                        on:input=move |event| reason.set(event_target_value(&event))
                    ></textarea>
                </label>
                <label class="fld">
                    <span>"Type " <b class="mono">{wanted.get_value().to_string()}</b> " to confirm"</span>
                    <input
                        class="field mono"
                        autocomplete="off"
                        spellcheck="false"
                        data-testid="rollback-confirm"
                        on:input=move |event| typed.set(event_target_value(&event))
                    />
                </label>
                <div class="acts">
                    <Button kind=ButtonKind::Undo blocked busy=start.pending() test_id="rollback-start" on_click=move |()| go()>
                        {move || {
                            let rows = wish.with(|w| w.writes(&counts));
                            format!("Roll back {}", format::counted(rows, "row", "rows"))
                        }}
                    </Button>
                </div>
                <p class="dim" role="status" data-testid="rollback-blocked">
                    {move || blocked.get()}
                </p>
            </form>
            {move || start.value().get().and_then(failed).map(|error| view! { <ErrorBox error /> })}
            <p class="dim">"A rollback is a run of its own, with its own journal: it can itself be rolled back."</p>
        </Card>
    }
    .into_any()
}

fn failed(answer: Result<RunView, AppError>) -> Option<AppError> {
    answer.err()
}

/// The choices in sentences.
#[component]
fn Summary(wish: Memo<Wish>, counts: RollbackCounts) -> impl IntoView {
    move || {
        wish.with(|wish| {
            let rows = |n| format::counted(n, "row", "rows");
            let conflicts = match (wish.on_conflict, counts.changed_since) {
                (ConflictPolicy::Skip, 0) => "Rows that someone changes meanwhile are left as they are.".to_owned(),
                (ConflictPolicy::Skip, n) => format!("{} that changed since stay as they are.", rows(n)),
                (ConflictPolicy::Force, 0) => "Rows that someone changes meanwhile are overwritten.".to_owned(),
                (ConflictPolicy::Force, n) => format!("{} that changed since are overwritten.", rows(n)),
                (ConflictPolicy::Stop, 0) => "It stops at the first row that someone changes meanwhile.".to_owned(),
                (ConflictPolicy::Stop, n) => format!("It would stop, because {} changed since.", rows(n)),
            };
            let mut scope = if wish.symbols.is_empty() {
                "All symbols of the run.".to_owned()
            } else {
                format!("Only {}.", wish.symbols.join(", "))
            };
            if !wish.pairs.is_empty() {
                let pairs = format::counted(wish.pairs.len() as i64, "pair", "pairs");
                scope.push_str(&format!(" Only rows of {pairs} of values."));
            }
            view! {
                <ul class="sentences num">
                    <li><b>{rows(wish.writes(&counts))}</b> " get the value from before the run."</li>
                    <li>{conflicts}</li>
                    <li>{scope}</li>
                    {(counts.original > 0).then(|| view! { <li>{rows(counts.original)} " have it already; nothing is done."</li> })}
                    {(counts.deleted > 0).then(|| view! { <li>{rows(counts.deleted)} " are gone and stay gone."</li> })}
                </ul>
            }
        })
    }
}
