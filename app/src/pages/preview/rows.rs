//! One row of the grid.

use amend_domain::{FindingRow, Mode, RowSort, finding::is_blank};
use chrono::{DateTime, Datelike, Utc};
use leptos::prelude::*;

use crate::{components::FindingName, format};

/// A column, in the order of the grid. Each can be hidden but the two that say what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Key,
    Symbol,
    Timestamp,
    Dimensions,
    Now,
    WillBe,
    Finding,
    Why,
}

impl Column {
    pub const ALL: [Self; 8] =
        [Self::Key, Self::Symbol, Self::Timestamp, Self::Dimensions, Self::Now, Self::WillBe, Self::Finding, Self::Why];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Key => "Key",
            Self::Symbol => "Symbol",
            Self::Timestamp => "Timestamp, UTC",
            Self::Dimensions => "Dimensions",
            Self::Now => "Now",
            Self::WillBe => "Will be",
            Self::Finding => "Finding",
            Self::Why => "Why",
        }
    }

    /// The class of its cells; `hide-` before it on the grid hides them.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Key => "c-key",
            Self::Symbol => "c-symbol",
            Self::Timestamp => "c-time",
            Self::Dimensions => "c-dim",
            Self::Now => "c-now",
            Self::WillBe => "c-new",
            Self::Finding => "c-finding",
            Self::Why => "c-why",
        }
    }

    pub const fn can_hide(self) -> bool {
        !matches!(self, Self::Now | Self::WillBe)
    }

    /// How the server orders by it.
    pub const fn sort(self) -> Option<RowSort> {
        match self {
            Self::Key => Some(RowSort::Key),
            Self::Symbol => Some(RowSort::Symbol),
            Self::Timestamp => Some(RowSort::Timestamp),
            _ => None,
        }
    }
}

/// The id that the grid names as its active row.
pub fn row_id(index: i64) -> String {
    format!("grid-row-{index}")
}

/// A row at its place; grey lines while its page is on the way.
#[component]
pub fn Row(
    index: i64,
    row: Option<FindingRow>,
    mode: Mode,
    dimensions: usize,
    selected: RwSignal<Option<i64>>,
) -> impl IntoView {
    let cells = match row {
        Some(row) => cells(row, mode).into_any(),
        None => waiting(dimensions).into_any(),
    };
    view! {
        <div
            role="row"
            class="g-row"
            class:odd=index % 2 == 1
            class:on=move || selected.get() == Some(index)
            id=row_id(index)
            aria-rowindex=(index + 2).to_string()
            aria-selected=move || (selected.get() == Some(index)).to_string()
            data-testid="preview-row"
            on:click=move |_| selected.set(Some(index))
        >
            {cells}
        </div>
    }
    .into_any()
}

fn waiting(dimensions: usize) -> impl IntoView {
    Column::ALL
        .into_iter()
        .flat_map(|column| vec![column; if column == Column::Dimensions { dimensions } else { 1 }])
        .map(|column| view! { <span role="gridcell" class=format!("{} wait", column.class())><i></i></span> })
        .collect_view()
}

fn cells(row: FindingRow, mode: Mode) -> impl IntoView {
    let why = row.reason();
    let changes = mode.corrects(row.finding);
    let FindingRow { key, symbol, timestamp, dimensions, current, proposed, finding } = row;
    view! {
        <span role="gridcell" class="c-key mono" title=key.clone()>{key.clone()}</span>
        <span role="gridcell" class="c-symbol mono" title=symbol.clone()>{value(symbol.clone())}</span>
        <span role="gridcell" class="c-time num">{timestamp.map(seconds)}</span>
        {dimensions
            .into_iter()
            .map(|text| view! { <span role="gridcell" class="c-dim">{value(text)}</span> })
            .collect_view()}
        <span role="gridcell" class="c-now">{now(current, changes)}</span>
        <span role="gridcell" class="c-new">{will_be(proposed, changes, mode)}</span>
        <span role="gridcell" class="c-finding"><FindingName finding /></span>
        <span role="gridcell" class="c-why dim" title=why>{why}</span>
    }
}

/// A value as it stands, null and blank named.
pub fn value(text: Option<String>) -> AnyView {
    match text {
        None => view! { <i class="null">"null"</i> }.into_any(),
        Some(text) if is_blank(&text) => {
            let length = text.chars().count();
            view! { <i class="null" title=format!("{length} characters of white space")>"blank"</i> }.into_any()
        }
        Some(text) => text.into_any(),
    }
}

fn now(current: Option<String>, changes: bool) -> AnyView {
    match current {
        Some(text) if changes && !is_blank(&text) => view! { <s class="old">{text}</s> }.into_any(),
        current => value(current),
    }
}

fn will_be(proposed: Option<String>, changes: bool, mode: Mode) -> AnyView {
    match proposed {
        Some(text) if changes => view! { <b class="new">{text}</b> }.into_any(),
        proposed => {
            let why = match proposed {
                Some(text) => format!("The reference says {text}; the mode {} leaves this row alone.", mode.as_str()),
                None => "The reference does not decide; nothing is guessed.".into(),
            };
            view! { <span class="dim" title=why>"stays"</span> }.into_any()
        }
    }
}

/// `2025-03-10 14:00:00`.
pub fn seconds(t: DateTime<Utc>) -> String {
    // Not by a pattern: chrono's interpreter of patterns would be in the module for this alone.
    format!("{:04}-{:02}-{:02} {}", t.year(), t.month(), t.day(), format::clock(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_second() {
        let t = DateTime::from_timestamp(1_772_528_467, 999).unwrap_or_default();
        assert_eq!(seconds(t), "2026-03-03 09:01:07");
    }
}
