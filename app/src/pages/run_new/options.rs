//! What is chosen in the form, as it stands in the URL.

use amend_domain::{BatchSize, Mode, Problem, RunOptions, Scope};
use leptos_router::params::ParamsMap;

use crate::{AppError, format::url_part};

/// The texts of the fields, kept as they were typed so that a wrong one can be shown and mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub mode: Mode,
    /// Separated by commas or white space; empty means all.
    pub symbols: String,
    /// `auto`, empty, or a number.
    pub batch: String,
    /// Empty means no limit.
    pub max: String,
    pub dry_run: bool,
}

impl Choice {
    pub(super) fn of(query: &ParamsMap) -> Self {
        let text = |name: &str| query.get(name).unwrap_or_default();
        // The preview links here with its own words for symbols, one parameter each.
        let mut symbols = text("symbols");
        for symbol in query.get_all("symbol").unwrap_or_default() {
            if !symbols.is_empty() {
                symbols.push(',');
            }
            symbols.push_str(&symbol);
        }
        Self {
            mode: Mode::parse(&text("mode")).unwrap_or_default(),
            symbols,
            batch: text("batch"),
            max: text("max"),
            dry_run: text("dry") == "1",
        }
    }

    pub(super) fn path(&self) -> String {
        let mut path = format!("/runs/new?mode={}", self.mode.as_str());
        for (name, text) in [("symbols", &self.symbols), ("batch", &self.batch), ("max", &self.max)] {
            if !text.is_empty() {
                path.push_str(&format!("&{name}={}", url_part(text)));
            }
        }
        if self.dry_run {
            path.push_str("&dry=1");
        }
        path
    }

    /// The run that these fields ask for.
    pub(super) fn options(&self) -> Result<RunOptions, AppError> {
        let batch = self.batch.trim();
        let batch_size = if batch.is_empty() { BatchSize::Auto } else { BatchSize::parse(batch)? };
        let max = self.max.trim().replace([',', ' '], "");
        let max_records = if max.is_empty() {
            None
        } else {
            Some(max.parse::<i64>().map_err(|_| Problem::field("maxRecordsToProcess", "must be a whole number"))?)
        };
        let symbols: Vec<String> = self
            .symbols
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|s| !s.is_empty())
            .map(Into::into)
            .collect();
        let options = RunOptions {
            mode: self.mode,
            scope: Scope { symbols: (!symbols.is_empty()).then_some(symbols), failed_of: None },
            batch_size,
            max_records,
            dry_run: self.dry_run,
            ..RunOptions::default()
        };
        options.check()?;
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(path: &str) -> ParamsMap {
        path.split_once('?')
            .map(|(_, q)| q)
            .unwrap_or_default()
            .split('&')
            .filter_map(|p| p.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.replace("%2C", ",")))
            .collect()
    }

    #[test]
    fn a_choice_survives_the_url() {
        let choice = Choice {
            mode: Mode::Overwrite,
            symbols: "AAPL,MSFT".into(),
            batch: "500".into(),
            max: "1000".into(),
            dry_run: true,
        };
        assert_eq!(Choice::of(&query(&choice.path())), choice);
    }

    #[test]
    fn fields_become_options_or_name_the_wrong_one() {
        let choice = Choice { symbols: " AAPL, MSFT\nX ".into(), max: "1,000".into(), ..Choice::default() };
        let options = choice.options().ok();
        assert_eq!(
            options.as_ref().and_then(|o| o.scope.symbols.clone()),
            Some(vec!["AAPL".into(), "MSFT".into(), "X".into()])
        );
        assert_eq!(options.and_then(|o| o.max_records), Some(1000));

        let wrong = Choice { batch: "0".into(), ..Choice::default() }.options();
        assert!(matches!(wrong, Err(AppError::Refused(p)) if p.field.as_deref() == Some("batchSize")));
    }
}
