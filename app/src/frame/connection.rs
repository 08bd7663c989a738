//! How well the page hears the server, always in sight, and the server's clock.

use leptos::prelude::*;

use crate::{
    format,
    live::{Connection, use_live},
};

#[component]
pub fn ConnectionState() -> impl IntoView {
    let live = use_live();
    let stale = move || {
        live.heard.get().map(|t| format!("stale since {}", format::clock(t))).unwrap_or_else(|| "never live yet".into())
    };
    let words = move || match live.connection.get() {
        Connection::Connecting => "Connecting".to_owned(),
        Connection::Live => "Live".to_owned(),
        Connection::Reconnecting { seconds: 0 } => "Reconnecting".to_owned(),
        Connection::Reconnecting { seconds } => format!("Reconnecting in {seconds} s"),
        Connection::Polling => "Polling".to_owned(),
        Connection::SignedOut => "Signed out".to_owned(),
    };
    let note = move || match live.connection.get() {
        Connection::Connecting | Connection::Live => String::new(),
        Connection::Polling => "no live connection, asking every few seconds".into(),
        Connection::Reconnecting { .. } | Connection::SignedOut => stale(),
    };
    // Read out when the kind changes, not at every second of the countdown.
    let spoken = Memo::new(move |_| match live.connection.get() {
        Connection::Connecting => "",
        Connection::Live => "Connected",
        Connection::Reconnecting { .. } => "Connection lost, reconnecting",
        Connection::Polling => "No live connection, polling",
        Connection::SignedOut => "You are signed out",
    });
    let class = move || match live.connection.get() {
        Connection::Connecting => "live",
        Connection::Live => "live on",
        Connection::Reconnecting { .. } | Connection::SignedOut => "live off",
        Connection::Polling => "live slow",
    };
    view! {
        <div class=class data-testid="connection">
            <i aria-hidden="true"></i>
            <span class="num" data-testid="connection-state">{words}</span>
            <span class="live-note dim num">{note}</span>
            {move || {
                (live.connection.get() == Connection::SignedOut)
                    .then(|| view! { <a class="btn" rel="external" href="/login">"Sign in"</a> })
            }}
            <time class="clock dim num">{move || live.clock.get().map(|t| format!("{} UTC", format::clock(t)))}</time>
            <span class="vh" role="status">{spoken}</span>
        </div>
    }
    .into_any()
}
