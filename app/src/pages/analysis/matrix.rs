//! What rows carry against what they should carry, as a table whose cells are shaded by their size.

use amend_domain::{Analysis, Finding, RowFilter, finding::is_blank};
use leptos::prelude::*;

use super::look::Look;
use crate::{
    components::{Table, finding_fill, finding_name},
    format,
    frame::use_link,
    pages::preview::words,
};

/// Values now listed one by one; the rest is summed in a last line.
const LINES: usize = 14;
/// Steps of shade, `heat-1` to `heat-8`.
const SHADES: f64 = 8.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub finding: Finding,
    pub rows: i64,
}

/// Lines by the value now, columns by the value to be; both with most rows first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    pub columns: Vec<String>,
    pub lines: Vec<(Option<String>, Vec<Option<Cell>>)>,
    /// Values beyond the last line, and their rows.
    pub more: (i64, i64),
    /// Rows of the largest cell.
    pub largest: i64,
}

/// Follows findings, `now` and `will be`.
#[must_use]
pub fn matrix(analysis: &Analysis, look: &Look) -> Matrix {
    let filter = &look.filter;
    let pairs: Vec<_> = analysis
        .pairs
        .iter()
        .filter(|p| look.shows(p.finding))
        .filter(|p| filter.current.is_empty() || filter.current.contains(&p.current))
        .filter(|p| filter.proposed.is_empty() || filter.proposed.contains(&p.proposed))
        .collect();
    let columns = ranked(pairs.iter().map(|p| (&p.proposed, p.rows)));
    let mut values = ranked(pairs.iter().map(|p| (&p.current, p.rows)));
    let rest = values.split_off(values.len().min(LINES));
    let more = pairs.iter().filter(|p| rest.contains(&p.current)).map(|p| p.rows).sum();
    let lines = values
        .into_iter()
        .map(|now| {
            let cell = |column: &String| {
                pairs
                    .iter()
                    .find(|p| p.current == now && p.proposed == *column)
                    .map(|p| Cell { finding: p.finding, rows: p.rows })
            };
            let cells = columns.iter().map(cell).collect();
            (now, cells)
        })
        .collect();
    Matrix {
        columns,
        lines,
        more: (i64::try_from(rest.len()).unwrap_or(i64::MAX), more),
        largest: pairs.iter().map(|p| p.rows).max().unwrap_or(0),
    }
}

fn ranked<'a, T: Clone + PartialEq + 'a>(all: impl Iterator<Item = (&'a T, i64)>) -> Vec<T> {
    let mut sums: Vec<(&T, i64)> = Vec::new();
    for (value, rows) in all {
        match sums.iter_mut().find(|(v, _)| *v == value) {
            Some((_, sum)) => *sum += rows,
            None => sums.push((value, rows)),
        }
    }
    sums.sort_by_key(|(_, rows)| -rows);
    sums.into_iter().map(|(value, _)| value.clone()).collect()
}

/// The shade of a cell, by the logarithm of its rows, so that a hundred rows are seen beside a million.
#[must_use]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 8")]
pub fn shade(rows: i64, largest: i64) -> u8 {
    let share = ((rows.max(1) as f64).ln() / (largest.max(2) as f64).ln()).clamp(0.0, 1.0);
    (share * (SHADES - 1.0)).round() as u8 + 1
}

#[component]
pub fn HeatTable(#[prop(into)] matrix: Signal<Matrix>, look: Memo<Look>) -> impl IntoView {
    move || {
        let Matrix { columns, lines, more, largest } = matrix.get();
        if lines.is_empty() {
            return view! { <p class="dim">"No row of this look has a value that the reference decides."</p> }
                .into_any();
        }
        let heads = columns.iter().map(|c| view! { <th scope="col" class="r">{c.clone()}</th> }).collect_view();
        let width = columns.len();
        let lines = lines
            .into_iter()
            .map(|(now, cells)| {
                // Blanks of several lengths are lines of their own, so they are told apart here.
                let (name, unnamed) = (words(now.as_deref()), now.as_deref().is_none_or(is_blank));
                let line: i64 = cells.iter().flatten().map(|c| c.rows).sum();
                let cells = cells
                    .into_iter()
                    .zip(&columns)
                    .map(|(cell, column)| heat_cell(cell, now.clone(), column, largest, look))
                    .collect_view();
                view! {
                    <tr>
                        <th scope="row" class="heat-now" class:null=unnamed>{name}</th>
                        {cells}
                        <td class="r num dim">{format::count(line)}</td>
                    </tr>
                }
            })
            .collect_view();
        let rest = (more.0 > 0).then(|| {
            view! {
                <tr>
                    <th scope="row" class="dim">{format!("{} more values", format::count(more.0))}</th>
                    <td colspan=width.to_string()></td>
                    <td class="r num dim">{format::count(more.1)}</td>
                </tr>
            }
        });
        view! {
            <Table caption="Rows by the value that they carry and the value that they should carry" test_id="matrix">
                <thead>
                    <tr>
                        <th scope="col">"Now \u{2193}  will be \u{2192}"</th>
                        {heads}
                        <th scope="col" class="r">"All"</th>
                    </tr>
                </thead>
                <tbody>{lines} {rest}</tbody>
            </Table>
        }
        .into_any()
    }
}

fn heat_cell(
    cell: Option<Cell>,
    now: Option<String>,
    column: &str,
    largest: i64,
    look: Memo<Look>,
) -> impl IntoView + use<> {
    let Some(Cell { finding, rows }) = cell else { return view! { <td class="r dim">"\u{b7}"</td> }.into_any() };
    let link = use_link();
    let filter = RowFilter {
        findings: vec![finding],
        current: vec![now.clone()],
        proposed: vec![column.to_owned()],
        ..RowFilter::default()
    };
    let look = look.get();
    let chosen = look.filter == filter;
    let title = format!(
        "{}: {} to {column}, {}",
        finding_name(finding),
        words(now.as_deref()),
        format::counted(rows, "row", "rows")
    );
    view! {
        <td class=format!("r num heat {} heat-{}", finding_fill(finding), shade(rows, largest)) class:on=chosen>
            <a href=link(&look.narrowed(filter).href()) data-noscroll="true" title=title.clone() aria-label=title.clone() data-testid="matrix-cell">
                {format::count(rows)}
            </a>
        </td>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{super::pictures::tests::small, *};

    #[test]
    fn lines_are_what_rows_carry_and_columns_what_they_should() {
        let matrix = matrix(&small(), &Look::default());
        assert_eq!(matrix.columns, ["STOCK"]);
        let lines: Vec<_> =
            matrix.lines.iter().map(|(now, cells)| (now.as_deref(), cells[0].map(|c| c.rows))).collect();
        assert_eq!(lines, [(None, Some(1)), (Some("ETF"), Some(1))]);
        assert_eq!(matrix.more, (0, 0));
    }

    #[test]
    fn one_row_has_the_lightest_shade_and_the_largest_the_darkest() {
        assert_eq!((shade(1, 1_000_000), shade(1_000, 1_000_000), shade(1_000_000, 1_000_000)), (1, 5, 8));
        assert_eq!(shade(1, 1), 1);
    }
}
