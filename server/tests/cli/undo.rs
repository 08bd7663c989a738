//! Rollbacks in parts, rollbacks of rollbacks, copies, retention.

use serde_json::json;

use crate::{
    database::Database,
    program::{answer, int, text},
};

/// As if this run had ended 40 days ago.
async fn age(database: &Database, id: &str) {
    let table = database.own().run;
    let earlier = if table.contains('.') { "interval '40 days'" } else { "40 * 86400 * 1000000" };
    database.execute(&format!("UPDATE {table} SET ended_at = ended_at - {earlier} WHERE id = '{id}'")).await;
}

pub async fn a_rollback_in_parts_brings_back_every_byte_and_can_be_undone(database: &Database) {
    database.demo(5_000);
    let before = database.digest("market_data").await;
    let run = database.json(&["run", "--mode", "overwrite"]);
    let (id, planned) = (text(&run, "run_id").to_owned(), int(&run, "changed"));
    let after = database.digest("market_data").await;

    let nulls = database.json(&["rollback", &id, "--old-null"]);
    assert!(int(&nulls, "changed") > 0 && int(&nulls, "changed") < planned, "{nulls}");
    assert_eq!(nulls["rollback"]["scope"]["old_values"], json!([null]), "{nulls}");
    let again = database.amend(&["rollback", &id, "--old-null", "--format", "json"]).ends(3);
    assert_eq!(text(&again.json()["error"], "code"), "ALREADY_ROLLED_BACK");
    let wrong = database.amend(&["rollback", &id, "--chunk", "99999", "--format", "json"]).ends(3);
    assert_eq!(text(&wrong.json()["error"], "code"), "WRONG_STATE");

    let rest = database.json(&["rollback", &id]);
    assert_eq!(int(&rest, "changed"), planned - int(&nulls, "changed"));
    assert_eq!(database.digest("market_data").await, before);
    let shown = database.amend(&["show", text(&rest, "run_id")]).ends(0).out;
    assert!(shown.contains(&format!("amend rollback {}", text(&rest, "run_id"))), "{shown}");

    for undone in [&rest, &nulls] {
        database.json(&["rollback", text(undone, "run_id")]);
    }
    assert_eq!(database.digest("market_data").await, after);
    assert!(database.json(&["show", &id])["undone_by"].is_null());
}

pub async fn a_snapshot_is_listed_and_goes_when_its_retention_is_over(database: &Database) {
    database.demo(2_000);
    let run = database.json(&["run", "--backup", "snapshot"]);
    let id = text(&run, "run_id").to_owned();
    assert!(run["rollback_until"].is_string(), "{run}");
    let listed = database.json(&["backups"]);
    assert_eq!((listed.as_array().map(Vec::len), int(&listed[0], "rows")), (Some(1), 2_000), "{listed}");
    let copy = text(&listed[0], "name").to_owned();
    assert!(copy.contains("market_data_backup_"), "{copy}");
    assert_eq!(database.number(&format!("SELECT count(*) FROM {copy}")).await, 2_000);
    assert!(database.amend(&["backups"]).ends(0).out.contains(&copy));

    assert_eq!(database.json(&["purge", "--dry-run"])["items"], json!([]));
    age(database, &id).await;
    let dry = database.json(&["purge", "--dry-run"]);
    assert_eq!((text(&dry["items"][0], "run_id"), int(&dry["items"][0], "journal_rows")), (&*id, int(&run, "changed")));
    assert_eq!(database.journalled(&id).await, int(&run, "changed"), "a dry run drops nothing");
    let told = database.amend(&["purge"]).ends(0).out;
    assert!(told.contains(&id) && told.contains(&copy) && told.contains("dropped"), "{told}");
    assert_eq!((database.journalled(&id).await, database.json(&["backups"])), (0, json!([])));
    let refused = database.amend(&["rollback", &id, "--format", "json"]).ends(3);
    assert!(text(&refused.json()["error"], "message").contains("retention"), "{}", refused.err);
}

/// Somebody gives the first row of the table a value of his own.
async fn meddle(database: &Database) {
    let first = "(SELECT id FROM market_data ORDER BY id LIMIT 1)";
    database.execute(&format!("UPDATE market_data SET asset_class = 'MANUAL' WHERE id = {first}")).await;
}

pub async fn a_snapshot_is_restored_and_what_others_wrote_is_told_apart(database: &Database) {
    database.demo(5_000);
    let before = database.digest("market_data").await;
    let run = database.json(&["run", "--mode", "overwrite", "--backup", "snapshot"]);
    let id = text(&run, "run_id").to_owned();
    let copy = text(&database.json(&["backups"])[0], "name").to_owned();
    meddle(database).await;
    let after = database.digest("market_data").await;

    let dry = database.json(&["rollback", &id, "--from", "snapshot", "--dry-run"]);
    assert_eq!((int(&dry, "conflicts"), database.digest("market_data").await), (1, after.clone()));
    let part = database.amend(&["rollback", &id, "--from", "snapshot", "--chunk", "1", "--format", "json"]).ends(2);
    assert_eq!(text(&part.json()["error"], "field"), "scope.chunks");
    let stopped = database.amend(&["rollback", &id, "--from", "snapshot", "--on-conflict", "stop"]);
    assert!(stopped.code != 0 && database.digest("market_data").await == after, "{}", stopped.out);

    let told = database.amend(&["rollback", &id, "--from", "snapshot"]).ends(0);
    assert!(told.err.contains(&copy) && told.err.contains("1 changed since by others"), "{}", told.err);
    assert!(told.out.contains(&format!("undoes {id} from its snapshot")), "{}", told.out);
    let forced = database.json(&["rollback", &id, "--from", "snapshot", "--on-conflict", "force"]);
    assert_eq!((int(&forced, "changed"), int(&forced, "conflicts")), (1, 1), "{forced}");
    assert_eq!(forced["rollback"]["source"], "snapshot");
    assert_eq!(database.digest("market_data").await, before);
    let again = database.amend(&["rollback", &id, "--from", "snapshot", "--format", "json"]).ends(3);
    assert_eq!(text(&again.json()["error"], "code"), "ALREADY_ROLLED_BACK");

    // The restores are runs like any other.
    let runs = database.json(&["runs"]);
    let restores = runs.as_array().into_iter().flatten().filter(|r| r["rollback"]["source"] == "snapshot");
    for restore in restores.filter(|r| r["changed"] != 0 && r["rollback"]["dry_run"] != true) {
        database.json(&["rollback", text(restore, "run_id")]);
    }
    assert_eq!(database.digest("market_data").await, after);

    database.execute(&format!("DROP TABLE {copy}")).await;
    let gone = database.amend(&["rollback", &id, "--from", "snapshot", "--format", "json"]).ends(3);
    assert!(text(&gone.json()["error"], "message").contains("was dropped"), "{}", gone.err);
    assert_eq!(database.digest("market_data").await, after);
}

pub async fn a_snapshot_outlives_the_journal_and_restores_by_force(database: &Database) {
    database.demo(2_000);
    let before = database.digest("market_data").await;
    let run = database.json(&["run", "--mode", "overwrite", "--backup", "snapshot"]);
    let (id, changed) = (text(&run, "run_id").to_owned(), int(&run, "changed"));
    age(database, &id).await;
    let mut purge = database.command(&["purge", "--format", "json"]);
    let purged = answer(purge.env("AMEND_ENGINE_SNAPSHOT_RETENTION_DAYS", "90")).ends(0).json();
    assert_eq!((int(&purged["items"][0], "journal_rows"), &purged["items"][0]["backup"]), (changed, &json!(null)));

    let journal = database.amend(&["rollback", &id]).ends(3);
    assert!(journal.err.contains("--from snapshot"), "{}", journal.err);
    let skipped = database.amend(&["rollback", &id, "--from", "snapshot"]).ends(0);
    assert!(skipped.err.contains("is gone, so nothing tells which values it wrote"), "{}", skipped.err);
    let forced = database.json(&["rollback", &id, "--from", "snapshot", "--on-conflict", "force"]);
    assert_eq!((int(&forced, "changed"), database.digest("market_data").await), (changed, before));
}
