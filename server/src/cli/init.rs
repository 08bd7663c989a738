use std::io::Write as _;
use std::path::{Path, PathBuf};

use amend_domain::{ErrorCode, Problem, Rule};
use amend_engine::{Engine, Wanted};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{
    Exit, Global,
    context::Context,
    output::{self, Format},
};
use crate::{
    config::{Config, DEFAULT_FILE},
    open::{self, Missing, told, without_password},
};

#[derive(Debug, Args)]
pub struct InitArgs {
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    /// Add the rule to the file that is there
    #[arg(long, conflicts_with = "force")]
    add: bool,
    /// The table whose values are corrected, with its schema where needed: "Back Office.Trades"
    #[arg(long, value_name = "TABLE")]
    target: Option<String>,
    /// The column that is corrected
    #[arg(long, value_name = "COLUMN")]
    value: Option<String>,
    /// The table that knows the right values
    #[arg(long, value_name = "TABLE")]
    reference: Option<String>,
    /// Its column with the right value [default: named as --value]
    #[arg(long, value_name = "COLUMN")]
    reference_value: Option<String>,
    /// A column of the target and the one of the reference that it must equal; several times for several
    #[arg(long = "match", value_name = "COLUMN=COLUMN", value_parser = pair)]
    matches: Vec<(String, String)>,
    /// A column of the target's key, several times for several [default: its primary key]
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    /// A value that may be written, several times for several [default: any that is not blank]
    #[arg(long, value_name = "VALUE")]
    allow: Vec<String>,
    /// The rule's name in URLs and after --rule [default: of table and column]
    #[arg(long)]
    slug: Option<String>,
    /// The rule's name for people
    #[arg(long)]
    title: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), Problem> {
    match text.split_once('=') {
        Some((a, b)) if !a.is_empty() && !b.is_empty() => Ok((a.into(), b.into())),
        _ => Err(Problem::field("match", "must be a column of the target, =, and a column of the reference")),
    }
}

impl InitArgs {
    fn wanted(&self) -> Wanted {
        Wanted {
            slug: self.slug.clone(),
            title: self.title.clone(),
            target: self.target.clone(),
            key: self.key.clone(),
            matches: self.matches.clone(),
            value: self.value.clone(),
            reference: self.reference.clone(),
            reference_value: self.reference_value.clone(),
            allowed_values: self.allow.clone(),
        }
    }
}

pub async fn command(global: Global, args: InitArgs) -> anyhow::Result<Exit> {
    let file = global.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    if file.exists() && !args.force && !args.add {
        return Err(Problem::new(
            ErrorCode::InvalidOptions,
            format!("{} is there already; nothing was written.", file.display()),
        )
        .advice("Use --add to add a rule to it, --force to write over it, or --config to write another.")
        .into());
    }
    // A file that is about to be made cannot be read for its settings.
    let readable = Global { config: global.config.filter(|f| f.exists()), ..global };
    let context = Context::new(readable)?;
    // Not migrated: looking must leave no trace.
    let store = open::open(&context.config.database.url, Missing::Refuse).await?;
    let engine = context.engine_over(store);
    let rule = match engine.describe_rule(&context.who, &args.wanted()).await {
        Ok(rule) => rule,
        // A field that is named says what is there itself.
        Err(problem) if problem.field.is_some() => return Err(problem.into()),
        Err(problem) => return Err(with_tables(&engine, problem).await?.into()),
    };
    if args.add {
        add(&file, &context.config, &rule)?;
    } else {
        write(&file, &settings_file(&context.config, &rule)?, args.force)?;
    }
    if context.format() == Format::Json {
        output::json(&json!({ "file": file, "rule": rule }))?;
    } else {
        output::line(&found(&rule, &file))?;
    }
    Ok(Exit::Done)
}

/// Adds to a failed search what tables there are.
async fn with_tables(engine: &Engine, problem: Problem) -> Result<Problem, Problem> {
    let tables = engine.store().tables().await.map_err(|e| told(&e))?;
    let names: Vec<_> = tables.iter().map(|t| t.table.to_string()).collect();
    let there = if names.is_empty() { "no tables at all".to_owned() } else { names.join(", ") };
    let advice = problem.advice.clone().unwrap_or_default();
    Ok(problem.advice(format!("{advice} The database has: {there}. Nothing was written.").trim().to_owned()))
}

/// Adds a rule at the end of a file that has others.
fn add(file: &Path, config: &Config, rule: &Rule) -> anyhow::Result<()> {
    if config.rule.iter().any(|r| r.slug == rule.slug) {
        return Err(Problem::field("slug", &format!("is {}, which {} has already", rule.slug, file.display()))
            .advice("Name another with --slug. Nothing was written.")
            .into());
    }
    let text = toml::to_string(&RuleFile { rule: [rule] })?;
    let added = std::fs::OpenOptions::new()
        .append(true)
        .open(file)
        .and_then(|mut out| out.write_all(format!("\n{text}").as_bytes()));
    added.map_err(|error| {
        Problem::new(ErrorCode::InvalidOptions, format!("{} cannot be written: {error}.", file.display()))
            .advice("`amend init` without --add makes a new file.")
    })?;
    Ok(())
}

fn write(file: &Path, text: &str, force: bool) -> Result<(), Problem> {
    let mut how = std::fs::OpenOptions::new();
    how.write(true);
    // Never over a file that appeared since we looked.
    if force {
        how.create(true).truncate(true)
    } else {
        how.create_new(true)
    };
    how.open(file).and_then(|mut out| out.write_all(text.as_bytes())).map_err(|error| {
        Problem::new(ErrorCode::InvalidOptions, format!("{} cannot be written: {error}.", file.display()))
    })
}

fn found(rule: &Rule, file: &Path) -> String {
    let t = &rule.target;
    let list =
        |names: &[amend_domain::ColumnName]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "Found the target {}: key {}, match {}, value {}.\nFound the reference {}: match {}, value {}.\nWrote {}.",
        t.table,
        list(&t.key),
        list(&t.matches),
        t.value,
        rule.reference.table,
        list(&rule.reference.matches),
        rule.reference.value,
        file.display()
    )
}

#[derive(Serialize)]
struct RuleFile<'a> {
    rule: [&'a Rule; 1],
}

/// The file, every key explained. The settings are those in force.
fn settings_file(config: &Config, rule: &Rule) -> anyhow::Result<String> {
    let url = &config.database.url;
    let shown = without_password(url);
    let database = if shown == *url {
        format!("url = {}", quoted(url))
    } else {
        format!("# It holds a password: keep it in AMEND_DATABASE_URL.\n# url = {}", quoted(&shown))
    };
    let rule_text = toml::to_string(&RuleFile { rule: [rule] })?;
    let (engine, throttle) = (&config.engine, &config.throttle);
    let window = throttle.time_window.as_ref().map(|w| quoted(w.as_str()));
    Ok(format!(
        "\
# Settings of Amend. An environment variable wins over this file, a flag over both.
# `amend doctor` checks them against the database.

[database]
# AMEND_DATABASE_URL, --database. sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME.
{database}

[server]
# AMEND_ADDR, --addr. Where `amend serve` listens. 127.0.0.1 is this machine alone.
addr = {addr}

[log]
# AMEND_LOG. error, warn, info, debug, trace, or filters such as info,amend_engine=debug.
# Without it: info for `amend serve`, warn for all other commands.
# level = \"info\"
# AMEND_LOG_FORMAT. text or json.
format = \"text\"

[engine]
# AMEND_ENGINE_LEASE_S. Seconds after which a run whose process died can be taken over.
lease_s = {lease}
# AMEND_ENGINE_TARGET_CHUNK_MS. Milliseconds that one transaction should take with batch size auto.
target_chunk_ms = {chunk}
# AMEND_ENGINE_LOCK_TIMEOUT_MS. Milliseconds that a statement may wait for a lock.
lock_timeout_ms = {lock}
# AMEND_ENGINE_DRIFT_TOLERANCE_PERCENT. How far the numbers may move between preview and run.
drift_tolerance_percent = {drift:?}
# AMEND_ENGINE_RETENTION_DAYS. Days after a run's end for which it can be rolled back; `amend purge` and
# `amend serve` drop what is older.
retention_days = {retention}
# AMEND_ENGINE_SNAPSHOT_RETENTION_DAYS. Days for which snapshots are kept, where that is longer.
{snapshots}
# AMEND_ENGINE_WORKERS. Workers that share a run over a large table of PostgreSQL; 0: one for each core
# of this machine that other sessions of the database leave free, 1 to 4. Set it where the database stands elsewhere.
workers = {workers}
# AMEND_ENGINE_BREAKER_PERCENT. Percent of the last 20 chunks that may fail before a run stops by itself.
breaker_percent = {breaker}

[throttle]
# What holds a run back until it is within its limit again. What cannot be observed holds it, too,
# unless it is switched off by name. AMEND_THROTTLE_... are the variables.
# Sessions that may wait for a lock on the target table or one of its rows.
lock_waiters = {waiters}
# Seconds that the slowest replica may be behind.
replication_lag_s = {lag}
# Without these, any number is fine: mebibytes of write-ahead log a second, autovacuum workers on the
# target table, other busy sessions of the server.
{wal_rate}
{autovacuum}
{sessions}
# When runs may work; without it, always. Days, hours, time zone.
{window}
# Signals that are not read at all: lock_waiters, replication_lag, wal_rate, autovacuum,
# active_sessions, time_window.
off = {off}

# A rule: target.value must equal reference.value wherever the match columns agree.
# Names are spelled exactly as the database spells them.
#   slug            its name in URLs and after --rule
#   target.key      finds a row again: the primary key or another unique, not-null set of columns
#   target.matches  names the reference row, in the order of reference.matches
#   target.timestamp, target.dimensions  optional: for the charts
#   target.kept_by_triggers  optional: columns that the table's own triggers write on every update
#   allowed_values  what may be written; empty means anything that is not blank
#   retention_days  optional: instead of engine.retention_days
#   retired         optional: true keeps the rule for its history, and no run of it starts
#   allow_without_backup  optional: true lets a caller of the REST API overwrite with createBackup false
{rule_text}",
        addr = quoted(&config.server.addr),
        lease = engine.lease_s,
        chunk = engine.target_chunk_ms,
        lock = engine.lock_timeout_ms,
        drift = engine.drift_tolerance_percent,
        retention = engine.retention_days,
        snapshots = optional("snapshot_retention_days", engine.snapshot_retention_days, "90"),
        workers = engine.workers,
        breaker = engine.breaker_percent,
        waiters = throttle.lock_waiters,
        lag = throttle.replication_lag_s,
        wal_rate = optional("wal_rate_mib_s", throttle.wal_rate_mib_s, "64"),
        autovacuum = optional("autovacuum", throttle.autovacuum, "0"),
        sessions = optional("active_sessions", throttle.active_sessions, "8"),
        window = optional("time_window", window, "\"mon-fri 20:00-06:00 Europe/Berlin\""),
        off = toml::Value::from(throttle.off.clone()),
    ))
}

/// The line of a setting; as a comment with an example where it is not set.
fn optional(key: &str, value: Option<impl std::fmt::Display>, example: &str) -> String {
    value.map_or_else(|| format!("# {key} = {example}"), |value| format!("{key} = {value}"))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use figment::{
        Figment,
        providers::{Format as _, Serialized, Toml},
    };

    use super::*;

    fn read(text: &str) -> Config {
        Figment::from(Serialized::defaults(Config::default())).merge(Toml::string(text)).extract().unwrap()
    }

    #[test]
    fn the_file_says_what_is_in_force() {
        let mut config = Config::default();
        config.engine.lease_s = 17;
        config.throttle.autovacuum = Some(2);
        config.throttle.time_window = amend_engine::throttle::TimeWindow::parse("sat 01:00-02:00").ok();
        config.throttle.off = vec!["replication_lag".into()];
        config.server.addr = "127.0.0.1:1".into();
        let rule = Rule::asset_class();
        let text = settings_file(&config, &rule).unwrap();
        config.rule = vec![rule];
        assert_eq!(read(&text), config);
    }

    #[test]
    fn a_password_is_not_written() {
        let mut config = Config::default();
        config.database.url = "postgres://u:secret@h/d".into();
        let text = settings_file(&config, &Rule::asset_class()).unwrap();
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(read(&text).database, Config::default().database);
    }
}
