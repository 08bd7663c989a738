//! Nothing under this address.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::{api::session::mark_not_found, components::ButtonLink};

#[component]
pub fn NotFoundPage() -> impl IntoView {
    mark_not_found();
    let path = use_location().pathname;
    view! {
        <Title text="Not found" />
        <div class="empty" data-testid="not-found">
            <h1>"There is no such page."</h1>
            <p class="lead">
                "Nothing lives at " <code>{move || path.get()}</code> ". It may be a typing error, or a link from another version."
            </p>
            <div class="acts">
                <ButtonLink href="/">"To the overview"</ButtonLink>
                <ButtonLink href="/runs">"To the runs"</ButtonLink>
            </div>
        </div>
    }
    .into_any()
}
