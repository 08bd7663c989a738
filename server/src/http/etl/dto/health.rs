//! What `health` answers.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    pub is_healthy: bool,
    pub overall_status: &'static str,
    pub components: BTreeMap<&'static str, Component>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    pub is_healthy: bool,
    pub detail: String,
    pub checked_at: String,
}

impl Health {
    pub fn of(components: BTreeMap<&'static str, Component>) -> Self {
        let is_healthy = components.values().all(|c| c.is_healthy);
        Self { is_healthy, overall_status: if is_healthy { "Healthy" } else { "Degraded" }, components }
    }
}
