//! Answers on standard output: a table, JSON, or CSV.

use std::io::{self, ErrorKind, Write};

use anyhow::Context as _;
use clap::ValueEnum;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading
    Table,
    /// For programs: the stable answer
    Json,
    /// For spreadsheets
    Csv,
}

/// Writes to standard output; a reader that has left (`| head`) is no failure.
///
/// # Errors
/// Anything else that keeps the text from being written.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("the answer cannot be written to standard output"),
    }
}

/// # Errors
/// As [`print`].
pub fn line(text: &str) -> anyhow::Result<()> {
    print(&format!("{text}\n"))
}

/// # Errors
/// As [`print`].
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value).context("the answer cannot be written as JSON")?)
}

/// Rows with a header, for a table and for CSV alike.
#[derive(Debug, Default)]
pub struct Rows {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Columns that are numbers.
    right: Vec<usize>,
}

impl Rows {
    pub fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), ..Self::default() }
    }

    /// These columns are aligned to the right.
    pub fn right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// The table as text, with its last line end.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let cell = |(at, text): (usize, &str)| {
            let cell = Cell::new(visible(text));
            if self.right.contains(&at) { cell.set_alignment(CellAlignment::Right) } else { cell }
        };
        let header = self.header.iter().copied().enumerate();
        table.set_header(header.map(|head| cell(head).add_attribute(Attribute::Bold)));
        for row in &self.rows {
            table.add_row(row.iter().map(String::as_str).enumerate().map(cell));
        }
        let text: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        format!("{}\n", text.join("\n"))
    }

    /// # Errors
    /// As [`print`].
    pub fn csv(&self) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.header)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        let bytes = writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
        print(&String::from_utf8(bytes).context("the answer is not text")?)
    }
}

/// Control characters of the data must not reach the terminal.
fn visible(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_aligns_numbers_and_shows_control_characters() {
        let mut rows = Rows::new(&["name", "rows"]).right(&[1]);
        rows.push(vec!["a\u{1b}[31m".into(), "7".into()]);
        rows.push(vec!["b".into(), "1,234".into()]);
        let text = rows.table();
        assert!(!text.contains('\u{1b}') || text.contains("\u{1b}[1m"), "{text:?}");
        assert!(text.contains("a\\u{1b}[31m"), "{text:?}");
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].ends_with('7') && lines[2].ends_with("1,234"), "{text}");
        assert_eq!(lines[1].len(), lines[2].len(), "{text}");
    }
}
