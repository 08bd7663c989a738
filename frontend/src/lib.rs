//! The WebAssembly entry: it takes over the page that the server rendered. All else is in `app`.

#![forbid(unsafe_code)]

use amend_app::{App, pages::lazy::LazyPage};

/// Called by the start script in the page once the module is loaded.
///
/// The page's own code comes first, so that the whole page is taken over in one go. Without it the page
/// stays as it was rendered: all of it can be read, and links work.
#[wasm_bindgen::prelude::wasm_bindgen]
pub async fn hydrate() {
    let path = leptos::prelude::window().location().pathname().unwrap_or_default();
    if let Some(page) = LazyPage::at(&path)
        && let Err(error) = page.fetch().await
    {
        leptos::logging::error!("The page {} stays as it came: {error}", page.part());
        return;
    }
    leptos::mount::hydrate_body(App);
}
