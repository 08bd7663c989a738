//! What people decided, kept; and what is asked of the reference for it.

use amend_domain::{Assignment, ColumnName, Decision, Finding, RuleSlug, Said};
use amend_engine::store::{Placed, StoreKind};

use crate::{
    Fixture,
    bench::{self, TICKERS, TICKS, Tick, assign, at, known, open_rule, rule, tick},
};

fn one(symbol: &str) -> Vec<String> {
    vec![symbol.to_owned()]
}

fn alias(symbol: &str) -> Decision {
    Decision::As(one(symbol))
}

pub async fn an_assignment_is_kept_replaced_and_taken_away(f: &Fixture) -> anyhow::Result<()> {
    let slug = rule().slug;
    let of = |symbol: &str, decision: Decision, by: &str, seconds: i64| Assignment {
        matches: one(symbol),
        decision,
        assigned_by: by.into(),
        assigned_at: at(seconds),
    };
    let first = of("it's \"東京\" \\", alias("a,b {c}"), "ada", 1);
    let second = of("", Decision::Value(" ÉTF'".into()), "bob", 2);
    for assignment in [&first, &second] {
        f.store().assign(&slug, assignment).await?;
    }
    assert_eq!(f.store().assignments(&slug).await?, [second.clone(), first.clone()]);
    let other = of(&first.matches[0], Decision::Value("ETF".into()), "eve", 3);
    f.store().assign(&slug, &other).await?;
    assert_eq!(f.store().assignments(&slug).await?, [other.clone(), second.clone()]);
    assert!(f.store().unassign(&slug, &second.matches).await?);
    assert!(!f.store().unassign(&slug, &second.matches).await?);
    assert_eq!(f.store().assignments(&slug).await?, [other]);
    Ok(())
}

pub async fn assignments_belong_to_one_rule(f: &Fixture) -> anyhow::Result<()> {
    bench::fill(f, &[known("AAPL", "STOCK")], &[tick(1, "aapl", None)]).await?;
    assign(f, "aapl", alias("AAPL")).await?;
    let mut other = rule();
    other.slug = RuleSlug::from_trusted("another");
    assert!(f.store().assignments(&other.slug).await?.is_empty());
    assert!(!f.store().unassign(&other.slug, &one("aapl")).await?);
    assert_eq!(f.store().unresolved(&other, 10).await?.len(), 1);
    assert!(f.store().unresolved(&rule(), 10).await?.is_empty());
    Ok(())
}

pub async fn every_value_that_the_reference_gives_is_told_for_each_match(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [
        known("DUAL", "STOCK"),
        known("DUAL", "ETF"),
        known("DUAL", "ETF"),
        known("DUAL", None),
        known("it's", " "),
        known(None, "ETF"),
    ];
    bench::fill(f, &tickers, &[]).await?;
    let asked = ["it's", "GONE", "DUAL", "dual"].map(one);
    let mut said = f.store().said(&rule(), &asked).await?;
    for said in &mut said {
        said.values.sort();
    }
    let of = |symbol: &str, values: &[Option<&str>]| Said {
        matches: one(symbol),
        values: values.iter().map(|v| v.map(str::to_owned)).collect(),
    };
    let dual = of("DUAL", &[None, Some("ETF"), Some("STOCK")]);
    assert_eq!(said, [of("it's", &[Some(" ")]), of("GONE", &[]), dual, of("dual", &[])]);
    assert!(f.store().said(&rule(), &[]).await?.is_empty());
    Ok(())
}

pub async fn matches_with_one_value_are_known_whatever_is_assigned(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("B", "WIDGET"), known("A", "STOCK"), known("A", ""), known("C", "ETF"), known("C", "STOCK")];
    bench::fill(f, &tickers, &[]).await?;
    assign(f, "C", Decision::Value("ETF".into())).await?;
    assign(f, "D", alias("A")).await?;
    assert_eq!(f.store().known_matches(&rule(), 10).await?, [(one("A"), "STOCK".to_owned())]);
    assert_eq!(f.store().known_matches(&open_rule(), 10).await?.len(), 2);
    assert_eq!(f.store().known_matches(&open_rule(), 1).await?.len(), 1);
    Ok(())
}

pub async fn rows_are_counted_by_the_value_of_their_own_venue(f: &Fixture) -> anyhow::Result<()> {
    let at_frame =
        |id: i64, symbol: &str, frame: Option<&str>| Tick { frame: frame.map(Into::into), ..tick(id, symbol, None) };
    let ticks = [
        at_frame(1, "DUAL", Some("XNAS")),
        at_frame(2, "DUAL", Some("XNAS")),
        at_frame(3, "DUAL", Some("XLON")),
        at_frame(4, "DUAL", Some("XPAR")),
        at_frame(5, "DUAL", None),
        at_frame(6, "OTHER", Some("XNAS")),
        at_frame(7, "OTHER", Some("XTKS")),
    ];
    bench::fill(f, &[], &ticks).await?;
    // At XPAR the reference disagrees with itself, and for XTKS it has a blank value alone.
    f.execute(&format!(
        "INSERT INTO {TICKERS} (\"id\", \"ticker\", \"venue\", \"class\") VALUES (1, 'DUAL', 'XNAS', 'STOCK'),
             (2, 'DUAL', 'XLON', 'ETF'), (3, 'DUAL', 'XPAR', 'ETF'), (4, 'DUAL', 'XPAR', 'STOCK'),
             (5, 'OTHER', 'XNAS', 'CRYPTO'), (6, 'OTHER', 'XTKS', ' '), (7, 'DUAL', NULL, 'CRYPTO')"
    ))
    .await?;
    let (ours, theirs) = (ColumnName::new("frame"), ColumnName::new("venue"));
    let found = f.store().placed(&rule(), &["OTHER", "DUAL"].map(one), &ours, &theirs).await?;
    let placed = |at: usize, value: &str, rows: i64| Placed { at, value: value.into(), rows };
    assert_eq!(found, [placed(0, "CRYPTO", 1), placed(1, "ETF", 1), placed(1, "STOCK", 2)]);
    Ok(())
}

pub async fn work_is_listed_with_its_match_columns_and_without_what_is_decided(f: &Fixture) -> anyhow::Result<()> {
    let text = f.types().text;
    f.execute(&format!(
        "CREATE TABLE {TICKS} (\"id\" {int} PRIMARY KEY, \"a\" {text}, \"b\" {text}, \"class\" {text}, \"note\" {text});
         CREATE TABLE {TICKERS} (\"a\" {text}, \"b\" {text}, \"class\" {text});
         INSERT INTO {TICKERS} VALUES ('x', 'y', 'STOCK');
         INSERT INTO {TICKS} VALUES (1, 'X', 'y / z', NULL, 'n'), (2, 'X / y', 'z', NULL, 'n'), (3, 'X', NULL, NULL, 'n'),
             (4, 'X', 'Y', NULL, 'n'), (5, 'x', 'y', NULL, 'n')",
        int = f.types().int,
    ))
    .await?;
    let mut rule = rule();
    rule.target.timestamp = None;
    rule.target.dimensions.clear();
    rule.target.matches = vec![ColumnName::new("a"), ColumnName::new("b")];
    rule.reference.matches = rule.target.matches.clone();
    let assignment = Assignment {
        matches: vec!["X".into(), "Y".into()],
        decision: Decision::As(vec!["x".into(), "y".into()]),
        assigned_by: "ada".into(),
        assigned_at: at(0),
    };
    f.store().assign(&rule.slug, &assignment).await?;
    let mut listed: Vec<_> =
        f.store().unresolved(&rule, 10).await?.into_iter().map(|r| (r.symbol, r.matches, r.rows, r.finding)).collect();
    listed.sort();
    let both = |a: &str, b: &str| Some(vec![a.to_owned(), b.to_owned()]);
    let same = Some("X / y / z".to_owned());
    assert_eq!(
        listed,
        [
            (None, None, 1, Finding::Orphan),
            (same.clone(), both("X", "y / z"), 1, Finding::Orphan),
            (same, both("X / y", "z"), 1, Finding::Orphan),
        ]
    );
    Ok(())
}

/// The database itself keeps nonsense out, whoever writes it.
pub async fn the_table_of_assignments_takes_one_decision_a_match(f: &Fixture) -> anyhow::Result<()> {
    let (table, a, b) = match f.kind() {
        StoreKind::Postgres => ("amend.assignment", "ARRAY['A']", "ARRAY['B']"),
        StoreKind::Sqlite => ("amend_assignment", "'[\"A\"]'", "'[\"B\"]'"),
    };
    let at = match f.kind() {
        StoreKind::Postgres => "now()",
        StoreKind::Sqlite => "0",
    };
    let insert =
        |alias: &str, value: &str| format!("INSERT INTO {table} VALUES ('r', {a}, {alias}, {value}, 'x', {at})");
    for (alias, value) in [("NULL", "NULL"), (b, "'ETF'"), (a, "NULL")] {
        assert!(f.execute(&insert(alias, value)).await.is_err(), "{alias}, {value}");
    }
    f.execute(&insert(b, "NULL")).await?;
    assert!(f.execute(&insert("NULL", "'ETF'")).await.is_err());
    Ok(())
}
