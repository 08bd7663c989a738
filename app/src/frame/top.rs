//! The bar at the top: menu on narrow screens, rule, jump box, connection, theme.

use leptos::{html, prelude::*};

use super::{connection::ConnectionState, jump::JumpBox, nav::MENU_ID, rule::RulePicker, theme::ThemeSwitch};

#[component]
pub fn TopBar(search: NodeRef<html::Input>) -> impl IntoView {
    view! {
        <header class="top">
            <button type="button" class="btn quiet icon menu-button" popovertarget=MENU_ID aria-label="Menu" data-testid="menu-button">
                <svg viewBox="0 0 20 20" aria-hidden="true">
                    <path d="M3 5h14M3 10h14M3 15h14" />
                </svg>
            </button>
            <RulePicker />
            <JumpBox node=search />
            <ConnectionState />
            <ThemeSwitch />
        </header>
    }
    .into_any()
}
