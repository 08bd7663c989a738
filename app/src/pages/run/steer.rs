//! Steering a run while it works: pause, resume, pace, and what holds it back.

use amend_domain::{Act, RunState, RunView};
use leptos::{prelude::*, task::spawn_local};

use crate::{
    api::{runs::steer_run, session::use_session},
    components::{Button, Tone, use_toasts},
    live::use_live,
};

/// What asks the server; one request at a time.
#[derive(Clone, Copy)]
struct Steer {
    run: Memo<RunView>,
    busy: RwSignal<bool>,
    ask: Callback<(&'static str, u8)>,
}

impl Steer {
    fn new(run: Memo<RunView>) -> Self {
        let (live, toasts) = (use_live(), use_toasts());
        let busy = RwSignal::new(false);
        let ask = Callback::new(move |(act, percent): (&'static str, u8)| {
            let id = run.with_untracked(|r| r.run_id.clone());
            busy.set(true);
            spawn_local(async move {
                match steer_run(id, act.to_owned(), percent).await {
                    Ok(view) => live.answer(view),
                    Err(error) => toasts.show(Tone::Bad, format!("{} {}", error.happened(), error.next())),
                }
                // The page may have been left meanwhile.
                let _gone = busy.try_set(false);
            });
        });
        Self { run, busy, ask }
    }

    /// Why it cannot be asked now: the role, or what `blocked` finds in the run.
    fn why_not(self, blocked: fn(&RunView) -> Option<&'static str>) -> Signal<Option<String>> {
        let session = use_session();
        Signal::derive(move || session.why_not(Act::Steer).or_else(|| self.run.with(blocked).map(ToOwned::to_owned)))
    }
}

/// One button that pauses what runs and resumes what is paused.
pub(super) fn pause(run: Memo<RunView>) -> AnyView {
    let steer = Steer::new(run);
    let paused = move || run.with(|r| r.state == RunState::Paused);
    let blocked = steer.why_not(|r| match r.state {
        RunState::Queued => Some("It has not begun."),
        RunState::Pausing => Some("It is being paused: the transaction in flight is finished first."),
        RunState::Validating => Some("It writes no more and only checks the table."),
        RunState::Cancelling => Some("It is being cancelled."),
        _ => None,
    });
    view! {
        <Button
            blocked=blocked
            busy=steer.busy
            test_id="pause-resume"
            on_click=move |()| {
                let act = if run.with_untracked(|r| r.state == RunState::Paused) { "resume" } else { "pause" };
                steer.ask.run((act, 0));
            }
        >
            {move || if paused() { "Resume" } else { "Pause" }}
        </Button>
    }
    .into_any()
}

/// The slider, and why nothing moves. Nothing for a run that is over.
pub(super) fn card(run: Memo<RunView>) -> AnyView {
    let over = Memo::new(move |_| run.with(|r| r.state.is_over()));
    (move || (!over.get()).then(|| active(run))).into_any()
}

fn active(run: Memo<RunView>) -> AnyView {
    let steer = Steer::new(run);
    // Where the slider stands while somebody drags it.
    let dragged = RwSignal::new(None::<u8>);
    let percent = move || dragged.get().unwrap_or_else(|| run.with(|r| r.pace));
    let words = move || match percent() {
        0 => "0 %: held".to_owned(),
        100 => "100 %: no rests".to_owned(),
        n => format!("{n} %, rests the other {} %", 100 - n),
    };
    let blocked = steer.why_not(|_| None);
    let read = move |event: &web_sys::Event| event_target_value(event).parse::<u8>().ok();
    let standing = move || {
        run.with(|r| match r.state {
            RunState::Pausing => Some("Pausing: the transaction in flight is finished first.".to_owned()),
            RunState::Paused => {
                Some("Paused: no worker holds it, and what is committed stays. Resume goes on from there.".to_owned())
            }
            _ if !r.held.is_empty() => Some(format!("Held: {}.", r.held.join("; "))),
            _ => None,
        })
    };
    view! {
        <section class="card steer" aria-label="Pace">
            <label for="pace">"Pace"</label>
            <input
                id="pace"
                type="range"
                min="0"
                max="100"
                data-testid="pace"
                aria-valuetext=words
                disabled=move || blocked.with(Option::is_some)
                title=move || blocked.get()
                value=run.with_untracked(|r| r.pace)
                prop:value=move || percent().to_string()
                on:input=move |event| dragged.set(read(&event))
                on:change=move |event| {
                    if let Some(percent) = read(&event) {
                        steer.ask.run(("pace", percent));
                    }
                    dragged.set(None);
                }
            />
            <span class="num" data-testid="pace-words">{words}</span>
            <div role="status" aria-live="polite">
                {move || standing().map(|text| view! { <p class="why" data-testid="run-held">{text}</p> })}
            </div>
        </section>
    }
    .into_any()
}
