//! How a run goes through its table, why so, and what that did to the table's files.

use amend_domain::{Effect, RunView, Strategy, Walk};
use leptos::prelude::*;

use crate::{
    components::{Fact, Facts},
    format::{bytes, counted},
    read::read,
};

pub(super) fn card(run: Memo<RunView>) -> AnyView {
    let walk = Memo::new(move |_| read(run, |r| r.walk.clone()));
    let effect = Memo::new(move |_| read(run, |r| r.effect));
    let words = move || {
        walk.get().map(|walk| {
            view! {
                <p class="way" data-testid="run-walk">
                    <b>{name(&walk)}</b>
                    " "
                    <span class="dim">{walk.reason}</span>
                </p>
            }
        })
    };
    let card = move || {
        let effect = effect.get();
        (walk.get().is_some() || effect.is_some()).then(|| {
            view! {
                <section class="card" aria-label="How it goes through the table">
                    {words}
                    {effect.map(figures)}
                </section>
            }
            .into_any()
        })
    };
    card.into_any()
}

fn name(walk: &Walk) -> String {
    let way = match walk.strategy {
        Strategy::Key => "Key order",
        Strategy::Blocks => "Block ranges",
        Strategy::Ladder => "Ladder of stripes",
    };
    format!("{way}, {}.", counted(i64::from(walk.workers), "worker", "workers"))
}

/// Against one plain UPDATE of as many rows, which is an estimate from below.
fn figures(effect: Effect) -> AnyView {
    let hot = effect.hot_percent().map_or_else(|| "not counted yet".to_owned(), |p| format!("{p:.0} %"));
    let against = |what: &str, plain: i64| format!("{what} growth; one plain UPDATE adds at least {}", bytes(plain));
    view! {
        <div data-testid="run-effect">
            <Facts>
                <Fact value=hot label="of updates touched no index (HOT)" />
                <Fact value=bytes(effect.heap_growth()) label=against("heap", effect.plain_heap_bytes) />
                <Fact value=bytes(effect.index_growth()) label=against("index", effect.plain_index_bytes) />
                <Fact value=bytes(effect.wal()) label="of log written by the whole server meanwhile" />
            </Facts>
        </div>
    }
    .into_any()
}
