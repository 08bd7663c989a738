//! Boxes: a card, an empty state, a skeleton, a table.

use leptos::prelude::*;

/// A titled box. `note` stands at the right of the title.
#[component]
pub fn Card(
    #[prop(into)] title: Signal<String>,
    #[prop(optional, into)] note: MaybeProp<String>,
    /// Controls beside the title.
    #[prop(optional, into)]
    tools: ViewFn,
    #[prop(optional)] class: &'static str,
    #[prop(optional)] test_id: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    view! {
        <section class=format!("card {class}") data-testid=test_id>
            <header>
                <h2>{title}</h2>
                <span class="num dim">{move || note.get()}</span>
                {tools.run()}
            </header>
            {children()}
        </section>
    }
    .into_any()
}

/// What stands where there is nothing yet: says why, and what to do.
#[component]
pub fn EmptyState(#[prop(into)] title: String, children: Children) -> impl IntoView {
    view! {
        <div class="empty" data-testid="empty-state">
            <svg viewBox="0 0 48 48" aria-hidden="true" class="empty-mark">
                <path d="M8 12h32M8 24h14M8 36h10" />
                <path d="m24 33 6 6 12-13" />
            </svg>
            <h2>{title}</h2>
            {children()}
        </div>
    }
    .into_any()
}

/// Grey lines where text will be.
#[component]
pub fn Skeleton(#[prop(default = 3)] lines: usize) -> impl IntoView {
    let lines = (0..lines).map(|_| view! { <span></span> }).collect_view();
    view! {
        <div class="skeleton" role="status">
            <span class="vh">"Loading"</span>
            {lines}
        </div>
    }
    .into_any()
}

/// A table that scrolls sideways in its card when there is no room. Children are `<thead>` and `<tbody>`.
#[component]
pub fn Table(
    /// For those who do not see it.
    #[prop(into)]
    caption: String,
    #[prop(optional)] test_id: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    let name = caption.clone();
    view! {
        <div class="table-wrap" tabindex="0" role="region" aria-label=name>
            <table class="table" data-testid=test_id>
                <caption class="vh">{caption.clone()}</caption>
                {children()}
            </table>
        </div>
    }
    .into_any()
}
