//! `summarise`: one pass, all numbers.

use amend_domain::{ColumnName, Finding, Rule, Scope};

use crate::{
    Fixture,
    bench::{self, TICKERS, Tick, at, every_finding, known, open_rule, rule, tick},
    driver::only,
    model::{Told, World, agree, pretty},
};

pub async fn groups_add_up_to_the_whole_table(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    let world = agree(f, &rule()).await?;
    let summary = f.store().summarise(&rule(), &Scope::default()).await?;
    let total: i64 = summary.groups.iter().map(|g| g.rows).sum();
    assert_eq!(total, 16);
    let counts = world.counts(&Scope::default());
    assert_eq!((counts.missing_null, counts.missing_blank), (2, 2));
    assert_eq!((counts.correct, counts.mismatched, counts.variant), (2, 1, 3));
    assert_eq!((counts.orphan, counts.ambiguous, counts.unresolvable), (2, 2, 2));
    Ok(())
}

pub async fn a_proposal_stands_exactly_where_the_reference_resolves(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    for group in f.store().summarise(&rule(), &Scope::default()).await?.groups {
        assert_eq!(group.proposed.is_none(), group.finding.needs_a_person(), "{group:?}");
    }
    Ok(())
}

pub async fn each_dimension_counts_every_row_once(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, mut ticks) = every_finding();
    for (n, t) in ticks.iter_mut().enumerate() {
        t.frame = [Some("1d"), Some("1h"), None, Some(""), Some("1D")][n % 5].map(Into::into);
    }
    bench::fill(f, &tickers, &ticks).await?;
    let mut rule = rule();
    rule.target.dimensions = vec![ColumnName(bench::name("frame")), ColumnName::new("note")];
    agree(f, &rule).await?;
    let summary = f.store().summarise(&rule, &Scope::default()).await?;
    for name in [bench::name("frame"), "note".into()] {
        let rows: i64 = summary.dimensions.iter().filter(|d| d.dimension == name).map(|d| d.rows).sum();
        assert_eq!(rows, 16, "{name}");
    }
    Ok(())
}

pub async fn a_rule_without_dimensions_or_time_has_none_in_its_summary(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    let mut rule = rule();
    rule.target.dimensions.clear();
    rule.target.timestamp = None;
    agree(f, &rule).await?;
    let summary = f.store().summarise(&rule, &Scope::default()).await?;
    assert!(summary.dimensions.is_empty());
    assert!(summary.groups.iter().all(|g| g.first_seen.is_none() && g.last_seen.is_none()));
    Ok(())
}

pub async fn first_and_last_seen_are_the_groups_own(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("AAPL", "STOCK"), known("SPY", "ETF")];
    let ticks = [
        Tick { at: Some(500), ..tick(1, "AAPL", None) },
        Tick { at: Some(-3_000), ..tick(2, "AAPL", None) },
        Tick { at: None, ..tick(3, "AAPL", None) },
        Tick { at: Some(90_000), ..tick(4, "AAPL", "STOCK") },
        Tick { at: None, ..tick(5, "SPY", None) },
    ];
    bench::fill(f, &tickers, &ticks).await?;
    agree(f, &rule()).await?;
    let summary = f.store().summarise(&rule(), &Scope::default()).await?;
    let missing = |symbol: &str| {
        let group =
            summary.groups.iter().find(|g| g.symbol.as_deref() == Some(symbol) && g.finding == Finding::Missing);
        group.map(|g| (g.rows, g.first_seen, g.last_seen))
    };
    assert_eq!(missing("AAPL"), Some((3, Some(at(-3_000)), Some(at(500)))));
    assert_eq!(missing("SPY"), Some((1, None, None)));
    Ok(())
}

pub async fn referenced_and_unused_symbols_are_counted_without_nulls(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("A", "STOCK"), known("A", "STOCK"), known("B", None), known("C", "ETF"), known(None, "ETF")];
    let ticks = [tick(1, "A", None), tick(2, "A", "STOCK"), tick(3, "GONE", None), tick(4, None, None)];
    bench::fill(f, &tickers, &ticks).await?;
    let summary = f.store().summarise(&rule(), &Scope::default()).await?;
    assert_eq!((summary.symbols_referenced, summary.symbols_unused), (2, 2));
    Ok(())
}

pub async fn a_scope_counts_its_symbols_alone(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, ticks) = every_finding();
    bench::fill(f, &tickers, &ticks).await?;
    for symbols in [&["AAPL"][..], &["SPY", "DUAL"], &["GONE"], &["no such symbol"], &["aapl"], &["SPY", "SPY"]] {
        let scope = only(symbols);
        let store = Told::from(&f.store().summarise(&rule(), &scope).await?);
        let model = World::read(f, &rule()).await?.summary(&rule(), &scope);
        pretty(&store.groups, &model.groups, "groups");
        pretty(&store.dimensions, &model.dimensions, "dimensions");
        assert_eq!(store.symbols_referenced, model.symbols_referenced, "{symbols:?}");
    }
    Ok(())
}

pub async fn a_table_without_rows_gives_an_empty_summary(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("A", "STOCK"), known("B", "ETF")], &[]).await?;
    let summary = f.store().summarise(&rule(), &Scope::default()).await?;
    assert!(summary.groups.is_empty() && summary.dimensions.is_empty());
    assert_eq!((summary.symbols_referenced, summary.symbols_unused), (0, 2));
    Ok(())
}

pub async fn a_reference_without_rows_makes_every_row_an_orphan(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[], &[tick(1, "A", None), tick(2, "B", "STOCK"), tick(3, None, "")]).await?;
    let world = agree(f, &rule()).await?;
    assert_eq!(world.counts(&Scope::default()).orphan, 3);
    Ok(())
}

fn by_symbol_and_venue() -> Rule {
    let mut rule = rule();
    rule.target.matches = ["symbol", "frame"].map(|c| ColumnName(bench::name(c))).to_vec();
    rule.target.dimensions.clear();
    rule.reference.matches = vec![ColumnName(bench::name("ticker")), ColumnName::new("venue")];
    rule
}

pub async fn several_match_columns_match_all_together_and_are_shown_joined(f: &Fixture) -> anyhow::Result<()> {
    bench::create(f).await?;
    f.execute(&format!(
        "INSERT INTO {TICKERS} VALUES (1, 'A', 'NYSE', 'STOCK'), (2, 'A', 'LSE', 'ETF'), (3, 'B', NULL, 'STOCK'),
             (4, 'a / b', 'c', 'STOCK'), (5, 'a', 'b / c', 'ETF')"
    ))
    .await?;
    let at_venue =
        |id, symbol: Option<&str>, venue: Option<&str>| Tick { frame: venue.map(Into::into), ..tick(id, symbol, None) };
    bench::add_ticks(
        f,
        &[
            at_venue(1, Some("A"), Some("NYSE")),
            at_venue(2, Some("A"), Some("LSE")),
            at_venue(3, Some("A"), Some("XETRA")),
            at_venue(4, Some("A"), None),
            at_venue(5, None, Some("NYSE")),
            at_venue(6, Some("B"), None),
            at_venue(7, Some("a / b"), Some("c")),
            at_venue(8, Some("a"), Some("b / c")),
        ],
    )
    .await?;
    let rule = by_symbol_and_venue();
    let world = World::read(f, &rule).await?;
    let shown = crate::model::pages(f, &rule, &Default::default(), Default::default(), 3).await?;
    pretty(&crate::model::by_key(shown)?, &crate::model::by_key(world.rows.clone())?, "rows_page");
    let told = Told::from(&f.store().summarise(&rule, &Scope::default()).await?);
    pretty(&told.groups, &world.summary(&rule, &Scope::default()).groups, "groups");
    let scoped = Told::from(&f.store().summarise(&rule, &only(&["A / LSE"])).await?);
    pretty(&scoped.groups, &world.summary(&rule, &only(&["A / LSE"])).groups, "groups in scope");
    Ok(())
}

pub async fn match_columns_may_be_numbers(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("5", "STOCK")], &[tick(1, "x", None), tick(2, "y", "ETF"), tick(3, "z", "STOCK")]).await?;
    f.execute(&format!("UPDATE {TICKERS} SET \"id\" = 2")).await?;
    let mut rule = open_rule();
    rule.target.matches = vec![ColumnName(bench::name("id"))];
    rule.reference.matches = vec![ColumnName(bench::name("id"))];
    let world = agree(f, &rule).await?;
    let found: Vec<Finding> = world.rows.iter().map(|r| r.finding).collect();
    assert_eq!(found, [Finding::Orphan, Finding::Mismatched, Finding::Orphan]);
    let told = Told::from(&f.store().summarise(&rule, &only(&["2"])).await?);
    assert_eq!(told.groups.len(), 1);
    Ok(())
}

pub async fn what_the_reference_cannot_decide_is_listed_with_its_candidates(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, mut ticks) = every_finding();
    ticks.extend((100..107).map(|id| tick(id, "DUAL", format!("v{}", id % 7).as_str())));
    bench::fill(f, &tickers, &ticks).await?;
    let listed = f.store().unresolved(&rule(), 100).await?;
    let world = World::read(f, &rule()).await?;
    let expected: i64 = world.rows.iter().filter(|r| r.finding.needs_a_person()).count().try_into()?;
    assert_eq!(listed.iter().map(|u| u.rows).sum::<i64>(), expected);
    assert!(listed.windows(2).all(|w| w[0].rows >= w[1].rows), "most rows first: {listed:?}");
    let of = |symbol: Option<&str>| listed.iter().find(|u| u.symbol.as_deref() == symbol);
    let dual = of(Some("DUAL")).expect("DUAL is ambiguous");
    assert_eq!((dual.finding, dual.rows, dual.current.len()), (Finding::Ambiguous, 9, 5));
    assert!(dual.current.windows(2).all(|w| w[0].1 >= w[1].1), "largest first: {dual:?}");
    let mut candidates = dual.candidates.clone();
    candidates.sort();
    assert_eq!(candidates, [Some("ETF".to_owned()), Some("STOCK".to_owned())]);
    assert_eq!((dual.first_seen, dual.last_seen), (Some(at(12)), Some(at(106))));
    let odd = of(Some("ODD")).expect("ODD is unresolvable");
    assert_eq!((odd.finding, &odd.candidates[..]), (Finding::Unresolvable, &[Some("WIDGET".to_owned())][..]));
    let gone = of(Some("GONE")).expect("GONE is an orphan");
    assert_eq!((gone.finding, gone.candidates.len(), &gone.current[..]), (Finding::Orphan, 0, &[(None, 1)][..]));
    assert_eq!(of(None).map(|u| (u.finding, u.rows)), Some((Finding::Orphan, 1)));
    assert_eq!(f.store().unresolved(&rule(), 2).await?.len(), 2);
    Ok(())
}
