//! `?`: the shortcuts.

use leptos::prelude::*;

use super::places::PLACES;
use crate::components::Dialog;

const KEYS: [(&str, &str); 6] = [
    ("/", "Go to the search box"),
    ("r", "Load the page's data again"),
    ("t", "Light or dark"),
    ("?", "This help"),
    ("Esc", "Close what is open"),
    ("g", "Then a letter:"),
];

#[component]
pub fn HelpDialog(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog open title="Shortcuts" test_id="help-dialog">
            <dl class="shortcuts">
                {KEYS.map(|(key, what)| view! { <dt><kbd>{key}</kbd></dt> <dd>{what}</dd> }).collect_view()}
                {PLACES
                    .map(|place| {
                        view! {
                            <dt><kbd>"g"</kbd> " " <kbd>{place.key.to_string()}</kbd></dt>
                            <dd>{place.name}</dd>
                        }
                    })
                    .collect_view()}
            </dl>
            <p class="dim">"Shortcuts rest while you type."</p>
        </Dialog>
    }
    .into_any()
}
