//! What really happened to the table, as the database itself saw it: a trigger logs every change of every
//! row with what was there and what came, and whether Amend or somebody else did it. Against this log
//! the journal is held, which Amend writes about itself.

use std::collections::BTreeMap;

use amend_domain::{
    Mode, RunId,
    finding::{Resolution, classify},
};
use amend_engine::store::StoreKind;
use anyhow::{Context as _, ensure};

use crate::{
    Fixture,
    bench::{self, Known, TICKS, Tick, known},
};

/// Symbols of the rows: three that the reference knows, one that it knows twice, one not at all.
pub(super) const SYMBOLS: [&str; 5] = ["AAPL", "SPY", "BTC", "DUAL", "GONE"];

fn reference() -> Vec<Known> {
    vec![
        known("AAPL", "STOCK"),
        known("SPY", "ETF"),
        known("BTC", "CRYPTO"),
        known("DUAL", "STOCK"),
        known("DUAL", "ETF"),
    ]
}

fn proposed(symbol: Option<&str>) -> Option<&'static str> {
    match symbol? {
        "AAPL" => Some("STOCK"),
        "SPY" => Some("ETF"),
        "BTC" => Some("CRYPTO"),
        _ => None,
    }
}

/// A row before or after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub id: i64,
    pub symbol: Option<String>,
    pub class: Option<String>,
    /// All other columns.
    rest: Option<String>,
}

/// One change of one row, committed.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub seq: i64,
    pub ours: bool,
    pub was: Option<Image>,
    pub is: Option<Image>,
}

/// A key with what was there and what came: as the journal has it, and as the log does.
type Entry = (i64, Option<String>, Option<String>);

const REST: &str = "coalesce(ROW.\"frame\", '-') || '|' || coalesce(CAST(ROW.\"seen_at\" AS text), '-') || '|' || \
                    ROW.\"note\" || '|' || CAST(ROW.\"price\" AS text)";

fn image(row: &str) -> String {
    format!("{row}.\"id\", {row}.\"symbol\", {row}.\"class\", {}", REST.replace("ROW", row))
}

const NOTHING: &str = "NULL, NULL, NULL, NULL";
const COLUMNS: &str =
    "\"old_id\", \"old_symbol\", \"old_class\", \"old_rest\", \"new_id\", \"new_symbol\", \"new_class\", \"new_rest\"";

/// Makes the tables with their log, once for all schedules.
pub(super) async fn create(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    bench::add_tickers(f, &reference()).await?;
    let cells = "\"old_id\" bigint, \"old_symbol\" text, \"old_class\" text, \"old_rest\" text, \"new_id\" bigint, \
                 \"new_symbol\" text, \"new_class\" text, \"new_rest\" text";
    let (old, new) = (image("OLD"), image("NEW"));
    let sql = match f.kind() {
        // Few rows a block, so that a walk by blocks has some of them; and room for new versions.
        StoreKind::Postgres => format!(
            "ALTER TABLE {TICKS} SET (fillfactor = 10, autovacuum_enabled = off);
             CREATE TABLE \"audit\" (\"seq\" bigint GENERATED ALWAYS AS IDENTITY, \"ours\" integer, {cells});
             CREATE FUNCTION audit_ticks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               INSERT INTO \"audit\" (\"ours\", {COLUMNS})
               VALUES ((current_setting('application_name') = 'amend')::integer, {old}, {new});
               RETURN NULL;
             END $$;
             CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {TICKS}
               FOR EACH ROW EXECUTE FUNCTION audit_ticks();"
        ),
        StoreKind::Sqlite => {
            let log = |values: String| {
                format!(
                    "INSERT INTO \"audit\" (\"ours\", {COLUMNS}) VALUES ((SELECT \"ours\" FROM \"writer\"), {values});"
                )
            };
            format!(
                "CREATE TABLE \"audit\" (\"seq\" INTEGER PRIMARY KEY AUTOINCREMENT, \"ours\" integer, {cells});
                 CREATE TABLE \"writer\" (\"ours\" integer);
                 INSERT INTO \"writer\" VALUES (1);
                 CREATE TRIGGER \"logs_inserts\" AFTER INSERT ON {TICKS} BEGIN {} END;
                 CREATE TRIGGER \"logs_updates\" AFTER UPDATE ON {TICKS} BEGIN {} END;
                 CREATE TRIGGER \"logs_deletes\" AFTER DELETE ON {TICKS} BEGIN {} END;",
                log(format!("{NOTHING}, {new}")),
                log(format!("{old}, {new}")),
                log(format!("{old}, {NOTHING}")),
            )
        }
    };
    f.execute(&sql).await
}

/// Puts these rows in the place of all that were there; the log begins anew.
pub(super) async fn refill(f: &Fixture, ticks: &[Tick]) -> anyhow::Result<()> {
    let (before, after) = match f.kind() {
        StoreKind::Postgres => (format!("TRUNCATE {TICKS}"), "TRUNCATE \"audit\""),
        StoreKind::Sqlite => (format!("DELETE FROM {TICKS}"), "DELETE FROM \"audit\""),
    };
    f.execute(&before).await?;
    bench::add_ticks(f, ticks).await?;
    f.execute(after).await
}

/// A statement of somebody else.
pub(super) async fn write(f: &Fixture, sql: &str) -> anyhow::Result<()> {
    if f.kind() == StoreKind::Postgres {
        return f.execute(sql).await;
    }
    // A file has one writer at a time: while it is this one, the log knows.
    f.execute(&format!(
        "BEGIN IMMEDIATE; UPDATE \"writer\" SET \"ours\" = 0; {sql}; UPDATE \"writer\" SET \"ours\" = 1; COMMIT"
    ))
    .await
}

fn number(cell: Option<&String>) -> anyhow::Result<Option<i64>> {
    Ok(cell.map(|text| text.parse()).transpose()?)
}

/// What was logged since.
pub(super) async fn since(f: &Fixture, seq: i64) -> anyhow::Result<Vec<Change>> {
    let sql = format!("SELECT \"seq\", \"ours\", {COLUMNS} FROM \"audit\" WHERE \"seq\" > {seq} ORDER BY \"seq\"");
    let rows = f.query(&sql).await?;
    rows.iter()
        .map(|row| {
            let cell = |at: usize| row.get(at).and_then(Option::as_ref);
            let image = |from: usize| -> anyhow::Result<Option<Image>> {
                let text = |at: usize| cell(from + at).cloned();
                let id = number(cell(from))?;
                Ok(id.map(|id| Image { id, symbol: text(1), class: text(2), rest: text(3) }))
            };
            Ok(Change {
                seq: number(cell(0))?.context("a line of the log has no number")?,
                ours: number(cell(1))? == Some(1),
                was: image(2)?,
                is: image(6)?,
            })
        })
        .collect()
}

/// Every change that a run says it made.
pub(super) async fn journal(f: &Fixture, id: &RunId) -> anyhow::Result<Vec<Entry>> {
    let sql = match f.kind() {
        StoreKind::Postgres => format!(
            "SELECT k.key, j.old_value, j.new_value FROM amend.journal j CROSS JOIN LATERAL unnest(j.row_keys) k(key)
             WHERE j.run_id = '{id}'"
        ),
        StoreKind::Sqlite => format!(
            "SELECT e.value, j.old_value, j.new_value FROM amend_journal j, json_each(j.row_keys) e
             WHERE j.run_id = '{id}'"
        ),
    };
    let mut entries = Vec::new();
    for row in f.query(&sql).await? {
        let cell = |at: usize| row.get(at).cloned().flatten();
        entries.push((number(cell(0).as_ref())?.context("an entry without a key")?, cell(1), cell(2)));
    }
    entries.sort();
    Ok(entries)
}

/// What Amend did by the log. It may give rows another value, and that is all.
fn ours(changes: &[Change]) -> anyhow::Result<Vec<(Entry, &Image)>> {
    let mut entries = Vec::new();
    for change in changes.iter().filter(|c| c.ours) {
        let (Some(was), Some(is)) = (&change.was, &change.is) else {
            anyhow::bail!("a row came or went: {change:?}");
        };
        let only_the_value = Image { class: is.class.clone(), ..was.clone() };
        ensure!(*is == only_the_value && is.class != was.class, "more or less than the value: {change:?}");
        entries.push(((was.id, was.class.clone(), is.class.clone()), was));
    }
    Ok(entries)
}

/// What stood there when a run wrote, the journal has; and the run might write over it. A value that came
/// between the run's look and its write would be in the log and not in the journal.
fn same(entries: &[(Entry, &Image)], journal: &[Entry]) -> anyhow::Result<()> {
    let mut logged: Vec<_> = entries.iter().map(|(entry, _)| entry.clone()).collect();
    logged.sort();
    ensure!(logged == journal, "the table changed by {logged:?}, the journal says {journal:?}");
    Ok(())
}

/// Holds what a correction did against its journal and against the rule.
pub(super) fn check_correction(changes: &[Change], mode: Mode, journal: &[Entry]) -> anyhow::Result<()> {
    let entries = ours(changes)?;
    same(&entries, journal)?;
    for ((_, old, new), row) in &entries {
        let value = proposed(row.symbol.as_deref()).with_context(|| format!("nothing gives a value for {row:?}"))?;
        let finding = classify(old.as_deref(), Resolution::Value(value));
        ensure!(mode.corrects(finding), "a run in mode {mode:?} wrote over {row:?}");
        ensure!(new.as_deref() == Some(value), "{row:?} became {new:?}");
    }
    Ok(())
}

/// Holds what a rollback did against its journal and against what it undoes.
pub(super) fn check_rollback(changes: &[Change], undone: &[Entry], journal: &[Entry]) -> anyhow::Result<()> {
    let entries = ours(changes)?;
    same(&entries, journal)?;
    for ((id, old, new), _) in &entries {
        let entry = (*id, new.clone(), old.clone());
        ensure!(undone.contains(&entry), "{entry:?} is undone, but the run never did it");
    }
    Ok(())
}

/// Whether others did anything.
pub(super) fn meddled(changes: &[Change]) -> bool {
    changes.iter().any(|c| !c.ours)
}

/// What each row has to be once everything is undone: what others gave it last.
pub(super) fn left_by_others(before: &[Tick], changes: &[Change]) -> BTreeMap<i64, Option<String>> {
    let mut rows: BTreeMap<_, _> = before.iter().map(|t| (t.id, t.class.clone())).collect();
    for change in changes.iter().filter(|c| !c.ours) {
        let (was, is) = (change.was.as_ref(), change.is.as_ref());
        if let Some(was) = was.filter(|was| is.is_none_or(|is| is.id != was.id)) {
            rows.remove(&was.id);
        }
        let Some(is) = is else { continue };
        if was.is_none_or(|was| was.id != is.id || was.class != is.class) {
            rows.insert(is.id, is.class.clone());
        }
    }
    rows
}
