//! SQL's CASE against `amend_domain::finding::classify`, every value against every reference.

use amend_domain::{Decision, Finding, Scope, finding::WHITE_SPACE};
use amend_engine::store::StoreKind;

use crate::{
    Fixture,
    bench::{self, TICKERS, TICKS, Tick, known, open_rule, rule, tick},
    driver::{Step, run_correction},
    model::agree,
};

fn values() -> Vec<Option<String>> {
    let mut values: Vec<Option<String>> = [
        "",
        " ",
        "\n",
        "\u{3000}",
        "\u{feff}",
        "\u{200b}",
        "STOCK",
        "stock",
        " STOCK",
        "STOCK ",
        "\tStock\u{2003}",
        "ETF",
        "etf ",
        "WIDGET",
        "widget",
        "ÉTF",
        "étf",
        "ÉTf",
        "0",
        "NULL",
        "null",
        "'",
        "\\",
        "%",
        "_",
        "東京",
        "東京 ",
    ]
    .iter()
    .map(|v| Some((*v).to_owned()))
    .collect();
    values.push(None);
    values.push(Some(WHITE_SPACE.into()));
    values.push(Some(format!("{WHITE_SPACE}sTOCK{WHITE_SPACE}")));
    values
}

/// Symbols with one reference row each, and with each pair of some values.
fn world() -> (Vec<bench::Known>, Vec<String>) {
    let mut tickers = Vec::new();
    let mut symbols = vec!["no reference".to_owned()];
    for (n, value) in values().into_iter().enumerate() {
        let symbol = format!("one {n}");
        tickers.push((Some(symbol.clone()), value));
        symbols.push(symbol);
    }
    let pairs = [None, Some(" "), Some("STOCK"), Some("stock"), Some("WIDGET"), Some("東京")];
    for (n, a) in pairs.iter().enumerate() {
        for (m, b) in pairs.iter().enumerate() {
            let symbol = format!("two {n} {m}");
            tickers.push(known(symbol.as_str(), *a));
            tickers.push(known(symbol.as_str(), *b));
            symbols.push(symbol);
        }
    }
    (tickers, symbols)
}

pub async fn sql_and_the_domain_classify_every_combination_alike(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, symbols) = world();
    let mut ticks: Vec<Tick> = Vec::new();
    for symbol in symbols.iter().map(Some).chain([None]) {
        for value in values() {
            ticks.push(Tick {
                symbol: symbol.cloned(),
                class: value,
                ..tick(i64::try_from(ticks.len())? + 1, None, None)
            });
        }
    }
    bench::fill(f, &tickers, &ticks).await?;
    for rule in [rule(), open_rule()] {
        let world = agree(f, &rule).await?;
        for finding in Finding::ALL {
            assert!(world.rows.iter().any(|r| r.finding == finding), "the matrix has no {finding:?} row");
        }
    }
    Ok(())
}

/// Each symbol of the matrix assigned as another one, and then each with each value: whatever is assigned,
/// store and model agree.
pub async fn sql_and_the_domain_settle_every_assignment_alike(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, symbols) = world();
    let mut ticks: Vec<Tick> = Vec::new();
    for symbol in &symbols {
        for value in [None, Some(" "), Some("STOCK"), Some("stock"), Some("WIDGET")] {
            let id = i64::try_from(ticks.len())? + 1;
            ticks.push(tick(id, symbol.as_str(), value));
        }
    }
    bench::fill(f, &tickers, &ticks).await?;
    for step in [1, 7, 20] {
        for (n, symbol) in symbols.iter().enumerate() {
            let other = symbols[(n + step) % symbols.len()].clone();
            bench::assign(f, symbol, Decision::As(vec![other])).await?;
        }
        agree(f, &rule()).await?;
        agree(f, &open_rule()).await?;
    }
    for value in values().into_iter().flatten() {
        for symbol in &symbols {
            bench::assign(f, symbol, Decision::Value(value.clone())).await?;
        }
        agree(f, &rule()).await?;
        agree(f, &open_rule()).await?;
    }
    Ok(())
}

pub async fn a_correction_of_every_combination_leaves_only_what_needs_a_person(f: &Fixture) -> anyhow::Result<()> {
    let (tickers, symbols) = world();
    let mut ticks: Vec<Tick> = Vec::new();
    for symbol in &symbols {
        for value in values() {
            ticks.push(Tick {
                symbol: Some(symbol.clone()),
                class: value,
                ..tick(i64::try_from(ticks.len())? + 1, None, None)
            });
        }
    }
    bench::fill(f, &tickers, &ticks).await?;
    let before = agree(f, &open_rule()).await?;
    run_correction(f, &open_rule(), &Step::default()).await?;
    let after = agree(f, &open_rule()).await?;
    for (was, is) in before.rows.iter().zip(&after.rows) {
        if was.finding.needs_a_person() {
            assert_eq!(was, is);
        } else {
            assert_eq!(is.finding, Finding::Correct, "{was:?}");
        }
    }
    Ok(())
}

/// A column may carry a collation that takes letters of either case for the same; a rule does not.
pub async fn a_collation_blind_to_case_does_not_make_matching_or_comparing_blind(f: &Fixture) -> anyhow::Result<()> {
    let collation = match f.kind() {
        StoreKind::Sqlite => "COLLATE NOCASE",
        StoreKind::Postgres => {
            let made = f
                .execute("CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
                .await;
            if made.is_err() {
                // A server built without ICU has no such collation.
                return Ok(());
            }
            "COLLATE blind"
        }
    };
    let (int, text, time) = (f.types().int, f.types().text, f.types().time);
    f.execute(&format!(
        "CREATE TABLE {TICKS} (\"id\" {int} PRIMARY KEY, \"symbol\" {text} {collation}, \"class\" {text} {collation},
             \"frame\" {text} {collation}, \"seen_at\" {time}, \"note\" {text}, \"price\" {int});
         CREATE TABLE {TICKERS} (\"id\" {int} PRIMARY KEY, \"ticker\" {text} {collation}, \"venue\" {text},
             \"class\" {text} {collation});",
    ))
    .await?;
    bench::add_tickers(f, &[known("AAPL", "STOCK"), known("aapl", "ETF"), known("SPY", "ETF"), known("SPY", "etf")])
        .await?;
    bench::add_ticks(
        f,
        &[
            tick(1, "AAPL", "STOCK"),
            tick(2, "AAPL", "stock"),
            tick(3, "aapl", None),
            tick(4, "Aapl", None),
            tick(5, "SPY", "ETF"),
            Tick { frame: Some("1D".into()), ..tick(6, "AAPL", "Stock") },
        ],
    )
    .await?;
    let world = agree(f, &open_rule()).await?;
    let found: Vec<Finding> = world.rows.iter().map(|r| r.finding).collect();
    use Finding::{Ambiguous, Correct, Missing, Orphan, Variant};
    assert_eq!(found, [Correct, Variant, Missing, Orphan, Ambiguous, Variant]);
    let (_, totals) = run_correction(f, &open_rule(), &Step::default()).await?;
    assert_eq!(totals.changed, 3);
    assert_eq!(bench::class_of(f, 2).await?.as_deref(), Some("STOCK"));
    assert_eq!(bench::class_of(f, 3).await?.as_deref(), Some("ETF"));
    assert_eq!(agree(f, &open_rule()).await?.counts(&Scope::default()).correct, 4);
    Ok(())
}
