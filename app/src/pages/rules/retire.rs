//! Retiring a rule and bringing it back: as it is saved, whatever stands in the form.

use amend_domain::{Act, Rule};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::edit::Make;
use crate::{
    AppError,
    api::{
        rules::{RuleAsk, What, ask_rule},
        session::use_session,
    },
    components::{Button, ButtonKind, Card, Dialog, ErrorBox, Tone, use_toasts},
    frame::use_refresh,
};

pub(super) fn card(make: Make) -> AnyView {
    let Some(stored) = make.desk.with_untracked(|desk| desk.rule.clone()) else { return ().into_any() };
    let kept = make.desk.with_untracked(|desk| desk.kept.as_ref().map(|problem| problem.message.clone()));
    let (session, toasts, refresh) = (use_session(), use_toasts(), use_refresh());
    let go = use_navigate();
    let (open, busy, error) = (RwSignal::new(false), RwSignal::new(false), RwSignal::new(None::<AppError>));
    let back = stored.retired;
    let blocked = move || MaybeProp::from(session.why_not(Act::ChangeRules).or_else(|| kept.clone()));
    let press = move |()| {
        busy.set(true);
        error.set(None);
        let rule = Rule { retired: !back, ..stored.clone() };
        let go = go.clone();
        spawn_local(async move {
            let answer = ask_rule(RuleAsk { rule, new: false, what: What::Save }).await;
            // The page may have been left meanwhile.
            if busy.try_set(false).is_some() {
                return;
            }
            open.set(false);
            match answer {
                Ok(_) => {
                    toasts.show(Tone::Good, if back { "The rule is back." } else { "The rule is retired." });
                    refresh.now();
                    go("/rules", NavigateOptions::default());
                }
                Err(why) => error.set(Some(why)),
            }
        });
    };
    let trouble = move || error.get().map(|error| view! { <ErrorBox error /> });
    if back {
        return view! {
            <Card title="Retired">
                <p class="dim">"No run of this rule starts. Its history is kept, and what its runs wrote can be rolled back."</p>
                {trouble}
                <div class="acts">
                    <Button blocked=blocked() busy=busy test_id="bring-back" on_click=press>"Bring it back"</Button>
                </div>
            </Card>
        }
        .into_any();
    }
    view! {
        <Card title="No longer needed?">
            <p class="dim">"A rule is never deleted: its runs and their journals belong to it. Retired, it is out of the way."</p>
            {trouble}
            <div class="acts">
                <Button kind=ButtonKind::Undo blocked=blocked() test_id="retire" on_click=move |()| open.set(true)>
                    "Retire it"
                </Button>
            </div>
            <Dialog open title="Retire this rule?" test_id="retire-dialog">
                <p>
                    "No run of it starts any more, and it is no longer offered at the top of the page. Nothing in your tables changes; what its runs wrote can still be rolled back. It can be brought back here."
                </p>
                <div class="acts">
                    <Button on_click=move |()| open.set(false)>"Keep it"</Button>
                    <Button kind=ButtonKind::Undo busy=busy test_id="retire-confirm" on_click=press>"Retire it"</Button>
                </div>
            </Dialog>
        </Card>
    }
    .into_any()
}
