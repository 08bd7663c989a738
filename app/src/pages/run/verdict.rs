//! How it stands, in words: headline, trouble, validation.

use amend_domain::{Level, LevelResult, Phase, RunKind, RunState, RunView};
use leptos::prelude::*;

use crate::{
    components::{Card, Moment, StateTag, Tag, Tone},
    format::{count, counted, duration},
    frame::use_link,
    pages::runs::words,
    read::read,
};

pub(super) fn headline(run: Memo<RunView>) -> impl IntoView {
    move || view! { <span class="num">{read(run, sentence)}</span> }
}

fn sentence(run: &RunView) -> String {
    let dry = words::is_dry(run);
    let rows = counted(run.changed, "row", "rows");
    let done = match (run.kind, dry) {
        (RunKind::Correction, false) => "corrected",
        (RunKind::Rollback, false) => "put back",
        (_, true) => "rehearsed, none written",
    };
    let proved = run.validation.as_ref().is_some_and(|v| v.passed);
    match run.state {
        RunState::Queued => "Waiting for a worker.".into(),
        RunState::Running if matches!(run.phase, Phase::Waiting | Phase::Analysing) => {
            "Counting what is to change.".into()
        }
        RunState::Running | RunState::Pausing => format!("{} {done} so far.", words::changed_of(run)),
        RunState::Paused => format!("Paused after {rows}."),
        RunState::Validating => format!("{rows} {done}; checking the table."),
        RunState::Cancelling => format!("Stopping after {rows}."),
        RunState::Cancelled => format!("Cancelled after {rows}."),
        RunState::Failed => format!("Stopped after {rows}."),
        RunState::Succeeded if proved && !dry => format!("{rows} {done}, and proved."),
        RunState::Succeeded => format!("{rows} {done}."),
    }
}

pub(super) fn lead(run: Memo<RunView>) -> impl IntoView {
    let link = use_link();
    // What does not change while it runs.
    let fixed = Memo::new(move |_| {
        read(run, |r| {
            (
                words::what(r),
                r.run_id.clone(),
                r.started_at.unwrap_or(r.created_at),
                r.started_by.clone(),
                r.plan_hash.clone(),
            )
        })
    });
    let other = Memo::new(move |_| read(run, |r| (r.undoes.clone(), r.undone_by.clone(), r.takeovers)));
    let reason = Memo::new(move |_| {
        read(run, |r| r.rollback.as_ref().map(|o| o.reason.clone()).filter(|reason| !reason.is_empty()))
    });
    view! {
        <p>
            <StateTag run=run test_id="run-state" />
            " "
            {move || {
                let (what, id, begun, by, hash) = fixed.get();
                view! {
                    <code data-testid="run-id">{id.to_string()}</code>
                    {format!(", {what}, started ")}
                    <Moment at=begun />
                    {format!(" UTC by {by}, plan ")}
                    <code>{hash.to_string()}</code>
                }
            }}
            {move || {
                let (undoes, undone_by, takeovers) = other.get();
                let run_link = move |id: amend_domain::RunId| {
                    let name = id.to_string();
                    view! { <a class="link" href=link(&format!("/runs/{id}"))><code>{name}</code></a> }
                };
                view! {
                    {undoes.map(|id| view! { ", undoes " {run_link(id)} })}
                    {undone_by.map(|id| view! { ", undone by " {run_link(id)} })}
                    {(takeovers > 0).then(|| format!(", taken over {}", counted(takeovers, "time", "times")))}
                }
            }}
            {move || reason.get().map(|reason| view! { <span class="reason">{format!("Reason: {reason}")}</span> })}
        </p>
    }
}

/// Why it failed, what was kept, what next.
pub(super) fn trouble(run: Memo<RunView>) -> AnyView {
    let error = Memo::new(move |_| read(run, |r| r.error.clone()));
    let kept = move || {
        read(run, |r| {
            if words::is_dry(r) || r.changed == 0 {
                "No row was changed.".to_owned()
            } else {
                format!(
                    "The {} that were changed stay changed, each with what stood there before; they can be rolled back.",
                    counted(r.changed, "row", "rows")
                )
            }
        })
    };
    (move || {
        let error = error.get()?;
        Some(view! {
            <section class="error-box" role="alert" data-testid="run-error">
                <h2>{error.message}</h2>
                <dl>
                    <dt>"Kept safe"</dt>
                    <dd>{kept}</dd>
                    <dt>"What next"</dt>
                    <dd>{error.advice.unwrap_or_else(|| "Look at the log below; then start a new run, or roll this one back.".into())}</dd>
                    <dt>"To quote"</dt>
                    <dd><code>{error.code.as_str()}</code> " " {move || read(run, |r| r.run_id.to_string())}</dd>
                </dl>
            </section>
        })
    })
    .into_any()
}

pub(super) fn validation(run: Memo<RunView>) -> AnyView {
    let validation = Memo::new(move |_| read(run, |r| (r.validation.clone(), r.state)));
    let result = move || {
        let (validation, state) = validation.get();
        match validation {
            Some(v) if v.passed => {
                view! { <Tag tone=Signal::stored(Tone::Good) text="passed" test_id="validation-result" /> }.into_any()
            }
            Some(_) => {
                view! { <Tag tone=Signal::stored(Tone::Bad) text="failed" test_id="validation-result" /> }.into_any()
            }
            None => {
                let text = match state {
                    RunState::Validating => "checking",
                    s if s.is_over() => "not made",
                    _ => "to come",
                };
                view! { <Tag text test_id="validation-result" /> }.into_any()
            }
        }
    };
    let levels = move || {
        match validation.get() {
        (Some(v), _) => view! { <ul class="levels">{v.levels.iter().map(level).collect_view()}</ul> }.into_any(),
        (None, state) if state.is_over() => {
            view! { <p class="dim">"The run ended before the table was checked."</p> }.into_any()
        }
        (None, _) => view! {
            <p class="dim">"At the end Amend reads the table again and checks level by level that it is as promised."</p>
        }
        .into_any(),
    }
    };
    view! {
        <Card title="Validation" tools=move || view! { {result} }>
            {levels}
        </Card>
    }
    .into_any()
}

fn level(result: &LevelResult) -> AnyView {
    let name = match result.level {
        Level::Completeness => "Completeness",
        Level::AllowedValues => "Allowed values",
        Level::Agreement => "Agreement with the reference",
        Level::Orphans => "Orphans",
        Level::Reconciliation => "Reconciliation",
        Level::UntouchedColumns => "Untouched columns",
    };
    let (class, mark) = if result.passed { ("level good", "\u{2713}") } else { ("level bad", "\u{2715}") };
    let examples = (!result.examples.is_empty()).then(|| {
        let lines = result.examples.iter().map(|line| view! { <li class="num">{line.clone()}</li> }).collect_view();
        view! { <details><summary>"Examples"</summary><ul>{lines}</ul></details> }
    });
    let violations = (result.violations > 0).then(|| format!(" ({})", count(result.violations)));
    view! {
        <li class=class data-testid=format!("level-{}", result.level.as_str())>
            <i aria-hidden="true">{mark}</i>
            <span>
                <b>{name}</b>
                <span class="vh">{if result.passed { ": passed" } else { ": failed" }}</span>
                {violations}
                <small class="num">{result.detail.clone()}</small>
                {examples}
            </span>
        </li>
    }
    .into_any()
}

/// `2.2 s`.
pub(super) fn took(run: &RunView) -> String {
    duration(run.duration_ms)
}
