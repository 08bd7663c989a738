//! Signing in: a plain form, so that it works before, and without, the module.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

#[component]
pub fn LoginPage() -> impl IntoView {
    let query = use_query_map();
    // Only a path of our own is taken along; the server checks it again.
    let next = move || {
        query
            .with(|q| q.get("next"))
            .filter(|n| n.starts_with('/') && !n.starts_with("//") && !n.contains('\\'))
            .unwrap_or_else(|| "/".into())
    };
    let error = move || query.with(|q| q.get("error"));
    let refused = move || {
        error().map(|why| {
            let (what, next) = match why.as_str() {
                "locked" => (
                    "Too many failed attempts from here.",
                    "Wait a few minutes, then try again. Nothing else is affected: runs go on.",
                ),
                "credentials" => (
                    "Name and password do not go together.",
                    "Look at both. The first password was printed once when the server was first started.",
                ),
                _ => ("Signing in did not work.", "Try again; the server's log says why."),
            };
            view! {
                <div class="error-box" role="alert" data-testid="login-error">
                    <h2>{what}</h2>
                    <p>{next}</p>
                </div>
            }
        })
    };
    view! {
        <Title text="Sign in" />
        <main class="login" id="main">
            <div class="login-box">
                <div class="brand">
                    <svg viewBox="0 0 20 20" aria-hidden="true">
                        <path d="M3 5h14M3 10h6M3 15h4" />
                        <path d="m10 14 2.5 2.5L17.5 11" />
                    </svg>
                    "Amend"
                </div>
                <h1>"Sign in"</h1>
                <p class="lead">"Wrong values found, corrected so that it can be undone, and proved."</p>
                {refused}
                <form method="post" action="/auth/sign-in" class="form">
                    <input type="hidden" name="next" value=next />
                    <label for="name">"Name"</label>
                    <input
                        class="field"
                        id="name"
                        name="name"
                        autocomplete="username"
                        autocapitalize="none"
                        spellcheck="false"
                        required
                        autofocus
                        aria-invalid=move || error().map(|_| "true")
                    />
                    <label for="password">"Password"</label>
                    <input
                        class="field"
                        id="password"
                        name="password"
                        type="password"
                        autocomplete="current-password"
                        required
                        aria-invalid=move || error().map(|_| "true")
                    />
                    <button class="btn go" data-testid="sign-in">"Sign in"</button>
                </form>
            </div>
        </main>
    }
    .into_any()
}
