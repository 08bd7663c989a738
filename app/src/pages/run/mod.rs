//! One run, live: what it does, how far it is, whether it proved itself, what one may do with it.

mod acts;
mod charts;
mod failed;
mod history;
mod progress;
mod steer;
mod verdict;
mod way;

use std::time::Duration;

use amend_domain::{ChunkRecord, ErrorCode, EventRecord, Problem, RunId, RunView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use crate::{
    AppError,
    api::runs::{History, load_run},
    components::{ErrorBox, Loaded, PageHead},
    frame::use_refresh,
    live::{Connection, use_live},
    load::load_first,
    read::read,
};

/// While a run is active, its chunks and log are loaded again at most so often, in milliseconds.
const RELOAD_EVERY_MS: f64 = 1_500.0;

#[component]
pub fn RunPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| read(params, |p| p.get("id").unwrap_or_default()));
    // All is built anew for another run, so that nothing of the last one is left.
    move || match RunId::parse(&id.get()) {
        Ok(id) => view! { <OneRun id /> }.into_any(),
        Err(Problem { message, .. }) => {
            let error = AppError::from(Problem::new(ErrorCode::CorrectionNotFound, message));
            view! { <ErrorBox error whole_page=true /> }.into_any()
        }
    }
}

#[component]
fn OneRun(id: RunId) -> impl IntoView {
    let refresh = use_refresh();
    let title = id.to_string();
    let reload = RwSignal::new(0_u32);
    let wanted = id.clone();
    let data = load_first(move || (refresh.count(), reload.get()), move |_| load_run(wanted.clone()));
    reload_as_it_moves(id, reload);
    view! {
        <Title text=title />
        <Loaded resource=data lines=12 children={move |detail: Signal<History>| body(detail)} />
    }
    .into_any()
}

/// The bar and the counts come over the socket; chunks and log are loaded behind them.
fn reload_as_it_moves(id: RunId, reload: RwSignal<u32>) {
    let live = use_live();
    let heard = live.run(id);
    let last = StoredValue::new(0.0_f64);
    let mark = Memo::new(move |_| {
        let run = read(heard, |h| h.as_ref().map(|r| (r.chunks, r.phase, r.state, r.undone_by.clone(), r.held.len())));
        (run, matches!(live.connection.get(), Connection::Live | Connection::Polling))
    });
    Effect::new(move |before: Option<()>| {
        // Read, not only tracked: a memo that nobody reads is not computed and tells nothing.
        let (heard, _) = mark.get();
        if before.is_none() {
            return;
        }
        let (now, before) = (js_sys::Date::now(), last.get_value());
        let over = heard.is_some_and(|(_, _, state, ..)| state.is_over());
        if over || now - before > RELOAD_EVERY_MS {
            last.set_value(now);
            reload.update(|n| *n += 1);
        } else if before <= now {
            // What came too soon is loaded when its time is up: a run that is held now may say no more.
            let wait = RELOAD_EVERY_MS - (now - before);
            last.set_value(now + wait);
            set_timeout(
                move || {
                    // The page may have been left meanwhile.
                    let _gone = reload.try_update(|n| *n += 1);
                },
                Duration::from_millis(wait as u64),
            );
        }
    });
}

fn body(detail: Signal<History>) -> AnyView {
    let live = use_live();
    let run: Memo<RunView> = Memo::new(move |_| live.overlay(read(detail, |d| d.run.clone())));
    let events: Memo<Vec<EventRecord>> = Memo::new(move |_| read(detail, |d| d.events.clone()));
    let failed_rows: Memo<Vec<Vec<String>>> = Memo::new(move |_| read(detail, |d| d.failed.clone()));
    let chunks: Memo<Vec<ChunkRecord>> = Memo::new(move |_| read(detail, |d| d.chunk_log.clone()));
    view! {
        <PageHead title=move || verdict::headline(run) lead=move || verdict::lead(run)>
            {acts::acts(run)}
        </PageHead>
        {progress::steps(run)}
        {steer::card(run)}
        {verdict::trouble(run)}
        {progress::card(run)}
        {failed::card(run, failed_rows)}
        {way::card(run)}
        // On a narrow screen the proof comes before the charts.
        <div class="cols c21 run-body">
            <div class="column run-side">{verdict::validation(run)} {history::log(events)}</div>
            <div class="column run-main">
                {charts::rate(chunks)}
                {charts::size(chunks)}
                {history::chunks(chunks)}
            </div>
        </div>
    }
    .into_any()
}
