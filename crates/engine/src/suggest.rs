//! What could be meant: suggestions for symbols that the reference cannot decide, surest first. They
//! are shown to a person and never used by themselves.
//!
//! Confidence is an order: a spelling that a person has assigned before (95), the same but for case,
//! spaces and separators (90), the same without a suffix of an exchange or currency (80), a few letters
//! differ (up to 70, less the more of a short symbol differs). Where several candidates with different
//! values are as near, they share it. For values that the reference itself offers: the row of the same
//! venue (up to 90) and what the rows carry already (up to 70) count by their share of rows.

use std::collections::{BTreeSet, HashMap};

use amend_domain::{
    Assignment, Decision, Finding, Matches, Suggestion, SuggestionKind, UnresolvedRow, WorkItem,
    assignment::{may_be_written, symbol_of},
    finding::is_blank,
};

/// Suggestions for one symbol at most.
const MOST: usize = 4;
/// Comparisons letter by letter in all: about a second's work. Symbols with most rows come first.
const COMPARISONS: usize = 5_000_000;

/// Suffixes and prefixes that say where or in what a thing is traded. Others (the B of BRK.B) say which
/// thing it is.
const PLACES: &[&str] = &[
    // As Reuters and Yahoo write them.
    "L", "DE", "F", "PA", "AS", "MI", "MC", "SW", "TO", "V", "HK", "T", "AX", "NS", "BO", "SI", "KS", "KQ", "SS", "SZ",
    "SA", "MX", "ST", "CO", "OL", "HE", "VI", "BR", "LS", "IR", "IS", "O", "N", "OQ", "PK", "TW", "NZ", "JO", "WA",
    "PR", // As Bloomberg does.
    "US", "UN", "UW", "LN", "GY", "GR", "FP", "IM", "SM", "NA", "JP", "JT", "CN", "CT", "AU", "IN", "SP", "SJ",
    // Names and market identifier codes.
    "NYSE", "NASDAQ", "AMEX", "LSE", "XETRA", "ARCA", "BATS", "OTC", "TSE", "TSX", "ASX", "HKEX", "XNYS", "XNAS",
    "XLON", "XETR", "XPAR", "XAMS", "XTKS", "XTSE", "XHKG", "XASX", "XSWX", "XMIL",
    // Currencies that a pair ends in.
    "USD", "USDT", "USDC", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "BTC", "ETH", "TRY", "BUSD", "X",
];

/// What suggestions are made from.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Matches to which the reference gives one value.
    pub matches: Vec<(Matches, String)>,
    /// What people decided before.
    pub decided: Vec<Assignment>,
    /// The names of the match columns.
    pub columns: Vec<String>,
    pub allowed: Vec<String>,
    /// Match, the reference's value at a venue, rows there.
    pub placed: Vec<(Matches, String, i64)>,
}

/// Letters and digits alone, in capitals.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// The symbol without what says where it is traded, plain; `None` where nothing does.
fn without_place(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_suffix(" Equity").or_else(|| text.strip_suffix(" EQUITY")).unwrap_or(text);
    let is_place = |part: &str| PLACES.contains(&part.trim().to_uppercase().as_str());
    let at_end = text.rsplit_once(['.', ':', '-', '/', '_', ' ', '=']).filter(|(_, place)| is_place(place));
    let at_start = || text.split_once(':').filter(|(place, _)| is_place(place)).map(|(_, name)| name);
    let name = plain(at_end.map(|(name, _)| name).or_else(at_start)?);
    (!name.is_empty()).then_some(name)
}

/// All parts but one, as they compare.
type Others = (usize, Vec<String>);

/// The reference, ready to be asked.
pub(crate) struct Index {
    known: Known,
    by_spelling: HashMap<Vec<String>, Vec<usize>>,
    /// One part without its place, the others as they are.
    by_name: HashMap<(Others, String), Vec<usize>>,
    /// Plain texts of one part with their candidates, by the other parts and the text's length.
    by_length: HashMap<(Others, usize), Vec<(String, usize)>>,
    decided: HashMap<Vec<String>, Vec<usize>>,
}

impl Index {
    pub(crate) fn new(known: Known) -> Self {
        let mut index = Self {
            by_spelling: HashMap::new(),
            by_name: HashMap::new(),
            by_length: HashMap::new(),
            decided: HashMap::new(),
            known: Known::default(),
        };
        for (at, (matches, _)) in known.matches.iter().enumerate() {
            let spelled: Vec<String> = matches.iter().map(|m| plain(m)).collect();
            for (part, text) in spelled.iter().enumerate() {
                let others = others(matches, part);
                for name in [Some(text.clone()), matches.get(part).and_then(|m| without_place(m))].into_iter().flatten()
                {
                    index.by_name.entry((others.clone(), name)).or_default().push(at);
                }
                index.by_length.entry((others, text.chars().count())).or_default().push((text.clone(), at));
            }
            index.by_spelling.entry(spelled).or_default().push(at);
        }
        for (at, assignment) in known.decided.iter().enumerate() {
            let spelled: Vec<String> = assignment.matches.iter().map(|m| plain(m)).collect();
            index.decided.entry(spelled).or_default().push(at);
        }
        Self { known, ..index }
    }

    fn value(&self, matches: &[String]) -> Option<&str> {
        let spelled: Vec<String> = matches.iter().map(|m| plain(m)).collect();
        let found = self.by_spelling.get(&spelled)?.iter().filter_map(|at| self.known.matches.get(*at));
        found.into_iter().find(|(known, _)| known == matches).map(|(_, value)| value.as_str())
    }
}

fn others(matches: &[String], part: usize) -> Others {
    (part, matches.iter().enumerate().filter(|(at, _)| *at != part).map(|(_, m)| m.clone()).collect())
}

/// Adds suggestions to each row.
pub(crate) fn suggest(rows: Vec<UnresolvedRow>, index: &Index) -> Vec<WorkItem> {
    let mut left = COMPARISONS;
    rows.into_iter()
        .map(|row| {
            let mut suggestions = match &row.matches {
                None => Vec::new(),
                Some(matches) => {
                    let mut all = offered(&row, matches, index);
                    all.extend(decided(matches, &row, index));
                    // An ambiguous symbol is spelt right: its rows say what it is.
                    if row.finding != Finding::Ambiguous {
                        all.extend(spelt(matches, index));
                        all.extend(named(matches, index));
                        if all.is_empty() {
                            all = near(matches, index, &mut left);
                        }
                    }
                    all
                }
            };
            suggestions.sort_by(|a, b| b.confidence.cmp(&a.confidence).then_with(|| a.decision.cmp(&b.decision)));
            let mut seen = BTreeSet::new();
            suggestions.retain(|s| seen.insert(s.decision.clone()));
            suggestions.truncate(MOST);
            WorkItem { row, suggestions }
        })
        .collect()
}

/// Candidates that are as near as each other: the fewer different values, the surer.
fn alike(index: &Index, found: &[usize], kind: SuggestionKind, confidence: u8, why: &str) -> Vec<Suggestion> {
    let candidates: Vec<&(Matches, String)> = found.iter().filter_map(|at| index.known.matches.get(*at)).collect();
    let values: BTreeSet<&str> = candidates.iter().map(|(_, value)| value.as_str()).collect();
    let share = u8::try_from(values.len()).unwrap_or(u8::MAX).max(1);
    let note = if share > 1 { format!("; {share} different values are as near") } else { String::new() };
    candidates
        .into_iter()
        .take(MOST)
        .map(|(matches, value)| Suggestion {
            kind,
            decision: Decision::As(matches.clone()),
            value: value.clone(),
            confidence: confidence / share,
            why: format!("{why}{note}"),
        })
        .collect()
}

fn spelt(matches: &[String], index: &Index) -> Vec<Suggestion> {
    let spelled: Vec<String> = matches.iter().map(|m| plain(m)).collect();
    if spelled.iter().any(String::is_empty) {
        return Vec::new();
    }
    let found = index.by_spelling.get(&spelled).map_or(&[][..], Vec::as_slice);
    let found: Vec<usize> =
        found.iter().copied().filter(|at| index.known.matches.get(*at).is_some_and(|(m, _)| m != matches)).collect();
    let Some((candidate, _)) = found.first().and_then(|at| index.known.matches.get(*at)) else { return Vec::new() };
    let squeezed = |parts: &[String]| -> Vec<String> {
        parts.iter().map(|p| p.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()).collect()
    };
    let why = if squeezed(candidate) == squeezed(matches) {
        "the same but for letter case and spaces"
    } else {
        "the same but for separators"
    };
    alike(index, &found, SuggestionKind::Spelling, 90, why)
}

/// Behind the differing part: which others agree.
fn agreeing(index: &Index, part: usize) -> String {
    let same: Vec<&str> =
        index.known.columns.iter().enumerate().filter(|(at, _)| *at != part).map(|(_, c)| c.as_str()).collect();
    if same.is_empty() { String::new() } else { format!(", and the same {}", same.join(", ")) }
}

fn named(matches: &[String], index: &Index) -> Vec<Suggestion> {
    let mut all = Vec::new();
    for (part, text) in matches.iter().enumerate() {
        let own = without_place(text);
        for name in [own.clone(), Some(plain(text))].into_iter().flatten().filter(|name| !name.is_empty()) {
            let Some(found) = index.by_name.get(&(others(matches, part), name.clone())) else { continue };
            let why = format!("the same without what says where it is traded{}", agreeing(index, part));
            let suffixed: Vec<usize> = found
                .iter()
                .copied()
                .filter(|at| {
                    let theirs = index.known.matches.get(*at).and_then(|(m, _)| m.get(part));
                    // The same spelling is no suffix.
                    theirs.is_some_and(|m| plain(m) != plain(text))
                })
                .collect();
            all.extend(alike(index, &suffixed, SuggestionKind::Suffix, 80, &why));
        }
    }
    all
}

/// So many letters may differ in a symbol of this length.
const fn may_differ(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

fn near(matches: &[String], index: &Index, left: &mut usize) -> Vec<Suggestion> {
    let mut all = Vec::new();
    for (part, text) in matches.iter().enumerate() {
        let text = plain(text);
        let letters = text.chars().count();
        let most = may_differ(letters);
        let mut nearest: (usize, Vec<usize>) = (most + 1, Vec::new());
        for length in letters.saturating_sub(most)..=letters + most {
            let Some(candidates) = index.by_length.get(&(others(matches, part), length)) else { continue };
            for (candidate, at) in candidates {
                if most == 0 || *left == 0 {
                    break;
                }
                *left -= 1;
                let distance = strsim::osa_distance(&text, candidate);
                match distance.cmp(&nearest.0) {
                    _ if distance == 0 || distance > most => {}
                    std::cmp::Ordering::Less => nearest = (distance, vec![*at]),
                    std::cmp::Ordering::Equal => nearest.1.push(*at),
                    std::cmp::Ordering::Greater => {}
                }
            }
        }
        let (distance, found) = nearest;
        if found.is_empty() {
            continue;
        }
        let differ = if distance == 1 { "one letter differs".to_owned() } else { format!("{distance} letters differ") };
        // Seventy parts of what agrees.
        let confidence = 70 * letters.saturating_sub(distance) / letters.max(1);
        let confidence = u8::try_from(confidence).unwrap_or(70);
        let why = format!("{differ}{}", agreeing(index, part));
        all.extend(alike(index, &found, SuggestionKind::Distance, confidence, &why));
    }
    all
}

fn decided(matches: &[String], row: &UnresolvedRow, index: &Index) -> Vec<Suggestion> {
    let spelled: Vec<String> = matches.iter().map(|m| plain(m)).collect();
    let found = index.decided.get(&spelled).map_or(&[][..], Vec::as_slice);
    let before = found.iter().filter_map(|at| index.known.decided.get(*at));
    before
        .filter_map(|before| {
            let why = format!("{} assigned {} so", before.assigned_by, symbol_of(&before.matches));
            let (decision, value) = match &before.decision {
                Decision::As(other) if other != matches => {
                    (Decision::As(other.clone()), index.value(other)?.to_owned())
                }
                Decision::Value(value) if offers(row, value, index) => (Decision::Value(value.clone()), value.clone()),
                _ => return None,
            };
            Some(Suggestion { kind: SuggestionKind::Alias, decision, value, confidence: 95, why })
        })
        .collect()
}

fn offers(row: &UnresolvedRow, value: &str, index: &Index) -> bool {
    may_be_written(value, &index.known.allowed) && row.candidates.iter().flatten().any(|c| c == value)
}

/// `most` parts in a hundred of a share.
fn share(most: i64, part: i64, whole: i64) -> u8 {
    u8::try_from(most.saturating_mul(part) / whole.max(1)).unwrap_or(0)
}

/// The values that the reference gives for an ambiguous symbol.
fn offered(row: &UnresolvedRow, matches: &[String], index: &Index) -> Vec<Suggestion> {
    if row.finding != Finding::Ambiguous {
        return Vec::new();
    }
    let carrying =
        |value: &str| row.current.iter().filter(|(now, _)| now.as_deref() == Some(value)).map(|(_, n)| n).sum();
    let carried: i64 =
        row.current.iter().filter(|(now, _)| now.as_deref().is_some_and(|v| !is_blank(v))).map(|(_, n)| n).sum();
    let placed = |value: &str| -> i64 {
        index.known.placed.iter().filter(|(m, v, _)| m == matches && v == value).map(|(.., n)| n).sum()
    };
    let all = row.candidates.len();
    row.candidates
        .iter()
        .flatten()
        .filter(|value| offers(row, value, index))
        .map(|value| {
            let (there, here): (i64, i64) = (placed(value), carrying(value));
            let (kind, confidence, why) = if there > 0 {
                let why = format!("the reference's row of the same venue says so for {there} of {} rows", row.rows);
                (SuggestionKind::Venue, share(90, there, row.rows), why)
            } else if here > 0 {
                (SuggestionKind::Carried, share(70, here, carried), format!("{here} rows carry it already"))
            } else {
                (SuggestionKind::Reference, 5, format!("one of {all} values in the reference"))
            };
            Suggestion { kind, decision: Decision::Value(value.clone()), value: value.clone(), confidence, why }
        })
        .collect()
}

#[cfg(test)]
#[path = "suggest_tests.rs"]
mod tests;
