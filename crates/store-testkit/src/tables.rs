//! The two sets of tables over which cases go, and the words of each.
//!
//! Cases speak of `ticks` with one plain key. Over [`Tables::Trades`] the same cases meet a key of two
//! columns of different types, mixed case, spaces and, where the database has them, a schema that is
//! not searched: what a case writes in SQL is put into the other words on its way to the database, and
//! [`crate::bench::rule`] gives the rule that fits.

use std::borrow::Cow;

use amend_domain::{ColumnName, Reference, Rule, RuleSlug, TableName, Target};
use amend_engine::store::StoreKind;

/// Which tables a case works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// `ticks` and `tickers`, plain names and a key of one column.
    Ticks,
    /// `"Back Office"."Trades"` and `"Instruments"`, a key of two columns.
    Trades,
}

tokio::task_local! {
    static CURRENT: (Tables, StoreKind);
}

/// Runs a case whose rule is that of these tables.
pub(crate) async fn with<F: Future>(tables: Tables, kind: StoreKind, case: F) -> F::Output {
    CURRENT.scope((tables, kind), case).await
}

/// Outside of a case, as in benches, these are `ticks`. A task that a case spawns has no rule of its own:
/// it takes the case's along.
fn current() -> (Tables, StoreKind) {
    CURRENT.try_with(|c| *c).unwrap_or((Tables::Ticks, StoreKind::Sqlite))
}

const SCHEMA: &str = "Back Office";

/// A quoted name of the cases and what it is called here.
const COLUMNS: [(&str, &str); 6] = [
    ("id", "No"),
    ("symbol", "Instrument"),
    ("ticker", "Code"),
    ("class", "Settlement Ccy"),
    ("frame", "Book"),
    ("seen_at", "Traded At"),
];

impl Tables {
    /// A statement of a case in the words of these tables.
    pub(crate) fn sql(self, kind: StoreKind, sql: &str) -> Cow<'_, str> {
        if self == Self::Ticks {
            return Cow::Owned(sql.to_owned());
        }
        let mut text = sql.to_owned();
        for (case, here) in [("ticks", "Trades"), ("tickers", "Instruments")] {
            text = text.replace(&format!("\"{case}\""), &table(kind, here).quoted());
        }
        for (case, here) in COLUMNS {
            text = text.replace(&format!("\"{case}\""), &format!("\"{here}\""));
        }
        Cow::Owned(text)
    }
}

fn table(kind: StoreKind, name: &str) -> TableName {
    match kind {
        // A file has one schema.
        StoreKind::Sqlite => TableName::new(name),
        StoreKind::Postgres => TableName::in_schema(SCHEMA, name),
    }
}

/// What makes the schema, where there are schemas.
pub(crate) fn schema_sql() -> String {
    match current() {
        (Tables::Trades, StoreKind::Postgres) => format!("CREATE SCHEMA IF NOT EXISTS \"{SCHEMA}\";"),
        _ => String::new(),
    }
}

/// The second column of the key, where there is one: its definition and the constraint of the whole key.
pub(crate) fn key_sql(text: &str) -> (String, &'static str) {
    match current().0 {
        Tables::Ticks => (String::new(), ", PRIMARY KEY (\"id\")"),
        Tables::Trades => (format!(", \"Desk\" {text} NOT NULL DEFAULT 'Desk 0'"), ", PRIMARY KEY (\"id\", \"Desk\")"),
    }
}

/// Of the row with this number, the value of the key's second column.
fn desk(id: i64) -> String {
    format!("Desk {}", id % 3)
}

/// Of the row with this number, what an insert adds for the key's second column.
pub(crate) fn desk_sql(id: i64) -> String {
    match current().0 {
        Tables::Ticks => String::new(),
        Tables::Trades => format!(", '{}'", desk(id)),
    }
}

/// The key of a row that `bench` has written, as a store prints it.
#[must_use]
pub fn key(id: i64) -> String {
    match current().0 {
        Tables::Ticks => id.to_string(),
        Tables::Trades => serde_json::json!([id.to_string(), desk(id)]).to_string(),
    }
}

/// The number of the row that has this key, as a store prints it.
#[must_use]
pub fn id_of(key: &str) -> String {
    match current().0 {
        Tables::Ticks => key.to_owned(),
        Tables::Trades => {
            serde_json::from_str::<(String, String)>(key).map_or_else(|_| format!("{key} has not two parts"), |k| k.0)
        }
    }
}

/// What a case calls this table or column.
#[must_use]
pub fn name(case: &str) -> String {
    if current().0 == Tables::Ticks {
        return case.to_owned();
    }
    match case {
        "ticks" => "Trades".into(),
        "tickers" => "Instruments".into(),
        column => COLUMNS.iter().find(|c| c.0 == column).map_or_else(|| column.to_owned(), |c| c.1.to_owned()),
    }
}

/// The rule of the current tables. Three values may be written.
#[must_use]
pub fn rule() -> Rule {
    let (tables, kind) = current();
    let allowed_values = ["STOCK", "ETF", "CRYPTO"].map(String::from).to_vec();
    let column = |case: &str| ColumnName(name(case));
    let (slug, title, target, reference) = match tables {
        Tables::Ticks => ("ticks-class", "Class of ticks", TableName::new("ticks"), TableName::new("tickers")),
        Tables::Trades => ("trades-currency", "Currency of trades", table(kind, "Trades"), table(kind, "Instruments")),
    };
    let mut key = vec![column("id")];
    if tables == Tables::Trades {
        key.push(ColumnName::new("Desk"));
    }
    Rule {
        slug: RuleSlug::from_trusted(slug),
        title: title.into(),
        target: Target {
            table: target,
            key,
            matches: vec![column("symbol")],
            value: column("class"),
            timestamp: Some(column("seen_at")),
            dimensions: vec![column("frame")],
            kept_by_triggers: Vec::new(),
        },
        reference: Reference { table: reference, matches: vec![column("ticker")], value: column("class") },
        allowed_values,
        allow_without_backup: false,
        retention_days: None,
        retired: false,
    }
}
