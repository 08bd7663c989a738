//! A point in time.

use chrono::{DateTime, SecondsFormat, Utc};
use leptos::prelude::*;

use crate::format;

/// `24 Nov 02:14:07`, with the whole of it for machines and in the tooltip.
#[component]
pub fn Moment(at: DateTime<Utc>) -> impl IntoView {
    let exact = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    view! { <time class="num" datetime=exact.clone() title=exact>{format::moment(at)}</time> }.into_any()
}
