//! Settings, rules, doctor, tokens.

use crate::{
    database::{Database, folder, remove},
    program::{answer, command, int, text},
};

const OLD_SPELLING: &str = "
    CREATE TABLE \"MarketData\" (\"Id\" INTEGER PRIMARY KEY, \"Symbol\" VARCHAR(20) NOT NULL, \"Timeframe\" VARCHAR(10),
        \"Timestamp\" TIMESTAMP, \"AssetClass\" TEXT);
    CREATE TABLE \"Symbols\" (\"Id\" INTEGER PRIMARY KEY, \"Ticker\" VARCHAR(50) NOT NULL, \"AssetClass\" VARCHAR(20));
    INSERT INTO \"Symbols\" VALUES (1, 'AAPL', 'STOCK'), (2, 'SPY', 'ETF');
    INSERT INTO \"MarketData\" VALUES (1, 'AAPL', '1d', '2026-01-30 00:00:00', NULL),
        (2, 'SPY', '1d', '2026-01-30 00:00:00', ''), (3, 'SPY', '1d', '2026-01-31 00:00:00', 'STOCK'),
        (4, 'GONE', '1d', '2026-01-31 00:00:00', NULL);";

pub async fn init_finds_tables_in_any_spelling(database: &Database) {
    database.execute(OLD_SPELLING).await;
    let found = database.amend(&["init"]).ends(0);
    assert!(found.out.contains("value AssetClass"), "{}", found.out);
    let file = database.folder.join("amend.toml");
    let settings = std::fs::read_to_string(&file).expect("amend.toml");
    assert!(settings.contains("\"AssetClass\"") && settings.contains("# AMEND_DATABASE_URL"), "{settings}");
    // Looking leaves no trace.
    let own = database.try_lines(&format!("SELECT id FROM {}", database.own().run)).await;
    assert!(own.is_err(), "{own:?}");

    let again = database.amend(&["init", "--format", "json"]).ends(2);
    assert!(text(&again.json()["error"], "message").contains("there already"));
    database.amend(&["init", "--force"]).ends(0);
    assert_eq!(std::fs::read_to_string(&file).expect("amend.toml"), settings);

    // The file is read from the folder, and its rule is the one that runs.
    let run = database.json(&["run", "--mode", "overwrite"]);
    assert_eq!(int(&run, "changed"), 3);
    let values = "SELECT coalesce(\"AssetClass\", '-') FROM \"MarketData\" ORDER BY \"Id\"";
    assert_eq!(database.lines(values).await, ["STOCK", "ETF", "ETF", "-"]);
}

pub async fn init_guesses_nothing(database: &Database) {
    database.execute("CREATE TABLE prices (id INTEGER PRIMARY KEY, symbol TEXT)").await;
    let nothing = database.amend(&["init", "--format", "json"]).ends(1);
    let error = &nothing.json()["error"];
    assert_eq!(text(error, "code"), "RULE_UNUSABLE");
    assert!(text(error, "advice").contains("prices"), "{error}");

    database.execute(OLD_SPELLING).await;
    database
        .execute("CREATE TABLE market_data (id INTEGER PRIMARY KEY, symbol VARCHAR(20) NOT NULL, asset_class TEXT)")
        .await;
    let several = database.amend(&["init", "--format", "json"]).ends(1);
    let message = several.json()["error"]["message"].to_string();
    assert!(message.contains("MarketData") && message.contains("market_data"), "{message}");
    assert!(!database.folder.join("amend.toml").exists());
}

pub async fn doctor_has_a_line_for_each_check(database: &Database) {
    database.demo(2_000);
    let report = database.json(&["doctor"]);
    let checks = report["checks"].as_array().expect("checks");
    for name in
        ["database", "version", "rights", "clock", "space", "own tables", "rule", "walk", "indexes", "throttle", "runs"]
    {
        let check = checks.iter().find(|c| c["check"] == name).unwrap_or_else(|| panic!("{name}: {report}"));
        let fine = name == "space" || check["status"] == "ok";
        assert!(fine, "{check}");
    }
    database.execute("DROP INDEX symbols_ticker").await;
    let table = database.amend(&["doctor"]).ends(0).out;
    assert!(table.contains("warn") && table.contains("CREATE INDEX"), "{table}");
    database.execute("DELETE FROM symbols").await;
    let failed = database.amend(&["doctor", "--format", "json"]).ends(1).json();
    assert_eq!(failed["ok"], false, "{failed}");
}

pub async fn tokens_are_made_listed_and_revoked(database: &Database) {
    database.demo(100);
    let made = database.json(&["token", "create", "--role", "viewer", "--name", "ci", "--expires", "30"]);
    let secret = text(&made, "token").to_owned();
    assert!(secret.len() >= 32, "{made}");
    let plain = database.amend(&["token", "create", "--role", "operator"]).ends(0);
    assert_eq!(plain.out.lines().count(), 1, "{}", plain.out);

    let listed = database.amend(&["token", "list", "--format", "json"]).ends(0);
    assert!(!listed.out.contains(&secret));
    assert_eq!(listed.json().as_array().map(Vec::len), Some(2));
    database.amend(&["token", "create", "--role", "viewer", "--name", "ci"]).ends(2);
    database.amend(&["token", "revoke", "ci"]).ends(0);
    database.amend(&["token", "revoke", "ci"]).ends(2);
}

pub async fn empty_tables_end_in_a_sentence_that_says_what_to_do(database: &Database) {
    database.demo(100);
    database.execute("DELETE FROM symbols").await;
    for arguments in [&["analyze"][..], &["preview"], &["run"]] {
        let refused = database.amend(&[arguments, &["--format", "json"]].concat()).ends(1);
        let error = &refused.json()["error"];
        assert_eq!(text(error, "code"), "RULE_UNUSABLE");
        assert!(text(error, "message").contains("symbols has no rows"), "{error}");
        assert!(refused.err.contains(text(error, "message")), "{}", refused.err);
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_name() {
    let folder = folder();
    std::fs::write(folder.join("amend.toml"), "[server]\nadress = \"127.0.0.1:1\"\n").expect("a file");
    let refused = answer(&mut command(&folder, &["runs", "--format", "json"])).ends(2);
    assert!(refused.err.contains("server.adress"), "{}", refused.err);
    assert_eq!(text(&refused.json()["error"], "field"), "server.adress");
    let refused = answer(command(&folder, &["runs"]).env("AMEND_CONFIG", "none.toml")).ends(2);
    assert!(refused.err.contains("none.toml"), "{}", refused.err);
    remove(&folder);
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let folder = folder();
    for arguments in [&["analyze", "--format", "json"][..], &["doctor", "--format", "json"]] {
        let failed = answer(&mut command(&folder, arguments)).ends(1);
        assert!(failed.out.contains("amend-data/amend.db"), "{}", failed.out);
    }
    assert!(!folder.join("amend-data").exists());
    let wrong = answer(&mut command(&folder, &["runs", "--database", "mysql://h/d"])).ends(2);
    assert!(wrong.err.contains("sqlite://"), "{}", wrong.err);
    remove(&folder);
}

#[test]
fn an_unreachable_server_is_said_without_the_password() {
    let folder = folder();
    let url = "postgres://amend:s3cret@127.0.0.1:1/markets";
    let failed = answer(command(&folder, &["doctor"]).env("AMEND_DATABASE_URL", url)).ends(1);
    assert!(failed.out.contains("FAIL") && failed.out.contains("127.0.0.1:1"), "{}", failed.out);
    assert!(!failed.out.contains("s3cret") && !failed.err.contains("s3cret"), "{}{}", failed.out, failed.err);
    remove(&folder);
}

#[tokio::test]
async fn a_read_only_file_is_looked_at_and_not_written() {
    let database = Database::sqlite().await;
    database.demo(2_000);
    database.json(&["analyze"]);
    let before = database.digest("market_data").await;
    let url = format!("{}?mode=ro", database.url);
    let refused = answer(&mut {
        let mut command = command(&database.folder, &["run", "--format", "json"]);
        command.env("AMEND_DATABASE_URL", &url);
        command
    })
    .ends(1);
    assert_eq!(text(&refused.json()["error"], "code"), "READ_ONLY");
    let doctor = answer(&mut {
        let mut command = command(&database.folder, &["doctor"]);
        command.env("AMEND_DATABASE_URL", &url);
        command
    })
    .ends(1);
    assert!(doctor.out.contains("read-only"), "{}", doctor.out);
    assert_eq!(database.digest("market_data").await, before);
    database.destroy().await;
}

/// Trades whose currency instruments know: two schemas where there are schemas, mixed case, a key of two
/// columns.
async fn back_office(database: &Database) -> &'static str {
    let (schema, prefix) = if database.url.starts_with("postgres") {
        ("CREATE SCHEMA \"Back Office\";", "\"Back Office\".")
    } else {
        ("", "")
    };
    database
        .execute(&format!(
            "{schema}
             CREATE TABLE {prefix}\"Trades\" (\"Desk\" VARCHAR(10) NOT NULL, \"No\" INTEGER NOT NULL,
                 \"Instrument\" TEXT, \"Settlement Ccy\" TEXT, \"Price\" NUMERIC(10, 2),
                 PRIMARY KEY (\"Desk\", \"No\"));
             CREATE TABLE {prefix}\"Instruments\" (\"instrument\" VARCHAR(20) NOT NULL PRIMARY KEY,
                 settlement_ccy TEXT);
             INSERT INTO {prefix}\"Instruments\" VALUES ('DE0007164600', 'EUR'), ('US0378331005', 'USD');
             INSERT INTO {prefix}\"Trades\" VALUES ('LDN', 1, 'DE0007164600', NULL, 1.5),
                 ('LDN', 2, 'US0378331005', 'EUR', 2), ('NYC', 1, 'US0378331005', 'USD', 3),
                 ('NYC', 2, 'GONE', NULL, 4);"
        ))
        .await;
    prefix
}

pub async fn a_rule_of_other_tables_is_found_written_and_goes_the_whole_way(database: &Database) {
    let prefix = back_office(database).await;
    database.amend(&["init", "--allow", "EUR", "--allow", "USD"]).ends(0);
    let settings = std::fs::read_to_string(database.folder.join("amend.toml")).expect("amend.toml");
    for part in ["slug = \"trades-settlement-ccy\"", "key = [\"Desk\", \"No\"]", "value = \"Settlement Ccy\""] {
        assert!(settings.contains(part), "{part} in {settings}");
    }
    assert_eq!(settings.contains("schema = \"Back Office\""), !prefix.is_empty(), "{settings}");
    let rules = database.json(&["doctor"]);
    assert!(rules["checks"].to_string().contains("trades-settlement-ccy fits"), "{rules}");

    let values = format!("SELECT coalesce(\"Settlement Ccy\", '-') FROM {prefix}\"Trades\" ORDER BY \"Desk\", \"No\"");
    let before = database.lines(&values).await;
    let run = database.json(&["run", "--mode", "overwrite"]);
    assert_eq!(int(&run, "changed"), 2);
    assert_eq!(database.lines(&values).await, ["EUR", "USD", "USD", "-"]);
    database.amend(&["rollback", text(&run, "run_id"), "--reason", "a test"]).ends(0);
    assert_eq!(database.lines(&values).await, before);

    // A second rule beside it; the same name twice is refused.
    let more = ["init", "--add", "--target", "trades", "--reference", "instruments", "--value", "Settlement Ccy"];
    let twice = database.amend(&[&more[..], &["--format", "json"]].concat()).ends(2);
    assert_eq!(text(&twice.json()["error"], "field"), "slug");
    database.amend(&[&more[..], &["--slug", "trades-again"]].concat()).ends(0);
    let unnamed = database.amend(&["analyze", "--format", "json"]).ends(2);
    assert!(text(&unnamed.json()["error"], "advice").contains("trades-again"));
    database.amend(&["analyze", "--rule", "trades-again"]).ends(0);
    // Without a file, the first rule of the database is meant.
    std::fs::remove_file(database.folder.join("amend.toml")).expect("the file goes");
    assert_eq!(text(&database.json(&["analyze"]), "rule"), "trades-again");
}

pub async fn init_names_the_field_that_it_cannot_use(database: &Database) {
    back_office(database).await;
    for (arguments, field, there) in [
        (&["--target", "Trade"][..], "target.table", "Trades"),
        (&["--target", "Trades", "--reference", "Instrument"], "reference.table", "Instruments"),
        (&["--target", "Trades", "--reference", "Instruments", "--value", "Ccy"], "target.value", "Settlement Ccy"),
        (&["--target", "Trades", "--reference", "Instruments", "--key", "Number"], "target.key", "No"),
        (&["--target", "Trades", "--reference", "Instruments", "--key", "No"], "target.key", "(Desk, No)"),
        (
            &["--target", "Trades", "--reference", "Instruments", "--match", "Instrument=code"],
            "reference.matches",
            "instrument",
        ),
        (
            &[
                "--target",
                "Trades",
                "--reference",
                "Instruments",
                "--value",
                "Desk",
                "--reference-value",
                "settlement_ccy",
            ],
            "target.value",
            "target.key",
        ),
        (
            &[
                "--target",
                "Trades",
                "--reference",
                "Instruments",
                "--value",
                "Price",
                "--reference-value",
                "settlement_ccy",
            ],
            "reference.value",
            "numeric",
        ),
        (&["--target", "Trades", "--reference", "Instruments", "--allow", " "], "allowed_values", "blank"),
        (&["--slug", "Not a slug"], "rule", "a-z"),
    ] {
        let refused = database.amend(&[&["init", "--format", "json"], arguments].concat());
        let error = refused.json()["error"].clone();
        assert_eq!(error["field"], field, "{arguments:?}: {error}");
        assert!(error.to_string().contains(there), "{arguments:?}: {error}");
        assert!(!database.folder.join("amend.toml").exists());
    }
}

pub async fn a_bad_rule_of_the_file_is_refused_by_its_field(database: &Database) {
    back_office(database).await;
    database.amend(&["init"]).ends(0);
    let file = database.folder.join("amend.toml");
    let good = std::fs::read_to_string(&file).expect("amend.toml");
    for (from, to, field, there) in [
        ("name = \"Trades\"", "name = \"trades\"", "target.table", "Trades"),
        ("name = \"Instruments\"", "name = \"Instrument\"", "reference.table", "There is no table"),
        ("key = [\"Desk\", \"No\"]", "key = [\"No\"]", "target.key", "(Desk, No)"),
        ("key = [\"Desk\", \"No\"]", "key = []", "target.key", "at least one"),
        ("value = \"Settlement Ccy\"", "value = \"Ccy\"", "target.value", "Settlement Ccy"),
        ("value = \"Settlement Ccy\"", "value = \"Instrument\"", "target.value", "target.matches"),
        ("value = \"Settlement Ccy\"", "value = \"Price\"", "reference.value", "numeric"),
        ("matches = [\"Instrument\"]", "matches = [\"Instrument\", \"Desk\"]", "reference.matches", "as many"),
        ("matches = [\"Instrument\"]", "matches = [\"instrument\"]", "target.matches", "Instrument"),
        ("dimensions = []", "dimensions = [\"Book\"]", "target.dimensions", "Settlement Ccy"),
        ("dimensions = []", "dimensions = []\nkept_by_triggers = [\"Changed\"]", "target.kept_by_triggers", "Price"),
        ("allowed_values = []", "allowed_values = [\"EUR\", \"\"]", "allowed_values", "blank"),
    ] {
        assert!(good.contains(from), "{from} in {good}");
        std::fs::write(&file, good.replacen(from, to, 1)).expect("amend.toml is written");
        for command in [&["analyze", "--format", "json"][..], &["run", "--mode", "fill", "--format", "json"]] {
            let refused = database.amend(command);
            let error = refused.json()["error"].clone();
            assert_eq!(error["field"], field, "{to}: {error}");
            assert!(error.to_string().contains(there), "{to}: {error}");
        }
    }
    std::fs::write(&file, good).expect("amend.toml is written");
    database.amend(&["analyze"]).ends(0);
}
