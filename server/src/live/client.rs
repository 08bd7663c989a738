//! One client: what it is told, how fast, and when it is shown the door.

use std::{sync::Arc, time::Duration};

use amend_domain::{LiveMessage, Numbered};
use amend_engine::Engine;
use axum::{
    Extension,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    response::Response,
};
use serde::Deserialize;
use tokio::{
    sync::broadcast,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::hub::{Hub, active};
use crate::{
    auth::{Auth, Proof, SignedIn},
    http::AppState,
};

/// The least time between two messages: 20 a second.
const PACE: Duration = Duration::from_millis(50);
/// A sign of life comes this often, and the session is looked at as often.
const BEAT: Duration = Duration::from_secs(5);
/// A client that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(10);
/// Clients send one short message.
const LONGEST_MESSAGE: usize = 1_024;

/// What a client may say: tell me what came after this number.
#[derive(Deserialize)]
struct After {
    after: u64,
}

/// Why the talk ended.
enum End {
    /// The client went, or took nothing any more.
    Gone,
    /// The session is over, by sign-out, by time, or because its token was taken back.
    SignedOut,
    ServerStops,
    /// The database does not answer, so nothing true can be told.
    Trouble,
}

/// `GET /live`.
pub async fn connect(
    State(state): State<AppState>,
    Extension(signed): Extension<SignedIn>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.max_message_size(LONGEST_MESSAGE).on_upgrade(move |socket| async move {
        let _presence = state.hub.join();
        let AppState { engine, auth, hub, .. } = state;
        Client { socket, engine, auth, hub, proof: signed.proof, told: 0, spoke: Instant::now() }.run().await;
    })
}

struct Client {
    socket: WebSocket,
    engine: Engine,
    auth: Arc<Auth>,
    hub: Hub,
    proof: Proof,
    /// Everything up to this number has been told.
    told: u64,
    /// When something was last sent.
    spoke: Instant,
}

impl Client {
    async fn run(mut self) {
        let (code, reason) = match self.talk().await {
            End::Gone => return,
            End::SignedOut => (close_code::POLICY, "the session is over"),
            End::ServerStops => (close_code::AWAY, "the server stops"),
            End::Trouble => (close_code::ERROR, "the database does not answer"),
        };
        let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // Whoever does not take the farewell has gone already.
        drop(timeout(Duration::from_secs(1), self.socket.send(frame)).await);
    }

    async fn talk(&mut self) -> End {
        let mut changes = self.hub.changes();
        let mut closing = self.hub.closing();
        if *closing.borrow_and_update() {
            return End::ServerStops;
        }
        let mut ended = self.auth.ended();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        let expiry = sleep(self.auth.time_left(&self.proof).unwrap_or(Duration::MAX / 4));
        tokio::pin!(expiry);
        if let Err(end) = self.greet().await {
            return end;
        }
        loop {
            let behind = self.hub.after(self.told).is_some();
            let step = tokio::select! {
                _ = closing.changed() => Err(End::ServerStops),
                () = &mut expiry => Err(End::SignedOut),
                hash = ended.recv() => self.was_ended(hash).await,
                message = self.socket.recv() => self.listen(message),
                _ = pace.tick(), if behind => self.tell().await,
                changed = changes.changed(), if !behind => changed.map_err(|_| End::ServerStops),
                _ = beat.tick() => self.beat(behind).await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// The clock and every active run, from the store: true whatever was missed.
    async fn greet(&mut self) -> Result<(), End> {
        self.told = self.hub.seq();
        let runs = active(&self.engine).await.map_err(|problem| {
            tracing::warn!(code = problem.code.as_str(), "a live client cannot be greeted: {problem}");
            End::Trouble
        })?;
        let message = LiveMessage::Hello { at: self.engine.clock().now(), runs };
        self.send(&Numbered { seq: self.told, message }).await
    }

    /// The oldest of what is behind, in its newest state.
    async fn tell(&mut self) -> Result<(), End> {
        let Some(numbered) = self.hub.after(self.told) else { return Ok(()) };
        self.told = numbered.seq;
        self.send(&numbered).await
    }

    fn listen(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        match message {
            Some(Ok(Message::Text(text))) => {
                if let Ok(After { after }) = serde_json::from_str(&text) {
                    // A number from before a restart is above all of ours; then everything is news.
                    self.told = if after > self.hub.seq() { 0 } else { after };
                }
                Ok(())
            }
            // Pings are answered underneath; other messages have no meaning here.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_))) => Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
        }
    }

    async fn beat(&mut self, behind: bool) -> Result<(), End> {
        self.ask_again().await?;
        if behind || self.spoke.elapsed() < BEAT - PACE {
            return Ok(());
        }
        let message = LiveMessage::Tick { at: self.engine.clock().now() };
        self.send(&Numbered { seq: self.told, message }).await
    }

    async fn was_ended(&mut self, hash: Result<String, broadcast::error::RecvError>) -> Result<(), End> {
        match (hash, &self.proof) {
            (Ok(hash), Proof::Session { hash: ours, .. }) if hash == *ours => Err(End::SignedOut),
            (Ok(_), _) => Ok(()),
            // Some were missed, ours may be among them.
            (Err(_), _) => self.ask_again().await,
        }
    }

    /// Whether we still may be here. While the database does not answer, nobody is thrown out.
    // By `&mut`, because a socket may be sent to another thread but not shared with one.
    async fn ask_again(&mut self) -> Result<(), End> {
        match self.auth.still_holds(&self.proof).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(End::SignedOut),
            Err(error) => {
                tracing::warn!(error = %error, "cannot look up the session of a live client");
                Ok(())
            }
        }
    }

    async fn send(&mut self, numbered: &Numbered) -> Result<(), End> {
        let text = serde_json::to_string(numbered).map_err(|error| {
            tracing::error!(error = %error, "a live message cannot be written as JSON");
            End::Trouble
        })?;
        self.spoke = Instant::now();
        match timeout(STUCK, self.socket.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}
