//! Looking, correcting, undoing.

use std::time::Duration;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    database::Database,
    program::{ended, int, text},
};

const NULLS: &str = "SELECT count(*) FROM market_data WHERE asset_class IS NULL";

pub async fn analysis_adds_up_and_has_every_finding(database: &Database) {
    database.demo(20_000);
    let report = database.json(&["analyze"]);
    assert_eq!(text(&report, "rule"), "asset-class-correction");
    assert_eq!(int(&report, "total"), 20_000);
    let missing = &report["missing"];
    let counts = [
        int(&report, "correct"),
        int(missing, "null"),
        int(missing, "blank"),
        int(&report, "mismatched"),
        int(&report, "variant"),
        int(&report, "orphan"),
        int(&report, "ambiguous"),
        int(&report, "unresolvable"),
    ];
    assert!(counts.iter().all(|n| *n > 0), "{report}");
    assert_eq!(counts.iter().sum::<i64>(), 20_000, "{report}");
    assert!(int(&report, "symbols_unused") > 0 && !report["by_class"].as_array().expect("a list").is_empty());
    assert!(report["duration_ms"].is_i64());

    // The same by plain SQL: one class for the ticker, and one that is allowed.
    let resolved = "SELECT ticker FROM symbols WHERE trim(coalesce(asset_class, '')) <> '' \
         GROUP BY ticker HAVING count(DISTINCT asset_class) = 1 AND max(asset_class) <> 'N/A'";
    let nulls = database.number(&format!("{NULLS} AND symbol IN ({resolved})")).await;
    assert_eq!(int(missing, "null"), nulls);
    let orphans = "SELECT count(*) FROM market_data WHERE symbol NOT IN (SELECT ticker FROM symbols)";
    assert_eq!(int(&report, "orphan"), database.number(orphans).await);

    let csv = database.amend(&["analyze", "--format", "csv"]).ends(0).out;
    assert!(csv.starts_with("finding,rows\ncorrect,"), "{csv}");
    let table = database.amend(&["analyze"]).ends(0).out;
    assert!(table.contains("20,000 rows"), "{table}");
}

pub async fn a_run_does_what_the_preview_said_and_rollback_restores_every_byte(database: &Database) {
    database.demo(20_000);
    let before = database.digest("market_data").await;
    let preview = database.json(&["preview", "--mode", "overwrite", "--limit", "7"]);
    let planned = int(&preview, "to_change");
    assert!(planned > 0);
    assert_eq!(preview["rows"].as_array().map(Vec::len), Some(7));

    let hash = text(&preview, "hash").to_owned();
    let run = database.json(&["run", "--mode", "overwrite", "--plan-hash", &hash]);
    let id = text(&run, "run_id").to_owned();
    assert_eq!((text(&run, "kind"), text(&run, "state")), ("correction", "succeeded"));
    assert_eq!((int(&run, "changed"), int(&run, "remaining")), (planned, 0));
    assert_eq!(text(&run, "plan_hash"), hash);
    assert_eq!(run["validation"]["passed"], Value::Bool(true), "{run}");
    assert!(run["validation"]["levels"].as_array().is_some_and(|levels| levels.len() >= 5), "{run}");
    assert_eq!(database.journalled(&id).await, planned);
    assert_ne!(database.digest("market_data").await, before);

    let again = database.json(&["run", "--mode", "overwrite"]);
    assert_eq!(int(&again, "changed"), 0);
    // What no reference decides waits for a person: it is counted beside, and breaks no promise.
    let proof = database.amend(&["validate", "--mode", "overwrite", "--format", "json"]).ends(0).json();
    let levels = proof["levels"].as_array().expect("levels");
    let allowed = levels.iter().find(|l| l["level"] == "allowed_values").expect("the level is judged");
    assert_eq!((&allowed["passed"], int(allowed, "violations")), (&Value::Bool(true), 0), "{proof}");
    assert!(text(allowed, "detail").contains("that the reference cannot decide"), "{proof}");
    assert!(allowed["examples"].as_array().is_some_and(|e| !e.is_empty()), "{proof}");

    let undone = database.json(&["rollback", &id, "--reason", "a test"]);
    assert_eq!((text(&undone, "kind"), text(&undone, "state")), ("rollback", "succeeded"));
    assert_eq!((int(&undone, "changed"), int(&undone, "conflicts")), (planned, 0));
    assert_eq!(database.digest("market_data").await, before);
    let failed = database.amend(&["validate", "--mode", "overwrite"]).ends(1).out;
    assert!(failed.contains("validation failed"), "{failed}");

    let refused = database.amend(&["rollback", &id, "--format", "json"]).ends(3);
    assert_eq!(text(&refused.json()["error"], "code"), "ALREADY_ROLLED_BACK");
    let shown = database.json(&["show", &id]);
    assert_eq!(shown["undone_by"], undone["run_id"]);
    assert!(shown["events"].as_array().is_some_and(|events| !events.is_empty()));
    let listed = database.json(&["runs"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    database.amend(&["show", &id]).ends(0);
    database.amend(&["runs"]).ends(0);
}

/// Waits until a run of this database has changed some rows, and gives its id.
async fn under_way(database: &Database) -> String {
    let sql = format!("SELECT id FROM {} WHERE changed > 0 AND state = 'running'", database.own().run);
    for _ in 0..1_500 {
        if let Ok(ids) = database.try_lines(&sql).await
            && let Some(id) = ids.into_iter().next()
        {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no run has changed anything within 30 s");
}

fn signal(child: &std::process::Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("a process number");
    kill(Pid::from_raw(pid), signal).expect("the process is there");
}

const SLOW_RUN: [&str; 6] = ["run", "--mode", "overwrite", "--batch-size", "20", "--format=json"];

pub async fn a_killed_run_is_resumed_and_nothing_is_lost(database: &Database) {
    database.demo(20_000);
    let before = database.digest("market_data").await;
    let planned = int(&database.json(&["preview", "--mode", "overwrite"]), "to_change");
    let child = database.start(&SLOW_RUN);
    let id = under_way(database).await;

    let refused = database.amend(&["run", "--format", "json"]).ends(3);
    assert_eq!(text(&refused.json()["error"], "code"), "OPERATION_IN_PROGRESS");
    assert!(refused.err.contains(&id), "{}", refused.err);

    signal(&child, Signal::SIGKILL);
    assert_eq!(ended(child).code, -1, "killed, not ended by itself");
    let changed = format!("SELECT changed FROM {} WHERE id = '{id}'", database.own().run);
    let so_far = database.number(&changed).await;
    assert!(so_far < planned, "it was killed in the middle: {so_far} of {planned}");
    assert_eq!(database.journalled(&id).await, so_far, "each committed chunk has its journal, and no other has");

    let resumed = database.amend(&["run", "--mode", "overwrite", "--format", "json"]).ends(0);
    assert!(resumed.err.contains(&format!("Resuming correction {id}")), "{}", resumed.err);
    let run = resumed.json();
    assert_eq!((text(&run, "run_id"), text(&run, "state")), (id.as_str(), "succeeded"));
    assert_eq!((int(&run, "changed"), int(&run, "remaining"), int(&run, "takeovers")), (planned, 0, 1));
    assert_eq!(database.journalled(&id).await, planned);
    assert_eq!(run["validation"]["passed"], Value::Bool(true), "{run}");

    database.json(&["rollback", &id]);
    assert_eq!(database.digest("market_data").await, before);
}

pub async fn a_dry_run_writes_nothing(database: &Database) {
    database.demo(5_000);
    let before = database.digest("market_data").await;
    let planned = int(&database.json(&["preview"]), "to_change");
    let rehearsed = database.json(&["run", "--dry-run"]);
    assert_eq!((int(&rehearsed, "changed"), text(&rehearsed, "state")), (planned, "succeeded"));
    assert_eq!(database.digest("market_data").await, before);
    assert_eq!(database.journalled(text(&rehearsed, "run_id")).await, 0);

    let run = database.json(&["run"]);
    let after = database.digest("market_data").await;
    let rehearsed = database.json(&["rollback", text(&run, "run_id"), "--dry-run"]);
    assert_eq!(int(&rehearsed, "changed"), planned);
    assert_eq!(database.digest("market_data").await, after);
}

pub async fn a_detached_run_ends_by_itself(database: &Database) {
    database.demo(5_000);
    let queued = database.json(&["run", "--detach"]);
    let id = text(&queued, "run_id");
    for _ in 0..300 {
        let shown = database.json(&["show", id]);
        if text(&shown, "state") == "succeeded" {
            assert!(int(&shown, "changed") > 0);
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the detached run has not ended within 30 s: {}", database.amend(&["show", id]).out);
}

pub async fn a_first_ctrl_c_cancels_the_run(database: &Database) {
    database.demo(20_000);
    let child = database.start(&SLOW_RUN);
    let id = under_way(database).await;
    signal(&child, Signal::SIGINT);
    let answer = ended(child).ends(1);
    assert!(answer.err.contains(&format!("Cancelling {id}")), "{}", answer.err);
    let run = answer.json();
    assert_eq!(text(&run, "state"), "cancelled");
    assert!(answer.err.contains("is cancelled"), "{}", answer.err);
    assert_eq!(database.journalled(&id).await, int(&run, "changed"));
    assert!(int(&run, "remaining") > 0, "{run}");
    let over = database.amend(&["cancel", &id, "--format", "json"]).ends(3);
    assert_eq!(text(&over.json()["error"], "code"), "WRONG_STATE");
}

pub async fn a_plan_that_has_drifted_is_refused(database: &Database) {
    database.demo(5_000);
    let hash = text(&database.json(&["preview"]), "hash").to_owned();
    database.execute("UPDATE market_data SET asset_class = NULL WHERE asset_class = 'STOCK'").await;
    let before = database.digest("market_data").await;
    let refused = database.amend(&["run", "--plan-hash", &hash, "--format", "json"]).ends(3);
    assert_eq!(text(&refused.json()["error"], "code"), "DRIFT");
    assert_eq!(database.digest("market_data").await, before);
}

pub async fn options_bound_a_run(database: &Database) {
    database.demo(5_000);
    let limited = database.json(&["run", "--max-records", "10"]);
    assert_eq!(int(&limited, "changed"), 10);
    let symbol = database.lines("SELECT min(symbol) FROM market_data WHERE asset_class IS NULL").await;
    let others = format!("{NULLS} AND symbol <> '{}'", symbol[0]);
    let before = database.number(&others).await;
    database.json(&["run", "--symbols", &symbol[0]]);
    assert_eq!(database.number(&others).await, before);

    for bad in [
        &["run", "--batch-size", "10001"][..],
        &["run", "--mode", "repair"],
        &["run", "--rule", "no-such-rule"],
        &["show", "r-00000000"],
        &["rollback", "r-00000000"],
        &["runs", "--limit", "0"],
    ] {
        let answer = database.amend(&[bad, &["--format", "json"]].concat()).ends(2);
        assert!(answer.json()["error"]["code"].is_string(), "{}", answer.out);
        assert!(!answer.err.is_empty());
    }
}

/// Waits until the run of this id is in this state.
async fn becomes(database: &Database, id: &str, state: &str) -> Value {
    for _ in 0..300 {
        let run = database.json(&["show", id]);
        if run["state"] == state {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("run {id} does not become {state}");
}

pub async fn a_run_is_paused_slowed_down_and_resumed(database: &Database) {
    database.demo(20_000);
    let child = database.start(&SLOW_RUN);
    let id = under_way(database).await;
    let asked = database.json(&["pause", &id]);
    assert_eq!(text(&asked, "state"), "pausing");
    let paused = becomes(database, &id, "paused").await;
    let again = database.amend(&["pause", &id, "--format", "json"]).ends(3);
    assert_eq!(text(&again.json()["error"], "code"), "WRONG_STATE");
    assert!(again.err.contains(&format!("amend resume {id}")), "{}", again.err);
    let refused = database.amend(&["run"]).ends(3);
    assert!(refused.err.contains(&format!("amend resume {id}")), "{}", refused.err);

    assert_eq!(int(&database.json(&["pace", &id, "0"]), "pace"), 0);
    database.amend(&["pace", &id, "101"]).ends(2);
    let resumed = database.json(&["resume", &id]);
    assert_eq!(text(&resumed, "state"), "running");
    let mut held = Value::Null;
    for _ in 0..300 {
        held = database.json(&["show", &id]);
        if held["held"].as_array().is_some_and(|reasons| !reasons.is_empty()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(held["held"][0], "The operator's pace is 0 %", "{held}");
    assert_eq!(int(&held, "changed"), int(&paused, "changed"));
    let table = database.amend(&["show", &id]).ends(0).out;
    assert!(table.contains("held: The operator's pace is 0 %") && table.contains("pace 0 %"), "{table}");

    database.amend(&["pace", &id, "100"]).ends(0);
    // The first command has waited all the time, and answers for the run as a whole.
    let answer = ended(child).ends(0).json();
    assert_eq!((text(&answer, "run_id"), text(&answer, "state")), (&*id, "succeeded"));
    assert_eq!(int(&answer, "remaining"), 0);
    assert_eq!(database.journalled(&id).await, int(&answer, "changed"));
    let events = database.json(&["show", &id])["events"].clone();
    let kinds: Vec<_> = events.as_array().expect("events").iter().map(|e| text(e, "kind").to_owned()).collect();
    for kind in ["pause_requested", "paused", "resumed", "held", "released"] {
        assert!(kinds.iter().any(|k| k == kind), "{kind}: {kinds:?}");
    }
}
