//! The jump box: type a page, a run's id or a symbol, and go there. Without the module it is a plain
//! form that leads to a symbol's rows.

use leptos::{ev, html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{places::PLACES, use_link};
use crate::format::url_part;

const LIST_ID: &str = "jump-list";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    kind: &'static str,
    name: String,
    path: String,
}

/// Where a text may lead, the likeliest first.
fn targets(text: &str) -> Vec<Target> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let is_run = text.len() > 2 && (text.starts_with("r-") || text.starts_with("b-"));
    if is_run {
        found.push(Target { kind: "Run", name: text.into(), path: format!("/runs/{}", url_part(text)) });
    }
    let lower = text.to_ascii_lowercase();
    found.extend(PLACES.iter().filter(|p| p.name.to_ascii_lowercase().starts_with(&lower)).map(|p| Target {
        kind: "Page",
        name: p.name.into(),
        path: p.path.into(),
    }));
    found.push(Target {
        kind: "Rows of symbol",
        name: text.into(),
        path: format!("/preview?symbol={}", url_part(text)),
    });
    found
}

#[component]
pub fn JumpBox(node: NodeRef<html::Input>) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let open = RwSignal::new(false);
    let chosen = RwSignal::new(0_usize);
    let found = Memo::new(move |_| text.with(|t| targets(t)));
    let shown = move || open.get() && found.with(|f| !f.is_empty());
    let navigate = use_navigate();
    let link = use_link();
    let go = Callback::new(move |at: usize| {
        let target = found.with_untracked(|f| f.get(at).or(f.first()).cloned());
        if let Some(target) = target {
            open.set(false);
            text.set(String::new());
            if let Some(input) = node.get_untracked() {
                drop(input.blur());
            }
            navigate(&untrack(|| link(&target.path)), NavigateOptions::default());
        }
    });
    let on_key = move |event: ev::KeyboardEvent| {
        let last = found.with_untracked(Vec::len).saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|c| *c = (*c + 1).min(last)),
            "ArrowUp" => chosen.update(|c| *c = c.saturating_sub(1)),
            "Escape" => {
                open.set(false);
                if let Some(input) = node.get_untracked() {
                    drop(input.blur());
                }
                return;
            }
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <form
            class="jump"
            role="search"
            action="/preview"
            method="get"
            on:submit=move |event| {
                event.prevent_default();
                go.run(chosen.get_untracked());
            }
        >
            <input
                node_ref=node
                type="search"
                name="symbol"
                placeholder="Symbol, run or page"
                aria-label="Go to a symbol, a run or a page"
                role="combobox"
                aria-expanded=move || shown().to_string()
                aria-controls=LIST_ID
                aria-autocomplete="list"
                aria-activedescendant=move || shown().then(|| format!("{LIST_ID}-{}", chosen.get()))
                autocomplete="off"
                data-testid="jump"
                prop:value=text
                on:input=move |event| {
                    text.set(event_target_value(&event));
                    chosen.set(0);
                    open.set(true);
                }
                on:focus=move |_| open.set(true)
                on:blur=move |_| open.set(false)
                on:keydown=on_key
            />
            <kbd aria-hidden="true">"/"</kbd>
            <ul id=LIST_ID role="listbox" aria-label="Where to go" class="jump-list" hidden=move || !shown()>
                {move || {
                    found
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(i, target)| {
                            view! {
                                // The field keeps the focus; losing it would close the list before the click.
                                <li
                                    id=format!("{LIST_ID}-{i}")
                                    role="option"
                                    aria-selected=move || (chosen.get() == i).to_string()
                                    on:mousedown=move |event| event.prevent_default()
                                    on:click=move |_| go.run(i)
                                >
                                    <small>{target.kind}</small>
                                    {target.name}
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_comes_before_a_symbol_of_that_name() {
        let kinds: Vec<_> = targets("r-1234abcd").into_iter().map(|t| t.kind).collect();
        assert_eq!(kinds, ["Run", "Rows of symbol"]);
        assert!(targets(" ").is_empty());
    }
}
