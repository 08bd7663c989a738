//! `GET /export/rows.csv`: exactly the filtered rows, streamed page by page.
//!
//! Columns: `key, symbol, timestamp`, the rule's dimensions, `current, current_is_null, proposed,
//! finding, reason, guarded`. A null and an empty text look the same in CSV; `current_is_null` tells
//! them apart.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line end for a formula.
//! Such cells get an apostrophe in front, and never silently: `guarded` names the columns of the row
//! that were changed so. `raw=1` leaves everything as it is, for programs.

use amend_domain::{
    Caller, FindingRow, Problem, RowFilter, RowPage, RowQuery, Rule, RuleSlug, rows_url::sort_from_pairs,
};
use amend_engine::Engine;
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};

use super::{AppState, problem};

/// Whether cells that a spreadsheet would run are made harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Formulas {
    Guarded,
    Raw,
}

/// What is asked for.
struct Wanted {
    rule: Rule,
    query: RowQuery,
    formulas: Formulas,
}

pub(super) async fn rows_csv(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    match begin(&state.engine, &caller, &pairs).await {
        Ok((wanted, first)) => answer(state.engine, caller, wanted, first),
        Err(why) => problem::json(&why),
    }
}

/// Reads the parameters and the first page, so that trouble is told before the answer begins.
async fn begin(engine: &Engine, caller: &Caller, pairs: &[(String, String)]) -> Result<(Wanted, RowPage), Problem> {
    let pairs = || pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    let find = |name| pairs().find(|(k, _)| *k == name).map(|(_, v)| v);
    let slug = match find("rule") {
        Some(slug) => RuleSlug::parse(slug)?,
        None => engine.first_rule().await?,
    };
    let formulas = match find("raw") {
        None | Some("0") => Formulas::Guarded,
        Some("1") => Formulas::Raw,
        Some(_) => return Err(Problem::field("raw", "must be 0 or 1")),
    };
    let (sort, direction) = sort_from_pairs(pairs())?;
    let query =
        RowQuery { filter: RowFilter::from_pairs(pairs())?, sort, direction, after: None, limit: RowQuery::MAX_EXPORT };
    let rule = engine.rule(caller, &slug).await?;
    let first = engine.rows_to_export(caller, &slug, &query).await?;
    Ok((Wanted { rule, query, formulas }, first))
}

fn answer(engine: Engine, caller: Caller, wanted: Wanted, first: RowPage) -> Response {
    let name = format!("attachment; filename=\"{}-rows.csv\"", wanted.rule.slug);
    let start = Walk { engine, caller, wanted, next: Next::Page(first), head: true };
    // One page of at most [`RowQuery::MAX_EXPORT`] rows is in memory at a time; the next is read when the client has
    // taken this one.
    let body = Body::from_stream(stream::try_unfold(start, Walk::step).boxed());
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    // A slug is of a-z, 0-9 and '-' alone.
    if let Ok(value) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

enum Next {
    Page(RowPage),
    Read(String),
    End,
}

struct Walk {
    engine: Engine,
    caller: Caller,
    wanted: Wanted,
    next: Next,
    head: bool,
}

impl Walk {
    /// One page as text. An error here cuts the connection off, so that the client sees that the
    /// file is not whole.
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, Problem> {
        let page = match std::mem::replace(&mut self.next, Next::End) {
            Next::End => return Ok(None),
            Next::Page(page) => page,
            Next::Read(after) => {
                self.wanted.query.after = Some(after);
                let slug = &self.wanted.rule.slug;
                self.engine.rows_to_export(&self.caller, slug, &self.wanted.query).await.inspect_err(|why| {
                    tracing::error!(code = why.code.as_str(), "an export was cut off: {why}");
                })?
            }
        };
        let text = write(&self.wanted, &page.rows, std::mem::take(&mut self.head)).map_err(|error| {
            tracing::error!(error = %error, "an export was cut off");
            Problem::new(amend_domain::ErrorCode::Internal, "The export could not be written.")
        })?;
        self.next = page.next.map_or(Next::End, Next::Read);
        Ok(Some((text.into(), self)))
    }
}

fn write(wanted: &Wanted, rows: &[FindingRow], head: bool) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let dimensions: Vec<&str> = wanted.rule.target.dimensions.iter().map(|d| d.0.as_str()).collect();
    if head {
        let columns = ["key", "symbol", "timestamp"].into_iter().chain(dimensions.iter().copied());
        out.write_record(columns.chain(["current", "current_is_null", "proposed", "finding", "reason", "guarded"]))?;
    }
    for row in rows {
        let mut guarded = Vec::new();
        let mut cell = |name: &str, text: Option<&str>| {
            let text = text.unwrap_or_default();
            if wanted.formulas == Formulas::Guarded && starts_a_formula(text) {
                guarded.push(name.to_owned());
                return format!("'{text}");
            }
            text.to_owned()
        };
        let mut record = vec![cell("key", Some(&row.key)), cell("symbol", row.symbol.as_deref())];
        record.push(row.timestamp.map(|t| t.to_rfc3339()).unwrap_or_default());
        for (name, value) in dimensions.iter().zip(&row.dimensions) {
            record.push(cell(name, value.as_deref()));
        }
        record.push(cell("current", row.current.as_deref()));
        record.push(row.current.is_none().to_string());
        record.push(cell("proposed", row.proposed.as_deref()));
        record.push(row.finding.as_str().into());
        record.push(row.reason().into());
        record.push(guarded.join(" "));
        out.write_record(&record)?;
    }
    out.into_inner().map_err(|e| csv::Error::from(e.into_error()))
}

fn starts_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use amend_domain::Finding;

    use super::*;

    fn wanted(formulas: Formulas) -> Wanted {
        Wanted { rule: Rule::asset_class(), query: RowQuery::default(), formulas }
    }

    fn row(symbol: &str, current: Option<&str>) -> FindingRow {
        FindingRow {
            key: "k1".into(),
            symbol: Some(symbol.into()),
            timestamp: None,
            dimensions: vec![Some("1m".into())],
            current: current.map(Into::into),
            proposed: Some("STOCK".into()),
            finding: Finding::Missing,
        }
    }

    fn text(formulas: Formulas, rows: &[FindingRow], head: bool) -> String {
        String::from_utf8(write(&wanted(formulas), rows, head).unwrap()).unwrap()
    }

    #[test]
    fn null_and_blank_are_told_apart() {
        let text = text(Formulas::Guarded, &[row("A", None), row("A", Some(""))], true);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "key,symbol,timestamp,timeframe,current,current_is_null,proposed,finding,reason,guarded");
        assert_eq!(lines[1], "k1,A,,1m,,true,STOCK,missing,no value,");
        assert_eq!(lines[2], "k1,A,,1m,,false,STOCK,missing,empty text,");
    }

    #[test]
    fn what_would_run_in_a_spreadsheet_is_guarded_and_said_so() {
        let rows = [row("=1+1", Some("a\"b,c"))];
        let guarded = text(Formulas::Guarded, &rows, false);
        assert_eq!(guarded.trim_end(), "k1,'=1+1,,1m,\"a\"\"b,c\",false,STOCK,missing,empty text,symbol");
        let raw = text(Formulas::Raw, &rows, false);
        assert!(raw.starts_with("k1,=1+1,"), "{raw}");
    }
}
