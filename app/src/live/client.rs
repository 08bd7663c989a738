//! The websocket, and what stands in for it while it is away. Runs in the browser alone: everything
//! begins in an effect, and the server runs none.
//!
//! One beat a second drives it: it watches for silence, counts down to the next try, polls after
//! several failed ones, and moves the clock.

use std::{cell::RefCell, rc::Rc, time::Duration};

use amend_domain::{ErrorCode, LiveMessage, Numbered};
use chrono::{DateTime, Utc};
use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{CloseEvent, MessageEvent, WebSocket};

use super::{Connection, Live};
use crate::api::runs::{RunsQuery, list_runs};

/// The server speaks every 5 s; silence of this length is a cut. In milliseconds.
const SILENCE_MS: f64 = 12_000.0;
/// Failed tries after which runs are polled.
const TRIES_BEFORE_POLLING: u32 = 3;
/// Seconds between two polls.
const POLL_EVERY: u32 = 3;
/// Seconds between tries: doubling, up to this.
const LONGEST_WAIT: u32 = 15;
/// The close code (a refusal by policy) with which the server ends the socket of an ended session.
const SESSION_OVER: u16 = 1008;

struct Socket {
    socket: WebSocket,
    // The socket calls these; they must live as long as it does.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_open: Closure<dyn FnMut()>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        // Closing what is closed does nothing; other errors belong to a code, which we don't give.
        drop(self.socket.close());
    }
}

#[derive(Default)]
struct Link {
    socket: Option<Socket>,
    /// Tries since the last message.
    tries: u32,
    /// Seconds until the next try, while there is no socket.
    wait: u32,
    /// Number of the last message.
    seq: u64,
    /// When something last came, by the browser's clock, in milliseconds.
    heard_ms: f64,
    /// What the server's clock is ahead of the browser's, in milliseconds.
    ahead_ms: f64,
    beats: u32,
}

type Shared = Rc<RefCell<Link>>;

pub(super) fn start(live: Live) {
    Effect::new(move |_| {
        let link = Shared::default();
        open(live, &link);
        let beating = link.clone();
        let interval = set_interval_with_handle(move || beat(live, &beating), Duration::from_secs(1)).ok();
        // Made here and not outside: what belongs to one thread must not exist on the server, whose
        // threads change.
        let kept = StoredValue::new_local(Some((interval, link)));
        on_cleanup(move || {
            if let Some((interval, link)) = kept.try_update_value(Option::take).flatten() {
                if let Some(interval) = interval {
                    interval.clear();
                }
                link.borrow_mut().socket = None;
            }
        });
    });
}

fn open(live: Live, link: &Shared) {
    link.borrow_mut().heard_ms = js_sys::Date::now();
    let Some(socket) = address().and_then(|url| WebSocket::new(&url).ok()) else {
        lose(live, link);
        return;
    };
    let on_message = Closure::new({
        let link = link.clone();
        move |event: MessageEvent| {
            if let Some(text) = event.data().as_string()
                && let Ok(numbered) = serde_json::from_slice::<Numbered>(text.as_bytes())
            {
                hear(live, &link, numbered);
            }
        }
    });
    let on_open = Closure::new({
        let (link, socket) = (link.clone(), socket.clone());
        move || {
            let seq = link.borrow().seq;
            if seq > 0 {
                // A socket that cannot send is about to close, and we hear of that.
                drop(socket.send_with_str(&format!("{{\"after\":{seq}}}")));
            }
        }
    });
    let on_close = Closure::new({
        let link = link.clone();
        move |event: CloseEvent| {
            lose(live, &link);
            if event.code() == SESSION_OVER {
                live.connection.set(Connection::SignedOut);
            }
        }
    });
    socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    link.borrow_mut().socket = Some(Socket { socket, _on_message: on_message, _on_open: on_open, _on_close: on_close });
}

/// Where the socket is: the page's own host, whatever stands before the server.
fn address() -> Option<String> {
    let location = window().location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    Some(format!("{scheme}://{}/live", location.host().ok()?))
}

fn hear(live: Live, link: &Shared, Numbered { seq, message }: Numbered) {
    let now_ms = js_sys::Date::now();
    {
        let mut link = link.borrow_mut();
        link.seq = seq;
        link.tries = 0;
        link.heard_ms = now_ms;
        if let LiveMessage::Hello { at, .. } | LiveMessage::Tick { at } = &message {
            link.ahead_ms = millis(*at) - now_ms;
        }
    }
    live.heard.set(server_time(link));
    if live.connection.get_untracked() != Connection::Live {
        live.connection.set(Connection::Live);
    }
    live.take(message);
}

/// The socket is gone: plan the next try.
fn lose(live: Live, link: &Shared) {
    // Taken out first: dropping it must not happen inside its own closure's borrow.
    let gone = {
        let mut link = link.borrow_mut();
        link.tries += 1;
        link.wait = 1_u32.checked_shl(link.tries - 1).map_or(LONGEST_WAIT, |s| s.min(LONGEST_WAIT));
        link.socket.take()
    };
    // This may be called by the socket itself, which must outlive its own call.
    set_timeout(move || drop(gone), Duration::ZERO);
    let wait = link.borrow().wait;
    if !matches!(live.connection.get_untracked(), Connection::Polling | Connection::SignedOut) {
        live.connection.set(Connection::Reconnecting { seconds: wait });
    }
}

fn beat(live: Live, link: &Shared) {
    live.clock.set(server_time(link));
    let (connected, silent, beats) = {
        let mut link = link.borrow_mut();
        link.beats = link.beats.wrapping_add(1);
        (link.socket.is_some(), js_sys::Date::now() - link.heard_ms > SILENCE_MS, link.beats)
    };
    if connected {
        if silent {
            lose(live, link);
        }
        return;
    }
    let (wait, tries) = {
        let mut link = link.borrow_mut();
        link.wait = link.wait.saturating_sub(1);
        (link.wait, link.tries)
    };
    let state = live.connection.get_untracked();
    if matches!(state, Connection::Reconnecting { .. }) {
        live.connection.set(Connection::Reconnecting { seconds: wait });
    }
    if tries >= TRIES_BEFORE_POLLING && beats.is_multiple_of(POLL_EVERY) && state != Connection::SignedOut {
        poll(live, link.clone());
    }
    if wait == 0 && state != Connection::SignedOut {
        open(live, link);
    }
}

fn poll(live: Live, link: Shared) {
    spawn_local(async move {
        let answer = list_runs(RunsQuery::default()).await;
        // The socket may have come back meanwhile.
        if live.connection.get_untracked() == Connection::Live {
            return;
        }
        match answer {
            Ok(list) => {
                live.heard.set(server_time(&link));
                live.connection.set(Connection::Polling);
                for run in list {
                    live.put(run);
                }
            }
            Err(error) if error.is(ErrorCode::NotSignedIn) => live.connection.set(Connection::SignedOut),
            Err(_) => {
                let seconds = link.borrow().wait;
                live.connection.set(Connection::Reconnecting { seconds });
            }
        }
    });
}

fn server_time(link: &Shared) -> Option<DateTime<Utc>> {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
    DateTime::from_timestamp_millis((js_sys::Date::now() + link.borrow().ahead_ms) as i64)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in a double")]
fn millis(t: DateTime<Utc>) -> f64 {
    t.timestamp_millis() as f64
}
