//! Lists of runs.

use amend_domain::{Rule, RuleSlug, RunId, RunKind, RunState};
use amend_engine::store::{NewRun, RunFilter};

use crate::{
    Fixture,
    bench::{at, rule},
    driver::{correction, rollback},
};

/// Twelve runs of two rules, oldest first, all over but the last of each rule; pairs were created in
/// the same second.
async fn twelve(f: &Fixture) -> anyhow::Result<Vec<RunId>> {
    let mut ids = Vec::new();
    for n in 0..12_i64 {
        let rule = Rule { slug: RuleSlug::from_trusted(["one", "two"][usize::try_from(n % 2)?]), ..rule() };
        let new = match ids.first() {
            Some(source) if n % 3 == 0 => rollback(&rule, source),
            _ => correction(&rule),
        };
        let new = NewRun { at: at(n / 4 * 60), ..new };
        f.store().create_run(&new).await?;
        if n < 10 {
            f.store().request_state(&new.id, &[RunState::Queued], RunState::Cancelled, Some(at(n))).await?;
        }
        ids.push(new.id);
    }
    Ok(ids)
}

async fn ids(f: &Fixture, filter: &RunFilter) -> anyhow::Result<Vec<RunId>> {
    Ok(f.store().runs(filter).await?.into_iter().map(|r| r.run_id).collect())
}

fn any(limit: u32) -> RunFilter {
    RunFilter { limit, ..RunFilter::default() }
}

pub async fn runs_are_listed_newest_first(f: &Fixture) -> anyhow::Result<()> {
    let made = twelve(f).await?;
    let listed = f.store().runs(&any(100)).await?;
    assert_eq!(listed.len(), 12);
    assert!(listed.windows(2).all(|w| w[0].created_at >= w[1].created_at));
    let mut sorted: Vec<_> = listed.iter().map(|r| r.run_id.clone()).collect();
    sorted.sort();
    let mut expected = made;
    expected.sort();
    assert_eq!(sorted, expected);
    Ok(())
}

pub async fn pages_of_runs_show_each_once_even_within_one_second(f: &Fixture) -> anyhow::Result<()> {
    twelve(f).await?;
    let all = ids(f, &any(100)).await?;
    for limit in [1, 2, 5, 11, 12] {
        let mut seen: Vec<RunId> = Vec::new();
        loop {
            let page = ids(f, &RunFilter { before: seen.last().cloned(), ..any(limit) }).await?;
            assert!(page.len() <= limit as usize);
            if page.is_empty() {
                break;
            }
            seen.extend(page);
            assert!(seen.len() <= 12, "the pages do not end");
        }
        assert_eq!(seen, all, "limit {limit}");
    }
    Ok(())
}

pub async fn runs_are_filtered_by_rule_state_and_kind(f: &Fixture) -> anyhow::Result<()> {
    twelve(f).await?;
    let all = f.store().runs(&any(100)).await?;
    let one = RuleSlug::from_trusted("one");
    let filters = [
        RunFilter { rule: Some(one.clone()), ..any(100) },
        RunFilter { kind: Some(RunKind::Rollback), ..any(100) },
        RunFilter { states: vec![RunState::Queued], ..any(100) },
        RunFilter { states: RunState::ACTIVE.to_vec(), ..any(100) },
        RunFilter { states: vec![RunState::Cancelled, RunState::Failed], ..any(100) },
        RunFilter { rule: Some(one), kind: Some(RunKind::Correction), states: vec![RunState::Cancelled], ..any(100) },
        RunFilter { rule: Some(RuleSlug::from_trusted("no-such-rule")), ..any(100) },
    ];
    for filter in filters {
        let expected: Vec<_> = all
            .iter()
            .filter(|r| filter.rule.as_ref().is_none_or(|rule| *rule == r.rule))
            .filter(|r| filter.kind.is_none_or(|kind| kind == r.kind))
            .filter(|r| filter.states.is_empty() || filter.states.contains(&r.state))
            .map(|r| r.run_id.clone())
            .collect();
        assert_eq!(ids(f, &filter).await?, expected, "{filter:?}");
        assert_eq!(ids(f, &RunFilter { limit: 2, ..filter }).await?, expected[..expected.len().min(2)]);
    }
    Ok(())
}
