//! The opening of a page: its verdict as the first heading, a sentence, and the acts.

use leptos::prelude::*;

#[component]
pub fn PageHead(
    /// The verdict, inside the `h1`.
    #[prop(into)]
    title: ViewFn,
    /// One or two sentences below it.
    #[prop(optional, into)]
    lead: ViewFn,
    /// Buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="head">
            <div>
                <h1>{title.run()}</h1>
                <div class="lead num">{lead.run()}</div>
            </div>
            {children.map(|acts| view! { <div class="acts">{acts()}</div> })}
        </div>
    }
    .into_any()
}
