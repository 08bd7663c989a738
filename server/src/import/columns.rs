//! Which field of a line is which column.

use amend_domain::{ErrorCode, Problem};
use csv::ByteRecord;

/// A column that an import knows.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// The name in messages.
    pub name: &'static str,
    /// What else it may be called; lower case, letters and digits only, as is the name itself.
    pub synonyms: &'static [&'static str],
    pub required: bool,
}

/// The place of each known column in a line; in the order of the known columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    places: Vec<Option<usize>>,
}

/// `Asset Class`, `asset_class` and `ASSETCLASS` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Columns {
    /// # Errors
    /// A required column that is missing, or one that stands there twice.
    pub fn find(header: &ByteRecord, known: &[Known]) -> Result<Self, Problem> {
        let names: Vec<String> = header.iter().map(|n| String::from_utf8_lossy(n).trim().to_owned()).collect();
        let plain_names: Vec<String> = names.iter().map(|n| plain(n)).collect();
        let mut places = Vec::with_capacity(known.len());
        for column in known {
            let fits = |n: &String| *n == plain(column.name) || column.synonyms.contains(&n.as_str());
            let found: Vec<usize> = (0..names.len()).filter(|at| plain_names.get(*at).is_some_and(fits)).collect();
            let place = match found.as_slice() {
                [one] => Some(*one),
                [] if column.required => {
                    return Err(Problem::new(
                        ErrorCode::InvalidOptions,
                        format!("The file has no column {}; its columns are: {}.", column.name, names.join(", ")),
                    )
                    .advice("The first line must name the columns, separated by commas."));
                }
                [] => None,
                several => {
                    let twice: Vec<_> = several.iter().filter_map(|at| names.get(*at)).map(String::as_str).collect();
                    return Err(Problem::new(
                        ErrorCode::InvalidOptions,
                        format!("The file has several columns for {}: {}.", column.name, twice.join(", ")),
                    )
                    .advice("Leave one of them."));
                }
            };
            places.push(place);
        }
        Ok(Self { places })
    }

    /// The text of the `known`th column, or `None` when the file does not have the column.
    ///
    /// # Errors
    /// Bytes that are not UTF-8.
    pub fn text<'a>(&self, record: &'a ByteRecord, known: usize) -> Result<Option<&'a str>, String> {
        let bytes = self.places.get(known).copied().flatten().and_then(|at| record.get(at));
        bytes.map(|b| std::str::from_utf8(b).map_err(|_| "is not UTF-8 text".to_owned())).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Known; 2] = [
        Known { name: "ticker", synonyms: &["symbol"], required: true },
        Known { name: "asset_class", synonyms: &[], required: false },
    ];

    fn find(names: &[&str]) -> Result<Columns, Problem> {
        Columns::find(&ByteRecord::from(names.to_vec()), &KNOWN)
    }

    #[test]
    fn names_are_found_whatever_their_case_underscores_and_spaces() {
        for header in [["Asset Class", "TICKER"], ["asset_class", "Symbol"], [" AssetClass", "ticker "]] {
            assert_eq!(find(&header).unwrap().places, [Some(1), Some(0)]);
        }
        assert_eq!(find(&["ticker", "other"]).unwrap().places, [Some(0), None]);
    }

    #[test]
    fn what_is_missing_or_twice_is_named() {
        assert!(find(&["asset_class"]).unwrap_err().message.contains("no column ticker"));
        assert!(find(&["ticker", "symbol"]).unwrap_err().message.contains("ticker, symbol"));
    }
}
