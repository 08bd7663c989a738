//! Prevention: what stands in the table so that the fault is not made again.

use std::time::Duration;

use amend_domain::{
    CheckState, ErrorCode, PreventionChoice, PreventionKind, PreventionStatus, Role, RollbackOptions, Rule, RunState,
    TableName,
};
use amend_engine::{
    Engine,
    store::{PreventionRequest, StoreError, StoreKind},
};

use crate::{
    Fixture,
    bench::{TICKERS, TICKS, at, class_of, every_finding, fill, name, open_rule, rule, tick},
    driver::refused,
    engine_driver::{caller, engine_with_every_finding, operator, over, overwrite, problem, proven, run},
};

const FILL: PreventionChoice = PreventionChoice { kind: PreventionKind::Fill, check: false };
const REFUSE: PreventionChoice = PreventionChoice { kind: PreventionKind::Refuse, check: false };

async fn on(engine: &Engine, choice: PreventionChoice) -> anyhow::Result<PreventionStatus> {
    Ok(engine.prevention_on(&caller(Role::Admin), &rule().slug, choice).await?)
}

async fn status(engine: &Engine) -> anyhow::Result<PreventionStatus> {
    Ok(engine.prevention_status(&caller(Role::Viewer), &rule().slug).await?)
}

async fn insert(f: &Fixture, id: i64, symbol: &str, class: &str) -> anyhow::Result<()> {
    f.execute(&format!(
        "INSERT INTO {TICKS} (\"id\", \"symbol\", \"class\", \"note\") VALUES ({id}, {symbol}, {class}, 'n')"
    ))
    .await
}

/// Everything in the database that is not an ordinary table or Amend's own, by name.
async fn objects(f: &Fixture) -> anyhow::Result<Vec<Vec<Option<String>>>> {
    f.query(match f.kind() {
        StoreKind::Sqlite => "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1",
        StoreKind::Postgres => {
            "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal
             UNION ALL SELECT conname::text FROM pg_constraint WHERE contype = 'c' AND conname LIKE 'amend%'
             UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'amend'::regnamespace
             UNION ALL SELECT relname::text FROM pg_class WHERE relname LIKE 'amend_prevent%' ORDER BY 1"
        }
    })
    .await
}

pub async fn fill_gives_a_missing_value_and_leaves_every_other_row_alone(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let picture = f.picture(TICKS).await?;
    let told = on(&engine, FILL).await?;
    assert_eq!((told.on, told.kind, told.acted, &told.trouble), (true, Some(PreventionKind::Fill), Some(0), &None));
    assert_eq!(f.picture(TICKS).await?, picture, "installing writes no row");
    // (symbol, class as written, class that stands there then)
    let rows: [(&str, &str, Option<&str>); 12] = [
        ("'AAPL'", "NULL", Some("STOCK")),
        ("'AAPL'", "''", Some("STOCK")),
        ("'AAPL'", "'\u{a0}\u{2003}\t '", Some("STOCK")),
        ("'BTC'", "NULL", Some("CRYPTO")),
        ("'AAPL'", "'ETF'", Some("ETF")),
        ("'AAPL'", "'stock'", Some("stock")),
        ("'DUAL'", "NULL", None),
        ("'BLANK'", "''", Some("")),
        ("'ODD'", "NULL", None),
        ("'GONE'", "NULL", None),
        ("NULL", "NULL", None),
        ("'aapl'", "NULL", None),
    ];
    for (id, (symbol, class, expected)) in (100..).zip(rows) {
        insert(f, id, symbol, class).await?;
        assert_eq!(class_of(f, id).await?.as_deref(), expected, "{symbol} {class}");
    }
    assert_eq!(status(&engine).await?.acted, Some(4));
    // An update that takes the value away, and one that makes a row known to the reference.
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = NULL WHERE \"id\" IN (100, 103, 106)")).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"symbol\" = 'SPY' WHERE \"id\" = 109")).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"note\" = 'other' WHERE \"id\" = 2")).await?;
    let found = [class_of(f, 100).await?, class_of(f, 103).await?, class_of(f, 106).await?, class_of(f, 109).await?];
    assert_eq!(found.map(|c| c.unwrap_or_default()), ["STOCK", "CRYPTO", "", "ETF"]);
    assert_eq!(class_of(f, 2).await?, None, "only writes of these columns are looked at");
    assert_eq!(status(&engine).await?.acted, Some(7));
    Ok(())
}

pub async fn many_rows_of_one_statement_are_each_filled(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    on(&engine, FILL).await?;
    let ticks: Vec<_> = (1_000..1_400).map(|id| tick(id, if id % 2 == 0 { "AAPL" } else { "DUAL" }, None)).collect();
    crate::bench::add_ticks(f, &ticks).await?;
    let filled =
        f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"id\" >= 1000 AND \"class\" = 'STOCK'")).await?;
    assert_eq!((filled, status(&engine).await?.acted), (200, Some(200)));
    Ok(())
}

pub async fn refuse_takes_nothing_but_the_references_value(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let told = on(&engine, REFUSE).await?;
    assert_eq!((told.on, told.kind), (true, Some(PreventionKind::Refuse)));
    for (id, (symbol, class)) in (200..).zip([
        ("'AAPL'", "'STOCK'"),
        ("'SPY'", "'ETF'"),
        ("'DUAL'", "'WIDGET'"),
        ("'BLANK'", "NULL"),
        ("'ODD'", "'WIDGET'"),
        ("'GONE'", "'anything'"),
        ("NULL", "NULL"),
    ]) {
        insert(f, id, symbol, class).await?;
    }
    let picture = f.picture(TICKS).await?;
    for (symbol, class) in [("'AAPL'", "'ETF'"), ("'AAPL'", "'stock'"), ("'AAPL'", "NULL"), ("'BTC'", "''")] {
        let Err(error) = insert(f, 300, symbol, class).await else { anyhow::bail!("{symbol} {class} was taken") };
        let text = format!("{error:#}");
        let (class, ticks, tickers) = (name("class"), name("ticks"), name("tickers"));
        assert!(text.contains(&format!("amend: {class} of ")) && text.contains(&ticks), "{text}");
        assert!(text.contains(&format!("{class} of ")) && text.contains(&tickers), "{text}");
        assert!(f.kind() == StoreKind::Sqlite || text.contains("'STOCK'") || text.contains("'CRYPTO'"), "{text}");
    }
    // One bad row of a statement: none of its rows is there.
    let both = format!(
        "INSERT INTO {TICKS} (\"id\", \"symbol\", \"class\", \"note\") VALUES (301, 'SPY', 'ETF', ''), (302, 'SPY', 'x', '')"
    );
    assert!(f.execute(&both).await.is_err());
    for update in ["\"class\" = 'ETF' WHERE \"id\" = 200", "\"symbol\" = 'SPY' WHERE \"id\" = 200"] {
        assert!(f.execute(&format!("UPDATE {TICKS} SET {update}")).await.is_err(), "{update}");
    }
    assert_eq!(f.picture(TICKS).await?, picture);
    // A row that is wrong already may be written in its other columns, and be put right.
    f.execute(&format!("UPDATE {TICKS} SET \"note\" = 'seen' WHERE \"id\" = 5")).await?;
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = 'STOCK' WHERE \"id\" = 5")).await?;
    let acted = status(&engine).await?.acted;
    assert_eq!(acted, (f.kind() == StoreKind::Postgres).then_some(7), "SQLite undoes the count with the write");
    Ok(())
}

pub async fn a_run_and_its_rollback_pass_it_and_restore_every_byte(f: &Fixture) -> anyhow::Result<()> {
    for choice in [FILL, REFUSE] {
        let engine = engine_with_every_finding(f).await?;
        let before = f.picture(TICKS).await?;
        on(&engine, choice).await?;
        let done = run(&engine, &rule(), overwrite()).await?;
        proven(f, &done).await?;
        assert_eq!(done.changed, 8);
        let after = f.picture(TICKS).await?;
        let back = engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await?;
        proven(f, &over(&engine, &back.run_id).await?).await?;
        assert_eq!(f.picture(TICKS).await?, before, "{choice:?}");
        let again = engine.start_rollback(&operator(), &back.run_id, RollbackOptions::default()).await?;
        proven(f, &over(&engine, &again.run_id).await?).await?;
        assert_eq!(f.picture(TICKS).await?, after, "{choice:?}");
        let counted = status(&engine).await?.acted.unwrap_or_default();
        assert_eq!(counted, 0, "Amend's own writes are not its doing");
        // The writer's connection that corrected is an ordinary one afterwards, and so are all others.
        insert(f, 400, "'AAPL'", "NULL").await.ok();
        let expected = (choice == FILL).then_some(1);
        assert_eq!(f.number(&format!("SELECT count(*) FROM {TICKS} WHERE \"id\" = 400")).await?, expected.unwrap_or(0));
        engine.prevention_off(&caller(Role::Admin), &rule().slug).await?;
    }
    Ok(())
}

pub async fn off_takes_everything_off_again(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let (objects_before, picture) = (objects(f).await?, f.picture(TICKS).await?);
    let admin = caller(Role::Admin);
    assert_eq!(problem(engine.prevention_off(&admin, &rule().slug).await)?.code, ErrorCode::WrongState);
    on(&engine, FILL).await?;
    let filling = objects(f).await?;
    on(&engine, REFUSE).await?;
    assert_ne!(objects(f).await?, objects_before);
    let removal = engine.prevention_off_sql(&admin, &rule().slug).await?;
    assert!(removal.iter().any(|s| s.starts_with("DROP TRIGGER")), "{removal:?}");
    engine.prevention_off(&admin, &rule().slug).await?;
    assert_eq!((objects(f).await?, f.picture(TICKS).await?), (objects_before.clone(), picture));
    assert_eq!(status(&engine).await?, PreventionStatus::off(rule().slug));
    insert(f, 500, "'AAPL'", "'ETF'").await?;
    on(&engine, FILL).await?;
    assert_eq!(objects(f).await?, filling);
    // Also after the rule's table is gone.
    f.execute(&format!("DROP TABLE {TICKS}")).await?;
    engine.prevention_off(&admin, &rule().slug).await?;
    assert_eq!(objects(f).await?, objects_before);
    Ok(())
}

pub async fn the_sql_that_is_shown_is_what_is_run(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let shown = engine.prevention_sql(&caller(Role::Viewer), &rule().slug, FILL).await?;
    assert!(objects(f).await?.iter().flatten().flatten().all(|n| !n.contains("amend_prevent")), "showing does nothing");
    assert!(
        shown
            .iter()
            .any(|s| s.contains(&format!("CREATE TRIGGER \"amend_prevent_{}", rule().slug.as_str().replace('-', "_")))),
        "{shown:#?}"
    );
    on(&engine, FILL).await?;
    let with_shown = objects(f).await?;
    engine.prevention_off(&caller(Role::Admin), &rule().slug).await?;
    // Asked before, so that SQLite notices that another connection has dropped them.
    assert!(objects(f).await?.is_empty());
    for statement in &shown {
        f.execute(statement).await?;
    }
    assert_eq!(objects(f).await?, with_shown);
    // What a person installed by hand is not Amend's, so it is neither replaced nor taken off.
    let refused = problem(engine.prevention_on(&caller(Role::Admin), &rule().slug, REFUSE).await)?;
    assert!(refused.message.contains("did not make"), "{refused}");
    assert_eq!(objects(f).await?, with_shown);
    Ok(())
}

pub async fn a_trigger_of_somebody_else_is_never_replaced(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    f.execute(match f.kind() {
        StoreKind::Sqlite => {
            "CREATE TRIGGER \"amend_prevent_ticks_class_insert\" AFTER INSERT ON \"ticks\" BEGIN SELECT 1; END"
        }
        StoreKind::Postgres => {
            "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
             CREATE TRIGGER \"amend_prevent_ticks_class\" BEFORE INSERT ON \"ticks\" FOR EACH ROW EXECUTE FUNCTION theirs()"
        }
    })
    .await?;
    let theirs = objects(f).await?;
    let refused = problem(engine.prevention_on(&caller(Role::Admin), &rule().slug, FILL).await)?;
    assert_eq!(refused.code, ErrorCode::RuleUnusable);
    assert!(refused.message.contains("did not make"), "{refused}");
    assert_eq!((objects(f).await?, status(&engine).await?.on), (theirs, false));
    Ok(())
}

pub async fn a_trigger_put_in_the_place_of_ours_stays_when_ours_is_taken_off(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    on(&engine, FILL).await?;
    f.execute(match f.kind() {
        StoreKind::Sqlite => {
            "DROP TRIGGER \"amend_prevent_ticks_class_insert\";
             CREATE TRIGGER \"amend_prevent_ticks_class_insert\" AFTER INSERT ON \"ticks\" BEGIN SELECT 1; END"
        }
        StoreKind::Postgres => {
            "DROP TRIGGER \"amend_prevent_ticks_class\" ON \"ticks\";
             CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
             CREATE TRIGGER \"amend_prevent_ticks_class\" BEFORE INSERT ON \"ticks\" FOR EACH ROW EXECUTE FUNCTION theirs()"
        }
    })
    .await?;
    let told = status(&engine).await?;
    assert!(!told.on && told.trouble.is_some_and(|t| t.contains("gone")), "what is missing is said");
    engine.prevention_off(&caller(Role::Admin), &rule().slug).await?;
    let left = objects(f).await?;
    let names: Vec<_> = left.iter().filter_map(|row| row[0].as_deref()).filter(|n| n.contains("prevent")).collect();
    assert_eq!(names.len(), 1, "{left:?}");
    Ok(())
}

pub async fn a_rule_that_has_changed_is_said_and_installed_anew(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    on(&engine, FILL).await?;
    insert(f, 600, "'ODD'", "NULL").await?;
    f.store().save_rule(&open_rule(), at(1)).await?;
    let told = status(&engine).await?;
    assert!(told.on && told.trouble.is_some_and(|t| t.contains("changed")), "the old rule still stands");
    let told = on(&engine, FILL).await?;
    assert_eq!((told.on, told.trouble, told.acted), (true, None, Some(0)));
    insert(f, 601, "'ODD'", "NULL").await?;
    assert_eq!((class_of(f, 600).await?, class_of(f, 601).await?), (None, Some("WIDGET".into())));
    // Asked for the same again, nothing is touched and the count goes on.
    assert_eq!(on(&engine, FILL).await?.acted, Some(1));
    Ok(())
}

pub async fn a_rule_that_does_not_fit_is_refused_with_its_fault(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let admin = caller(Role::Admin);
    let mut elsewhere = rule();
    elsewhere.reference.table = TableName::new("nowhere");
    f.store().save_rule(&elsewhere, at(1)).await?;
    for refused in [
        problem(engine.prevention_on(&admin, &rule().slug, FILL).await)?,
        problem(engine.prevention_sql(&admin, &rule().slug, FILL).await)?,
    ] {
        assert_eq!(refused.code, ErrorCode::RuleUnusable);
        assert!(refused.message.contains("nowhere"), "{refused}");
    }
    f.store().save_rule(&rule(), at(2)).await?;
    let forbidden = problem(engine.prevention_on(&operator(), &rule().slug, FILL).await)?;
    assert_eq!(forbidden.code, ErrorCode::Forbidden);
    assert_eq!(problem(engine.prevention_off(&operator(), &rule().slug).await)?.code, ErrorCode::Forbidden);
    on(&engine, FILL).await?;
    let audit = f.store().audit(50).await?;
    let of = |outcome: &str| audit.iter().any(|e| e.act == "prevention_on" && e.outcome.starts_with(outcome));
    assert!(of("refused: RULE_UNUSABLE") && of("refused: FORBIDDEN") && of("done"), "{audit:#?}");
    Ok(())
}

pub async fn names_that_need_quotes_are_guarded_too(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    fill(f, &tickers, &ticks).await?;
    f.execute(&format!("ALTER TABLE {TICKS} RENAME COLUMN \"class\" TO \"it's %\"\"L\"")).await?;
    f.execute(&format!("ALTER TABLE {TICKERS} RENAME COLUMN \"ticker\" TO \"new $amend$\"")).await?;
    f.execute(&format!("ALTER TABLE {TICKS} RENAME TO \"Odd; ''Table\"")).await?;
    let mut odd: Rule = Rule { allowed_values: ["STOCK", "it's", "a\\b"].map(String::from).to_vec(), ..rule() };
    odd.target.table.name = "Odd; ''Table".into();
    odd.target.value.0 = "it's %\"L".into();
    odd.reference.matches[0].0 = "new $amend$".into();
    f.execute(&format!("UPDATE {TICKERS} SET \"class\" = 'it''s' WHERE \"new $amend$\" = 'SPY'")).await?;
    f.execute(&format!("UPDATE {TICKERS} SET \"class\" = 'a\\b' WHERE \"new $amend$\" = 'BTC'")).await?;
    for (kind, id) in [(PreventionKind::Fill, 700), (PreventionKind::Refuse, 800)] {
        let request = PreventionRequest {
            rule: &odd,
            choice: PreventionChoice { kind, check: false },
            lock_timeout: Duration::from_secs(2),
            installed_by: "tester",
            now: at(0),
        };
        f.store().install_prevention(&request).await?;
        let add = async |id: i64, symbol: &str, class: &str| {
            f.execute(&format!(
                "INSERT INTO \"Odd; ''Table\" (\"id\", \"symbol\", \"it's %\"\"L\", \"note\") VALUES ({id}, '{symbol}', {class}, '')"
            ))
            .await
        };
        if kind == PreventionKind::Fill {
            add(id, "SPY", "''").await?;
            add(id + 1, "BTC", "NULL").await?;
            let found = f
                .query("SELECT \"it's %\"\"L\" FROM \"Odd; ''Table\" WHERE \"id\" IN (700, 701) ORDER BY \"id\"")
                .await?;
            assert_eq!(found, [[Some("it's".to_owned())], [Some("a\\b".to_owned())]]);
        } else {
            let error = format!("{:#}", add(id, "SPY", "NULL").await.err().ok_or_else(|| anyhow::anyhow!("taken"))?);
            assert!(error.contains("it's %\"L of Odd; ''Table must be"), "{error}");
        }
    }
    assert!(f.store().remove_prevention(&odd.slug, Duration::from_secs(2)).await?);
    Ok(())
}

pub async fn a_table_that_is_never_free_is_told_as_locked(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let before = objects(f).await?;
    let update = format!("UPDATE {TICKS} SET \"note\" = 'held' WHERE \"id\" = 1");
    let held = f.hold(&[&update]).await?;
    let request = PreventionRequest {
        rule: &rule(),
        choice: FILL,
        lock_timeout: Duration::from_millis(100),
        installed_by: "tester",
        now: at(0),
    };
    let error = refused(f.store().install_prevention(&request).await)?;
    assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
    assert_eq!(objects(f).await?, before);
    // The engine tries again, and gets it once the table is free.
    let (told, freed) = tokio::join!(on(&engine, FILL), async {
        tokio::time::sleep(Duration::from_millis(900)).await;
        held.roll_back().await
    });
    freed?;
    assert!(told?.on);
    Ok(())
}

pub async fn a_check_holds_for_new_rows_first_and_then_for_all(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let admin = caller(Role::Admin);
    let with_check = PreventionChoice { check: true, ..FILL };
    if f.kind() == StoreKind::Sqlite {
        let refused = problem(engine.prevention_on(&admin, &rule().slug, with_check).await)?;
        assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::InvalidOptions, Some("check")));
        assert!(!status(&engine).await?.on);
        return Ok(());
    }
    let before = objects(f).await?;
    let refused = problem(engine.prevention_on(&admin, &rule().slug, with_check).await)?;
    assert_eq!(refused.code, ErrorCode::ValidationFailed);
    let told = status(&engine).await?;
    assert_eq!((told.on, told.check), (true, Some(CheckState::NewRows)));
    assert!(insert(f, 900, "'GONE'", "'WIDGET'").await.is_err() && insert(f, 901, "'GONE'", "NULL").await.is_ok());

    let done = run(&engine, &rule(), overwrite()).await?;
    assert_eq!(done.state, RunState::Succeeded, "{done:#?}");
    f.execute(&format!("UPDATE {TICKS} SET \"class\" = NULL WHERE \"id\" = 15")).await?;
    let told = on(&engine, with_check).await?;
    assert_eq!((told.on, told.check), (true, Some(CheckState::AllRows)));
    // What the rollback would bring back is not allowed any more: said before a row is written.
    let refused = problem(engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await)?;
    assert_eq!(refused.code, ErrorCode::WrongState);
    assert!(refused.advice.is_some_and(|a| a.contains("amend prevent off")));

    engine.prevention_off(&admin, &rule().slug).await?;
    assert_eq!(objects(f).await?, before);
    let back = engine.start_rollback(&operator(), &done.run_id, RollbackOptions::default()).await?;
    proven(f, &over(&engine, &back.run_id).await?).await?;
    let open = PreventionChoice { check: true, ..REFUSE };
    f.store().save_rule(&open_rule(), at(3)).await?;
    let refused = problem(engine.prevention_on(&admin, &rule().slug, open).await)?;
    assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::InvalidOptions, Some("check")));
    Ok(())
}

pub async fn writers_without_rights_on_amends_tables_are_served_by_it(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    on(&engine, FILL).await?;
    if f.kind() == StoreKind::Sqlite {
        // A file has no users: a connection of another program is enough.
        insert(f, 950, "'AAPL'", "NULL").await?;
    } else {
        let writer = format!("writer_{}", std::process::id());
        let held = f
            .hold(&[
                &format!("CREATE ROLE {writer}"),
                &format!("GRANT INSERT ON {TICKS} TO {writer}"),
                &format!("SET LOCAL ROLE {writer}"),
                &format!("INSERT INTO {TICKS} (\"id\", \"symbol\", \"note\") VALUES (950, 'AAPL', '')"),
                "RESET ROLE",
                &format!("REVOKE INSERT ON {TICKS} FROM {writer}"),
                &format!("DROP ROLE {writer}"),
            ])
            .await?;
        held.commit().await?;
    }
    assert_eq!(class_of(f, 950).await?.as_deref(), Some("STOCK"));
    Ok(())
}
