//! Logs go to standard error, so that standard output has the answer alone.

use std::io::IsTerminal as _;

use amend_domain::Problem;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{Log, LogFormat};

/// Starts logging for this process; a second start (in tests) changes nothing.
///
/// # Errors
/// A level that cannot be read.
pub fn start(log: &Log, default_level: &str) -> Result<(), Problem> {
    let level = log.level.as_deref().unwrap_or(default_level);
    let filter = EnvFilter::builder().parse(directives(level)).map_err(|error| {
        Problem::field("log.level", &format!("cannot be read: {error}"))
            .advice("Use error, warn, info, debug or trace, in AMEND_LOG or in the file.")
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let colours = std::io::stderr().is_terminal();
    let started = match log.format {
        LogFormat::Text => registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(colours)).try_init(),
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
    Ok(())
}

/// A bare level is about Amend; the libraries below speak up from `warn`.
fn directives(level: &str) -> String {
    let bare = ["off", "error", "warn", "info", "debug", "trace"].contains(&level.to_ascii_lowercase().as_str());
    if bare && level != "off" && level != "error" {
        format!(
            "warn,amend={level},amend_server={level},amend_engine={level},amend_store_sqlite={level},amend_store_postgres={level},amend_app={level}"
        )
    } else {
        level.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_and_a_filter_can_be_read() {
        for level in ["off", "error", "warn", "info", "debug", "trace", "info,amend_engine=debug"] {
            assert!(EnvFilter::builder().parse(directives(level)).is_ok(), "{level}");
        }
    }
}
