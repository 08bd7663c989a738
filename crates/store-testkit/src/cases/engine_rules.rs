//! Making and changing rules through the engine.

use amend_domain::{Caller, ColumnName, Decision, Door, ErrorCode, PreventionChoice, Role, Rule, RuleSlug, TableName};
use amend_engine::{Engine, EngineConfig, EngineParts, SUGGESTED_VALUES, Saving};

use crate::{
    Fixture,
    bench::{self, assign, known, rule},
    engine_driver::{caller, engine, engine_over, engine_with_missing, over, overwrite, problem, proven, run},
};

fn admin() -> Caller {
    Caller { door: Door::Browser, ..caller(Role::Admin) }
}

/// A rule over the suite's tables for which nothing is saved yet.
fn other() -> Rule {
    let mut rule = Rule { slug: RuleSlug::from_trusted("notes"), title: "Notes".into(), ..rule() };
    rule.target.value = ColumnName::new("note");
    rule.allowed_values.clear();
    rule
}

pub async fn a_rule_is_made_once_and_then_changed_with_a_line_in_the_log(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    let engine = engine(f).await?;
    let missing = problem(engine.save_rule_as(&admin(), &other(), Saving::Change).await)?;
    assert_eq!(missing.code, ErrorCode::RuleNotFound);
    engine.save_rule_as(&admin(), &other(), Saving::New).await?;
    let taken = problem(engine.save_rule_as(&admin(), &other(), Saving::New).await)?;
    assert_eq!(taken.field.as_deref(), Some("slug"), "{taken}");
    let renamed = Rule { title: "Remarks".into(), ..other() };
    engine.save_rule_as(&admin(), &renamed, Saving::Change).await?;
    assert_eq!(f.store().rule(&renamed.slug).await?, Some(renamed));
    let audit = f.store().audit(10).await?;
    let outcomes: Vec<_> = audit.iter().map(|e| (e.act.as_str(), e.outcome.as_str())).collect();
    assert_eq!(
        outcomes,
        [
            ("save_rule", "done"),
            ("save_rule", "refused: INVALID_OPTIONS"),
            ("save_rule", "done"),
            ("save_rule", "refused: RULE_NOT_FOUND")
        ]
    );
    assert!(audit[0].detail.contains("\"before\"") && audit[0].detail.contains("Remarks"), "{:?}", audit[0]);
    Ok(())
}

pub async fn a_rule_that_does_not_fit_is_refused_at_its_field_and_not_saved(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    let engine = engine(f).await?;
    type Change = fn(&mut Rule);
    let crooked: [(&str, Change); 9] = [
        ("rule", |r| r.slug = RuleSlug::from_trusted("No Slug")),
        ("title", |r| r.title = " ".into()),
        ("target.table", |r| r.target.table = TableName::new("")),
        ("target.key", |r| r.target.key = vec![ColumnName::new("symbol")]),
        ("target.value", |r| r.target.value = r.target.matches[0].clone()),
        ("target.matches", |r| r.target.matches[0] = ColumnName::new("")),
        ("target.dimensions", |r| r.target.dimensions = vec![ColumnName::new("nowhere")]),
        ("reference.value", |r| r.reference.value = ColumnName::new("")),
        ("reference.matches", |r| r.reference.matches.clear()),
    ];
    for (field, change) in crooked {
        let mut rule = other();
        change(&mut rule);
        let tried = problem(engine.try_rule(&admin(), &rule, Saving::New).await)?;
        let saved = problem(engine.save_rule_as(&admin(), &rule, Saving::New).await)?;
        assert_eq!((tried.field.as_deref(), &saved), (Some(field), &tried), "{tried}");
    }
    let refused = problem(engine.save_rule_as(&caller(Role::Operator), &other(), Saving::New).await)?;
    assert_eq!(refused.code, ErrorCode::Forbidden);
    assert_eq!(f.store().rules().await?.len(), 1);
    Ok(())
}

pub async fn a_rule_is_not_changed_under_its_active_run(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 10).await?;
    let queued = engine.queue_run(&admin(), &rule().slug, overwrite(), None).await?;
    let changed = Rule { title: "Another title".into(), ..rule() };
    for refused in [
        problem(engine.save_rule_as(&admin(), &changed, Saving::Change).await)?,
        problem(engine.save_rule(&admin(), &changed).await)?,
    ] {
        assert_eq!(refused.code, ErrorCode::OperationInProgress);
        assert!(refused.message.contains(queued.run_id.as_str()), "{refused}");
    }
    // The same again is no change: a server that starts saves what its file says.
    engine.save_rule(&admin(), &rule()).await?;
    assert_eq!(f.store().rule(&rule().slug).await?, Some(rule()));
    engine.work(&queued.run_id).await?;
    over(&engine, &queued.run_id).await?;
    engine.save_rule_as(&admin(), &changed, Saving::Change).await?;
    Ok(())
}

pub async fn a_rule_whose_runs_can_be_undone_keeps_its_rows(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 10).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let mut moved = rule();
    moved.target.value = ColumnName::new("note");
    let refused = problem(engine.save_rule_as(&admin(), &moved, Saving::Change).await)?;
    assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::WrongState, Some("target.value")));
    assert!(refused.message.contains(done.run_id.as_str()), "{refused}");
    // What counts may change; what is found again may not.
    engine.save_rule_as(&admin(), &Rule { allowed_values: Vec::new(), ..rule() }, Saving::Change).await?;
    f.store().mark_purged(&done.run_id, engine.clock().now()).await?;
    engine.save_rule_as(&admin(), &moved, Saving::Change).await?;
    Ok(())
}

pub async fn a_rule_of_the_settings_file_is_changed_there_alone(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    engine(f).await?;
    let config = EngineConfig { rules_in_settings: vec![rule().slug], ..EngineConfig::default() };
    let engine = Engine::new(EngineParts { config, ..EngineParts::system(f.shared_store()) });
    let changed = Rule { title: "Another title".into(), ..rule() };
    let refused = problem(engine.save_rule_as(&admin(), &changed, Saving::Change).await)?;
    assert_eq!((refused.code, f.store().rule(&rule().slug).await?), (ErrorCode::WrongState, Some(rule())));
    engine.save_rule(&caller(Role::Admin), &changed).await?;
    engine.save_rule_as(&admin(), &other(), Saving::New).await?;
    Ok(())
}

pub async fn a_retired_rule_starts_no_run_and_its_runs_can_be_undone(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_missing(f, 10).await?;
    let done = run(&engine, &rule(), overwrite()).await?;
    let retired = Rule { retired: true, ..rule() };
    engine.prevention_on(&admin(), &rule().slug, PreventionChoice::default()).await?;
    let refused = problem(engine.save_rule_as(&admin(), &retired, Saving::Change).await)?;
    assert_eq!(refused.code, ErrorCode::WrongState, "{refused}");
    engine.prevention_off(&admin(), &rule().slug).await?;
    engine.save_rule_as(&admin(), &retired, Saving::Change).await?;
    engine.save_rule_as(&admin(), &other(), Saving::New).await?;
    assert_eq!(engine.first_rule().await?, other().slug);
    let refused = problem(engine.start_run(&admin(), &rule().slug, overwrite(), None).await)?;
    assert!(refused.code == ErrorCode::WrongState && refused.message.contains("is retired"), "{refused}");
    let refused = problem(engine.prevention_on(&admin(), &rule().slug, PreventionChoice::default()).await)?;
    assert_eq!(refused.code, ErrorCode::WrongState, "{refused}");
    let back = engine.start_rollback(&admin(), &done.run_id, Default::default()).await?;
    assert_eq!(over(&engine, &back.run_id).await?.changed, 10);
    engine.save_rule_as(&admin(), &rule(), Saving::Change).await?;
    proven(f, &run(&engine, &rule(), overwrite()).await?).await
}

pub async fn a_rule_whose_table_is_gone_can_be_retired(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    let engine = engine(f).await?;
    f.execute("DROP TABLE \"ticks\"").await?;
    let renamed = Rule { title: "Ticks".into(), ..rule() };
    assert_eq!(
        problem(engine.save_rule_as(&admin(), &renamed, Saving::Change).await)?.field.as_deref(),
        Some("target.table")
    );
    engine.save_rule_as(&admin(), &Rule { retired: true, ..rule() }, Saving::Change).await?;
    assert_eq!(f.store().rule(&rule().slug).await?.map(|r| r.retired), Some(true));
    Ok(())
}

pub async fn match_columns_stay_while_something_is_assigned_by_them(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    let engine = engine(f).await?;
    assign(f, "AAPL", Decision::Value("STOCK".into())).await?;
    let mut moved = rule();
    moved.target.matches = vec![ColumnName::new("note")];
    let refused = problem(engine.save_rule_as(&admin(), &moved, Saving::Change).await)?;
    assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::WrongState, Some("target.matches")));
    f.store().unassign(&rule().slug, &["AAPL".into()]).await?;
    engine.save_rule_as(&admin(), &moved, Saving::Change).await?;
    Ok(())
}

pub async fn a_trial_tells_sizes_walk_and_what_keeps_runs_from_starting(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    let writer = engine_over(f.shared_store(), "writer");
    let trial = writer.try_rule(&caller(Role::Viewer), &rule(), Saving::New).await?;
    assert!(trial.walk.reason.ends_with('.'), "{trial:?}");
    let stops: Vec<_> = trial.notes.iter().filter(|n| n.stops_runs).map(|n| n.message.as_str()).collect();
    assert_eq!(stops, ["The target table ticks has no rows."]);
    assert_eq!(f.store().rules().await?, []);
    Ok(())
}

pub async fn values_of_the_reference_are_told_to_who_may_change_rules(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("A", "STOCK"), known("B", "ETF"), known("C", " "), known("D", None)], &[]).await?;
    let engine = engine(f).await?;
    let (table, column) = (rule().reference.table, rule().reference.value);
    assert_eq!(engine.suggest_values(&admin(), &table, &column).await?, ["ETF", "STOCK"]);
    let refused = problem(engine.suggest_values(&caller(Role::Operator), &table, &column).await)?;
    assert_eq!(refused.code, ErrorCode::Forbidden);
    let many: Vec<_> =
        (0..=SUGGESTED_VALUES).map(|n| known(format!("T{n}").as_str(), format!("V{n}").as_str())).collect();
    bench::add_tickers(f, &many).await?;
    let refused = problem(engine.suggest_values(&admin(), &table, &column).await)?;
    assert_eq!(refused.field.as_deref(), Some("allowed_values"));
    Ok(())
}
