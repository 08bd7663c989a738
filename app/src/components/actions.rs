//! Buttons, and links that look like them.

use leptos::prelude::*;

use crate::read::read;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ButtonKind {
    #[default]
    Plain,
    /// The one act that the page is for.
    Go,
    /// Takes something back or stops it.
    Undo,
    /// Without a border, for the frame.
    Quiet,
}

impl ButtonKind {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain => "btn",
            Self::Go => "btn go",
            Self::Undo => "btn undo",
            Self::Quiet => "btn quiet",
        }
    }
}

/// A button that says why when it cannot be pressed: it stays reachable by keyboard, so that the
/// reason can be read by everyone.
#[component]
pub fn Button(
    #[prop(optional)] kind: ButtonKind,
    /// Why it cannot be pressed now.
    #[prop(optional, into)]
    blocked: MaybeProp<String>,
    /// Work of this button is under way.
    #[prop(optional, into)]
    busy: Signal<bool>,
    /// For tests.
    #[prop(optional)]
    test_id: Option<&'static str>,
    #[prop(into)] on_click: Callback<()>,
    children: Children,
) -> impl IntoView {
    let off = move || blocked.get().is_some() || busy.get();
    view! {
        <button
            type="button"
            class=kind.class()
            data-testid=test_id
            aria-disabled=move || off().to_string()
            aria-busy=move || busy.get().to_string()
            title=move || blocked.get()
            on:click=move |_| {
                if !blocked.with_untracked(Option::is_some) && !busy.get_untracked() {
                    on_click.run(());
                }
            }
        >
            {children()}
            {move || blocked.get().map(|why| view! { <span class="vh">". " {why}</span> })}
        </button>
    }
    .into_any()
}

/// A link that looks like a button; with a reason it is shown and leads nowhere.
#[component]
pub fn ButtonLink(
    #[prop(optional)] kind: ButtonKind,
    #[prop(into)] href: Signal<String>,
    #[prop(optional, into)] blocked: MaybeProp<String>,
    #[prop(optional)] test_id: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    view! {
        <a
            class=kind.class()
            data-testid=test_id
            href=move || read(blocked, Option::is_none).then(|| href.get())
            role=move || read(blocked, Option::is_some).then_some("link")
            tabindex=move || read(blocked, Option::is_some).then_some("0")
            aria-disabled=move || read(blocked, Option::is_some).then_some("true")
            title=move || blocked.get()
        >
            {children()}
            {move || blocked.get().map(|why| view! { <span class="vh">". " {why}</span> })}
        </a>
    }
    .into_any()
}
