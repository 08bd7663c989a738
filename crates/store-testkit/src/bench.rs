//! The suite's own tables: `ticks` corrected from `tickers`.

use amend_domain::{Assignment, Decision, Rule};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Fixture,
    backend::{literal, time_literal},
    tables::{desk_sql, key_sql, schema_sql},
};

pub use crate::tables::{id_of, key, name, rule};

/// A fixed morning, `seconds` later. The suite has no other clock.
#[must_use]
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_607_200, 0).unwrap_or_default() + TimeDelta::seconds(seconds)
}

pub const TICKS: &str = "\"ticks\"";
pub const TICKERS: &str = "\"tickers\"";

/// A row of `ticks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    pub id: i64,
    pub symbol: Option<String>,
    pub class: Option<String>,
    pub frame: Option<String>,
    /// Seconds after the fixed morning.
    pub at: Option<i64>,
}

/// A tick in the frame `1d`, at as many seconds as its id says.
#[must_use]
pub fn tick<'a, 'b>(id: i64, symbol: impl Into<Option<&'a str>>, class: impl Into<Option<&'b str>>) -> Tick {
    Tick {
        id,
        symbol: symbol.into().map(Into::into),
        class: class.into().map(Into::into),
        frame: Some("1d".into()),
        at: Some(id),
    }
}

/// A row of `tickers`: a match value and the value it gives.
pub type Known = (Option<String>, Option<String>);

#[must_use]
pub fn known<'a, 'b>(ticker: impl Into<Option<&'a str>>, class: impl Into<Option<&'b str>>) -> Known {
    (ticker.into().map(Into::into), class.into().map(Into::into))
}

/// The same with any value that is not blank allowed.
#[must_use]
pub fn open_rule() -> Rule {
    Rule { allowed_values: Vec::new(), ..rule() }
}

/// Assigns a symbol of the suite's rule, whatever it may be worth.
pub async fn assign(f: &Fixture, symbol: &str, decision: Decision) -> anyhow::Result<()> {
    let matches = vec![symbol.to_owned()];
    let assignment = Assignment { matches, decision, assigned_by: "ada".into(), assigned_at: at(0) };
    f.store().assign(&rule().slug, &assignment).await?;
    Ok(())
}

/// Makes both tables, empty; those of an earlier round are dropped.
pub async fn create(f: &Fixture) -> anyhow::Result<()> {
    let t = f.types();
    let (desk, key) = key_sql(t.text);
    f.execute(&format!(
        "{schema}
         DROP TABLE IF EXISTS {TICKS};
         DROP TABLE IF EXISTS {TICKERS};
         CREATE TABLE {TICKS} (
             \"id\" {int} NOT NULL, \"symbol\" {text}, \"class\" {text}, \"frame\" {text}, \"seen_at\" {time},
             \"note\" {text} NOT NULL, \"price\" {number}{desk}{key});
         CREATE TABLE {TICKERS} (\"id\" {int} PRIMARY KEY, \"ticker\" {text}, \"venue\" {text}, \"class\" {text});
         CREATE INDEX \"tickers_ticker\" ON {TICKERS} (\"ticker\");",
        schema = schema_sql(),
        int = t.int,
        text = t.text,
        time = t.time,
        number = t.number,
    ))
    .await
}

/// Makes both tables and fills them.
pub async fn fill(f: &Fixture, tickers: &[Known], ticks: &[Tick]) -> anyhow::Result<()> {
    create(f).await?;
    add_tickers(f, tickers).await?;
    add_ticks(f, ticks).await
}

pub async fn add_tickers(f: &Fixture, tickers: &[Known]) -> anyhow::Result<()> {
    let next = f.number(&format!("SELECT coalesce(max(\"id\"), 0) + 1 FROM {TICKERS}")).await?;
    for chunk in numbered(tickers, next).chunks(500) {
        let values: Vec<String> = chunk
            .iter()
            .map(|(id, (ticker, class))| {
                format!("({id}, {}, 'venue {id}', {})", literal(ticker.as_deref()), literal(class.as_deref()))
            })
            .collect();
        f.execute(&format!("INSERT INTO {TICKERS} VALUES {}", values.join(", "))).await?;
    }
    Ok(())
}

fn numbered<T>(items: &[T], first: i64) -> Vec<(i64, &T)> {
    (first..).zip(items).collect()
}

pub async fn add_ticks(f: &Fixture, ticks: &[Tick]) -> anyhow::Result<()> {
    for chunk in ticks.chunks(500) {
        let values: Vec<String> = chunk
            .iter()
            .map(|t| {
                format!(
                    "({id}, {}, {}, {}, {}, 'it''s | note {id}', {id}.5{desk})",
                    literal(t.symbol.as_deref()),
                    literal(t.class.as_deref()),
                    literal(t.frame.as_deref()),
                    time_literal(t.at.map(at)),
                    id = t.id,
                    desk = desk_sql(t.id),
                )
            })
            .collect();
        f.execute(&format!("INSERT INTO {TICKS} VALUES {}", values.join(", "))).await?;
    }
    Ok(())
}

/// The class that a tick carries now.
pub async fn class_of(f: &Fixture, id: i64) -> anyhow::Result<Option<String>> {
    let rows = f.query(&format!("SELECT \"class\" FROM {TICKS} WHERE \"id\" = {id}")).await?;
    anyhow::ensure!(rows.len() == 1, "tick {id} stands {} times", rows.len());
    Ok(rows.into_iter().flatten().next().flatten())
}

/// Everything of `ticks` but the corrected column.
pub async fn untouched_picture(f: &Fixture) -> anyhow::Result<Vec<Vec<Option<String>>>> {
    f.query(&format!("SELECT \"id\", \"symbol\", \"frame\", \"seen_at\", \"note\", \"price\" FROM {TICKS} ORDER BY 1"))
        .await
}

/// Ticks and tickers with every kind of finding, some of them several times: ids 1 to 16.
#[must_use]
pub fn every_finding() -> (Vec<Known>, Vec<Tick>) {
    let tickers = vec![
        known("AAPL", "STOCK"),
        known("SPY", "ETF"),
        known("SPY", "ETF"),
        known("BTC", "CRYPTO"),
        known("BTC", ""),
        known("DUAL", "STOCK"),
        known("DUAL", "ETF"),
        known("BLANK", "  "),
        known("ODD", "WIDGET"),
        known("UNUSED", "STOCK"),
        known(None, "STOCK"),
    ];
    let ticks = vec![
        tick(1, "AAPL", "STOCK"),
        tick(2, "AAPL", None),
        tick(3, "AAPL", ""),
        tick(4, "AAPL", "\u{a0}\t "),
        tick(5, "AAPL", "ETF"),
        tick(6, "AAPL", "stock"),
        tick(7, "AAPL", " STOCK "),
        tick(8, "SPY", None),
        tick(9, "BTC", "crypto"),
        tick(10, "GONE", None),
        tick(11, None, None),
        tick(12, "DUAL", None),
        tick(13, "DUAL", "STOCK"),
        tick(14, "BLANK", None),
        tick(15, "ODD", "WIDGET"),
        tick(16, "SPY", "ETF"),
    ];
    (tickers, ticks)
}
