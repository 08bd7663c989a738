//! A step of a correction where nothing is peculiar: a table with row numbers and no trigger, a value
//! column of text, keys of texts or whole numbers, no scope. That is nearly every step there is.
//!
//! The candidates are read as one row of long texts ([`Batch`]), changed by one statement that asks the
//! same question again under the write lock, and read back as one row. What is needed for the journal
//! and the first digest comes with the candidates, so nothing goes through a temporary table, and the
//! reading can be done ahead of the step ([`crate::ahead`]). Whatever turns out to be peculiar after all
//! is undone to the savepoint and left to the way that takes everything.

use amend_domain::{Mode, Scope};
use amend_engine::store::{ChunkLimits, StoreError};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    chunk::Applied,
    error::db,
    fat::{NULL, Split, count_of, values_of, values_or_nulls_of},
    shape::{Bound, ColumnShape, TableKind},
    sql::{and, candidates::Walk, digest::column_texts},
    value::Binds,
};

/// Rows of a batch with the same old and new value.
#[derive(Debug)]
struct Pair {
    old: Option<Vec<u8>>,
    new: Vec<u8>,
    rows: i64,
    /// A JSON array without its end.
    keys: Vec<u8>,
}

/// The next candidates, and what is kept of them.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Rows with a number above this were looked at, up to `end`.
    from: i64,
    pub(crate) end: i64,
    pub(crate) scanned: i64,
    pub(crate) rows: i64,
    /// Their row numbers, as a JSON array.
    numbers: String,
    /// Their new values, as read back later.
    new: Vec<u8>,
    pairs: Vec<Pair>,
    digest: String,
}

/// What a look found.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The end of the table.
    Nothing,
    Batch(Batch),
    /// Something that only the other way can take.
    Peculiar,
}

/// A table that is plain.
pub(crate) struct Plain<'a> {
    bound: &'a Bound<'a>,
    rowid: &'static str,
    mode: Mode,
}

impl<'a> Plain<'a> {
    /// `None` where something about the table or the wish is peculiar.
    pub(crate) async fn of(
        connection: &mut SqliteConnection,
        bound: &'a Bound<'a>,
        mode: Mode,
        scope: &Scope,
    ) -> Result<Option<Self>, StoreError> {
        let Walk::RowNumber(rowid) = bound.walk() else { return Ok(None) };
        let value = bound.target.column(&bound.rule.target.value);
        let text = value.is_some_and(|column| column.has_text_affinity() && !column.generated);
        // A step that writes what a view or the reference itself is made of changes the question.
        let (target, reference) = (&bound.rule.target.table.name, &bound.rule.reference.table.name);
        let own = bound.reference.kind == TableKind::View || target.eq_ignore_ascii_case(reference);
        if !text || own || *scope != Scope::default() {
            return Ok(None);
        }
        let triggers: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE)",
        )
        .bind(&bound.rule.target.table.name)
        .fetch_one(connection)
        .await
        .map_err(db)?;
        Ok((!triggers).then_some(Self { bound, rowid, mode }))
    }

    fn table(&self) -> String {
        self.bound.rule.target.table.quoted()
    }

    /// All other columns, which are hashed.
    fn others(&self) -> Vec<&ColumnShape> {
        let value = &self.bound.rule.target.value;
        self.bound.target.columns.iter().filter(|c| !c.generated && c.name != *value).collect()
    }

    /// Reads the next candidates after a row number, at most `limits.rows`, among at most `limits.scan` rows.
    pub(crate) async fn read(
        &self,
        connection: &mut SqliteConnection,
        resolved: &str,
        after: Option<i64>,
        limits: ChunkLimits,
    ) -> Result<Seen, StoreError> {
        let Some((least, most)) = self.range(connection, after).await? else { return Ok(Seen::Nothing) };
        let Some(from) = least.checked_sub(1) else { return Ok(Seen::Peculiar) };
        let scan = limits.scan.max(limits.rows);
        // So many row numbers have at most as many rows.
        let mut upto = from.saturating_add(scan).min(most);
        loop {
            let Some(mut batch) = self.collect(connection, resolved, from, upto, limits.rows).await? else {
                return Ok(Seen::Peculiar);
            };
            if batch.rows < limits.rows {
                batch.end = self.last_row(connection, upto).await?;
            }
            batch.scanned = self.count(connection, from, batch.end).await?;
            if batch.rows < limits.rows && upto < most && batch.scanned < scan / 2 {
                // Many numbers are free, so the rows have to be counted off.
                let farther = self.row_after(connection, from, scan).await?.unwrap_or(most);
                if farther > upto {
                    upto = farther;
                    continue;
                }
            }
            return Ok(Seen::Batch(batch));
        }
    }

    /// The first row after a number, and the last one.
    async fn range(
        &self,
        connection: &mut SqliteConnection,
        after: Option<i64>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let (table, rowid) = (self.table(), self.rowid);
        let mut binds = Binds::default();
        let after = after.map_or_else(String::new, |n| format!(" WHERE t.{rowid} > {}", binds.add(n)));
        let sql = format!(
            "SELECT (SELECT min(t.{rowid}) FROM {table} AS t{after}), (SELECT max(t.{rowid}) FROM {table} AS t)"
        );
        let row = binds.query(sql)?.fetch_one(connection).await.map_err(db)?;
        let (least, most): (Option<i64>, Option<i64>) = (row.try_get(0).map_err(db)?, row.try_get(1).map_err(db)?);
        Ok(least.zip(most))
    }

    async fn last_row(&self, connection: &mut SqliteConnection, upto: i64) -> Result<i64, StoreError> {
        let sql = format!("SELECT max(t.{0}) FROM {1} AS t WHERE t.{0} <= ?1", self.rowid, self.table());
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(upto).fetch_one(connection).await.map_err(db)
    }

    async fn count(&self, connection: &mut SqliteConnection, from: i64, upto: i64) -> Result<i64, StoreError> {
        let (table, rowid) = (self.table(), self.rowid);
        let sql = format!("SELECT count(*) FROM {table} AS t WHERE t.{rowid} > ?1 AND t.{rowid} <= ?2");
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(from).bind(upto).fetch_one(connection).await.map_err(db)
    }

    /// The row that is so many after `from`.
    async fn row_after(
        &self,
        connection: &mut SqliteConnection,
        from: i64,
        rows: i64,
    ) -> Result<Option<i64>, StoreError> {
        let (table, rowid) = (self.table(), self.rowid);
        let sql =
            format!("SELECT t.{rowid} FROM {table} AS t WHERE t.{rowid} > ?1 ORDER BY t.{rowid} LIMIT 1 OFFSET ?2");
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(from).bind(rows - 1).fetch_optional(connection).await.map_err(db)
    }

    /// Holds for candidates among the rows from ?1 to ?2, where `r` is the resolved reference.
    fn conditions(&self) -> String {
        format!(
            "t.{0} > ?1 AND t.{0} <= ?2{1}",
            self.rowid,
            and(&[self.bound.matching(), format!("({})", self.bound.correctable(self.mode))])
        )
    }

    /// `None` for what is peculiar.
    async fn collect(
        &self,
        connection: &mut SqliteConnection,
        resolved: &str,
        from: i64,
        upto: i64,
        rows: i64,
    ) -> Result<Option<Batch>, StoreError> {
        let keys = &self.bound.rule.target.key;
        let others = self.others();
        let mut inner = vec![format!("t.{} AS k", self.rowid)];
        let mut outer = vec!["count(*)".to_owned(), "max(k)".into(), "count(o)".into(), count_of("text", "o")];
        for (at, key) in keys.iter().enumerate() {
            inner.push(format!("t.{} AS k{at}", key.quoted()));
            outer.extend([count_of("text", &format!("k{at}")), count_of("integer", &format!("k{at}"))]);
        }
        inner.extend([format!("{} AS o", self.bound.stored_value()), "r.value AS n".into()]);
        outer.extend(["group_concat(k)".into(), values_or_nulls_of("o"), values_of("n")]);
        outer.extend((0..keys.len()).map(|at| values_of(&format!("k{at}"))));
        for (at, other) in others.iter().enumerate() {
            inner.push(format!("t.{} AS d{at}", other.name.quoted()));
            outer.push(column_texts(other, &format!("d{at}")));
        }
        let sql = format!(
            "SELECT {} FROM (SELECT {} FROM {} AS t CROSS JOIN {resolved} AS r WHERE {} ORDER BY t.{} LIMIT ?3)",
            outer.join(", "),
            inner.join(", "),
            self.table(),
            self.conditions(),
            self.rowid,
        );
        let row =
            sqlx::query(AssertSqlSafe(sql)).bind(from).bind(upto).bind(rows).fetch_one(connection).await.map_err(db)?;
        read_batch(&row, from, keys.len(), others.len())
    }

    /// Changes the rows of a batch. `None` when not exactly these were changed.
    pub(crate) async fn write(
        &self,
        connection: &mut SqliteConnection,
        resolved: &str,
        batch: &Batch,
    ) -> Result<Option<Applied>, StoreError> {
        if batch.rows == 0 {
            return Ok(Some(Applied::nothing()));
        }
        let sql = format!(
            "UPDATE {} AS t SET {} = r.value FROM {resolved} AS r WHERE {}",
            self.table(),
            self.bound.rule.target.value.quoted(),
            self.conditions(),
        );
        let written = sqlx::query(AssertSqlSafe(sql))
            .bind(batch.from)
            .bind(batch.end)
            .execute(&mut *connection)
            .await
            .map_err(db)?
            .rows_affected();
        if i64::try_from(written).ok() != Some(batch.rows) {
            return Ok(None);
        }
        let texts: Vec<String> =
            self.others().iter().map(|other| column_texts(other, &format!("t.{}", other.name.quoted()))).collect();
        let sql = format!(
            "SELECT count(*), {}{} FROM json_each(?1) AS e CROSS JOIN {} AS t WHERE t.{} = e.value",
            values_of(&self.bound.stored_value()),
            texts.iter().map(|text| format!(", {text}")).collect::<String>(),
            self.table(),
            self.rowid,
        );
        let row = sqlx::query(AssertSqlSafe(sql)).bind(&batch.numbers).fetch_one(connection).await.map_err(db)?;
        let rows: i64 = row.try_get(0).map_err(db)?;
        let stored: &[u8] = row.try_get_unchecked(1).map_err(db)?;
        if rows != batch.rows || stored != batch.new {
            return Ok(None);
        }
        let after = digest(&row, 2, texts.len())?;
        Ok(Some(Applied::of(batch.rows, batch.digest.clone(), after)))
    }
}

impl Batch {
    /// Writes the before-image.
    pub(crate) async fn journal(
        &self,
        connection: &mut SqliteConnection,
        run: &str,
        no: i64,
    ) -> Result<(), StoreError> {
        for pair in &self.pairs {
            let mut keys = pair.keys.clone();
            keys.push(b']');
            let mut binds = Binds::default();
            let sql = format!(
                "INSERT INTO amend_journal (run_id, chunk, old_value, new_value, row_count, row_keys)
                 VALUES ({}, {}, {}, {}, {}, {})",
                binds.add(run),
                binds.add(no),
                binds.add(pair.old.as_deref().map(text).transpose()?),
                binds.add(text(&pair.new)?),
                binds.add(pair.rows),
                binds.add(text(&keys)?),
            );
            binds.query(sql)?.execute(&mut *connection).await.map_err(db)?;
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Result<String, StoreError> {
    String::from_utf8(bytes.to_vec()).map_err(|e| StoreError::Other(format!("a value is no text: {e}")))
}

/// Takes the answer of [`Plain::collect`] apart.
fn read_batch(row: &SqliteRow, from: i64, keys: usize, others: usize) -> Result<Option<Batch>, StoreError> {
    let number = |at: usize| row.try_get::<i64, _>(at).map_err(db);
    let bytes = |at: usize| row.try_get_unchecked::<&[u8], _>(at).map_err(db);
    let rows = number(0)?;
    if rows == 0 {
        return Ok(Some(Batch { from, ..Batch::default() }));
    }
    let known = number(2)?;
    if known != number(3)? {
        return Ok(None);
    }
    let mut texts = Vec::with_capacity(keys);
    for at in 0..keys {
        match (number(4 + 2 * at)?, number(5 + 2 * at)?) {
            (n, _) if n == rows => texts.push(true),
            (_, n) if n == rows => texts.push(false),
            _ => return Ok(None),
        }
    }
    let first = 4 + 2 * keys;
    let numbers: &str = row.try_get_unchecked(first).map_err(db)?;
    let new = bytes(first + 2)?;
    let (mut olds, mut news) = (Split::new(bytes(first + 1)?), Split::new(new));
    let mut parts =
        (0..keys).map(|at| Ok(Split::new(bytes(first + 3 + at)?))).collect::<Result<Vec<_>, StoreError>>()?;
    let mut nulls = rows - known;
    let mut pairs: Vec<Pair> = Vec::new();
    for _ in 0..rows {
        let (Some(old), Some(new)) = (olds.next(), news.next()) else { return Ok(None) };
        let old = (old != [NULL]).then_some(old);
        nulls -= i64::from(old.is_none());
        let pair = match pairs.iter().position(|p| p.old.as_deref() == old && p.new == new) {
            Some(at) => &mut pairs[at],
            None => {
                if pairs.len() >= MOST_PAIRS {
                    return Ok(None);
                }
                let pair = Pair { old: old.map(<[u8]>::to_vec), new: new.to_vec(), rows: 0, keys: Vec::new() };
                pairs.push(pair);
                let last = pairs.len() - 1;
                &mut pairs[last]
            }
        };
        pair.rows += 1;
        pair.keys.push(if pair.rows == 1 { b'[' } else { b',' });
        if !add_key(&mut pair.keys, &mut parts, &texts)? {
            return Ok(None);
        }
    }
    let over = olds.next().is_none() && news.next().is_none() && parts.iter_mut().all(|p| p.next().is_none());
    if !over || nulls != 0 {
        return Ok(None);
    }
    Ok(Some(Batch {
        from,
        end: number(1)?,
        scanned: 0,
        rows,
        numbers: format!("[{numbers}]"),
        new: new.to_vec(),
        pairs,
        digest: digest(row, first + 3 + keys, others)?,
    }))
}

/// More pairs of old and new value in a batch than this are no plain case: they are looked for in turn.
const MOST_PAIRS: usize = 256;

/// Adds a key as the journal spells it: a JSON text or number, several as an array.
fn add_key(to: &mut Vec<u8>, parts: &mut [Split<'_>], texts: &[bool]) -> Result<bool, StoreError> {
    let several = parts.len() > 1;
    if several {
        to.push(b'[');
    }
    for (at, (part, is_text)) in parts.iter_mut().zip(texts).enumerate() {
        if at > 0 {
            to.push(b',');
        }
        let Some(part) = part.next() else { return Ok(false) };
        if *is_text {
            let Ok(part) = std::str::from_utf8(part) else { return Ok(false) };
            serde_json::to_writer(&mut *to, part).map_err(|e| StoreError::Other(format!("a key is no JSON: {e}")))?;
        } else {
            to.extend_from_slice(part);
        }
    }
    if several {
        to.push(b']');
    }
    Ok(true)
}

/// The digest of so many texts from a column on, each with its length.
fn digest(row: &SqliteRow, first: usize, count: usize) -> Result<String, StoreError> {
    let mut hasher = blake3::Hasher::new();
    for at in first..first + count {
        let text: &[u8] = row.try_get_unchecked(at).map_err(db)?;
        hasher.update(&text.len().to_le_bytes());
        hasher.update(text);
    }
    Ok(hasher.finalize().to_hex().as_str()[..16].to_owned())
}
