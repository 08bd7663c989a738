//! The reference with what people assigned: each statement that resolves it takes that in, at the time.

use amend_domain::{Assignment, ColumnName, Decision, Finding, Mode, Reference, Rule, Scope, TableName, Target};

use crate::{
    Fixture,
    bench::{self, TICKERS, TICKS, assign, at, class_of, known, rule, tick},
    driver::{Job, Step, Undo, correction, journalled, limits, run_correction, run_rollback},
    model::agree,
};

fn alias(symbol: &str) -> Decision {
    Decision::As(vec![symbol.to_owned()])
}

fn choice(value: &str) -> Decision {
    Decision::Value(value.to_owned())
}

async fn unassign(f: &Fixture, symbol: &str) -> anyhow::Result<()> {
    assert!(f.store().unassign(&rule().slug, &[symbol.to_owned()]).await?);
    Ok(())
}

/// The findings of ids 1, 2, 3 and so on, held against the model.
async fn findings(f: &Fixture) -> anyhow::Result<Vec<Finding>> {
    let mut rows = agree(f, &rule()).await?.rows;
    rows.sort_by_key(|r| r.key[0].parse::<i64>().unwrap_or(0));
    Ok(rows.into_iter().map(|r| r.finding).collect())
}

/// One row a chunk, from a cursor.
fn small(cursor: Option<&str>) -> Step<'_> {
    Step { cursor, limits: limits(1, 1), ..Step::default() }
}

pub async fn an_orphan_with_an_alias_is_filled_by_a_run(f: &Fixture) -> anyhow::Result<()> {
    let ticks = [tick(1, "aapl", None), tick(2, "aapl", "ETF"), tick(3, "GONE", None), tick(4, "AAPL", "STOCK")];
    bench::fill(f, &[known("AAPL", "STOCK"), known("SPY", "ETF")], &ticks).await?;
    assert_eq!(findings(f).await?, [Finding::Orphan, Finding::Orphan, Finding::Orphan, Finding::Correct]);
    assign(f, "aapl", alias("AAPL")).await?;
    assert_eq!(findings(f).await?, [Finding::Missing, Finding::Mismatched, Finding::Orphan, Finding::Correct]);
    let (job, totals) = run_correction(f, &rule(), &Step { mode: Mode::Fill, ..Step::default() }).await?;
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (1, 1));
    assert_eq!(findings(f).await?, [Finding::Correct, Finding::Mismatched, Finding::Orphan, Finding::Correct]);
    run_correction(f, &rule(), &Step::default()).await?;
    assert_eq!(class_of(f, 2).await?.as_deref(), Some("STOCK"));
    Ok(())
}

pub async fn a_choice_decides_what_the_reference_leaves_open(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("DUAL", "STOCK"), known("DUAL", "ETF"), known("DUAL", "WIDGET"), known("DUAL", "")];
    bench::fill(f, &tickers, &[tick(1, "DUAL", None), tick(2, "DUAL", "STOCK"), tick(3, "DUAL", "ETF")]).await?;
    // One that no row gives, one that the rule does not allow, a blank one: nothing is decided.
    for nothing in ["CRYPTO", "WIDGET", "", "etf"] {
        assign(f, "DUAL", choice(nothing)).await?;
        assert_eq!(findings(f).await?, [Finding::Ambiguous; 3], "{nothing:?}");
    }
    assign(f, "DUAL", choice("ETF")).await?;
    assert_eq!(findings(f).await?, [Finding::Missing, Finding::Mismatched, Finding::Correct]);
    run_correction(f, &rule(), &Step::default()).await?;
    assert_eq!(findings(f).await?, [Finding::Correct; 3]);
    Ok(())
}

pub async fn taking_an_alias_back_makes_an_orphan_again(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("AAPL", "STOCK")], &[tick(1, "aapl", None), tick(2, "aapl", None)]).await?;
    assign(f, "aapl", alias("AAPL")).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let first = job.correct(f.store(), &small(None)).await?;
    unassign(f, "aapl").await?;
    let second = job.correct(f.store(), &small(first.cursor.as_deref())).await?;
    assert_eq!((first.changed, second.changed), (1, 0));
    job.succeed(f).await?;
    // What was written stays, and can be undone.
    assert_eq!(findings(f).await?, [Finding::Orphan; 2]);
    assert_eq!(class_of(f, 1).await?.as_deref(), Some("STOCK"));
    let (_, totals) = run_rollback(f, &rule(), &job.id, &Undo::default()).await?;
    assert_eq!((totals.changed, class_of(f, 1).await?), (1, None));
    Ok(())
}

pub async fn what_is_assigned_between_two_chunks_is_seen_by_the_second(f: &Fixture) -> anyhow::Result<()> {
    let ticks = [tick(1, "AAPL", None), tick(2, "aapl", None), tick(3, "spy", None), tick(4, "aapl", None)];
    bench::fill(f, &[known("AAPL", "STOCK"), known("SPY", "ETF")], &ticks).await?;
    let job = Job::begin(f, &rule(), &correction(&rule())).await?;
    let first = job.correct(f.store(), &small(None)).await?;
    assign(f, "aapl", alias("AAPL")).await?;
    let second = job.correct(f.store(), &small(first.cursor.as_deref())).await?;
    assign(f, "spy", alias("SPY")).await?;
    let third = job.correct(f.store(), &small(second.cursor.as_deref())).await?;
    // By another program.
    let other = f.another_store().await?;
    other.unassign(&rule().slug, &["aapl".to_owned()]).await?;
    let fourth = job.correct(f.store(), &small(third.cursor.as_deref())).await?;
    assert_eq!([first.changed, second.changed, third.changed, fourth.changed], [1, 1, 1, 0]);
    assert_eq!(class_of(f, 3).await?.as_deref(), Some("ETF"));
    Ok(())
}

pub async fn a_reference_that_comes_to_speak_for_itself_comes_first(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("AAPL", "STOCK"), known("DUAL", "STOCK"), known("DUAL", "ETF")];
    bench::fill(f, &tickers, &[tick(1, "aapl", "STOCK"), tick(2, "DUAL", "ETF")]).await?;
    assign(f, "aapl", alias("AAPL")).await?;
    assign(f, "DUAL", choice("ETF")).await?;
    assert_eq!(findings(f).await?, [Finding::Correct; 2]);
    bench::add_tickers(f, &[known("aapl", "ETF")]).await?;
    f.execute(&format!("DELETE FROM {TICKERS} WHERE \"ticker\" = 'DUAL' AND \"class\" = 'ETF'")).await?;
    assert_eq!(findings(f).await?, [Finding::Mismatched; 2]);
    Ok(())
}

pub async fn a_choice_counts_while_a_row_gives_it(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("DUAL", "STOCK"), known("DUAL", "ETF")];
    bench::fill(f, &tickers, &[tick(1, "DUAL", None)]).await?;
    assign(f, "DUAL", choice("ETF")).await?;
    assert_eq!(findings(f).await?, [Finding::Missing]);
    f.execute(&format!("UPDATE {TICKERS} SET \"class\" = 'CRYPTO' WHERE \"class\" = 'ETF'")).await?;
    assert_eq!(findings(f).await?, [Finding::Ambiguous]);
    let (_, totals) = run_correction(f, &rule(), &Step::default()).await?;
    assert_eq!((totals.changed, class_of(f, 1).await?), (0, None));
    f.execute(&format!("UPDATE {TICKERS} SET \"class\" = 'ETF' WHERE \"class\" = 'CRYPTO'")).await?;
    assert_eq!(findings(f).await?, [Finding::Missing]);
    Ok(())
}

pub async fn an_alias_gives_what_the_reference_says_at_the_time(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("AAPL", "STOCK"), known("BAD", "")];
    bench::fill(f, &tickers, &[tick(1, "aapl", "STOCK"), tick(2, "BAD", "STOCK")]).await?;
    assign(f, "aapl", alias("AAPL")).await?;
    assign(f, "BAD", alias("AAPL")).await?;
    assert_eq!(findings(f).await?, [Finding::Correct; 2]);
    f.execute(&format!("UPDATE {TICKERS} SET \"class\" = 'ETF' WHERE \"ticker\" = 'AAPL'")).await?;
    assert_eq!(findings(f).await?, [Finding::Mismatched; 2]);
    // In trouble itself it decides nothing, and each row is in its own trouble again.
    bench::add_tickers(f, &[known("AAPL", "STOCK")]).await?;
    assert_eq!(findings(f).await?, [Finding::Orphan, Finding::Unresolvable]);
    f.execute(&format!("DELETE FROM {TICKERS} WHERE \"ticker\" = 'AAPL'")).await?;
    assert_eq!(findings(f).await?, [Finding::Orphan, Finding::Unresolvable]);
    Ok(())
}

pub async fn an_alias_is_never_followed_through_another_assignment(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("AAPL", "STOCK"), known("DUAL", "STOCK"), known("DUAL", "ETF")];
    bench::fill(f, &tickers, &[tick(1, "a", None), tick(2, "b", None), tick(3, "c", None), tick(4, "DUAL", None)])
        .await?;
    assign(f, "a", alias("b")).await?;
    assign(f, "b", alias("AAPL")).await?;
    assign(f, "c", alias("DUAL")).await?;
    assign(f, "DUAL", choice("ETF")).await?;
    assert_eq!(findings(f).await?, [Finding::Orphan, Finding::Missing, Finding::Orphan, Finding::Missing]);
    // In a circle neither gives anything.
    assign(f, "b", alias("a")).await?;
    assert_eq!(findings(f).await?, [Finding::Orphan, Finding::Orphan, Finding::Orphan, Finding::Missing]);
    Ok(())
}

pub async fn a_run_under_assignments_and_its_rollback_are_the_identity(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, mut ticks) = bench::every_finding();
    let next = i64::try_from(ticks.len())? + 1;
    ticks.extend([tick(next, "btc ", None), tick(next + 1, "btc ", "ETF"), tick(next + 2, "btc ", "crypto")]);
    bench::fill(f, &tickers, &ticks).await?;
    let picture = f.picture(TICKS).await?;
    let before = agree(f, &rule()).await?.correctable(Mode::Overwrite, &Scope::default());
    assign(f, "btc ", alias("BTC")).await?;
    let world = agree(f, &rule()).await?;
    let wrong = world.correctable(Mode::Overwrite, &Scope::default());
    assert_eq!(wrong, before + 3);
    let (job, totals) = run_correction(f, &rule(), &Step { limits: limits(2, 3), ..Step::default() }).await?;
    assert_eq!((totals.changed, journalled(f, &job.id).await?), (wrong, wrong));
    assert_eq!(agree(f, &rule()).await?.correctable(Mode::Overwrite, &Scope::default()), 0);
    // Also when what the run went by is taken back before.
    unassign(f, "btc ").await?;
    let (_, totals) = run_rollback(f, &rule(), &job.id, &Undo { limits: limits(3, 3), ..Undo::default() }).await?;
    assert_eq!((totals.changed, f.picture(TICKS).await?), (wrong, picture));
    Ok(())
}

pub async fn an_alias_of_several_columns_needs_each_of_them(f: &Fixture) -> anyhow::Result<()> {
    let (int, text) = (f.types().int, f.types().text);
    f.execute(&format!(
        "CREATE TABLE {TICKS} (\"id\" {int} PRIMARY KEY, \"Symbol\" {text}, \"Venue No\" {int}, \"class\" {text});
         CREATE TABLE {TICKERS} (\"ticker\" {text}, \"venue\" {int}, \"class\" {text});
         INSERT INTO {TICKERS} VALUES ('AAPL', 1, 'STOCK'), ('AAPL', 2, 'ETF');
         INSERT INTO {TICKS} VALUES (1, 'aapl', 1, NULL), (2, 'aapl', 2, NULL), (3, 'aapl', NULL, NULL), (4, 'AAPL', 2, NULL)"
    ))
    .await?;
    let rule = Rule {
        target: Target {
            table: TableName::new("ticks"),
            key: vec![ColumnName::new("id")],
            matches: vec![ColumnName::new("Symbol"), ColumnName::new("Venue No")],
            value: ColumnName::new("class"),
            timestamp: None,
            dimensions: Vec::new(),
            kept_by_triggers: Vec::new(),
        },
        reference: Reference {
            table: TableName::new("tickers"),
            matches: vec![ColumnName::new("ticker"), ColumnName::new("venue")],
            value: ColumnName::new("class"),
        },
        ..rule()
    };
    let picture = f.picture(TICKS).await?;
    let assignment = Assignment {
        matches: vec!["aapl".into(), "1".into()],
        decision: Decision::As(vec!["AAPL".into(), "2".into()]),
        assigned_by: "ada".into(),
        assigned_at: at(0),
    };
    f.store().assign(&rule.slug, &assignment).await?;
    agree(f, &rule).await?;
    let (job, totals) = run_correction(f, &rule, &small(None)).await?;
    assert_eq!((totals.changed, class_of(f, 1).await?.as_deref()), (2, Some("ETF")));
    assert_eq!(class_of(f, 2).await?, None);
    agree(f, &rule).await?;
    run_rollback(f, &rule, &job.id, &Undo::default()).await?;
    assert_eq!(f.picture(TICKS).await?, picture);
    Ok(())
}

/// Where only some of a large reference is read, what an alias points to is read, too.
pub async fn an_alias_into_a_reference_much_larger_than_the_table_is_found(f: &Fixture) -> anyhow::Result<()> {
    let mut tickers: Vec<_> = (0..6_000).map(|n| known(format!("S{n}").as_str(), "STOCK")).collect();
    tickers.extend([known("DUAL", "ETF"), known("DUAL", "CRYPTO"), known("東京", "ETF")]);
    let ticks = [tick(1, "s77", None), tick(2, "DUAL", None), tick(3, "tokyo", "x"), tick(4, "S78", None)];
    bench::fill(f, &tickers, &ticks).await?;
    f.execute("ANALYZE").await?;
    for (symbol, decision) in [("s77", alias("S77")), ("DUAL", choice("ETF")), ("tokyo", alias("東京"))] {
        assign(f, symbol, decision).await?;
    }
    let world = agree(f, &rule()).await?;
    assert_eq!(world.correctable(Mode::Overwrite, &Scope::default()), 4);
    let (_, totals) = run_correction(f, &rule(), &small(None)).await?;
    assert_eq!(totals.changed, 4);
    assert_eq!(findings(f).await?, [Finding::Correct; 4]);
    Ok(())
}
