//! The HTML document around the application.

use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use crate::App;

/// Changes with every build of the assets; it stands behind `?v=` so that they can be cached for
/// good. The server provides it as context.
#[derive(Debug, Clone)]
pub struct AssetVersion(pub String);

/// Before the first paint: the theme that was chosen last.
const THEME: &str = "try{const t=localStorage.getItem('amend.theme');\
    if(t==='light'||t==='dark')document.documentElement.dataset.theme=t}catch{}";

/// The document, as leptos_axum wants it.
pub fn shell() -> impl IntoView {
    let version = use_context::<AssetVersion>().map_or_else(|| env!("CARGO_PKG_VERSION").into(), |v| v.0);
    let asset = |name: &str| format!("/pkg/{name}?v={version}");
    let start = format!(
        "import({js:?}).then(m=>m.default({{module_or_path:{wasm:?}}}).then(()=>m.hydrate()))",
        js = asset("amend.js"),
        wasm = asset("amend_bg.wasm"),
    );
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="description" content="Finds wrong values in a table, corrects them so that it can be undone, and proves it." />
                <script nonce=use_nonce()>{THEME}</script>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=asset("amend.css") />
                <link rel="modulepreload" href=asset("amend.js") />
                <link rel="preload" href=asset("amend_bg.wasm") r#as="fetch" r#type="application/wasm" crossorigin="" />
                <MetaTags />
            </head>
            <body data-asset-version=version.clone()>
                <App />
                <script type="module" nonce=use_nonce()>{start}</script>
            </body>
        </html>
    }
}
