//! Leases: one worker at a time, and an end to every one that died.

use std::sync::Arc;

use amend_domain::{Rule, RuleSlug, RunId, RunState};
use amend_engine::store::{RunPatch, StoreError};

use crate::{
    Fixture,
    bench::{at, rule},
    driver::{Job, correction, refused, stored, view},
};

async fn queued(f: &Fixture) -> anyhow::Result<RunId> {
    let new = correction(&rule());
    f.store().create_run(&new).await?;
    Ok(new.id)
}

pub async fn a_lease_keeps_others_out_until_it_is_over(f: &Fixture) -> anyhow::Result<()> {
    let id = queued(f).await?;
    let store = f.store();
    let first = store.lease_run(&id, "one", at(0), at(10)).await?.expect("the lease is free");
    assert_eq!((first.run_id.clone(), first.owner.as_str(), first.fence), (id.clone(), "one", 1));
    assert_eq!(store.lease_run(&id, "two", at(5), at(15)).await?, None);
    let run = stored(f, &id).await?;
    assert_eq!((run.lease_owner.as_deref(), run.lease_until, run.fence), (Some("one"), Some(at(10)), 1));
    let second = store.lease_run(&id, "two", at(11), at(21)).await?.expect("the lease is over");
    assert_eq!((second.owner.as_str(), second.fence), ("two", 2));
    Ok(())
}

pub async fn a_takeover_is_counted_and_a_renewal_by_the_same_owner_is_not(f: &Fixture) -> anyhow::Result<()> {
    let id = queued(f).await?;
    let store = f.store();
    store.lease_run(&id, "one", at(0), at(10)).await?;
    assert_eq!(view(f, &id).await?.takeovers, 0);
    let again = store.lease_run(&id, "one", at(5), at(15)).await?.expect("its own lease");
    assert_eq!((again.fence, view(f, &id).await?.takeovers), (2, 0));
    store.lease_run(&id, "two", at(20), at(30)).await?.expect("the lease is over");
    assert_eq!(view(f, &id).await?.takeovers, 1);
    store.lease_run(&id, "one", at(40), at(50)).await?.expect("the lease is over");
    let run = stored(f, &id).await?;
    assert_eq!((run.view.takeovers, run.fence), (2, 4));
    Ok(())
}

pub async fn a_heartbeat_prolongs_a_lease(f: &Fixture) -> anyhow::Result<()> {
    let id = queued(f).await?;
    let lease = f.store().lease_run(&id, "one", at(0), at(10)).await?.expect("the lease is free");
    assert!(f.store().renew_lease(&lease, at(30)).await?);
    assert_eq!(f.store().lease_run(&id, "two", at(20), at(40)).await?, None);
    assert_eq!(stored(f, &id).await?.lease_until, Some(at(30)));
    Ok(())
}

pub async fn after_a_takeover_the_old_lease_can_do_nothing(f: &Fixture) -> anyhow::Result<()> {
    let id = queued(f).await?;
    let store = f.store();
    let old = store.lease_run(&id, "one", at(0), at(10)).await?.expect("the lease is free");
    let new = store.lease_run(&id, "two", at(20), at(30)).await?.expect("the lease is over");
    assert!(!store.renew_lease(&old, at(99)).await?);
    store.release_lease(&old).await?;
    let run = stored(f, &id).await?;
    assert_eq!((run.lease_owner.as_deref(), run.lease_until), (Some("two"), Some(at(30))));
    let to = Some((&[RunState::Queued][..], RunState::Running));
    let error = refused(store.update_run(&old, to, &RunPatch::default()).await)?;
    assert!(matches!(error, StoreError::LeaseLost), "{error:?}");
    assert_eq!(view(f, &id).await?.state, RunState::Queued);
    assert!(store.update_run(&new, to, &RunPatch::default()).await?);
    Ok(())
}

pub async fn a_released_lease_is_free_at_once(f: &Fixture) -> anyhow::Result<()> {
    let id = queued(f).await?;
    let lease = f.store().lease_run(&id, "one", at(0), at(1_000)).await?.expect("the lease is free");
    f.store().release_lease(&lease).await?;
    assert_eq!(f.store().claimable(at(1)).await?, std::slice::from_ref(&id));
    let next = f.store().lease_run(&id, "two", at(1), at(1_000)).await?.expect("the lease is free");
    assert!(next.fence > lease.fence, "a fence never comes twice");
    Ok(())
}

pub async fn of_eight_workers_at_once_one_gets_the_lease(f: &Fixture) -> anyhow::Result<()> {
    let id = queued(f).await?;
    let other = f.another_store().await?;
    for round in 0..5 {
        let mut workers = tokio::task::JoinSet::new();
        for n in 0..8 {
            let (id, store) = (id.clone(), if n % 2 == 0 { f.shared_store() } else { Arc::clone(&other) });
            let now = at(round * 100);
            workers.spawn(async move {
                store.lease_run(&id, &format!("worker-{round}-{n}"), now, now + chrono::TimeDelta::seconds(50)).await
            });
        }
        let mut got = Vec::new();
        for result in workers.join_all().await {
            got.extend(result?);
        }
        assert_eq!(got.len(), 1, "{got:?}");
        assert_eq!((got[0].fence, view(f, &id).await?.takeovers), (round + 1, round));
    }
    Ok(())
}

pub async fn claimable_are_active_runs_that_nobody_works_on(f: &Fixture) -> anyhow::Result<()> {
    let mut expected = Vec::new();
    for state in RunState::ALL {
        for leased in ["never", "over", "now"] {
            let slug = RuleSlug::from_trusted(format!("{}-{leased}", state.as_str()));
            let new = correction(&Rule { slug, ..rule() });
            f.store().create_run(&new).await?;
            let until = if leased == "over" { at(10) } else { at(1_000) };
            if leased != "never" {
                f.store().lease_run(&new.id, "one", at(0), until).await?;
            }
            if state != RunState::Queued {
                assert!(f.store().request_state(&new.id, &[RunState::Queued], state, None).await?);
            }
            if state.is_active() && state != RunState::Paused && leased != "now" {
                expected.push(new.id);
            }
        }
    }
    let mut found = f.store().claimable(at(100)).await?;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    Ok(())
}

pub async fn a_second_server_goes_on_with_a_run_whose_worker_died(f: &Fixture) -> anyhow::Result<()> {
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let second = f.another_store().await?;
    assert!(second.claimable(at(3_599)).await?.is_empty());
    assert_eq!(second.claimable(at(3_601)).await?, std::slice::from_ref(&job.id));
    let lease = second.lease_run(&job.id, "worker-2", at(3_601), at(3_700)).await?.expect("the lease is over");
    assert!(second.update_run(&lease, Some((&[RunState::Running], RunState::Validating)), &RunPatch::default()).await?);
    assert_eq!((view(f, &job.id).await?.takeovers, view(f, &job.id).await?.state), (1, RunState::Validating));
    Ok(())
}
