//! From an address to a running server, and down again.

use std::{future::Future, net::SocketAddr, time::Duration};

use amend_engine::Engine;
use anyhow::Context;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::{AppState, router};

/// How long requests in flight may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Called once, with the address that was bound, before the first request is answered.
pub type OnReady = Box<dyn FnOnce(SocketAddr) + Send>;

/// What a server is made of.
pub struct ServeOptions {
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
    pub engine: Engine,
    pub on_ready: Option<OnReady>,
}

impl ServeOptions {
    #[must_use]
    pub fn new(addr: SocketAddr, engine: Engine) -> Self {
        Self { addr, engine, on_ready: None }
    }

    #[must_use]
    pub fn on_ready(mut self, call: impl FnOnce(SocketAddr) + Send + 'static) -> Self {
        self.on_ready = Some(Box::new(call));
        self
    }
}

/// Serves until SIGINT or SIGTERM. Runs that are active then stay resumable: their chunk in flight
/// is either committed or undone, and the next server, or another one, takes them over.
///
/// # Errors
/// An address that cannot be bound; trouble while serving.
pub async fn serve(options: ServeOptions) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let server = Server::bind(options.addr, options.engine).await?;
    if let Some(ready) = options.on_ready {
        ready(server.addr());
    }
    server
        .run(async move {
            tokio::select! {
                _ = interrupt.recv() => tracing::info!("stopping on SIGINT"),
                _ = terminate.recv() => tracing::info!("stopping on SIGTERM"),
            }
        })
        .await
}

/// A server that is bound but does not answer yet.
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    state: AppState,
}

impl Server {
    /// # Errors
    /// An address that cannot be bound.
    pub async fn bind(addr: SocketAddr, engine: Engine) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(addr).await.with_context(|| {
            format!("cannot listen on {addr}: another program may use the port; choose one with --addr")
        })?;
        let addr = listener.local_addr().context("cannot read the address that was bound")?;
        Ok(Self { listener, addr, state: AppState::new(engine, addr)? })
    }

    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers, takes over interrupted runs and feeds the live view until `stop` is done.
    ///
    /// # Errors
    /// Trouble with the listening socket.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { listener, state, .. } = self;
        let hub = state.hub.clone();
        let takeover = state.engine.spawn_takeover();
        let purge = state.engine.spawn_purge();
        let feeding = hub.spawn(state.engine.clone());
        let (stopping, stopped) = oneshot::channel();
        let closing = hub.clone();
        let serving = axum::serve(listener, router(state)).with_graceful_shutdown(async move {
            stop.await;
            closing.close();
            // Nobody listens any more when serving has ended by itself.
            let _ = stopping.send(());
        });
        let outcome = tokio::select! {
            served = async { serving.await } => served.context("the server stopped"),
            () = async { if stopped.await.is_ok() { tokio::time::sleep(GRACE).await } else { std::future::pending().await } } => {
                tracing::info!("requests in flight were cut off after {} s", GRACE.as_secs());
                Ok(())
            }
        };
        hub.emptied(Duration::from_secs(1)).await;
        takeover.abort();
        purge.abort();
        feeding.abort();
        outcome
    }
}
