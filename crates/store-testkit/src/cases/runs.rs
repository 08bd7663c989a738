//! Runs: creation, the one active place, states, what a worker writes.

use amend_domain::{
    BatchSize, Effect, ErrorCode, FindingCounts, Footprint, Level, LevelResult, Mode, Phase, PlanHash, RollbackOptions,
    Rule, RuleSlug, RunError, RunId, RunKind, RunOptions, RunState, Strategy, Validation, Walk,
};
use amend_engine::store::{NewRun, RunPatch, StoreError};

use crate::{
    Fixture,
    bench::{at, rule},
    driver::{Job, correction, only, refused, rollback, stored, view},
};

fn rule_named(slug: &str) -> Rule {
    Rule { slug: RuleSlug::from_trusted(slug), ..rule() }
}

fn counts(n: i64) -> FindingCounts {
    FindingCounts {
        correct: n,
        missing_null: n + 1,
        missing_blank: n + 2,
        mismatched: n + 3,
        variant: n + 4,
        orphan: n + 5,
        ambiguous: n + 6,
        unresolvable: n + 7,
    }
}

pub async fn a_new_correction_is_read_back_as_it_was_created(f: &Fixture) -> anyhow::Result<()> {
    let options = RunOptions {
        mode: Mode::Overwrite,
        scope: only(&["AAPL", "it's \"odd\", \\ 東京"]),
        batch_size: BatchSize::Fixed(77),
        max_records: Some(9_999_999_999),
        dry_run: true,
        timeout_s: Some(60),
        max_retries: Some(0),
        retry_initial_ms: Some(1),
        retry_max_ms: Some(2),
        backup: amend_domain::Backup::Snapshot,
    };
    let new = NewRun {
        options: Some(options.clone()),
        expected: Some(counts(1_000_000_000_000)),
        batch_size: 77,
        started_by: "token:it's me".into(),
        ..correction(&rule())
    };
    f.store().create_run(&new).await?;
    let run = stored(f, &new.id).await?;
    assert_eq!((run.cursor, run.expected, run.lease_owner, run.lease_until), (None, new.expected, None, None));
    assert_eq!(run.fence, 0);
    let v = run.view;
    assert_eq!(
        (&v.run_id, &v.rule, v.kind, v.state, v.phase),
        (&new.id, &new.rule, RunKind::Correction, RunState::Queued, Phase::Waiting)
    );
    assert_eq!((v.options, v.rollback, v.undoes, v.undone_by), (Some(options), None, None, None));
    assert_eq!((v.started_by, v.created_at, v.started_at, v.ended_at), (new.started_by, at(0), None, None));
    assert_eq!((v.plan_hash, v.batch_size, v.chunks, v.takeovers), (new.plan_hash, 77, 0, 0));
    assert_eq!((v.changed, v.skipped, v.failed, v.conflicts, v.deleted, v.scanned), (0, 0, 0, 0, 0, 0));
    assert_eq!((v.before, v.after, v.validation, v.error, v.rate), (None, None, None, None, None));
    Ok(())
}

pub async fn a_new_rollback_is_read_back_with_the_run_it_undoes(f: &Fixture) -> anyhow::Result<()> {
    let source = correction(&rule_named("done"));
    f.store().create_run(&source).await?;
    f.store().request_state(&source.id, &[RunState::Queued], RunState::Cancelled, Some(at(1))).await?;
    let options = RollbackOptions {
        reason: "wrong \"feed\"\nof yesterday".into(),
        on_conflict: amend_domain::ConflictPolicy::Force,
        scope: only(&["A"]).into(),
        batch_size: BatchSize::Fixed(5),
        dry_run: false,
        source: amend_domain::RollbackSource::Snapshot,
    };
    let new = NewRun { rollback: Some(options.clone()), ..rollback(&rule_named("done"), &source.id) };
    f.store().create_run(&new).await?;
    let v = view(f, &new.id).await?;
    assert_eq!((v.kind, v.options, v.rollback, v.undoes), (RunKind::Rollback, None, Some(options), Some(source.id)));
    Ok(())
}

pub async fn a_run_that_is_not_there_is_none(f: &Fixture) -> anyhow::Result<()> {
    let nobody = RunId::from_trusted("r-nobody");
    assert_eq!(f.store().run(&nobody).await?, None);
    assert!(f.store().events(&nobody, 0, 10).await?.is_empty());
    assert!(f.store().chunks(&nobody, 10).await?.is_empty());
    assert!(f.store().journal_pairs(&nobody).await?.is_empty());
    assert_eq!(f.store().lease_run(&nobody, "worker", at(0), at(10)).await?, None);
    assert!(!f.store().request_state(&nobody, &RunState::ACTIVE, RunState::Cancelling, None).await?);
    Ok(())
}

pub async fn a_rule_has_at_most_one_active_run(f: &Fixture) -> anyhow::Result<()> {
    let first = correction(&rule());
    f.store().create_run(&first).await?;
    for second in [correction(&rule()), rollback(&rule(), &first.id)] {
        let error = refused(f.store().create_run(&second).await)?;
        assert!(matches!(&error, StoreError::ActiveRun(id) if *id == first.id), "{error:?}");
        assert_eq!(f.store().run(&second.id).await?, None);
    }
    // Another rule's place is its own.
    f.store().create_run(&correction(&rule_named("another"))).await?;
    // Once the run is over, its place is free.
    assert!(f.store().request_state(&first.id, &[RunState::Queued], RunState::Cancelled, Some(at(5))).await?);
    f.store().create_run(&correction(&rule())).await?;
    Ok(())
}

pub async fn every_active_state_holds_the_rules_place_and_no_other_does(f: &Fixture) -> anyhow::Result<()> {
    for state in RunState::ALL {
        let rule = rule_named(state.as_str());
        let first = correction(&rule);
        f.store().create_run(&first).await?;
        if state != RunState::Queued {
            assert!(f.store().request_state(&first.id, &[RunState::Queued], state, None).await?);
        }
        let second = f.store().create_run(&correction(&rule)).await;
        assert_eq!(second.is_err(), state.is_active(), "{state:?}: {second:?}");
    }
    Ok(())
}

pub async fn of_eight_creators_at_once_one_gets_the_place(f: &Fixture) -> anyhow::Result<()> {
    let other = f.another_store().await?;
    for round in 0..5 {
        let rule = rule_named(&format!("round-{round}"));
        let mut creators = tokio::task::JoinSet::new();
        for n in 0..8 {
            let store = if n % 2 == 0 { f.shared_store() } else { std::sync::Arc::clone(&other) };
            let new = correction(&rule);
            creators.spawn(async move { (new.id.clone(), store.create_run(&new).await) });
        }
        let results = creators.join_all().await;
        let winners: Vec<_> = results.iter().filter(|(_, r)| r.is_ok()).map(|(id, _)| id.clone()).collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        for (_, result) in results {
            if let Err(error) = result {
                assert!(matches!(&error, StoreError::ActiveRun(id) if *id == winners[0]), "{error:?}");
            }
        }
    }
    Ok(())
}

pub async fn a_state_changes_only_from_where_it_is_asked_to(f: &Fixture) -> anyhow::Result<()> {
    let new = correction(&rule());
    f.store().create_run(&new).await?;
    let store = f.store();
    assert!(!store.request_state(&new.id, &[RunState::Running], RunState::Cancelling, None).await?);
    assert_eq!(view(f, &new.id).await?.state, RunState::Queued);
    assert!(
        store.request_state(&new.id, &[RunState::Running, RunState::Queued], RunState::Cancelled, Some(at(9))).await?
    );
    let v = view(f, &new.id).await?;
    assert_eq!((v.state, v.ended_at), (RunState::Cancelled, Some(at(9))));
    assert!(!store.request_state(&new.id, &[RunState::Queued], RunState::Cancelled, Some(at(10))).await?);
    assert_eq!(view(f, &new.id).await?.ended_at, Some(at(9)));
    Ok(())
}

pub async fn a_workers_transition_that_does_not_hold_writes_nothing(f: &Fixture) -> anyhow::Result<()> {
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let before = stored(f, &job.id).await?;
    let patch = RunPatch { phase: Some(Phase::Done), remaining: Some(5), ..RunPatch::default() };
    let done = f.store().update_run(&job.lease, Some((&[RunState::Validating], RunState::Succeeded)), &patch).await?;
    assert!(!done);
    assert_eq!(stored(f, &job.id).await?, before);
    let done = f.store().update_run(&job.lease, Some((&[RunState::Running], RunState::Validating)), &patch).await?;
    assert!(done);
    let v = view(f, &job.id).await?;
    assert_eq!((v.state, v.phase, v.remaining), (RunState::Validating, Phase::Done, 5));
    Ok(())
}

pub async fn an_empty_patch_leaves_the_run_as_it_is(f: &Fixture) -> anyhow::Result<()> {
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let before = stored(f, &job.id).await?;
    assert!(f.store().update_run(&job.lease, None, &RunPatch::default()).await?);
    assert_eq!(stored(f, &job.id).await?, before);
    Ok(())
}

pub async fn everything_that_a_worker_writes_is_read_back(f: &Fixture) -> anyhow::Result<()> {
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let before = stored(f, &job.id).await?;
    let validation = Validation::of(vec![LevelResult {
        level: Level::UntouchedColumns,
        passed: false,
        violations: 3,
        detail: "3 of 9 \"chunks\" — schade".into(),
        examples: vec!["AAA: 3 rows with \" x\"".into()],
    }]);
    let error = RunError { code: ErrorCode::Drift, message: "moved".into(), advice: Some("look again".into()) };
    let walk =
        Walk { strategy: Strategy::Ladder, reason: "large".into(), workers: 2, stripes: 8, most_blocks: Some(500) };
    let footprint = Footprint { heap_bytes: 1, index_bytes: 2, wal_bytes: 3, updated: 4, hot: 5 };
    let effect = Effect::new(footprint, Footprint { wal_bytes: 9, ..footprint }, 1, 2);
    let patch = RunPatch {
        phase: Some(Phase::Sweeping),
        started_at: Some(at(2)),
        ended_at: Some(at(3)),
        duration_ms: Some(4),
        to_change: Some(5),
        to_scan: Some(6),
        remaining: Some(7),
        rate: Some(1234.5),
        batch_size: Some(8),
        plan_hash: Some(PlanHash::from_trusted("fedcba9876543210")),
        before: Some(counts(10)),
        after: Some(counts(20)),
        validation: Some(validation.clone()),
        error: Some(error.clone()),
        cursor: Some(Some("a \"cursor\"".into())),
        scanned: Some(9),
        skipped: Some(15),
        changed: Some(11),
        failed: Some(12),
        conflicts: Some(13),
        deleted: Some(14),
        held: Some(vec!["3 sessions \"wait\"".into(), "the second — 東京".into()]),
        idle_ms: Some(15),
        idle_since: Some(Some(at(16))),
        walk: Some(walk.clone()),
        footprint: Some(footprint),
        effect: Some(effect),
    };
    assert!(f.store().update_run(&job.lease, None, &patch).await?);
    let run = stored(f, &job.id).await?;
    let mut expected = before;
    expected.cursor = Some("a \"cursor\"".into());
    let v = &mut expected.view;
    v.phase = Phase::Sweeping;
    (v.started_at, v.ended_at) = (Some(at(2)), Some(at(3)));
    (v.duration_ms, v.to_change, v.to_scan, v.remaining, v.rate, v.batch_size) =
        (4, Some(5), Some(6), 7, Some(1234.5), 8);
    v.plan_hash = PlanHash::from_trusted("fedcba9876543210");
    (v.before, v.after, v.validation, v.error) = (Some(counts(10)), Some(counts(20)), Some(validation), Some(error));
    (v.scanned, v.changed, v.failed, v.conflicts, v.deleted) = (9, 11, 12, 13, 14);
    v.skipped = 15;
    (v.held, v.idle_ms) = (patch.held.clone().unwrap_or_default(), 15);
    expected.idle_since = Some(at(16));
    (v.walk, v.effect, expected.footprint) = (Some(walk), Some(effect), Some(footprint));
    assert_eq!(run, expected);
    let again = RunPatch { cursor: Some(None), held: Some(Vec::new()), idle_since: Some(None), ..RunPatch::default() };
    assert!(f.store().update_run(&job.lease, None, &again).await?);
    expected.cursor = None;
    expected.idle_since = None;
    expected.view.held.clear();
    assert_eq!(stored(f, &job.id).await?, expected);
    Ok(())
}

pub async fn a_run_says_which_finished_rollback_undid_it(f: &Fixture) -> anyhow::Result<()> {
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    job.succeed(f).await?;
    let back = Job::begin(f, &rule(), &rollback(&rule(), &job.id)).await?;
    assert_eq!(view(f, &job.id).await?.undone_by, None, "not while the rollback is under way");
    back.succeed(f).await?;
    assert_eq!(view(f, &job.id).await?.undone_by, Some(back.id.clone()));
    let listed = f.store().runs(&amend_engine::store::RunFilter { limit: 10, ..Default::default() }).await?;
    let of = |id: &RunId| listed.iter().find(|r| r.run_id == *id).and_then(|r| r.undone_by.clone());
    assert_eq!((of(&job.id), of(&back.id)), (Some(back.id.clone()), None));
    Ok(())
}

pub async fn events_are_read_in_order_from_where_one_left_off(f: &Fixture) -> anyhow::Result<()> {
    let (one, two) = (correction(&rule()), correction(&rule_named("another")));
    f.store().create_run(&one).await?;
    f.store().create_run(&two).await?;
    for n in 0..7 {
        f.store().append_event(&one.id, at(n), "retry", &format!("no. {n}: it's \"late\" — 東京")).await?;
        f.store().append_event(&two.id, at(n), "other", "of another run").await?;
    }
    let all = f.store().events(&one.id, 0, 100).await?;
    assert_eq!(all.len(), 7);
    assert!(all.windows(2).all(|w| w[0].seq < w[1].seq));
    assert_eq!(
        (all[3].at, all[3].kind.as_str(), all[3].message.as_str()),
        (at(3), "retry", "no. 3: it's \"late\" — 東京")
    );
    let middle = f.store().events(&one.id, all[2].seq, 2).await?;
    assert_eq!(middle, all[3..5]);
    assert!(f.store().events(&one.id, all[6].seq, 100).await?.is_empty());
    Ok(())
}

pub async fn events_of_several_writers_at_once_are_all_kept(f: &Fixture) -> anyhow::Result<()> {
    let run = correction(&rule());
    f.store().create_run(&run).await?;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (store, id) = (f.shared_store(), run.id.clone());
        writers.spawn(async move { store.append_event(&id, at(n), "note", &n.to_string()).await });
    }
    for result in writers.join_all().await {
        result?;
    }
    let all = f.store().events(&run.id, 0, 100).await?;
    assert_eq!(all.len(), 20);
    assert!(all.windows(2).all(|w| w[0].seq < w[1].seq));
    Ok(())
}
