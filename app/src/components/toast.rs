//! Short messages about something that just happened, read out politely.

use std::time::Duration;

use leptos::prelude::*;

use super::Tone;

/// How long a message stays.
const STAYS: Duration = Duration::from_secs(6);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Toast {
    id: u32,
    tone: Tone,
    text: String,
}

/// Where messages are put; one for the whole frame, as context.
#[derive(Debug, Clone, Copy, Default)]
pub struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
}

impl Toasts {
    /// Shows a message for a few seconds. In the browser only.
    pub fn show(&self, tone: Tone, text: impl Into<String>) {
        let (shown, id) = (self.shown, self.next.get_value());
        self.next.set_value(id.wrapping_add(1));
        shown.update(|list| list.push(Toast { id, tone, text: text.into() }));
        set_timeout(move || self::dismiss(shown, id), STAYS);
    }
}

fn dismiss(shown: RwSignal<Vec<Toast>>, id: u32) {
    // The frame may be gone by the time the message is.
    let _gone = shown.try_update(|list| list.retain(|t| t.id != id));
}

/// # Panics
/// Outside the frame.
#[must_use]
pub fn use_toasts() -> Toasts {
    expect_context()
}

/// The place on the page where messages appear.
#[component]
pub fn ToastStack() -> impl IntoView {
    let shown = use_toasts().shown;
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For each=move || shown.get() key=|t| t.id let(toast)>
                <div class=match toast.tone {
                    Tone::Good => "toast good",
                    Tone::Warn => "toast warn",
                    Tone::Bad => "toast bad",
                    Tone::Neutral | Tone::Active => "toast",
                }>
                    <span>{toast.text}</span>
                    <button type="button" class="btn quiet" aria-label="Dismiss" on:click=move |_| dismiss(shown, toast.id)>
                        "\u{2715}"
                    </button>
                </div>
            </For>
        </div>
    }
    .into_any()
}
