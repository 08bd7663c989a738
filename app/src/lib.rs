//! Amend in the browser: pages, components, and the server functions behind them.
//!
//! The crate is compiled twice: for the server (feature `ssr`), where it renders every page whole,
//! and for the browser (feature `hydrate`), where it takes the rendered page over. It never names a
//! store; all it knows of the outside is [`amend_engine::Engine`], through the server functions in
//! [`api`].
//!
//! To add a page: a module under `pages`, a line in [`pages::lazy`], a `<Route>` in [`App`], a style
//! sheet in `style/`, and a line in `frame::places` so that it can be reached. To add a server function: a file in `api` (see there).
//!
//! The page's Content-Security-Policy allows no `style` attribute in HTML. Sizes that come from
//! data are drawn as SVG (see [`components::Bar`]), or set through the DOM once the page runs.

#![forbid(unsafe_code)]
// A view is one nested type; the futures that render it are nested as deep.
#![recursion_limit = "512"]

pub mod api;
pub mod charts;
pub mod components;
pub mod error;
pub mod format;
pub mod frame;
pub mod interop;
pub mod live;
pub mod load;
pub mod pages;
mod read;
#[cfg(feature = "ssr")]
pub mod shell;

pub use error::AppError;
#[cfg(feature = "ssr")]
pub use shell::{Assets, shell};

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{ParentRoute, Route, Router, Routes},
    path,
};

use frame::Frame;
use pages::{lazy::LazyPage, login::LoginPage, not_found::NotFoundPage};

/// The whole application: what the server renders into the body, and what the browser takes over.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    // Every page is rendered whole on the server: it can be read before the module is there, and
    // hydration moves nothing. What needs a pass over a large table is asked for by the browser once
    // the page is alive ([`load::load_later`]).
    view! {
        <Title formatter=|page: String| if page.is_empty() { "Amend".into() } else { format!("{page} - Amend") } />
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=path!("login") view=LoginPage ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Frame>
                    <Route path=path!("") view=LazyPage::Overview ssr=SsrMode::Async />
                    <Route path=path!("analysis") view=LazyPage::Analysis ssr=SsrMode::Async />
                    <Route path=path!("preview") view=LazyPage::Preview ssr=SsrMode::Async />
                    <Route path=path!("runs") view=LazyPage::Runs ssr=SsrMode::Async />
                    <Route path=path!("runs/new") view=LazyPage::RunNew ssr=SsrMode::Async />
                    <Route path=path!("runs/:id") view=LazyPage::Run ssr=SsrMode::Async />
                    <Route path=path!("rollback/:id") view=LazyPage::Rollback ssr=SsrMode::Async />
                    <Route path=path!("unresolved") view=LazyPage::Unresolved ssr=SsrMode::Async />
                    <Route path=path!("prevention") view=LazyPage::Prevention ssr=SsrMode::Async />
                    <Route path=path!("rules") view=LazyPage::Rules ssr=SsrMode::Async />
                    <Route path=path!("rules/new") view=LazyPage::RuleEdit ssr=SsrMode::Async />
                    <Route path=path!("rules/:slug/edit") view=LazyPage::RuleEdit ssr=SsrMode::Async />
                    <Route path=path!("*any") view=NotFoundPage ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
    }
}
