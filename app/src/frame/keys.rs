//! Shortcuts, on the whole window, resting while one types.

use std::time::Duration;

use leptos::{ev, html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

use super::{places::PLACES, theme, use_link, use_refresh};

/// How long `g` waits for its letter.
const G_WAITS: Duration = Duration::from_millis(1500);

pub(super) fn listen(help: RwSignal<bool>, search: NodeRef<html::Input>) {
    let navigate = use_navigate();
    let link = use_link();
    let refresh = use_refresh();
    let after_g = StoredValue::new(0_u32);
    Effect::new(move |_| {
        let navigate = navigate.clone();
        let listener = window_event_listener(ev::keydown, move |event| {
            if event.ctrl_key() || event.meta_key() || event.alt_key() || is_typing(&event) {
                return;
            }
            let key = event.key();
            if after_g.get_value() > 0 {
                after_g.set_value(0);
                if let Some(place) = PLACES.iter().find(|p| key.chars().eq([p.key])) {
                    event.prevent_default();
                    navigate(&untrack(|| link(place.path)), NavigateOptions::default());
                }
                return;
            }
            match key.as_str() {
                "/" => {
                    if let Some(input) = search.get_untracked() {
                        event.prevent_default();
                        drop(input.focus());
                        input.select();
                    }
                }
                "?" => help.set(true),
                "t" => theme::toggle(),
                "r" => refresh.now(),
                "g" => {
                    let turn = event.time_stamp() as u32 | 1;
                    after_g.set_value(turn);
                    set_timeout(
                        move || {
                            if after_g.try_get_value() == Some(turn) {
                                after_g.set_value(0);
                            }
                        },
                        G_WAITS,
                    );
                }
                _ => {}
            }
        });
        on_cleanup(move || listener.remove());
    });
}

/// Whether the key belongs to a field, or to a dialog that is open.
fn is_typing(event: &KeyboardEvent) -> bool {
    let Some(target) = event.target().and_then(|t| t.dyn_into::<HtmlElement>().ok()) else { return false };
    matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
        || target.is_content_editable()
        || matches!(target.closest("dialog[open]"), Ok(Some(_)))
}
