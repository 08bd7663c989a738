//! What every handler can reach.

use std::{net::SocketAddr, sync::Arc};

use amend_engine::Engine;
use axum::extract::FromRef;
use leptos::config::LeptosOptions;

use super::etl::Totals;
use crate::{auth::Auth, live::Hub};

/// Cloned for each request; everything in it is shared.
#[derive(Clone)]
pub struct AppState {
    pub engine: Engine,
    pub auth: Arc<Auth>,
    pub hub: Hub,
    /// What the metrics remember of finished runs.
    pub totals: Arc<Totals>,
    pub leptos: LeptosOptions,
}

impl AppState {
    /// # Errors
    /// When the system has no randomness.
    pub fn new(engine: Engine, addr: SocketAddr) -> anyhow::Result<Self> {
        let auth = Arc::new(Auth::new(engine.store().clone(), engine.clock().clone())?);
        // The assets are embedded, so no folder of the site is ever read.
        let leptos = LeptosOptions::builder().output_name("amend").site_addr(addr).build();
        Ok(Self { engine, auth, hub: Hub::default(), totals: Arc::default(), leptos })
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}
