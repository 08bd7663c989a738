//! The navigation: a column where there is room, a popover (the browser's own) where there is not.

use leptos::{html, prelude::*};
use leptos_router::hooks::use_location;

use super::places::{Group, PLACES, Place, place_of};
use crate::{api::session::use_session, frame::use_link, live::use_live};

/// The menu button names it.
pub(super) const MENU_ID: &str = "menu";

#[component]
pub fn SideNav(help: RwSignal<bool>) -> impl IntoView {
    let menu = NodeRef::<html::Div>::new();
    let location = use_location();
    let here = Memo::new(move |_| location.pathname.with(|path| place_of(path).map(|p| p.path)));
    // A menu that was opened over the page closes when it has led somewhere.
    Effect::new(move |_| {
        location.pathname.with(|_| ());
        if let Some(menu) = menu.get_untracked() {
            // Fails where it is not open as a popover, which is what we want.
            drop(menu.hide_popover());
        }
    });
    let groups = Group::ALL
        .map(|group| {
            view! {
                <nav class="nav" aria-label=group.name()>
                    <h2>{group.name()}</h2>
                    {PLACES.into_iter().filter(|p| p.group == group).map(|place| link(place, here)).collect_view()}
                </nav>
            }
        })
        .collect_view();
    view! {
        <div class="side" id=MENU_ID popover="auto" node_ref=menu>
            <a class="brand" href="/">
                <svg viewBox="0 0 20 20" aria-hidden="true">
                    <path d="M3 5h14M3 10h6M3 15h4" />
                    <path d="m10 14 2.5 2.5L17.5 11" />
                </svg>
                "Amend"
            </a>
            {groups}
            <div class="side-foot">
                <button type="button" class="btn quiet" on:click=move |_| help.set(true)>
                    "Shortcuts "
                    <kbd>"?"</kbd>
                </button>
                <Account />
            </div>
        </div>
    }
    .into_any()
}

fn link(place: Place, here: Memo<Option<&'static str>>) -> AnyView {
    let to = use_link();
    let live = use_live();
    let badge = (place.path == "/runs").then(|| {
        let active = live.active_count();
        move || {
            let n = active.get();
            (n > 0).then(|| view! { <span class="badge num">{n} <span class="vh">" active"</span></span> })
        }
    });
    view! {
        <a href=move || to(place.path) aria-current=move || (here.get() == Some(place.path)).then_some("page")>
            {place.name}
            {badge}
        </a>
    }
    .into_any()
}

#[component]
fn Account() -> impl IntoView {
    use_session().caller.map(|caller| {
        view! {
            <div class="account">
                <span>
                    <b data-testid="signed-in-as">{caller.name}</b>
                    <small>{caller.role.as_str()}</small>
                </span>
                <form method="post" action="/auth/sign-out">
                    <button class="btn quiet" data-testid="sign-out">"Sign out"</button>
                </form>
            </div>
        }
    })
}
