//! The pages whose code comes in modules of their own, and how those are fetched.
//!
//! `cargo xtask build` cuts the WebAssembly module along the functions marked `wasm_split` here. What
//! only one part needs goes into that part's module, what several need into chunks between them, and all
//! else stays in the main module. On the server nothing is cut and nothing is waited for.
//!
//! Pages that lead to each other share a part. One part for each page would load a little less, but in
//! dozens of files: there is a chunk for every set of parts that share something.
//!
//! To add such a page: a line in [`lazy_pages`], an arm in [`LazyPage::at`], and a route in [`crate::App`].

use leptos::prelude::*;
use leptos_router::{ChooseView, hooks::use_url};
use wasm_split_helpers::{SplitLoaderError, wasm_split};

use super::{
    analysis::AnalysisPage,
    overview::OverviewPage,
    prevention::PreventionPage,
    preview::PreviewPage,
    rollback::RollbackPage,
    rules::{RuleEditPage, RulesPage},
    run::RunPage,
    run_new::RunNewPage,
    runs::RunsPage,
    unresolved::UnresolvedPage,
};
use crate::{AppError, components::ErrorBox};

macro_rules! lazy_pages {
    ($($page:ident: $part:ident, $view:ident, $fetch:ident, $component:ident;)*) => {
        /// A page outside the main module. It stands in a route as the route's view.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum LazyPage {
            $($page,)*
        }

        impl LazyPage {
            pub const ALL: &[Self] = &[$(Self::$page,)*];

            /// What the build calls the module that the page is in.
            #[must_use]
            pub const fn part(self) -> &'static str {
                match self {
                    $(Self::$page => stringify!($part),)*
                }
            }

            /// Fetches the page's code, unless it is there. After a failure it may be called again.
            ///
            /// # Errors
            /// The browser could not get it; the console says why.
            pub async fn fetch(self) -> Result<(), SplitLoaderError> {
                match self {
                    $(Self::$page => $fetch().await,)*
                }
            }

            async fn view(self) -> Result<AnyView, SplitLoaderError> {
                match self {
                    $(Self::$page => $view().await,)*
                }
            }
        }

        $(
            #[wasm_split($part, fallible, preload($fetch))]
            fn $view() -> Result<AnyView, SplitLoaderError> {
                Ok($component().into_any())
            }
        )*
    };
}

lazy_pages! {
    Overview: watch, overview, fetch_overview, OverviewPage;
    Runs: watch, runs, fetch_runs, RunsPage;
    Run: watch, run, fetch_run, RunPage;
    Analysis: findings, analysis, fetch_analysis, AnalysisPage;
    Unresolved: findings, unresolved, fetch_unresolved, UnresolvedPage;
    Preview: correct, preview, fetch_preview, PreviewPage;
    RunNew: correct, run_new, fetch_run_new, RunNewPage;
    Rollback: correct, rollback, fetch_rollback, RollbackPage;
    Prevention: correct, prevention, fetch_prevention, PreventionPage;
    Rules: set_up, rules, fetch_rules, RulesPage;
    RuleEdit: set_up, rule_edit, fetch_rule_edit, RuleEditPage;
}

impl LazyPage {
    /// The page under a path, as [`crate::App`] routes it: its code has to be there before the browser
    /// takes the rendered page over.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        Some(match (segments.next(), segments.next(), segments.next()) {
            (None, ..) => Self::Overview,
            (Some("analysis"), None, _) => Self::Analysis,
            (Some("preview"), None, _) => Self::Preview,
            (Some("runs"), None, _) => Self::Runs,
            (Some("runs"), Some("new"), None) => Self::RunNew,
            (Some("runs"), Some(_), None) => Self::Run,
            (Some("rollback"), Some(_), None) => Self::Rollback,
            (Some("unresolved"), None, _) => Self::Unresolved,
            (Some("prevention"), None, _) => Self::Prevention,
            (Some("rules"), None, _) => Self::Rules,
            (Some("rules"), Some("new"), None) | (Some("rules"), Some(_), Some("edit")) => Self::RuleEdit,
            _ => return None,
        })
    }
}

impl ChooseView for LazyPage {
    async fn choose(self) -> AnyView {
        self.view().await.unwrap_or_else(not_fetched)
    }

    async fn preload(&self) {
        // Choosing the view fetches again, and shows it when that fails too.
        let _tried = self.fetch().await;
    }
}

/// The network is gone, or the server has been updated and no longer has the parts of this page. Loading
/// the address anew mends the second.
fn not_fetched(error: SplitLoaderError) -> AnyView {
    let error = AppError::Unreachable { unreachable: format!("This page's code did not come: {error}.") };
    let url = use_url().get_untracked();
    let here = format!("{}?{}", url.path(), url.search());
    view! {
        <ErrorBox error whole_page=true>
            <a class="btn go" rel="external" href=here.trim_end_matches('?').to_owned() data-testid="load-anew">"Load the page anew"</a>
        </ErrorBox>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::LazyPage;

    #[test]
    fn every_page_is_found_under_its_path_and_no_other() {
        let paths = [
            ("/", LazyPage::Overview),
            ("/analysis", LazyPage::Analysis),
            ("/preview", LazyPage::Preview),
            ("/runs", LazyPage::Runs),
            ("/runs/", LazyPage::Runs),
            ("/runs/new", LazyPage::RunNew),
            ("/runs/0198-a", LazyPage::Run),
            ("/rollback/0198-a", LazyPage::Rollback),
            ("/unresolved", LazyPage::Unresolved),
            ("/prevention", LazyPage::Prevention),
            ("/rules", LazyPage::Rules),
            ("/rules/new", LazyPage::RuleEdit),
            ("/rules/asset-class-correction/edit", LazyPage::RuleEdit),
        ];
        for (path, page) in paths {
            assert_eq!(LazyPage::at(path), Some(page), "{path}");
        }
        for page in LazyPage::ALL {
            assert!(paths.iter().any(|(_, there)| there == page), "{page:?} has no path");
        }
        for path in ["/login", "/nothing", "/runs/new/more", "/rollback", "/analysis/more", "/rules/one"] {
            assert_eq!(LazyPage::at(path), None, "{path}");
        }
    }
}
