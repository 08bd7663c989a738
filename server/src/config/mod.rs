//! Where the settings come from: `amend.toml`, then `AMEND_*` variables, then flags; the later wins.
//!
//! One file a section. To add a setting: a field in its section (doc with variable, default and
//! unit), its line in [`VARIABLES`], and a comment in what `amend init` writes.

mod database;
mod engine;
mod log;
mod server;
mod throttle;

use std::path::{Path, PathBuf};

use amend_domain::{ErrorCode, Problem, Rule};
use figment::{
    Figment,
    error::Kind,
    providers::{Format as _, Serialized, Toml},
    value::Value,
};
use serde::{Deserialize, Serialize};

pub use self::{
    database::Database, engine::EngineSection, log::Log, log::LogFormat, server::Server, throttle::ThrottleSection,
};

/// The file that is read when it is there and no other was named.
pub const DEFAULT_FILE: &str = "amend.toml";

/// Each environment variable and the setting it gives.
pub const VARIABLES: [(&str, &str); 19] = [
    ("AMEND_DATABASE_URL", "database.url"),
    ("AMEND_ADDR", "server.addr"),
    ("AMEND_LOG", "log.level"),
    ("AMEND_LOG_FORMAT", "log.format"),
    ("AMEND_ENGINE_LEASE_S", "engine.lease_s"),
    ("AMEND_ENGINE_TARGET_CHUNK_MS", "engine.target_chunk_ms"),
    ("AMEND_ENGINE_DRIFT_TOLERANCE_PERCENT", "engine.drift_tolerance_percent"),
    ("AMEND_ENGINE_LOCK_TIMEOUT_MS", "engine.lock_timeout_ms"),
    ("AMEND_ENGINE_RETENTION_DAYS", "engine.retention_days"),
    ("AMEND_ENGINE_SNAPSHOT_RETENTION_DAYS", "engine.snapshot_retention_days"),
    ("AMEND_ENGINE_WORKERS", "engine.workers"),
    ("AMEND_ENGINE_BREAKER_PERCENT", "engine.breaker_percent"),
    ("AMEND_THROTTLE_LOCK_WAITERS", "throttle.lock_waiters"),
    ("AMEND_THROTTLE_REPLICATION_LAG_S", "throttle.replication_lag_s"),
    ("AMEND_THROTTLE_WAL_RATE_MIB_S", "throttle.wal_rate_mib_s"),
    ("AMEND_THROTTLE_AUTOVACUUM", "throttle.autovacuum"),
    ("AMEND_THROTTLE_ACTIVE_SESSIONS", "throttle.active_sessions"),
    ("AMEND_THROTTLE_TIME_WINDOW", "throttle.time_window"),
    ("AMEND_THROTTLE_OFF", "throttle.off"),
];

/// All settings. A key that is none of these is refused with its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub database: Database,
    pub server: Server,
    pub log: Log,
    pub engine: EngineSection,
    pub throttle: ThrottleSection,
    /// The rules, as `[[rule]]` tables. None: the rules that the database remembers, or the one that
    /// its tables suggest.
    pub rule: Vec<Rule>,
}

/// What the flags of one command say; `None` leaves a setting as it is.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub database: Option<String>,
    pub addr: Option<String>,
}

impl Config {
    /// Reads the settings for a command started in the present folder.
    ///
    /// # Errors
    /// A named file that is not there, a key that does not exist, a value of the wrong kind.
    pub fn load(file: Option<&Path>, flags: &Overrides) -> Result<Self, Problem> {
        let text = match file {
            Some(path) => Some(read(path)?),
            None if Path::new(DEFAULT_FILE).is_file() => Some(read(Path::new(DEFAULT_FILE))?),
            None => None,
        };
        let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(text) = &text {
            figment = figment.merge(Toml::string(text));
        }
        for (variable, setting) in VARIABLES {
            // An empty variable is one that somebody wanted to unset.
            if let Some(value) = std::env::var(variable).ok().filter(|v| !v.is_empty()) {
                figment = figment.merge((setting, scalar(value)));
            }
        }
        Self::extract(&figment, &path, flags)
    }

    fn extract(figment: &Figment, path: &Path, flags: &Overrides) -> Result<Self, Problem> {
        let mut config: Self = figment.extract().map_err(|error| explain(error, path))?;
        if let Some(url) = &flags.database {
            config.database.url.clone_from(url);
        }
        if let Some(addr) = &flags.addr {
            config.server.addr.clone_from(addr);
        }
        for rule in &config.rule {
            rule.check().map_err(|problem| {
                let message = format!("{}: rule {}: {}", path.display(), rule.slug, problem.message);
                Problem { message, ..problem }
            })?;
        }
        config.engine.check()?;
        config.throttle.check()?;
        Ok(config)
    }
}

/// Numbers as numbers, everything else as the text that it is.
fn scalar(text: String) -> Value {
    if let Ok(number) = text.parse::<u64>() {
        return Value::from(number);
    }
    text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from)
}

fn read(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| {
        Problem::new(ErrorCode::InvalidOptions, format!("{} cannot be read: {error}.", path.display()))
            .advice("Name a file with --config, or leave it out; `amend init` writes one.")
    })
}

/// A sentence that names the key, where it stands and what would be right.
fn explain(error: figment::Error, path: &Path) -> Problem {
    let key = error.path.join(".");
    let variable = VARIABLES.iter().find(|(variable, setting)| *setting == key && std::env::var_os(variable).is_some());
    let place = variable.map_or_else(|| path.display().to_string(), |(variable, _)| (*variable).to_owned());
    let (message, field) = match &error.kind {
        Kind::UnknownField(name, expected) => {
            let whole = within(&error.path, name);
            (format!("{place}: there is no key `{whole}`; known here: {}.", expected.join(", ")), whole)
        }
        Kind::MissingField(name) => {
            let whole = within(&error.path, name);
            (format!("{place}: the key `{whole}` is missing."), whole)
        }
        kind if key.is_empty() => (format!("{place}: {kind}."), String::new()),
        kind => (format!("{place}: `{key}`: {kind}."), key.clone()),
    };
    let problem =
        Problem::new(ErrorCode::InvalidOptions, message).advice("`amend init` writes a file with every key explained.");
    Problem { field: (!field.is_empty()).then_some(field), ..problem }
}

/// The whole name of a key, whether or not the path already ends with it.
fn within(path: &[String], name: &str) -> String {
    let parents = path.strip_suffix(&[name.to_owned()]).unwrap_or(path);
    parents.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_toml(text: &str) -> Result<Config, Problem> {
        let figment = Figment::from(Serialized::defaults(Config::default())).merge(Toml::string(text));
        Config::extract(&figment, Path::new("amend.toml"), &Overrides::default())
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        assert_eq!(from_toml(""), Ok(Config::default()));
        assert_eq!(Config::default().database.url, "sqlite://amend-data/amend.db");
    }

    #[test]
    fn unknown_keys_are_refused_with_their_name() {
        for (text, name) in
            [("[server]\nadress = \"127.0.0.1:1\"", "server.adress"), ("[servers]\naddr = \"127.0.0.1:1\"", "servers")]
        {
            let problem = from_toml(text).unwrap_err();
            assert!(problem.message.contains(&format!("`{name}`")), "{problem}");
            assert!(problem.message.starts_with("amend.toml"), "{problem}");
            assert_eq!(problem.code.exit_code(), 2);
        }
    }

    #[test]
    fn a_rule_is_read_as_it_serialises() {
        let config = Config { rule: vec![Rule::asset_class()], ..Config::default() };
        let text = toml::to_string(&config).unwrap();
        assert_eq!(from_toml(&text), Ok(config));
    }

    #[test]
    fn a_rule_that_cannot_work_is_refused_by_its_slug() {
        let mut rule = Rule::asset_class();
        rule.target.key.clear();
        let text = toml::to_string(&Config { rule: vec![rule], ..Config::default() }).unwrap();
        let problem = from_toml(&text).unwrap_err();
        assert!(problem.message.contains("asset-class-correction"), "{problem}");
    }

    #[test]
    fn flags_win() {
        let figment = Figment::from(Serialized::defaults(Config::default()));
        let flags = Overrides { database: Some("sqlite://x.db".into()), addr: Some("127.0.0.1:1".into()) };
        let config = Config::extract(&figment, Path::new("amend.toml"), &flags).unwrap();
        assert_eq!((config.database.url.as_str(), config.server.addr.as_str()), ("sqlite://x.db", "127.0.0.1:1"));
    }
}
