//! What a page loads: a skeleton before, the error if there is one, and never blank again.

use amend_domain::ErrorCode;
use leptos::prelude::*;

use crate::read::read;

use super::{ErrorBox, Skeleton};
use crate::{AppError, load::Load};

/// Shows `children` once the resource is there. While it loads again the old stays; when that fails
/// the error stands above what was loaded before, unless it says that the thing is not there.
///
/// The children are built once and get a signal, so that a refresh changes texts and not elements.
#[component]
pub fn Loaded<T, F>(
    resource: Load<Result<T, AppError>>,
    #[prop(default = 6)] lines: usize,
    children: F,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Fn(Signal<T>) -> AnyView + Clone + Send + Sync + 'static,
{
    view! {
        <Transition fallback=move || view! { <Skeleton lines /> }>
            {
                let children = children.clone();
                move || {
                    let good = Memo::new(move |before: Option<&Option<T>>| match resource.get() {
                        Some(Ok(value)) => Some(value),
                        _ => before.cloned().flatten(),
                    });
                    let error = Memo::new(move |_| resource.get().and_then(Result::err));
                    let there = Memo::new(move |_| {
                        read(good, Option::is_some) && !error.with(|e| e.as_ref().is_some_and(is_gone))
                    });
                    let children = children.clone();
                    view! {
                        {move || error.get().map(|error| view! { <ErrorBox error whole_page=!there.get_untracked() /> })}
                        {move || {
                            let first = there.get().then(|| good.get_untracked()).flatten()?;
                            Some(children(Memo::new(move |_| good.get().unwrap_or_else(|| first.clone())).into()))
                        }}
                    }
                }
            }
        </Transition>
    }
    .into_any()
}

/// Whether what was loaded before must not be shown any more.
fn is_gone(error: &AppError) -> bool {
    use ErrorCode as E;
    [E::RuleNotFound, E::CorrectionNotFound, E::NotFound, E::Forbidden].into_iter().any(|code| error.is(code))
}
