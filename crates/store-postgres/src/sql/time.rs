//! The rows' own time, whatever its column's type.

use crate::shape::{Clock, Column};

/// A text that is a date or a time: RFC 3339 and its usual relaxations, days checked by
/// [`READABLE_DAY`] below, so that the cast behind it never fails.
const READABLE: &str = "'^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\
    ([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?$'";

/// The time of a row as `timestamptz`, before any aggregate that keeps its order. `value` is an
/// expression of the column's type.
pub(crate) fn instant(column: &Column, value: &str) -> String {
    match column.clock() {
        Clock::Zoned => value.to_owned(),
        Clock::Plain => format!("({value}::timestamp AT TIME ZONE 'UTC')"),
        Clock::Text => {
            let text = format!("btrim({value}::text)");
            // The session's zone is UTC, which is what a text without one means.
            format!(
                "CASE WHEN {text} ~ {READABLE} THEN CASE WHEN substr({text}, 9, 2)::int <= extract(day FROM \
                 (substr({text}, 1, 7) || '-01')::date + interval '1 month - 1 day') THEN {text}::timestamptz END END"
            )
        }
        Clock::None => "NULL::timestamptz".into(),
    }
}

/// Only times that every reader can hold: infinities and far years become null.
pub(crate) fn readable(instant: &str) -> String {
    format!("CASE WHEN {instant} >= '0001-01-01Z' AND {instant} < '10000-01-01Z' THEN {instant} END")
}

/// The earliest and latest time of a group, as `timestamptz` expressions over the columns that
/// [`aggregates`] makes.
pub(crate) fn aggregates(column: Option<&Column>, value: &str) -> (String, String) {
    match column {
        None => ("NULL::timestamptz".into(), "NULL::timestamptz".into()),
        // Order among texts is not order in time, so these are read before they are compared.
        Some(c) if c.clock() == Clock::Text => {
            let instant = instant(c, value);
            (format!("min({instant})"), format!("max({instant})"))
        }
        Some(c) => (instant_or_null(c, &format!("min({value})")), instant_or_null(c, &format!("max({value})"))),
    }
}

fn instant_or_null(column: &Column, value: &str) -> String {
    // min() does not exist for every type that is no clock.
    if column.clock() == Clock::None { "NULL::timestamptz".into() } else { instant(column, value) }
}

/// `column >= moment` or `column < moment`, on the raw column where it tells the time by itself.
pub(crate) fn compare(column: &Column, alias: &str, operator: &str, moment: &str) -> Option<String> {
    let value = column.of(alias);
    match column.clock() {
        Clock::Zoned => Some(format!("{value} {operator} {moment}")),
        Clock::Plain => Some(format!("{value} {operator} ({moment} AT TIME ZONE 'UTC')")),
        Clock::Text => Some(format!("({}) {operator} {moment}", instant(column, &value))),
        Clock::None => None,
    }
}
