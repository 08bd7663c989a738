//! Deciding what the reference cannot, through the program.

use serde_json::{Value, json};

use crate::{
    database::Database,
    program::{int, text},
};

pub async fn a_symbol_is_assigned_corrected_and_taken_back(database: &Database) {
    database.demo(2_000);
    let symbol = &database
        .lines("SELECT symbol FROM market_data WHERE asset_class IN ('STOCK', 'ETF', 'CRYPTO') ORDER BY symbol LIMIT 1")
        .await[0];
    let class = &database.lines(&format!("SELECT asset_class FROM symbols WHERE ticker = '{symbol}' LIMIT 1")).await[0];
    let odd = format!("{}-usd", symbol.to_lowercase());
    database
        .execute(&format!("UPDATE market_data SET symbol = '{odd}', asset_class = NULL WHERE symbol = '{symbol}'"))
        .await;
    let count = |rest: &str| format!("SELECT count(*) FROM market_data WHERE symbol = '{odd}'{rest}");
    let rows = database.number(&count("")).await;

    let work = database.json(&["unresolved", "--limit", "10000"]);
    let item = work.as_array().and_then(|all| all.iter().find(|i| i["symbol"] == json!(odd)).cloned()).unwrap();
    assert_eq!((text(&item, "finding"), int(&item, "rows")), ("orphan", rows), "{item:#}");
    let best = &item["suggestions"][0];
    assert_eq!((&best["kind"], &best["decision"]), (&json!("suffix"), &json!({ "as": [symbol] })), "{item:#}");
    let table = database.amend(&["unresolved", "--limit", "10000"]).ends(0).out;
    assert!(table.contains(&format!("--as {symbol}")), "{table}");

    let shown = database.json(&["assign", &odd, "--as", symbol, "--dry-run"]);
    assert_eq!((text(&shown, "value_now"), int(&shown, "missing")), (class.as_str(), rows), "{shown:#}");
    assert_eq!(database.json(&["assignments"]), json!([]));
    let done = database.json(&["assign", &odd, "--as", symbol]);
    assert_eq!(done, shown);
    let listed = database.json(&["assignments"]);
    assert_eq!((text(&listed[0], "standing"), &listed[0]["as"]), ("in_force", &json!([symbol])), "{listed:#}");

    let run = database.json(&["run", "--symbols", &odd]);
    assert_eq!(int(&run, "changed"), rows, "{run:#}");
    assert_eq!(database.number(&count(&format!(" AND asset_class = '{class}'"))).await, rows);

    assert_eq!(database.json(&["unassign", &odd]), json!([]));
    let again = database.amend(&["unassign", &odd, "--format", "json"]).ends(2);
    assert_eq!(text(&again.json()["error"], "code"), "NOT_FOUND");
    let work = database.json(&["unresolved", "--limit", "10000"]);
    assert!(
        work.as_array().is_some_and(|all| all.iter().any(|i| i["symbol"] == json!(odd))),
        "{odd} is an orphan again"
    );
    // What the run wrote is undone by undoing the run.
    let back = database.json(&["rollback", text(&run, "run_id")]);
    assert_eq!((int(&back, "changed"), database.number(&count(" AND asset_class IS NULL")).await), (rows, rows));

    for (flags, field) in [(["--as", "no such symbol"], "as"), (["--value", "STOCK"], "value")] {
        let refused = database.amend(&["assign", &odd, flags[0], flags[1], "--format", "json"]).ends(2).json();
        assert_eq!((text(&refused["error"], "code"), &refused["error"]["field"]), ("INVALID_OPTIONS", &json!(field)));
    }
    assert_eq!(database.json(&["assignments"]), Value::Array(Vec::new()));
}
