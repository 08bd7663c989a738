//! Small labels for states.

use amend_domain::{RunState, RunView};
use leptos::prelude::*;

use crate::read::read;

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
pub fn StateTag(
    #[prop(into)] run: Signal<RunView>,
    /// There is room for one tag: that a run was undone takes the place of its state.
    #[prop(optional)]
    alone: bool,
    #[prop(optional)] test_id: Option<&'static str>,
) -> impl IntoView {
    let state = Memo::new(move |_| read(run, |r| (r.state, r.undone_by.is_some())));
    let tags = move || {
        let (state, undone) = state.get();
        let own = (!(undone && alone)).then(|| {
            view! { <span class=state_tone(state).class() data-testid=test_id>{state.as_str()}</span> }
        });
        let undone = undone.then(|| view! { <span class=Tone::Warn.class()>"rolled back"</span> });
        view! {
            {own}
            {undone}
        }
    };
    view! { <span class="tags">{tags}</span> }.into_any()
}
