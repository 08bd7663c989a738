use serde::{Deserialize, Serialize};

/// `[server]`: the dashboard and the REST API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// `AMEND_ADDR`, flag `--addr`. Address and port to listen on; default `127.0.0.1:8080`, which
    /// only this machine reaches.
    pub addr: String,
}

impl Default for Server {
    fn default() -> Self {
        Self { addr: "127.0.0.1:8080".into() }
    }
}
