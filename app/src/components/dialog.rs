//! A modal dialog: the browser's own, which keeps the focus inside and closes on Esc.

use leptos::{html, prelude::*};

#[component]
pub fn Dialog(
    /// Whether it is open; closing by Esc or the close button sets it to false.
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    #[prop(optional)] test_id: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            // It throws only where it is not in the document or open already; neither is so here.
            (true, false) => drop(dialog.show_modal()),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    view! {
        <dialog
            node_ref=node
            class="dialog"
            data-testid=test_id
            aria-label=title
            on:close=move |_| open.set(false)
            on:click=move |event| {
                // The backdrop is the dialog itself; what is inside stops at its own box.
                if node.get_untracked().is_some_and(|d| event.target().as_ref() == Some(d.as_ref())) {
                    open.set(false);
                }
            }
        >
            <div class="dialog-box">
                <header>
                    <h2>{title}</h2>
                    <button type="button" class="btn quiet" aria-label="Close" on:click=move |_| open.set(false)>
                        "\u{2715}"
                    </button>
                </header>
                {children()}
            </div>
        </dialog>
    }
    .into_any()
}
