//! Live state: the newest view of every run that the server spoke of, and how well we hear it.
//!
//! On the server it is there and empty, so that pages read it without asking where they are; in the
//! browser [`client`] fills it. Pages overlay it on what they loaded (see [`freshest`]).

mod client;

use std::collections::BTreeMap;

use amend_domain::{LiveMessage, RuleSlug, RunId, RunState, RunView, analysis::Snapshot};
use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// How the page hears of what happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Connection {
    /// Not yet: the page has just been loaded.
    #[default]
    Connecting,
    Live,
    /// The socket was lost; the next try is so many seconds away (0: it is under way).
    Reconnecting {
        seconds: u32,
    },
    /// No socket, but the server answers: runs are asked for every few seconds.
    Polling,
    /// The session is over.
    SignedOut,
}

/// The live state of the page, as context below the frame.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    pub connection: RwSignal<Connection>,
    /// When something last came, by the server's clock.
    pub heard: RwSignal<Option<DateTime<Utc>>>,
    /// The server's clock, every second.
    pub clock: RwSignal<Option<DateTime<Utc>>>,
    /// The newest analysis that somebody made.
    pub quality: RwSignal<Option<(RuleSlug, Snapshot)>>,
    runs: RwSignal<BTreeMap<RunId, RunView>>,
    /// Counts the returns of a lost connection: what was loaded before may be old.
    returns: RwSignal<u32>,
    greeted: StoredValue<bool>,
    landmarks: Memo<(u32, Vec<(RunId, RunState)>)>,
}

impl Live {
    /// Makes it known to everything below, and connects once the page runs in a browser.
    pub fn provide() -> Self {
        let runs = RwSignal::new(BTreeMap::<RunId, RunView>::new());
        let returns = RwSignal::new(0);
        let landmarks = Memo::new(move |_| {
            (returns.get(), runs.with(|all| all.values().map(|r| (r.run_id.clone(), r.state)).collect()))
        });
        let live = Self {
            connection: RwSignal::new(Connection::default()),
            heard: RwSignal::new(None),
            clock: RwSignal::new(None),
            quality: RwSignal::new(None),
            runs,
            returns,
            greeted: StoredValue::new(false),
            landmarks,
        };
        provide_context(live);
        client::start(live);
        live
    }

    /// The newest view of one run, if any came.
    #[must_use]
    pub fn run(&self, id: RunId) -> Memo<Option<RunView>> {
        let runs = self.runs;
        Memo::new(move |_| runs.with(|all| all.get(&id).cloned()))
    }

    /// The active run of a rule, if there is one.
    #[must_use]
    pub fn active(&self, rule: Signal<RuleSlug>) -> Memo<Option<RunView>> {
        let runs = self.runs;
        Memo::new(move |_| {
            rule.with(|rule| runs.with(|all| all.values().find(|r| r.state.is_active() && r.rule == *rule).cloned()))
        })
    }

    /// How many runs are active.
    #[must_use]
    pub fn active_count(&self) -> Signal<usize> {
        let runs = self.runs;
        Signal::derive(move || runs.with(|all| all.values().filter(|r| r.state.is_active()).count()))
    }

    /// Changes when a run appears or changes its state, and when a lost connection is back: a part
    /// of the source of lists, so that they load again then and not with every step of a bar.
    #[must_use]
    pub fn landmarks(&self) -> (u32, Vec<(RunId, RunState)>) {
        self.landmarks.get()
    }

    /// `loaded`, or what was heard since when that is newer.
    #[must_use]
    pub fn overlay(&self, loaded: RunView) -> RunView {
        self.runs.with(|all| match all.get(&loaded.run_id) {
            Some(heard) => freshest(loaded, heard.clone()),
            None => loaded,
        })
    }

    /// Puts in what the page itself learned, such as the answer to a click.
    pub fn put(&self, run: RunView) {
        self.runs.update(|all| {
            let newest = match all.remove(&run.run_id) {
                Some(known) => freshest(known, run),
                None => run,
            };
            all.insert(newest.run_id.clone(), newest);
        });
    }

    /// Takes in the answer to a click. While the socket is open it tells the same, and what came over it
    /// since may be newer than an answer on its way.
    pub fn answer(&self, run: RunView) {
        if !matches!(self.connection.get_untracked(), Connection::Live) {
            self.put(run);
        }
    }

    fn take(&self, message: LiveMessage) {
        match message {
            LiveMessage::Hello { runs, .. } => {
                // What we believe active and the server does not name has ended meanwhile.
                self.runs.update(|all| all.retain(|_, r| r.state.is_over()));
                for run in runs {
                    self.put(run);
                }
                // The first hello greets a page that has only just been loaded.
                if self.greeted.get_value() {
                    self.returns.update(|n| *n += 1);
                }
                self.greeted.set_value(true);
            }
            LiveMessage::Run { run } => self.put(*run),
            LiveMessage::Quality { rule, snapshot } => self.quality.set(Some((rule, snapshot))),
            LiveMessage::Tick { .. } => {}
        }
    }
}

/// # Panics
/// Outside the frame.
#[must_use]
pub fn use_live() -> Live {
    expect_context()
}

/// The newer of two views of one run: what is over stays over, and counters only grow.
#[must_use]
pub fn freshest(a: RunView, b: RunView) -> RunView {
    match (a.state.is_over(), b.state.is_over()) {
        (true, false) => a,
        (false, true) => b,
        // Over, and undone later on.
        (true, true) if a.undone_by.is_some() => a,
        (true, true) => b,
        (false, false) if (a.chunks, a.scanned, a.phase as u8) > (b.chunks, b.scanned, b.phase as u8) => a,
        (false, false) => b,
    }
}
