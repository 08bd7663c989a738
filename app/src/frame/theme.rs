//! Light or dark: the system's choice until one makes one's own, which is remembered. The script
//! in the shell applies it before the first paint.

use leptos::prelude::*;

/// Changes to the other theme, remembers it, and tells the charts.
pub(super) fn toggle() {
    let Some(root) = document().document_element() else { return };
    let next = if is_dark(&root) { "light" } else { "dark" };
    // Where storage is refused the choice lasts as long as the page; nothing else depends on it.
    drop(root.set_attribute("data-theme", next));
    if let Ok(Some(storage)) = window().local_storage() {
        drop(storage.set_item("amend.theme", next));
    }
    if let Ok(event) = web_sys::CustomEvent::new("amend:theme") {
        drop(window().dispatch_event(&event));
    }
}

fn is_dark(root: &web_sys::Element) -> bool {
    match root.get_attribute("data-theme").as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => window().match_media("(prefers-color-scheme: dark)").ok().flatten().is_some_and(|m| m.matches()),
    }
}

#[component]
pub fn ThemeSwitch() -> impl IntoView {
    view! {
        <button
            type="button"
            class="btn quiet icon"
            aria-label="Switch between light and dark"
            title="Light or dark (t)"
            data-testid="theme-switch"
            on:click=|_| toggle()
        >
            <svg viewBox="0 0 20 20" aria-hidden="true">
                <circle cx="10" cy="10" r="7" />
                <path class="solid" d="M10 3a7 7 0 0 1 0 14z" />
            </svg>
        </button>
    }
    .into_any()
}
