//! Rows that the table refuses, from the command line.

use crate::{
    database::Database,
    program::{int, text},
};

/// Nobody may write this row.
async fn freeze(database: &Database, id: &str) {
    let postgres = database.own().run.contains('.');
    let sql = if postgres {
        format!(
            "CREATE FUNCTION freeze() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'it is frozen'; END $$;
             CREATE TRIGGER frozen BEFORE UPDATE ON market_data FOR EACH ROW WHEN (NEW.id = '{id}')
                 EXECUTE FUNCTION freeze();"
        )
    } else {
        format!(
            "CREATE TRIGGER frozen BEFORE UPDATE ON market_data WHEN NEW.id = '{id}'
             BEGIN SELECT RAISE(ABORT, 'it is frozen'); END;"
        )
    };
    database.execute(&sql).await;
}

pub async fn a_refused_row_is_listed_and_tried_again(database: &Database) {
    database.demo(3_000);
    let missing = "SELECT CAST(id AS text) FROM market_data m WHERE asset_class IS NULL AND 'STOCK' =
        (SELECT CASE WHEN min(asset_class) = max(asset_class) THEN min(asset_class) END FROM symbols s
         WHERE s.ticker = m.symbol) ORDER BY id LIMIT 1";
    let id = database.lines(missing).await.remove(0);
    freeze(database, &id).await;
    let ended = database.amend(&["run", "--mode", "overwrite", "--format", "json"]).ends(1);
    let run = ended.json();
    assert_eq!((text(&run["error"], "code"), int(&run, "failed"), int(&run, "remaining")), ("ROWS_REFUSED", 1, 1));
    let run_id = text(&run, "run_id").to_owned();
    assert!(ended.err.contains(&format!("amend retry {run_id}")), "{}", ended.err);

    let listed = database.json(&["failed", &run_id]);
    assert_eq!((listed.as_array().map(Vec::len), text(&listed[0], "key")), (Some(1), &*id), "{listed}");
    assert!(text(&listed[0], "detail").contains("frozen") && listed[0]["old"].is_null(), "{listed}");
    let csv = database.amend(&["failed", &run_id, "--format", "csv"]).ends(0).out;
    assert!(csv.starts_with("key,symbol,old,new,code") && csv.lines().count() == 2 && csv.contains(&id), "{csv}");
    assert!(database.amend(&["failed", &run_id]).ends(0).out.contains(&format!("amend retry {run_id}")));

    database
        .execute(if database.own().run.contains('.') {
            "DROP TRIGGER frozen ON market_data"
        } else {
            "DROP TRIGGER frozen"
        })
        .await;
    let again = database.json(&["retry", &run_id]);
    assert_eq!((text(&again, "state"), int(&again, "changed"), int(&again, "scanned")), ("succeeded", 1, 1), "{again}");
    assert_eq!(text(&again["options"]["scope"], "failed_of"), run_id);
    let none = database.amend(&["retry", text(&again, "run_id"), "--format", "json"]).ends(3);
    assert_eq!(text(&none.json()["error"], "code"), "WRONG_STATE");
    assert!(database.amend(&["failed", text(&again, "run_id")]).ends(0).out.contains("no failed rows"));
}
