//! `amend doctor`: one line a check, with what to do.

use std::sync::Arc;

use amend_domain::{Problem, Rule, RunState};
use amend_engine::{
    Engine,
    store::{RunFilter, ServerInfo, Store, StoreKind, TableInfo},
};
use serde::Serialize;
use serde_json::json;

use super::{
    Exit,
    context::Context,
    output::{self, Format, Rows},
    text::{self, span},
};
use crate::open::{self, Missing, told, without_password};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    status: Status,
    detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Default)]
struct Report(Vec<Check>);

impl Report {
    fn add(&mut self, check: &'static str, status: Status, detail: impl Into<String>, advice: Option<String>) {
        self.0.push(Check { check, status, detail: detail.into(), advice });
    }

    fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.add(check, Status::Ok, detail, None);
    }

    fn warn(&mut self, check: &'static str, detail: impl Into<String>, advice: impl Into<String>) {
        self.add(check, Status::Warn, detail, Some(advice.into()));
    }

    fn fail(&mut self, check: &'static str, problem: Problem) {
        self.add(check, Status::Fail, problem.message, problem.advice);
    }

    fn worst(&self) -> Status {
        self.0.iter().map(|c| c.status).max().unwrap_or(Status::Ok)
    }
}

/// Seconds of difference between two clocks that nobody minds.
const CLOCK_FINE_MS: i64 = 2_000;
/// Free space below which a run may not end, and below which one should look.
const SPACE_FAIL: u64 = 50_000_000;
const SPACE_WARN: u64 = 1_000_000_000;

pub async fn command(context: Context) -> anyhow::Result<Exit> {
    let report = examine(&context).await;
    let worst = report.worst();
    if context.format() == Format::Json {
        output::json(&json!({ "ok": worst < Status::Fail, "checks": report.0 }))?;
    } else {
        let mut rows = Rows::new(&["check", "status", "detail", "what to do"]);
        for check in &report.0 {
            let status = match check.status {
                Status::Ok => "ok",
                Status::Warn => "warn",
                Status::Fail => "FAIL",
            };
            rows.push(vec![
                check.check.into(),
                status.into(),
                check.detail.clone(),
                check.advice.clone().unwrap_or_default(),
            ]);
        }
        if context.format() == Format::Csv { rows.csv()? } else { output::print(&rows.table())? }
    }
    Ok(if worst == Status::Fail { Exit::Failed } else { Exit::Done })
}

/// Every check that the ones before it allow.
async fn examine(context: &Context) -> Report {
    let mut report = Report::default();
    let url = without_password(&context.config.database.url);
    let store = match open::open(&context.config.database.url, Missing::Refuse).await {
        Ok(store) => store,
        Err(problem) => {
            report.fail("database", Problem { message: format!("{url}: {}", problem.message), ..problem });
            return report;
        }
    };
    if let Err(error) = store.ping().await {
        report.fail("database", told(&error));
        return report;
    }
    let engine = context.engine_over(Arc::clone(&store));
    match store.server_info().await {
        Ok(info) => {
            report.ok("database", format!("{} answers", info.location));
            server(context, &engine, &info, &mut report);
        }
        Err(error) => {
            report.ok("database", format!("{url} answers"));
            report.fail("version", told(&error));
        }
    }
    if !own_tables(&store, &mut report).await {
        return report;
    }
    rules(context, &engine, &mut report).await;
    active_run(&engine, &mut report).await;
    report
}

fn server(context: &Context, engine: &Engine, info: &ServerInfo, report: &mut Report) {
    let (name, least) = match info.kind {
        StoreKind::Sqlite => ("SQLite", "3.38"),
        StoreKind::Postgres => ("PostgreSQL", "14"),
    };
    let version = format!("{name} {}", info.version);
    if info.supported {
        report.ok("version", version);
    } else {
        report.add("version", Status::Fail, version, Some(format!("Amend needs {name} {least} or later: upgrade it.")));
    }
    if info.writable {
        report.ok("rights", "Amend's own tables can be written");
    } else {
        let advice = match info.kind {
            StoreKind::Sqlite => "Make the file and its folder writable for this user.",
            StoreKind::Postgres => {
                "Connect as a user with CREATE on the database, or as the owner of the schema amend; and not to a standby."
            }
        };
        report.add("rights", Status::Fail, "the database is read-only for this user", Some(advice.into()));
    }
    let apart = (info.clock - engine.clock().now()).num_milliseconds().abs();
    let lease_ms = i64::try_from(context.config.engine.lease_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
    let detail = format!("{} apart from the database's", span(apart));
    match apart {
        ..=CLOCK_FINE_MS => report.ok("clock", detail),
        _ if apart < lease_ms => report.warn("clock", detail, "Set both clocks by NTP: leases are compared by time."),
        _ => report.add(
            "clock",
            Status::Fail,
            detail,
            Some("Set both clocks by NTP: a worker's lease would look over to others.".into()),
        ),
    }
    space(info, report);
}

/// A run writes each changed row again, its before-image, and the log of both.
fn space(info: &ServerInfo, report: &mut Report) {
    let wanted = info.size_bytes.unwrap_or(0).max(SPACE_WARN);
    match info.free_bytes {
        None => report.warn(
            "space",
            "free space cannot be seen from here",
            format!("Make sure of about {} on the database's disk.", text::size(wanted)),
        ),
        Some(free) if free < SPACE_FAIL => report.add(
            "space",
            Status::Fail,
            format!("{} free", text::size(free)),
            Some("Free space first: a run would end with a full disk.".into()),
        ),
        Some(free) if free < wanted => report.warn(
            "space",
            format!("{} free", text::size(free)),
            format!("Have about {} free before a run over the whole table.", text::size(wanted)),
        ),
        Some(free) => report.ok("space", format!("{} free", text::size(free))),
    }
}

/// Whether Amend's own tables are there; makes them where it may.
async fn own_tables(store: &Arc<dyn Store>, report: &mut Report) -> bool {
    match store.migrate().await {
        Ok(applied) if applied.is_empty() => report.ok("own tables", "up to date"),
        Ok(applied) => report.ok("own tables", format!("brought up to date: {}", applied.join(", "))),
        Err(error) => match store.rules().await {
            Ok(_) => report.warn(
                "own tables",
                "there, but this user may not bring them up to date",
                "Runs need a user who may write them.",
            ),
            Err(_) => {
                report.fail("own tables", told(&error));
                return false;
            }
        },
    }
    true
}

async fn rules(context: &Context, engine: &Engine, report: &mut Report) {
    match context.save_rules(engine).await {
        Ok(unfit) => {
            for (slug, problem) in unfit {
                report.fail("rule", Problem { message: format!("{slug}: {}", problem.message), ..problem });
            }
        }
        Err(problem) => report.fail("rule", problem),
    }
    let rules = match engine.rules(&context.who).await {
        Ok(rules) => rules,
        Err(problem) => return report.fail("rule", problem),
    };
    if rules.is_empty()
        && let Err(problem) = engine.propose_rule(&context.who).await
    {
        report.fail("rule", problem);
    }
    for rule in &rules {
        if rule.retired {
            report.ok("rule", format!("{} is retired", rule.slug));
            continue;
        }
        match engine.check_rule(rule).await {
            Ok(()) => {
                report.ok("rule", format!("{} fits {} and {}", rule.slug, rule.target.table, rule.reference.table))
            }
            Err(problem) => {
                report.fail("rule", Problem { message: format!("{}: {}", rule.slug, problem.message), ..problem });
            }
        }
        notes(engine, rule, report).await;
        indexes(engine, rule, report).await;
        throttle(context, engine, rule, report).await;
    }
}

/// What a run of a rule that fits would meet, and how it would go through the table.
async fn notes(engine: &Engine, rule: &Rule, report: &mut Report) {
    // A rule that does not fit was told by its check.
    let Ok(notes) = engine.rule_notes(rule).await else { return };
    for note in notes {
        report.warn("table", format!("{}: {}", rule.slug, note.message), note.advice);
    }
    match engine.walk_of(rule).await {
        Ok(walk) => report.ok("walk", format!("{}: {}", rule.slug, walk.reason)),
        Err(problem) => report.fail("walk", problem),
    }
}

/// The index that finding reference rows needs. The target's key has one by being unique.
async fn indexes(engine: &Engine, rule: &Rule, report: &mut Report) {
    let reference = &rule.reference;
    let info = match engine.store().table(&reference.table).await {
        Ok(Some(info)) => info,
        // Said by the check of the rule.
        Ok(None) => return,
        Err(error) => return report.fail("indexes", told(&error)),
    };
    if serves(&info, rule) {
        report.ok("indexes", format!("{} is found by an index", reference.table));
        return;
    }
    let columns: Vec<_> = reference.matches.iter().map(amend_domain::ColumnName::quoted).collect();
    report.warn(
        "indexes",
        format!("{} has no index that begins with its match columns", reference.table),
        format!("CREATE INDEX ON {} ({});", reference.table.quoted(), columns.join(", ")).replace(
            "INDEX ON",
            // SQLite wants a name, PostgreSQL takes one.
            &format!("INDEX {}_match ON", reference.table.name.to_lowercase()),
        ),
    );
}

/// What would hold a run now.
async fn throttle(context: &Context, engine: &Engine, rule: &Rule, report: &mut Report) {
    let signals = match engine.signals(&context.who, &rule.slug).await {
        Ok(signals) => signals,
        Err(problem) => return report.fail("throttle", problem),
    };
    let mut calm = Vec::new();
    for signal in signals {
        match (signal.limit, signal.hold) {
            (Some(_), Some(hold)) => report.warn(
                "throttle",
                format!("a run of {} would be held: {hold}", rule.slug),
                "It waits for as long as this lasts. Limits stand under [throttle] of the settings.",
            ),
            (Some(limit), None) => calm.push(format!("{} ({}; limit {limit})", signal.name, signal.reading)),
            (None, _) => {}
        }
    }
    if !calm.is_empty() {
        report.ok("throttle", format!("within limits: {}", calm.join(", ")));
    }
}

fn serves(info: &TableInfo, rule: &Rule) -> bool {
    let wanted = &rule.reference.matches;
    info.indexes.iter().chain(&info.keys).any(|columns| {
        columns.len() >= wanted.len() && columns.iter().take(wanted.len()).all(|column| wanted.contains(column))
    })
}

async fn active_run(engine: &Engine, report: &mut Report) {
    let filter = RunFilter { states: RunState::ACTIVE.to_vec(), limit: 20, ..RunFilter::default() };
    let store = engine.store();
    let active = match store.runs(&filter).await {
        Ok(active) => active,
        Err(error) => return report.fail("runs", told(&error)),
    };
    let waiting = match store.claimable(engine.clock().now()).await {
        Ok(waiting) => waiting,
        Err(error) => return report.fail("runs", told(&error)),
    };
    for view in &active {
        if waiting.contains(&view.run_id) {
            report.warn(
                "runs",
                format!("{} is {} and nobody works on it", view.run_id, view.state.as_str()),
                "`amend run` or a server resumes it.",
            );
        } else {
            report.ok("runs", format!("{} is {}", view.run_id, view.state.as_str()));
        }
    }
    if active.is_empty() {
        report.ok("runs", "none is active");
    }
}
