//! Prevention, through the program.

use serde_json::json;

use crate::{
    database::Database,
    program::{int, text},
};

pub async fn prevention_fills_new_rows_says_so_and_goes_again(database: &Database) {
    database.demo(2_000);
    let run = database.json(&["run", "--mode", "overwrite"]);
    let symbol = &database
        .lines("SELECT symbol FROM market_data WHERE asset_class IN ('STOCK', 'ETF', 'CRYPTO') ORDER BY symbol LIMIT 1")
        .await[0];
    let written = format!("UPDATE market_data SET asset_class = NULL WHERE symbol = '{symbol}'");
    let missing = format!("SELECT count(*) FROM market_data WHERE symbol = '{symbol}' AND asset_class IS NULL");
    assert_eq!(database.json(&["prevent", "status"])["on"], json!(false));

    let shown = database.amend(&["prevent", "on", "--show-sql"]).ends(0).out;
    assert!(shown.contains("CREATE TRIGGER \"amend_prevent_asset_class_correction"), "{shown}");
    assert_eq!(database.json(&["prevent", "status"])["on"], json!(false), "showing installs nothing");

    let told = database.json(&["prevent", "on"]);
    assert_eq!((&told["on"], text(&told, "kind"), int(&told, "acted")), (&json!(true), "fill", 0));
    database.execute(&written).await;
    assert_eq!(database.number(&missing).await, 0);
    let told = database.json(&["prevent", "status"]);
    let rows = database.number(&format!("SELECT count(*) FROM market_data WHERE symbol = '{symbol}'")).await;
    assert_eq!((int(&told, "acted"), &told["trouble"]), (rows, &json!(null)), "{told}");
    let table = database.amend(&["prevent", "status"]).ends(0).out;
    assert!(table.contains("fill") && table.contains(" on "), "{table}");

    // A rollback is not held up by it.
    let back = database.json(&["rollback", text(&run, "run_id")]);
    assert_eq!(int(&back, "changed"), int(&run, "changed"));

    let removal = database.json(&["prevent", "off", "--show-sql"]);
    assert!(removal.as_array().is_some_and(|s| !s.is_empty()), "{removal}");
    assert_eq!(database.json(&["prevent", "off"])["on"], json!(false));
    database.execute(&written).await;
    assert_eq!(database.number(&missing).await, rows);
    let again = database.amend(&["prevent", "off", "--format", "json"]).ends(3);
    assert_eq!(text(&again.json()["error"], "code"), "WRONG_STATE");
}
