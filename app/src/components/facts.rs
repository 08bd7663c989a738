//! Numbers with what they mean, and the steps of a long work.

use leptos::prelude::*;

use crate::format;

/// A whole number with thousands separators, in figures of one width.
#[component]
pub fn Num(#[prop(into)] value: Signal<i64>) -> impl IntoView {
    view! { <span class="num">{move || format::count(value.get())}</span> }.into_any()
}

#[component]
pub fn Facts(children: Children) -> impl IntoView {
    view! { <div class="facts">{children()}</div> }.into_any()
}

/// A value large, what it is small below.
#[component]
pub fn Fact(
    #[prop(into)] value: Signal<String>,
    #[prop(into)] label: Signal<String>,
    #[prop(optional)] test_id: Option<&'static str>,
) -> impl IntoView {
    view! {
        <div>
            <b class="num" data-testid=test_id>{value}</b>
            <span class="num">{label}</span>
        </div>
    }
    .into_any()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    Done,
    Now,
    Ahead,
    /// It ended here, and not well.
    Broken,
}

impl StepState {
    const fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Ahead => "",
            Self::Broken => "broken",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Done => "done: ",
            Self::Now => "now: ",
            Self::Ahead => "to come: ",
            Self::Broken => "ended here: ",
        }
    }
}

/// The steps of a work in their order.
#[component]
pub fn Steps(#[prop(into)] steps: Signal<Vec<(StepState, String)>>) -> impl IntoView {
    view! {
        <ol class="steps">
            {move || {
                steps
                    .get()
                    .into_iter()
                    .map(|(state, text)| {
                        view! {
                            <li class=state.class() aria-current=(state == StepState::Now).then_some("step")>
                                <span class="vh">{state.words()}</span>
                                {text}
                            </li>
                        }
                    })
                    .collect_view()
            }}
        </ol>
    }
    .into_any()
}
