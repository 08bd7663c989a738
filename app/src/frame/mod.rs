//! What stands around every page: navigation, top bar, shortcuts, live state, messages.

mod connection;
mod help;
mod jump;
mod keys;
mod nav;
pub mod places;
mod refresh;
mod rule;
mod theme;
mod top;

pub use refresh::{Refresh, use_refresh};
#[cfg(feature = "ssr")]
pub(crate) use rule::first_rule;
pub use rule::{FirstRule, use_link, use_rule};

use leptos::{html, prelude::*};
use leptos_router::components::Outlet;

use crate::{
    api::session::Session,
    components::{ToastStack, Toasts},
    live::Live,
};

/// The frame with the page inside.
#[component]
pub fn Frame() -> impl IntoView {
    provide_context(Session::of_page());
    provide_context(Toasts::default());
    provide_context(Refresh::default());
    Live::provide();
    rule::provide();
    let help = RwSignal::new(false);
    let search = NodeRef::<html::Input>::new();
    keys::listen(help, search);
    view! {
        <a class="skip" href="#main" rel="external">"Skip to the page"</a>
        <div class="frame">
            <nav::SideNav help />
            <div class="frame-main">
                <top::TopBar search />
                <main id="main" class="page" tabindex="-1">
                    <Outlet />
                </main>
            </div>
        </div>
        <help::HelpDialog open=help />
        <ToastStack />
    }
    .into_any()
}
