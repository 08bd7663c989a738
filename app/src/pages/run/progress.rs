//! How far it is: phase steps, bar, numbers.

use amend_domain::{Phase, RunKind, RunState, RunView};
use leptos::prelude::*;

use super::verdict::took;
use crate::{
    components::{Bar, Fact, Facts, StepState, Steps},
    format::{count, counted},
    pages::runs::words,
    read::read,
};

pub(super) fn steps(run: Memo<RunView>) -> AnyView {
    let key = Memo::new(move |_| read(run, |r| (r.phase, r.state, r.kind)));
    let steps = Signal::derive(move || {
        let (phase, state, kind) = key.get();
        Phase::ALL
            .into_iter()
            .map(|step| {
                let at = match step {
                    _ if state == RunState::Succeeded => StepState::Done,
                    s if (s as u8) < phase as u8 => StepState::Done,
                    s if s == phase && state.is_over() => StepState::Broken,
                    s if s == phase => StepState::Now,
                    _ => StepState::Ahead,
                };
                (at, name(step, kind).to_owned())
            })
            .collect::<Vec<_>>()
    });
    view! { <Steps steps /> }.into_any()
}

const fn name(phase: Phase, kind: RunKind) -> &'static str {
    match (phase, kind) {
        (Phase::Waiting, _) => "Queued",
        (Phase::Analysing, RunKind::Correction) => "Counting",
        (Phase::Analysing, RunKind::Rollback) => "Looking at the journal",
        (Phase::Correcting, RunKind::Correction) => "Correcting",
        (Phase::Correcting, RunKind::Rollback) => "Putting back",
        (Phase::Sweeping, _) => "Sweep",
        (Phase::Validating, _) => "Validating",
        (Phase::Done, _) => "Done",
    }
}

pub(super) fn card(run: Memo<RunView>) -> AnyView {
    let text = move |f: fn(&RunView) -> String| Signal::derive(move || run.with(f));
    let over = Memo::new(move |_| read(run, |r| r.state.is_over()));
    let rollback = run.with_untracked(|r| r.kind == RunKind::Rollback);
    let share = Signal::derive(move || read(run, RunView::progress));
    let special = if rollback {
        view! {
            <Fact value=text(|r| count(r.conflicts)) label="changed by others since" test_id="run-conflicts" />
            <Fact value=text(|r| count(r.deleted)) label="rows gone" />
        }
        .into_any()
    } else {
        view! { <Fact value=text(|r| count(r.remaining)) label=text(|r| if r.state == RunState::Succeeded { "correctable rows left".into() } else { "correctable at the last look".into() }) test_id="run-remaining" /> }
            .into_any()
    };
    let time = move || {
        if over.get() {
            view! { <Fact value=text(took) label="took" /> }.into_any()
        } else {
            view! { <Fact value=text(words::eta) label="left, about" test_id="run-eta" /> }.into_any()
        }
    };
    view! {
        <section class="card" aria-label="Progress">
            <Facts>
                <Fact value=text(|r| format!("{:.1} %", r.progress())) label=text(scanned) test_id="run-percent" />
                <Fact value=text(|r| count(r.changed)) label=text(of) test_id="run-changed" />
                <Fact value=text(words::rate) label=text(|r| if r.state.is_over() { "rows a second, mean".into() } else { "rows a second".into() }) />
                {time}
                <Fact value=text(|r| count(r.chunks)) label=text(|r| format!("transactions, up to {} rows each", count(r.batch_size))) />
                <Fact value=text(|r| count(r.skipped)) label="passed over, locked or moved" />
                <Fact value=text(|r| count(r.failed)) label="failed" />
                {special}
            </Facts>
            <Bar share label="Progress of the run" text=text(words::changed_of) test_id="run-progress" />
            <Spoken run />
        </section>
    }
    .into_any()
}

fn of(run: &RunView) -> String {
    match run.to_change {
        Some(all) => format!("of {} changed", counted(all, "row", "rows")),
        None => "rows changed".into(),
    }
}

fn scanned(run: &RunView) -> String {
    match run.to_scan {
        Some(all) => format!("{} of {} looked at", count(run.scanned), count(all)),
        None => format!("{} looked at", counted(run.scanned, "row", "rows")),
    }
}

/// The progress for those who hear it: at every tenth, and at every change of state.
#[component]
fn Spoken(run: Memo<RunView>) -> impl IntoView {
    #[expect(clippy::cast_possible_truncation, reason = "0 to 10")]
    let mark = Memo::new(move |_| read(run, |r| ((r.progress() / 10.0) as i32 * 10, r.state)));
    view! {
        <p class="vh" role="status" aria-live="polite" data-testid="run-spoken">
            {move || {
                let (tenth, state) = mark.get();
                if state.is_over() { state.as_str().to_owned() } else { format!("{}, {tenth} percent", state.as_str()) }
            }}
        </p>
    }
    .into_any()
}
