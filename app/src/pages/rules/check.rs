//! What the database says of the rule as it stands in the form, and saving it.

use amend_domain::Act;
use leptos::{prelude::*, task::spawn_local};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{edit::Make, suggest};
use crate::{
    AppError,
    api::{
        rules::{RuleAnswer, What, ask_rule},
        session::use_session,
    },
    components::{Button, ButtonKind, Card, ErrorBox, Tag, Tone, use_toasts},
    frame::{Refresh, use_refresh},
    read::read,
};

/// How the form stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Open,
    Checking,
    Fits,
    Refused,
}

pub(super) fn card(make: Make) -> AnyView {
    let standing = Memo::new(move |_| {
        if read(make.rule, suggest::missing).is_some() {
            return Standing::Open;
        }
        let answer = make.checked.value.with(|value| match value {
            Some(Ok(Some(_))) => Standing::Fits,
            Some(Err(_)) => Standing::Refused,
            Some(Ok(None)) | None => Standing::Checking,
        });
        if make.checked.pending.get() { Standing::Checking } else { answer }
    });
    let tone = Signal::derive(move || match standing.get() {
        Standing::Open | Standing::Checking => Tone::Neutral,
        Standing::Fits => Tone::Good,
        Standing::Refused => Tone::Bad,
    });
    let word = Signal::derive(move || {
        let word = match standing.get() {
            Standing::Open => "not complete",
            Standing::Checking => "checking",
            Standing::Fits => "fits",
            Standing::Refused => "refused",
        };
        word.to_owned()
    });
    let says = move || match (read(make.rule, suggest::missing), make.checked.value.get()) {
        (Some(what), _) => {
            view! { <p data-testid="check-missing">"Still to choose: " <b>{what}</b> "."</p> }.into_any()
        }
        (None, Some(Ok(Some(answer)))) => found(answer),
        (None, Some(Err(error))) => refused(&error),
        (None, _) => view! { <p class="dim">"The database is being asked."</p> }.into_any(),
    };
    let refresh = use_refresh();
    view! {
        <Card
            title="Check"
            tools=move || view! { <Tag tone=tone text=word test_id="check-state" /> }
            test_id="rule-check"
        >
            <div class="check-says" role="status">{says}</div>
            {save(make, standing, refresh)}
        </Card>
    }
    .into_any()
}

fn refused(error: &AppError) -> AnyView {
    view! {
        <p class="trouble" data-testid="check-trouble">{error.happened()}</p>
        <p>{error.next()}</p>
    }
    .into_any()
}

fn found(answer: RuleAnswer) -> AnyView {
    let noted = |tone: Tone, word: &'static str, notes: Vec<Vec<String>>| {
        let one = move |note: Vec<String>| {
            let mut note = note.into_iter();
            let (message, advice) = (note.next(), note.next());
            view! {
                <li>
                    <Tag tone=Signal::stored(tone) text=word />
                    <span>{message} <small>{advice}</small></span>
                </li>
            }
        };
        notes.into_iter().map(one).collect_view()
    };
    view! {
        <ul class="check-facts num" data-testid="check-facts">
            {answer.facts.into_iter().map(|fact| view! { <li>{fact}</li> }).collect_view()}
        </ul>
        <ul class="risks" data-testid="check-notes">
            {noted(Tone::Warn, "no run yet", answer.stops)}
            {noted(Tone::Neutral, "to know", answer.notes)}
        </ul>
    }
    .into_any()
}

fn save(make: Make, standing: Memo<Standing>, refresh: Refresh) -> AnyView {
    let (session, toasts) = (use_session(), use_toasts());
    let (busy, error) = (RwSignal::new(false), RwSignal::new(None::<AppError>));
    let go = use_navigate();
    let kept = make.desk.with_untracked(|desk| desk.kept.as_ref().map(|problem| problem.message.clone()));
    let blocked = MaybeProp::derive(move || {
        session.why_not(Act::ChangeRules).or_else(|| kept.clone()).or_else(|| {
            let why = match standing.get() {
                Standing::Fits => return None,
                Standing::Open => "Something is still to be chosen.",
                Standing::Checking => "The check is not through.",
                Standing::Refused => "The check refuses it.",
            };
            Some(why.to_owned())
        })
    });
    let press = move |()| {
        busy.set(true);
        error.set(None);
        let ask = make.ask(What::Save);
        let go = go.clone();
        spawn_local(async move {
            let path = format!("/analysis?rule={}", ask.rule.slug);
            let answer = ask_rule(ask).await;
            // The page may have been left meanwhile.
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(_) => {
                    toasts.show(Tone::Good, "Saved. An analysis shows what the rule finds.");
                    refresh.now();
                    go(&path, NavigateOptions::default());
                }
                Err(why) => error.set(Some(why)),
            }
        });
    };
    view! {
        {move || error.get().map(|error| view! { <ErrorBox error /> })}
        <div class="acts">
            <Button kind=ButtonKind::Go blocked busy=busy test_id="save-rule" on_click=press>
                {if make.changing { "Save the changes" } else { "Save the rule" }}
            </Button>
            <Button busy=make.checked.pending test_id="check-again" on_click=move |()| refresh.now()>"Check again"</Button>
        </div>
        <p class="dim" data-testid="save-blocked">{move || blocked.get()}</p>
    }
    .into_any()
}
