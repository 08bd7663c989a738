//! The choice, the statements that it comes to, and the buttons.

use amend_domain::{Act, PreventionChoice, PreventionKind, RuleSlug};
use leptos::{prelude::*, task::spawn_local};

use crate::{
    AppError,
    api::{
        prevention::{Prevention, prevention_statements, set_prevention},
        session::use_session,
    },
    components::{Button, ButtonKind, Card, Dialog, ErrorBox, Skeleton, Tone, use_toasts},
    frame::use_refresh,
    load::load_later,
    read::read,
};

const KINDS: [(PreventionKind, &str, &str); 2] = [
    (
        PreventionKind::Fill,
        "Fill",
        "A row written without a value gets the reference's. Any other value stays as it was written. Writers notice nothing.",
    ),
    (
        PreventionKind::Refuse,
        "Refuse",
        "A write whose value is not the reference's fails with an error that says so. Programs that write wrong values will see it.",
    ),
];

pub(super) fn card(rule: Signal<RuleSlug>, data: Signal<Prevention>) -> AnyView {
    let status = data.with_untracked(|p| p.status.clone());
    let kind = RwSignal::new(status.kind.unwrap_or_default());
    let check = RwSignal::new(status.check.is_some());
    let choice = Memo::new(move |_| PreventionChoice { kind: kind.get(), check: check.get() });
    let refresh = use_refresh();
    let script = load_later(move || {
        // What stands there decides what has to be replaced.
        refresh.count();
        prevention_statements(rule.get(), Some(choice.get()))
    });
    let error = RwSignal::new(None::<AppError>);
    let installed = Signal::derive(move || read(data, |p| p.status.kind.is_some()));
    view! {
        <Card title="What it should do">
            <div class="choices" role="radiogroup" aria-label="What it should do">
                {KINDS.map(|(each, name, what)| option(kind, each, name, what)).collect_view()}
            </div>
            {check_box(check, data)}
            {move || error.get().map(|error| view! { <ErrorBox error /> })}
            <div class="acts">
                {install(rule, choice, installed, error)}
                {removal(rule, installed, error)}
            </div>
        </Card>
        <Card title="The statements" note="run one by one, none waiting long for a lock" test_id="prevention-sql">
            {move || match script.value.get() {
                None => view! { <Skeleton lines=6 /> }.into_any(),
                Some(answer) => statements(answer),
            }}
        </Card>
    }
    .into_any()
}

fn option(kind: RwSignal<PreventionKind>, each: PreventionKind, name: &'static str, what: &'static str) -> AnyView {
    let on = move || kind.get() == each;
    view! {
        <label class="choice" class:on=on>
            <input
                type="radio"
                name="prevention-kind"
                value=each.as_str()
                data-testid=format!("prevention-{}", each.as_str())
                prop:checked=on
                on:change=move |_| kind.set(each)
            />
            <span>
                <b>{name}</b>
                <span class="dim">{what}</span>
            </span>
        </label>
    }
    .into_any()
}

fn check_box(check: RwSignal<bool>, data: Signal<Prevention>) -> AnyView {
    let why_not = Memo::new(move |_| read(data, |p| p.no_check.clone()));
    view! {
        <label class="check">
            <input
                type="checkbox"
                data-testid="prevention-check"
                disabled=move || why_not.get().is_some()
                prop:checked=move || check.get()
                on:change=move |event| check.set(event_target_checked(&event))
            />
            <span>
                "Also a CHECK of the allowed values"
                <small>
                    {move || match why_not.get() {
                        Some(why) => format!("It {why}."),
                        None => "Added without looking at old rows, then validated without blocking writers. It holds for everyone, also where triggers are switched off.".into(),
                    }}
                </small>
            </span>
        </label>
    }
    .into_any()
}

fn statements(answer: Result<Vec<String>, AppError>) -> AnyView {
    match answer {
        Ok(list) => view! {
            <pre class="sql" tabindex="0"><code>{list.into_iter().map(|s| format!("{s};\n")).collect::<Vec<_>>().join("\n")}</code></pre>
        }
        .into_any(),
        Err(error) => view! { <ErrorBox error /> }.into_any(),
    }
}

fn install(
    rule: Signal<RuleSlug>,
    choice: Memo<PreventionChoice>,
    installed: Signal<bool>,
    error: RwSignal<Option<AppError>>,
) -> AnyView {
    let (session, done) = (use_session(), finished(error));
    let busy = RwSignal::new(false);
    let blocked = MaybeProp::derive(move || session.why_not(Act::ChangeRules));
    let text = move || if installed.get() { "Replace what is installed" } else { "Switch it on" };
    let ask = move |()| {
        busy.set(true);
        let wanted = (rule.get_untracked(), choice.get_untracked());
        spawn_local(async move {
            done.run((set_prevention(wanted.0, Some(wanted.1)).await, "Prevention is on."));
            // The page may have been left meanwhile.
            let _gone = busy.try_set(false);
        });
    };
    view! {
        <Button kind=ButtonKind::Go blocked busy=busy test_id="prevention-on" on_click=ask>
            {text}
        </Button>
        <span class="dim">{move || blocked.get()}</span>
    }
    .into_any()
}

/// Taking it off: its statements first, in a dialog, and then the button.
fn removal(rule: Signal<RuleSlug>, installed: Signal<bool>, error: RwSignal<Option<AppError>>) -> AnyView {
    let (session, done) = (use_session(), finished(error));
    let open = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let blocked = MaybeProp::derive(move || session.why_not(Act::ChangeRules));
    let script = load_later(move || {
        let wanted = open.get().then(|| rule.get());
        async move {
            match wanted {
                Some(rule) => prevention_statements(rule, None).await.map(Some),
                None => Ok(None),
            }
        }
    });
    let ask = move |()| {
        busy.set(true);
        let rule = rule.get_untracked();
        spawn_local(async move {
            done.run((set_prevention(rule, None).await, "Prevention is off; nothing of it is left in the table."));
            let _gone = (busy.try_set(false), open.try_set(false));
        });
    };
    (move || {
        installed.get().then(|| {
            view! {
                <Button kind=ButtonKind::Undo blocked test_id="prevention-off" on_click=move |()| open.set(true)>
                    "Take it off"
                </Button>
                <Dialog open title="Take it off again?" test_id="prevention-off-dialog">
                    <p>"These statements run. Rows keep the values they have; wrong ones can be written again."</p>
                    {move || match script.value.get() {
                        Some(Ok(Some(list))) => statements(Ok(list)),
                        Some(Err(error)) => statements(Err(error)),
                        _ => view! { <Skeleton lines=3 /> }.into_any(),
                    }}
                    <div class="acts">
                        <Button on_click=move |()| open.set(false)>"Keep it"</Button>
                        <Button kind=ButtonKind::Undo busy=busy test_id="prevention-off-confirm" on_click=ask>
                            "Take it off"
                        </Button>
                    </div>
                </Dialog>
            }
        })
    })
    .into_any()
}

/// Shows the answer and loads the page's data again: what is installed may have changed even where a
/// later step failed.
fn finished(error: RwSignal<Option<AppError>>) -> Callback<(Result<(), AppError>, &'static str)> {
    let (toasts, refresh) = (use_toasts(), use_refresh());
    Callback::new(move |(answer, said): (Result<(), AppError>, &'static str)| {
        if answer.is_ok() {
            toasts.show(Tone::Good, said);
        }
        // The page may have been left meanwhile.
        let _gone = error.try_set(answer.err());
        refresh.now();
    })
}
