//! Counting groups here instead of in the database.
//!
//! SQLite groups by sorting, which takes longer than everything else of the pass. So it only reads:
//! thousands of rows come as one, each column as one text, and are counted in a hash map. Two
//! connections read where a second one is free, in one state of the database.
//!
//! What cannot be told apart in such a text (a value with one of our marks in it, times of several
//! kinds) is found out and left to the statement that groups in the database.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use amend_engine::store::StoreError;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};

use crate::{
    error::db,
    fat::{END, NULL, Split, count_of, values_of, values_or_nulls_of},
    shape::{Bound, ColumnShape},
    sql::{candidates::Walk, indexed_text_of},
    store::SqliteStore,
    value::SqlValue,
};

/// Row numbers that one statement looks at: some thousands of rows where few are free.
const SPAN: i64 = 16_384;
/// Rows of one statement where many row numbers are free.
const ROWS: i64 = 16_384;
/// Fewer rows than this in a span, and the next statement goes by rows.
const SPARSE: i64 = 1_024;
/// Parts of the table that the connections take in turn.
const PARTS: i64 = 32;
/// Below this a second connection does not pay.
const WORTH_TWO: i64 = 50_000;

/// Rows with the same values, which are separated by [`END`].
pub(crate) struct Counted {
    pub(crate) rows: i64,
    pub(crate) first: Time,
    pub(crate) last: Time,
}

/// A time as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Time {
    None,
    Int(i64),
    Text(Vec<u8>),
}

impl Time {
    pub(crate) fn value(&self) -> SqlValue {
        match self {
            Self::None => SqlValue::Null,
            Self::Int(n) => SqlValue::Int(*n),
            Self::Text(text) => SqlValue::Text(String::from_utf8_lossy(text).into_owned()),
        }
    }

    fn set(&mut self, found: Found<'_>) {
        match (self, found) {
            // Times mostly come in their order, so this is done for most rows.
            (Self::Text(kept), Found::Text(text)) => {
                kept.clear();
                kept.extend_from_slice(text);
            }
            (this, Found::Text(text)) => *this = Self::Text(text.to_vec()),
            (this, Found::Int(n)) => *this = Self::Int(n),
            (_, Found::None) => {}
        }
    }

    fn take_earlier(&mut self, found: Found<'_>) {
        let earlier = match (&*self, found) {
            (_, Found::None) => false,
            (Self::None, _) | (Self::Text(_), Found::Int(_)) => true,
            (Self::Int(kept), Found::Int(n)) => n < *kept,
            (Self::Int(_), Found::Text(_)) => false,
            (Self::Text(kept), Found::Text(text)) => text < kept.as_slice(),
        };
        if earlier {
            self.set(found);
        }
    }

    fn take_later(&mut self, found: Found<'_>) {
        let later = match (&*self, found) {
            (_, Found::None) | (Self::Text(_), Found::Int(_)) => false,
            (Self::None, _) | (Self::Int(_), Found::Text(_)) => true,
            (Self::Int(kept), Found::Int(n)) => n > *kept,
            (Self::Text(kept), Found::Text(text)) => text > kept.as_slice(),
        };
        if later {
            self.set(found);
        }
    }

    fn found(&self) -> Found<'_> {
        match self {
            Self::None => Found::None,
            Self::Int(n) => Found::Int(*n),
            Self::Text(text) => Found::Text(text),
        }
    }
}

#[derive(Clone, Copy)]
enum Found<'a> {
    None,
    Int(i64),
    Text(&'a [u8]),
}

/// The groups by their values; a null value is [`NULL`] alone.
pub(crate) type Groups = HashMap<Vec<u8>, Counted>;

/// The values of a key of [`Groups`].
///
/// # Errors
/// Bytes that are no text.
pub(crate) fn values(key: &[u8]) -> Result<Vec<Option<String>>, StoreError> {
    key.split(|byte| *byte == END)
        .map(|value| match value {
            [NULL] => Ok(None),
            _ => std::str::from_utf8(value)
                .map(|text| Some(text.to_owned()))
                .map_err(|e| StoreError::Other(format!("a value of the table is no text: {e}"))),
        })
        .collect()
}

/// Counts every row of the target by match columns, value and dimensions, in this order. `None` where
/// only the database can.
pub(crate) async fn count(
    transaction: &mut Transaction<'_, Sqlite>,
    helper: Option<Transaction<'static, Sqlite>>,
    bound: &Bound<'_>,
) -> Result<Option<Groups>, StoreError> {
    let Some(plan) = Plan::of(bound) else { return Ok(None) };
    let (least, most) = match plan.range(transaction).await? {
        None => return Ok(Some(Groups::new())),
        Some((i64::MIN, _)) => return Ok(None),
        // From below the first row.
        Some((least, most)) => (least - 1, most),
    };
    let work = Arc::new(Work { plan, next: AtomicI64::new(least), most, step: step(least, most) });
    let helped = match helper {
        Some(mut helper) if most.saturating_sub(least) >= WORTH_TWO => {
            let work = Arc::clone(&work);
            Some(tokio::spawn(async move { work.run(&mut helper).await }))
        }
        _ => None,
    };
    let mine = work.run(transaction).await;
    let theirs = match helped {
        Some(task) => task.await.map_err(|e| StoreError::Other(format!("a count ended early: {e}")))?,
        None => Ok(Some(Groups::new())),
    };
    Ok(match (mine?, theirs?) {
        (Some(mine), Some(theirs)) => Some(together(mine, theirs)),
        _ => None,
    })
}

/// A second connection, where one is free, to read in the state of a transaction that begins after
/// this call and reads something before [`Helper::begin`].
pub(crate) async fn helper(store: &SqliteStore) -> Result<Option<Helper>, StoreError> {
    let Some(mut connection) = store.readers.try_acquire().await else { return Ok(None) };
    let version = data_version(&mut connection).await?;
    Ok(Some(Helper { connection, version }))
}

/// See [`helper`].
pub(crate) struct Helper {
    connection: sqlx::pool::PoolConnection<Sqlite>,
    version: i64,
}

impl Helper {
    /// `None` when somebody has committed since [`helper`]: then the two would see different states.
    pub(crate) async fn begin(self) -> Result<Option<Transaction<'static, Sqlite>>, StoreError> {
        let mut transaction = Transaction::begin(self.connection, None).await.map_err(db)?;
        let same = data_version(&mut transaction).await? == self.version;
        Ok(same.then_some(transaction))
    }
}

async fn data_version(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await.map_err(db)
}

fn step(least: i64, most: i64) -> i64 {
    (most.saturating_sub(least) / PARTS).max(SPAN)
}

fn together(mut all: Groups, more: Groups) -> Groups {
    for (key, counted) in more {
        match all.entry(key) {
            Entry::Occupied(mut entry) => {
                let sum = entry.get_mut();
                sum.rows += counted.rows;
                sum.first.take_earlier(counted.first.found());
                sum.last.take_later(counted.last.found());
            }
            Entry::Vacant(entry) => {
                entry.insert(counted);
            }
        }
    }
    all
}

/// The statements and what their columns are.
struct Plan {
    /// Rows with a number above ?1 up to ?2.
    span: String,
    /// The same, of these at most so many.
    rows: String,
    range: String,
    /// Which columns may be null; match columns, value, dimensions.
    nullable: Vec<bool>,
    timed: bool,
}

impl Plan {
    fn of(bound: &Bound<'_>) -> Option<Self> {
        let Walk::RowNumber(rowid) = bound.walk() else { return None };
        let target = &bound.rule.target;
        let named = target.matches.iter().chain([&target.value]).chain(&target.dimensions);
        let columns: Vec<&ColumnShape> = named.map(|name| bound.target.column(name)).collect::<Option<_>>()?;
        let mut counts = Vec::new();
        let mut inner = Vec::new();
        let mut texts = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            inner.push(format!("{} AS c{at}", indexed_text_of("t", column)));
            if column.not_null {
                texts.push(values_of(&format!("c{at}")));
            } else {
                counts.push(format!("count(c{at})"));
                texts.push(values_or_nulls_of(&format!("c{at}")));
            }
        }
        if let Some(time) = &target.timestamp {
            inner.push(format!("t.{} AS w", time.quoted()));
            counts.push("count(w)".into());
            counts.push(count_of("text", "w"));
            counts.push(count_of("integer", "w"));
            texts.push(values_or_nulls_of("w"));
        }
        counts.extend(texts);
        let table = target.table.quoted();
        let select = format!("SELECT count(*), max(k), {}", counts.join(", "));
        let from = format!(
            "FROM (SELECT t.{rowid} AS k, {} FROM {table} AS t WHERE t.{rowid} > ?1 AND t.{rowid} <= ?2",
            inner.join(", ")
        );
        Some(Self {
            span: format!("{select} {from})"),
            rows: format!("{select} {from} ORDER BY t.{rowid} LIMIT {ROWS})"),
            // Each alone is a look at one end.
            range: format!(
                "SELECT (SELECT min(t.{rowid}) FROM {table} AS t), (SELECT max(t.{rowid}) FROM {table} AS t)"
            ),
            nullable: columns.iter().map(|column| !column.not_null).collect(),
            timed: target.timestamp.is_some(),
        })
    }

    /// Where the table begins and ends; `None` for an empty one.
    async fn range(&self, connection: &mut SqliteConnection) -> Result<Option<(i64, i64)>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(self.range.clone())).fetch_one(connection).await.map_err(db)?;
        let (least, most): (Option<i64>, Option<i64>) = (row.try_get(0).map_err(db)?, row.try_get(1).map_err(db)?);
        Ok(least.zip(most))
    }

    /// Counts the rows of one answer. `None` where it cannot be told apart.
    fn add(&self, row: &SqliteRow, groups: &mut Groups) -> Result<Option<i64>, StoreError> {
        let rows: i64 = row.try_get(0).map_err(db)?;
        if rows == 0 {
            return Ok(Some(0));
        }
        let mut at = 2;
        let mut next = || {
            at += 1;
            at - 1
        };
        let number = |at: usize| row.try_get::<i64, _>(at).map_err(db);
        let mut nulls = 0;
        for nullable in &self.nullable {
            if *nullable {
                nulls += rows - number(next())?;
            }
        }
        let mut kind = Kind::None;
        let mut timeless = 0;
        if self.timed {
            let (known, texts, numbers) = (number(next())?, number(next())?, number(next())?);
            timeless = rows - known;
            kind = match known {
                0 => Kind::None,
                _ if known == texts => Kind::Text,
                _ if known == numbers => Kind::Int,
                // Reals and bytes have an order of their own.
                _ => return Ok(None),
            };
        }
        let mut columns = Vec::with_capacity(self.nullable.len());
        for _ in &self.nullable {
            columns.push(Split::new(row.try_get_unchecked(next()).map_err(db)?));
        }
        let mut times = if self.timed { Some(Split::new(row.try_get_unchecked(next()).map_err(db)?)) } else { None };
        let mut key = Vec::with_capacity(64);
        for _ in 0..rows {
            key.clear();
            for column in &mut columns {
                let Some(value) = column.next() else { return Ok(None) };
                nulls -= i64::from(value == [NULL]);
                key.extend_from_slice(value);
                key.push(END);
            }
            key.pop();
            let time = match &mut times {
                None => Found::None,
                Some(times) => match times.next() {
                    None => return Ok(None),
                    Some([NULL]) => {
                        timeless -= 1;
                        Found::None
                    }
                    Some(text) => match kind {
                        Kind::None => return Ok(None),
                        Kind::Text => Found::Text(text),
                        Kind::Int => match std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
                            Some(n) => Found::Int(n),
                            None => return Ok(None),
                        },
                    },
                },
            };
            note(groups, &key, time);
        }
        let over = columns.iter_mut().chain(&mut times).all(|column| column.next().is_none());
        Ok((over && nulls == 0 && timeless == 0).then_some(rows))
    }
}

fn note(groups: &mut Groups, key: &[u8], time: Found<'_>) {
    if let Some(counted) = groups.get_mut(key) {
        counted.rows += 1;
        counted.first.take_earlier(time);
        counted.last.take_later(time);
        return;
    }
    let mut counted = Counted { rows: 1, first: Time::None, last: Time::None };
    counted.first.set(time);
    counted.last.set(time);
    groups.insert(key.to_vec(), counted);
}

#[derive(Clone, Copy)]
enum Kind {
    None,
    Int,
    Text,
}

/// The table, and how much of it nobody has taken yet.
struct Work {
    plan: Plan,
    /// Row numbers up to here are taken.
    next: AtomicI64,
    most: i64,
    step: i64,
}

impl Work {
    /// Takes part after part. `None` where the database has to do it.
    async fn run(&self, connection: &mut SqliteConnection) -> Result<Option<Groups>, StoreError> {
        let mut groups = Groups::new();
        loop {
            let taken = |from: i64| (from < self.most).then(|| from.saturating_add(self.step));
            let Ok(from) = self.next.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken) else {
                return Ok(Some(groups));
            };
            let upto = from.saturating_add(self.step).min(self.most);
            if !self.part(connection, from, upto, &mut groups).await? {
                // Nobody needs the rest.
                self.next.store(self.most, Ordering::Release);
                return Ok(None);
            }
        }
    }

    async fn part(
        &self,
        connection: &mut SqliteConnection,
        mut from: i64,
        upto: i64,
        groups: &mut Groups,
    ) -> Result<bool, StoreError> {
        let mut sparse = false;
        while from < upto {
            let end = if sparse { upto } else { from.saturating_add(SPAN).min(upto) };
            let sql = if sparse { &self.plan.rows } else { &self.plan.span };
            let row = sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(from)
                .bind(end)
                .fetch_one(&mut *connection)
                .await
                .map_err(db)?;
            let Some(rows) = self.plan.add(&row, groups)? else { return Ok(false) };
            if sparse {
                if rows < ROWS {
                    return Ok(true);
                }
                from = row.try_get(1).map_err(db)?;
            } else {
                from = end;
                sparse = rows < SPARSE;
            }
        }
        Ok(true)
    }
}
