//! The export at its door.

mod support;

use amend_domain::{Caller, Door, Finding, Role, RowFilter, RowQuery, RuleSlug};
use support::{CORRECTABLE, Database, EACH, ROWS, Site};

on_both!(
    the_export_has_every_row_that_the_filter_lets_through,
    an_export_of_several_pages_has_every_row_once,
    null_blank_and_formulas_are_told,
    what_cannot_be_read_is_refused,
);

fn records(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect()
}

async fn the_export_has_every_row_that_the_filter_lets_through(site: &Site) {
    let who = Caller { name: "test".into(), role: Role::Viewer, door: Door::System };
    let findings = vec![Finding::Missing, Finding::Mismatched, Finding::Variant];
    for (filter, rows) in [
        (RowFilter::default(), ROWS),
        (RowFilter { findings: findings.clone(), ..RowFilter::default() }, CORRECTABLE),
        (RowFilter { symbols: vec!["BBB".into()], findings, ..RowFilter::default() }, 3 * EACH),
        (RowFilter { current: vec![None], ..RowFilter::default() }, 4 * EACH),
        (RowFilter { symbols: vec!["nobody".into()], ..RowFilter::default() }, 0),
    ] {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("rule", "asset-class-correction")
            .append_pair("sort", "symbol")
            .extend_pairs(filter.to_pairs());
        let reply = site.get(Role::Viewer, &format!("/export/rows.csv?{}", query.finish())).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let records = records(&reply.text);
        let counted = site.engine.count_rows(&who, &RuleSlug::default_rule(), &filter).await.unwrap();
        assert_eq!((records.len() as i64, counted), (rows, rows), "{filter:?}");
        let keys: std::collections::HashSet<_> = records.iter().map(|r| r[0].to_owned()).collect();
        assert_eq!(keys.len(), records.len(), "a row stands twice");
    }
}

async fn an_export_of_several_pages_has_every_row_once(site: &Site) {
    let more = 2 * i64::from(RowQuery::MAX_EXPORT) + 1;
    let (key, time) = match site.database {
        Database::Sqlite => ("printf('00000000-0000-4000-7000-%012d', i)", "datetime(i * 60, 'unixepoch')"),
        Database::Postgres => ("md5(i::text)::uuid", "to_timestamp(i * 60)"),
    };
    site.execute(&format!(
        "INSERT INTO market_data (id, symbol, timeframe, \"timestamp\", open, high, low, close, volume, asset_class)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {more})
         SELECT {key}, 'nowhere', '1d', {time}, 1, 1, 1, 1, 1, 'ETF' FROM n"
    ))
    .await;
    let reply = site.get(Role::Viewer, "/export/rows.csv?symbol=nowhere&finding=orphan").await;
    let records = records(&reply.text);
    let keys: std::collections::HashSet<_> = records.iter().map(|r| r[0].to_owned()).collect();
    assert_eq!((records.len() as i64, keys.len() as i64), (more, more));
}

async fn null_blank_and_formulas_are_told(site: &Site) {
    let reply = site.get(Role::Viewer, "/export/rows.csv?finding=missing&symbol=AAA").await;
    assert!(reply.header("content-disposition").contains("filename=\"asset-class-correction-rows.csv\""));
    assert!(reply.header("content-type").starts_with("text/csv"));
    let rows = records(&reply.text);
    assert_eq!(rows.iter().filter(|r| &r[5] == "true").count() as i64, EACH, "nulls");
    assert_eq!(rows.iter().filter(|r| &r[5] == "false" && r[4].is_empty()).count() as i64, EACH, "blanks");
    let reply = site.get(Role::Viewer, "/export/rows.csv?finding=orphan").await;
    assert!(records(&reply.text).iter().all(|r| &r[4] == "'=STOCK" && &r[9] == "current"), "{}", reply.text);
    let reply = site.get(Role::Viewer, "/export/rows.csv?finding=orphan&raw=1").await;
    assert!(records(&reply.text).iter().all(|r| &r[4] == "=STOCK" && r[9].is_empty()), "{}", reply.text);
}

async fn what_cannot_be_read_is_refused(site: &Site) {
    for (query, status) in [
        ("finding=odd", 400),
        ("sort=price", 400),
        ("direction=up", 400),
        ("from=yesterday", 400),
        ("raw=maybe", 400),
        ("rule=Not+A+Slug", 400),
        ("rule=no-such-rule", 404),
    ] {
        let reply = site.get(Role::Viewer, &format!("/export/rows.csv?{query}")).await;
        assert_eq!(reply.status, status, "{query}: {}", reply.text);
        assert!(reply.json()["message"].is_string(), "{query}");
    }
}
