//! The HTML document around the application. Only the server has it.

use std::{collections::BTreeMap, sync::Arc};

use axum::http::request::Parts;
use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use crate::{App, frame::first_rule, pages::lazy::LazyPage};

/// The web assets of this build. The server provides them as context.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    /// Changes with every build of the assets; it stands in their address so that they can be cached
    /// for good, and so that parts of two builds never meet in one page.
    pub version: String,
    /// The files of each part, by [`LazyPage::part`], without the ending.
    pub parts: Arc<BTreeMap<String, Vec<String>>>,
}

impl Assets {
    fn address(&self, name: &str) -> String {
        format!("/pkg/{}/{name}", self.version)
    }

    /// What the page under this path needs beside the main module.
    fn modules_of(&self, path: &str) -> Vec<String> {
        let files = LazyPage::at(path).and_then(|page| self.parts.get(page.part()));
        files.into_iter().flatten().map(|file| self.address(&format!("{file}.wasm"))).collect()
    }
}

/// Before the first paint: the theme that was chosen last.
const THEME: &str = "try{const t=localStorage.getItem('amend.theme');\
    if(t==='light'||t==='dark')document.documentElement.dataset.theme=t}catch{}";

/// The document, as leptos_axum wants it.
pub fn shell() -> impl IntoView {
    let assets = use_context::<Assets>().unwrap_or_default();
    let path = use_context::<Parts>().map(|request| request.uri.path().to_owned()).unwrap_or_default();
    let start = format!(
        "import({js:?}).then(m=>m.default({{module_or_path:{wasm:?}}}).then(()=>m.hydrate()))",
        js = assets.address("amend.js"),
        wasm = assets.address("amend_bg.wasm"),
    );
    // All at once, rather than each when the one before has asked for it.
    let modules: Vec<_> = std::iter::once(assets.address("amend_bg.wasm"))
        .chain(assets.modules_of(&path))
        .map(|href| view! { <link rel="preload" href=href r#as="fetch" r#type="application/wasm" crossorigin="" /> })
        .collect();
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
                <link rel="stylesheet" href=assets.address("amend.css") />
                <link rel="modulepreload" href=assets.address("amend.js") />
                <link rel="modulepreload" href=assets.address("parts.js") />
                {modules}
                <MetaTags />
            </head>
            <body data-asset-version=assets.version.clone() data-first-rule=first_rule().to_string()>
                <App />
                <script type="module" nonce=use_nonce()>{start}</script>
            </body>
        </html>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_page_needs_is_named() {
        let parts = [("watch", vec!["chunk_1", "split_watch"]), ("findings", vec!["split_findings"])];
        let parts = parts.map(|(part, files)| (part.to_owned(), files.into_iter().map(str::to_owned).collect()));
        let assets = Assets { version: "v1".into(), parts: Arc::new(BTreeMap::from(parts)) };
        assert_eq!(assets.modules_of("/runs"), ["/pkg/v1/chunk_1.wasm", "/pkg/v1/split_watch.wasm"]);
        assert_eq!(assets.modules_of("/login"), Vec::<String>::new());
    }
}
