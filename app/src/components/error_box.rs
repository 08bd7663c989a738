//! An error as people need it: what happened, what was kept safe, what to do next.

use amend_domain::ErrorCode;
use leptos::prelude::*;

use crate::AppError;

#[component]
pub fn ErrorBox(
    #[prop(into)] error: AppError,
    /// It stands in place of the whole page, and its first line is the page's heading.
    #[prop(optional)]
    whole_page: bool,
    /// More to do than the error itself advises.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let sign_in = error.is(ErrorCode::NotSignedIn).then(|| {
        view! { <a class="btn go" rel="external" href="/login">"Sign in"</a> }
    });
    view! {
        <section class="error-box" role="alert" data-testid="error-box" data-code=error.code()>
            {if whole_page {
                view! { <h1 class="h2">{error.happened()}</h1> }.into_any()
            } else {
                view! { <h2>{error.happened()}</h2> }.into_any()
            }}
            <dl>
                <dt>"Kept safe"</dt>
                <dd>{error.kept_safe()}</dd>
                <dt>"What next"</dt>
                <dd>{error.next()}</dd>
                <dt>"To quote"</dt>
                <dd><code>{error.code()}</code></dd>
            </dl>
            <div class="acts">{sign_in} {children.map(|c| c())}</div>
        </section>
    }
    .into_any()
}
