//! Deciding through the engine: permission, audit, what is refused, and what runs make of it.

use amend_domain::{Act, Assignment, Decision, ErrorCode, PreventionChoice, Role, RunState, Standing, SuggestionKind};
use amend_engine::{Approved, Engine};

use crate::{
    Fixture,
    bench::{self, TICKERS, at, class_of, known, rule, tick},
    engine_driver::{
        caller, engine, engine_by_blocks, engine_with_every_finding, operator, overwrite, problem, proven, run,
    },
};

fn one(symbol: &str) -> Vec<String> {
    vec![symbol.to_owned()]
}

fn alias(symbol: &str) -> Decision {
    Decision::As(one(symbol))
}

fn choice(value: &str) -> Decision {
    Decision::Value(value.to_owned())
}

/// `aapl` an orphan, `DUAL` ambiguous, `BLANK` unresolvable.
async fn troubled(f: &Fixture) -> anyhow::Result<Engine> {
    let tickers = [
        known("AAPL", "STOCK"),
        known("DUAL", "STOCK"),
        known("DUAL", "ETF"),
        known("DUAL", "WIDGET"),
        known("BLANK", " "),
    ];
    let ticks = [
        tick(1, "aapl", None),
        tick(2, "aapl", "ETF"),
        tick(3, "aapl", "STOCK"),
        tick(4, "DUAL", "ETF"),
        tick(5, "DUAL", None),
        tick(6, "BLANK", None),
        tick(7, "AAPL", None),
    ];
    bench::fill(f, &tickers, &ticks).await?;
    engine(f).await
}

pub async fn what_is_assigned_is_corrected_by_the_next_run(f: &Fixture) -> anyhow::Result<()> {
    let engine = troubled(f).await?;
    let slug = rule().slug;
    let effect = engine.assign(&operator(), &slug, one("aapl"), alias("AAPL")).await?;
    assert_eq!(effect.value_now, "STOCK");
    assert_eq!((effect.rows, effect.missing, effect.different, effect.correct), (3, 1, 1, 1));
    let shown = engine.assignment_effect(&caller(Role::Viewer), &slug, &one("DUAL"), &choice("ETF")).await?;
    let done = engine.assign(&operator(), &slug, one("DUAL"), choice("ETF")).await?;
    assert_eq!((shown, done.missing, done.correct), (done.clone(), 1, 1));
    let plan = engine.plan(&operator(), &slug, &overwrite()).await?;
    assert_eq!(plan.to_change, 4);
    let done = run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    assert_eq!((done.changed, class_of(f, 2).await?.as_deref()), (4, Some("STOCK")));
    Ok(())
}

pub async fn a_walk_by_blocks_goes_by_what_is_assigned(f: &Fixture) -> anyhow::Result<()> {
    super::engine_walks::many(f).await?;
    let slow = super::engine_walks::engine(f).await?;
    let blocks = engine_by_blocks(f.shared_store(), "engine-b");
    slow.assign(&operator(), &rule().slug, one("S0"), alias("S1")).await?;
    let plan = slow.plan(&operator(), &rule().slug, &overwrite()).await?;
    assert_eq!(plan.counts.orphan, 0);
    let done = run(&blocks, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    assert_eq!(done.changed, super::engine_walks::ROWS / 3 * 2);
    Ok(())
}

pub async fn every_act_and_every_refusal_is_audited(f: &Fixture) -> anyhow::Result<()> {
    let engine = troubled(f).await?;
    let slug = rule().slug;
    let viewer = caller(Role::Viewer);
    assert!(Role::Operator.may(Act::Assign) && !Role::Viewer.may(Act::Assign));
    let refused = problem(engine.assign(&viewer, &slug, one("aapl"), alias("AAPL")).await)?;
    assert_eq!(refused.code, ErrorCode::Forbidden);
    problem(engine.assign(&operator(), &slug, one("aapl"), alias("GONE")).await)?;
    engine.assign(&operator(), &slug, one("aapl"), alias("AAPL")).await?;
    assert_eq!(problem(engine.unassign(&viewer, &slug, &one("aapl")).await)?.code, ErrorCode::Forbidden);
    engine.unassign(&operator(), &slug, &one("aapl")).await?;
    assert_eq!(problem(engine.unassign(&operator(), &slug, &one("aapl")).await)?.code, ErrorCode::NotFound);
    let mut audit: Vec<(String, String, String)> =
        f.store().audit(10).await?.into_iter().map(|e| (e.act, e.outcome, e.who)).collect();
    audit.reverse();
    let line = |act: &str, outcome: &str, who: &str| (act.to_owned(), outcome.to_owned(), who.to_owned());
    assert_eq!(
        audit,
        [
            line("assign", "refused: FORBIDDEN", "the viewer"),
            line("assign", "refused: INVALID_OPTIONS", "the operator"),
            line("assign", "done", "the operator"),
            line("unassign", "refused: FORBIDDEN", "the viewer"),
            line("unassign", "done", "the operator"),
            line("unassign", "refused: NOT_FOUND", "the operator"),
        ]
    );
    let detail = f.store().audit(10).await?.into_iter().find(|e| e.act == "unassign" && e.outcome == "done");
    assert!(detail.is_some_and(|e| e.detail.contains(r#""as":["AAPL"]"#)));
    Ok(())
}

pub async fn what_would_be_a_guess_is_refused_with_the_field_at_fault(f: &Fixture) -> anyhow::Result<()> {
    let engine = troubled(f).await?;
    let slug = rule().slug;
    engine.assign(&operator(), &slug, one("aapl"), alias("AAPL")).await?;
    let refusals = [
        (one("x"), alias("x"), Some("as"), "another match"),
        (one("x"), alias("GONE"), Some("as"), "GONE is orphan"),
        (one("x"), alias("DUAL"), Some("as"), "DUAL is ambiguous"),
        (one("x"), alias("BLANK"), Some("as"), "BLANK is unresolvable"),
        // An assignment is never followed through another.
        (one("x"), alias("aapl"), Some("as"), "aapl is orphan"),
        (one("x"), choice("STOCK"), Some("value"), "the reference gives"),
        (one("DUAL"), choice("CRYPTO"), Some("value"), "the reference gives"),
        (one("DUAL"), choice("WIDGET"), Some("value"), "the rule allows"),
        (one("BLANK"), choice(" "), Some("value"), "the rule allows"),
        (one("AAPL"), alias("DUAL"), None, "AAPL"),
        (vec!["x".into(), "y".into()], alias("AAPL"), Some("match"), "1 parts"),
        (one("x"), Decision::As(Vec::new()), Some("as"), "1 parts"),
        (one("a\0"), alias("AAPL"), Some("match"), "NUL"),
    ];
    for (matches, decision, field, words) in refusals {
        let refused = problem(engine.assign(&operator(), &slug, matches.clone(), decision.clone()).await)?;
        let says = refused.field.as_deref() == field || field.is_none();
        assert!(says && refused.message.contains(words), "{matches:?} {decision:?}: {refused:?}");
    }
    let refused = problem(engine.assign(&operator(), &slug, one("DUAL"), choice("CRYPTO")).await)?;
    assert_eq!(refused.advice.as_deref(), Some("One of: ETF, STOCK."));
    assert_eq!(engine.assignments(&operator(), &slug).await?.len(), 1);
    Ok(())
}

pub async fn a_plan_from_before_an_assignment_starts_no_run(f: &Fixture) -> anyhow::Result<()> {
    let engine = troubled(f).await?;
    let slug = rule().slug;
    let plan = engine.plan(&operator(), &slug, &overwrite()).await?;
    engine.assign(&operator(), &slug, one("aapl"), alias("AAPL")).await?;
    let approved = Approved { hash: plan.hash.clone(), counts: plan.counts };
    let refused = problem(engine.start_run(&operator(), &slug, overwrite(), Some(approved)).await)?;
    assert_eq!(refused.code, ErrorCode::Drift);
    // Taken back, it is the same plan again.
    engine.unassign(&operator(), &slug, &one("aapl")).await?;
    assert_eq!(engine.plan(&operator(), &slug, &overwrite()).await?.hash, plan.hash);
    Ok(())
}

pub async fn nothing_is_assigned_while_a_run_is_active(f: &Fixture) -> anyhow::Result<()> {
    let engine = troubled(f).await?;
    let slug = rule().slug;
    engine.assign(&operator(), &slug, one("aapl"), alias("AAPL")).await?;
    let queued = engine.queue_run(&operator(), &slug, overwrite(), None).await?;
    let refused = problem(engine.assign(&operator(), &slug, one("DUAL"), choice("ETF")).await)?;
    assert_eq!(refused.code, ErrorCode::OperationInProgress);
    let refused = problem(engine.unassign(&operator(), &slug, &one("aapl")).await)?;
    assert_eq!(refused.code, ErrorCode::OperationInProgress);
    assert_eq!(engine.cancel(&operator(), &queued.run_id).await?.state, RunState::Cancelled);
    engine.unassign(&operator(), &slug, &one("aapl")).await?;
    Ok(())
}

pub async fn each_assignment_says_how_it_does_now(f: &Fixture) -> anyhow::Result<()> {
    let engine = troubled(f).await?;
    let slug = rule().slug;
    engine.assign(&operator(), &slug, one("aapl"), alias("AAPL")).await?;
    engine.assign(&operator(), &slug, one("DUAL"), choice("ETF")).await?;
    let standing = async || -> anyhow::Result<Vec<(String, Standing, Option<String>)>> {
        let mut views = engine.assignments(&operator(), &slug).await?;
        views.sort_by(|a, b| a.assignment.matches.cmp(&b.assignment.matches));
        Ok(views.into_iter().map(|v| (v.assignment.matches.join(""), v.standing, v.value_now)).collect())
    };
    let of = |symbol: &str, standing, value: Option<&str>| (symbol.to_owned(), standing, value.map(str::to_owned));
    let both = [of("DUAL", Standing::InForce, Some("ETF")), of("aapl", Standing::InForce, Some("STOCK"))];
    assert_eq!(standing().await?, both);
    // One from before the rule had one match column less.
    let wide = Assignment {
        matches: vec!["DUAL".into(), "x".into()],
        decision: Decision::As(vec!["AAPL".into(), "x".into()]),
        assigned_by: "ada".into(),
        assigned_at: at(0),
    };
    f.store().assign(&slug, &wide).await?;
    let both = [both[0].clone(), of("DUALx", Standing::Broken, None), both[1].clone()];
    assert_eq!(standing().await?, both);
    crate::model::agree(f, &rule()).await?;
    assert!(f.store().unassign(&slug, &wide.matches).await?);
    f.execute(&format!("DELETE FROM {TICKERS} WHERE \"ticker\" = 'AAPL' OR \"class\" IN ('STOCK', 'WIDGET')")).await?;
    let both = [of("DUAL", Standing::NotNeeded, Some("ETF")), of("aapl", Standing::Broken, None)];
    assert_eq!(standing().await?, both);
    Ok(())
}

pub async fn work_items_come_with_suggestions_that_can_be_assigned(f: &Fixture) -> anyhow::Result<()> {
    let engine = troubled(f).await?;
    let slug = rule().slug;
    let work = engine.unresolved_work(&caller(Role::Viewer), &slug, 10).await?;
    let of = |symbol: &str| work.iter().find(|w| w.row.symbol.as_deref() == Some(symbol)).map(|w| &w.suggestions);
    let spelling = of("aapl").and_then(|s| s.first());
    assert_eq!(spelling.map(|s| (s.kind, s.value.as_str())), Some((SuggestionKind::Spelling, "STOCK")));
    let carried: Vec<_> = of("DUAL").into_iter().flatten().map(|s| (s.kind, s.value.as_str())).collect();
    assert_eq!(carried, [(SuggestionKind::Carried, "ETF"), (SuggestionKind::Reference, "STOCK")]);
    for item in &work {
        if let (Some(matches), Some(best)) = (&item.row.matches, item.suggestions.first()) {
            let effect = engine.assign(&operator(), &slug, matches.clone(), best.decision.clone()).await?;
            assert_eq!((&effect.value_now, effect.rows), (&best.value, item.row.rows));
        }
    }
    let left = engine.unresolved_work(&operator(), &slug, 10).await?;
    assert_eq!(left.iter().map(|w| w.row.symbol.as_deref()).collect::<Vec<_>>(), [Some("BLANK")]);
    Ok(())
}

pub async fn rows_of_the_same_venue_suggest_its_value(f: &Fixture) -> anyhow::Result<()> {
    let (int, text) = (f.types().int, f.types().text);
    f.execute(&format!(
        "CREATE TABLE \"ticks\" (\"id\" {int} PRIMARY KEY, \"symbol\" {text}, \"Exchange\" {text}, \"class\" {text});
         CREATE TABLE {TICKERS} (\"id\" {int} PRIMARY KEY, \"ticker\" {text}, \"venue\" {text}, \"class\" {text});
         INSERT INTO {TICKERS} VALUES (1, 'DUAL', 'XNAS', 'STOCK'), (2, 'DUAL', 'XLON', 'ETF');
         INSERT INTO \"ticks\" VALUES (1, 'DUAL', 'XLON', 'STOCK'), (2, 'DUAL', 'XLON', NULL)"
    ))
    .await?;
    let mut rule = rule();
    rule.target.timestamp = None;
    rule.target.dimensions = vec![amend_domain::ColumnName::new("Exchange")];
    f.store().save_rule(&rule, at(0)).await?;
    let engine = crate::engine_driver::engine_over(f.shared_store(), "engine-1");
    let work = engine.unresolved_work(&operator(), &rule.slug, 10).await?;
    let best = work.first().and_then(|w| w.suggestions.first());
    assert_eq!(best.map(|s| (s.kind, s.value.as_str(), s.confidence)), Some((SuggestionKind::Venue, "ETF", 90)));
    Ok(())
}

/// What a person decided in one rule is suggested in another that reads the same reference, not used.
pub async fn what_another_rule_assigned_is_only_suggested(f: &Fixture) -> anyhow::Result<()> {
    let engine = engine_with_every_finding(f).await?;
    let mut other = rule();
    other.slug = amend_domain::RuleSlug::from_trusted("another");
    f.store().save_rule(&other, at(0)).await?;
    let orphan = engine.unresolved_work(&operator(), &rule().slug, 10).await?;
    let orphan = orphan.into_iter().filter(|w| w.row.finding == amend_domain::Finding::Orphan);
    let Some(symbol) = orphan.filter_map(|w| w.row.matches).next() else { anyhow::bail!("there is an orphan") };
    engine.assign(&operator(), &rule().slug, symbol.clone(), alias("BTC")).await?;
    let work = engine.unresolved_work(&operator(), &other.slug, 10).await?;
    let same = work.iter().find(|w| w.row.matches.as_ref() == Some(&symbol));
    let best = same.and_then(|w| w.suggestions.first());
    assert_eq!(best.map(|s| (s.kind, &s.decision)), Some((SuggestionKind::Alias, &alias("BTC"))));
    Ok(())
}

pub async fn prevention_says_that_it_goes_by_the_reference_alone(f: &Fixture) -> anyhow::Result<()> {
    let engine = troubled(f).await?;
    let (slug, admin) = (rule().slug, caller(Role::Admin));
    let on = engine.prevention_on(&admin, &slug, PreventionChoice::default()).await?;
    assert_eq!(on.trouble, None);
    engine.assign(&operator(), &slug, one("aapl"), alias("AAPL")).await?;
    let status = engine.prevention_status(&admin, &slug).await?;
    assert!(status.on && status.trouble.is_some_and(|t| t.contains("people assigned (1)")));
    // Such a row passes as it was written; the next run corrects it.
    bench::add_ticks(f, &[tick(8, "aapl", None), tick(9, "AAPL", None)]).await?;
    assert_eq!((class_of(f, 8).await?, class_of(f, 9).await?.as_deref()), (None, Some("STOCK")));
    let done = run(&engine, &rule(), overwrite()).await?;
    proven(f, &done).await?;
    assert_eq!(class_of(f, 8).await?.as_deref(), Some("STOCK"));
    Ok(())
}
