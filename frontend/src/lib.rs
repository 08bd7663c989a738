//! The WebAssembly entry: it takes over the page that the server rendered. All else is in `app`.

#![forbid(unsafe_code)]

/// Called by the start script in the page once the module is loaded.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_body(amend_app::App);
}
