//! Small labels for states.

use amend_domain::{RunState, RunView};
use leptos::prelude::*;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Neutral,
    Good,
    Warn,
    Bad,
    Active,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Neutral => "tag",
            Self::Good => "tag good",
            Self::Warn => "tag warn",
            Self::Bad => "tag bad",
            Self::Active => "tag run",
        }
    }
}

#[component]
pub fn Tag(
    #[prop(optional, into)] tone: Signal<Tone>,
    #[prop(into)] text: Signal<String>,
    #[prop(optional)] test_id: Option<&'static str>,
) -> impl IntoView {
    view! { <span class=move || tone.get().class() data-testid=test_id>{text}</span> }.into_any()
}

/// The colour of a state.
#[must_use]
pub const fn state_tone(state: RunState) -> Tone {
    match state {
        RunState::Running | RunState::Validating => Tone::Active,
        RunState::Succeeded => Tone::Good,
        RunState::Failed => Tone::Bad,
        RunState::Pausing | RunState::Paused | RunState::Cancelling => Tone::Warn,
        RunState::Queued | RunState::Cancelled => Tone::Neutral,
    }
}

/// The state of a run; one that was undone says so beside it.
#[component]
pub fn StateTag(#[prop(into)] run: Signal<RunView>, #[prop(optional)] test_id: Option<&'static str>) -> impl IntoView {
    let tone = Signal::derive(move || state_tone(run.with(|r| r.state)));
    let text = Signal::derive(move || run.with(|r| r.state.as_str().to_owned()));
    let undone = move || {
        run.with(|r| r.undone_by.is_some())
            .then(|| view! { <Tag tone=Signal::stored(Tone::Warn) text="rolled back" /> })
    };
    view! {
        <span class="tags">
            {match test_id {
                Some(test_id) => view! { <Tag tone text test_id /> },
                None => view! { <Tag tone text /> },
            }}
            {undone}
        </span>
    }
    .into_any()
}
