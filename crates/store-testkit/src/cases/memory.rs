//! What Amend remembers: rules, analyses, the trend.

use amend_domain::{
    Analysis, ClassCounts, ColumnName, Finding, FindingCounts, GroupCount, MissingCounts, PairCount, Rule, RuleSlug,
    TableName,
    analysis::{DimensionCount, SymbolCounts},
};
use chrono::{DateTime, Utc};

use crate::{
    Fixture,
    bench::{at, rule},
};

pub async fn rules_are_read_back_as_they_were_saved(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    assert_eq!(store.rule(&rule().slug).await?, None);
    let mut odd = Rule { slug: RuleSlug::from_trusted("odd"), title: "it's \"odd\" — 東京\n".into(), ..rule() };
    odd.target.table = TableName::in_schema("my schema", "a \"b\"");
    odd.target.key = vec![ColumnName::new("k 1"), ColumnName::new("K 1")];
    odd.target.timestamp = None;
    odd.allowed_values.clear();
    for saved in [rule(), odd, Rule::asset_class()] {
        store.save_rule(&saved, at(0)).await?;
        assert_eq!(store.rule(&saved.slug).await?, Some(saved));
    }
    let slugs: Vec<_> = store.rules().await?.into_iter().map(|r| r.slug.to_string()).collect();
    assert_eq!(slugs, ["asset-class-correction", "odd", "ticks-class"]);
    Ok(())
}

pub async fn saving_a_rule_again_replaces_it(f: &Fixture) -> anyhow::Result<()> {
    f.store().save_rule(&rule(), at(0)).await?;
    let changed = Rule { title: "Another".into(), allowed_values: vec!["X".into()], ..rule() };
    f.store().save_rule(&changed, at(1)).await?;
    assert_eq!(f.store().rules().await?, [changed]);
    Ok(())
}

fn analysis(slug: &str, when: DateTime<Utc>, n: i64) -> Analysis {
    let counts = FindingCounts { correct: n, missing_null: 1, missing_blank: 2, orphan: 3, ..FindingCounts::default() };
    Analysis {
        rule: RuleSlug::from_trusted(slug),
        total: counts.total(),
        correct: counts.correct,
        missing: MissingCounts { null: 1, blank: 2 },
        mismatched: 0,
        variant: 0,
        orphan: 3,
        ambiguous: 0,
        unresolvable: 0,
        by_class: vec![ClassCounts { class: None, total: n, counts }],
        symbols_referenced: 5,
        symbols_unused: 6,
        duration_ms: 7,
        generated_at: when,
        score: counts.score(),
        completeness: 99.99,
        integrity: 50.5,
        pairs: vec![PairCount { current: None, proposed: "it's".into(), finding: Finding::Missing, rows: 3 }],
        worst_symbols: vec![SymbolCounts {
            symbol: Some("東京 \"x\"".into()),
            proposed: None,
            rows: 3,
            wrong: 3,
            counts,
            first_seen: Some(at(1)),
            last_seen: None,
        }],
        dimensions: vec![DimensionCount { dimension: "frame".into(), value: None, finding: Finding::Orphan, rows: 3 }],
        symbols_wrong: 2,
        symbols_resolved: 3,
        mismatches: vec![GroupCount {
            symbol: None,
            current: Some(" etf ".into()),
            proposed: Some("ETF".into()),
            finding: Finding::Variant,
            rows: 4,
            first_seen: None,
            last_seen: Some(at(9)),
        }],
    }
}

pub async fn the_last_analysis_is_read_back_whole(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    for slug in ["one", "two"] {
        store.save_rule(&Rule { slug: RuleSlug::from_trusted(slug), ..rule() }, at(0)).await?;
    }
    let one = RuleSlug::from_trusted("one");
    assert_eq!(store.last_analysis(&one).await?, None);
    store.save_analysis(&analysis("one", at(0), 10)).await?;
    store.save_analysis(&analysis("one", at(60), 20)).await?;
    store.save_analysis(&analysis("two", at(90), 30)).await?;
    assert_eq!(store.last_analysis(&one).await?, Some(analysis("one", at(60), 20)));
    Ok(())
}

pub async fn the_trend_is_read_oldest_first_since_a_time(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    for slug in ["one", "two"] {
        store.save_rule(&Rule { slug: RuleSlug::from_trusted(slug), ..rule() }, at(0)).await?;
    }
    for n in 0..6 {
        store.save_analysis(&analysis("one", at(n * 60), n * 10)).await?;
    }
    store.save_analysis(&analysis("two", at(90), 5)).await?;
    let one = RuleSlug::from_trusted("one");
    let all = store.snapshots(&one, at(-1), 100).await?;
    assert_eq!(all.iter().map(|s| s.at).collect::<Vec<_>>(), (0..6).map(|n| at(n * 60)).collect::<Vec<_>>());
    let last = analysis("one", at(300), 50);
    assert_eq!((all[5].counts, all[5].score), (last.counts(), last.score));
    assert_eq!(store.snapshots(&one, at(150), 100).await?, all[3..]);
    // A limit keeps the newest points, still oldest first.
    assert_eq!(store.snapshots(&one, at(-1), 2).await?, all[4..]);
    Ok(())
}
