//! What the wizard knows so far, in the URL: step, source, scope and what to do with conflicts.
//!
//! A pair of values is written `~` for null or `=` and the text, old and new with [`APART`] between.

use amend_domain::{ConflictPolicy, Problem, RollbackCounts, RollbackScope, RollbackSource, RunId, ValuePair};

use crate::pages::preview::url::{decode, with_query};

/// Between the two values of a pair: the separator of units, which no value has by mistake.
const APART: char = '\u{1f}';

fn pair_text(pair: &ValuePair) -> String {
    let text = |value: &Option<String>| value.as_ref().map_or_else(|| "~".to_owned(), |v| format!("={v}"));
    format!("{}{APART}{}", text(&pair.old), text(&pair.new))
}

fn read_pair(text: &str) -> Option<ValuePair> {
    let value = |part: &str| match part.strip_prefix('=') {
        Some(value) => Some(Some(value.to_owned())),
        None => (part == "~").then_some(None),
    };
    // From the end: what a run writes is a class, what stood there may be anything.
    let (old, new) = text.rsplit_once(APART)?;
    Some(ValuePair { old: value(old)?, new: value(new)? })
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    #[default]
    Look,
    Include,
    Confirm,
}

impl Step {
    pub const ALL: [Self; 3] = [Self::Look, Self::Include, Self::Confirm];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Look => "What will happen",
            Self::Include => "What to include",
            Self::Confirm => "Confirm",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Include => "include",
            Self::Confirm => "confirm",
        }
    }

    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Look => Some(Self::Include),
            Self::Include => Some(Self::Confirm),
            Self::Confirm => None,
        }
    }

    pub const fn back(self) -> Option<Self> {
        match self {
            Self::Look => None,
            Self::Include => Some(Self::Look),
            Self::Confirm => Some(Self::Include),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    pub step: Step,
    pub on_conflict: ConflictPolicy,
    pub from: RollbackSource,
    /// Empty means all.
    pub symbols: Vec<String>,
    /// Empty means all.
    pub pairs: Vec<ValuePair>,
}

impl Wish {
    /// Reads a query string.
    ///
    /// # Errors
    /// Names the parameter that cannot be read.
    pub fn read(search: &str) -> Result<Self, Problem> {
        let mut wish = Self::default();
        for (key, value) in decode(search) {
            match key.as_str() {
                "step" => {
                    wish.step = Step::ALL
                        .into_iter()
                        .find(|s| s.word() == value)
                        .ok_or_else(|| Problem::field("step", "must be look, include or confirm"))?;
                }
                "on_conflict" => {
                    wish.on_conflict = ConflictPolicy::parse(&value)
                        .ok_or_else(|| Problem::field("on_conflict", "must be skip, force or stop"))?;
                }
                "from" => {
                    wish.from = RollbackSource::parse(&value)
                        .ok_or_else(|| Problem::field("from", "must be journal or snapshot"))?;
                }
                "pair" => {
                    let pair = read_pair(&value);
                    wish.pairs.push(pair.ok_or_else(|| Problem::field("pair", "must be an old and a new value"))?);
                }
                "symbol" if !value.trim().is_empty() => wish.symbols.push(value),
                _ => {}
            }
        }
        Ok(wish)
    }

    /// The wizard's address.
    #[must_use]
    pub fn href(&self, run: &RunId) -> String {
        let mut pairs = Vec::new();
        if self.step != Step::default() {
            pairs.push(("step".to_owned(), self.step.word().to_owned()));
        }
        if self.on_conflict != ConflictPolicy::default() {
            pairs.push(("on_conflict".to_owned(), self.on_conflict.as_str().to_owned()));
        }
        if self.from != RollbackSource::default() {
            pairs.push(("from".to_owned(), self.from.as_str().to_owned()));
        }
        pairs.extend(self.symbols.iter().map(|s| ("symbol".to_owned(), s.clone())));
        pairs.extend(self.pairs.iter().map(|p| ("pair".to_owned(), pair_text(p))));
        with_query(&format!("/rollback/{run}"), &pairs)
    }

    #[must_use]
    pub fn at(&self, step: Step) -> Self {
        Self { step, ..self.clone() }
    }

    /// The same from another source. A snapshot knows no pairs.
    #[must_use]
    pub fn with_source(&self, from: RollbackSource) -> Self {
        let pairs = if from == RollbackSource::Journal { self.pairs.clone() } else { Vec::new() };
        Self { from, pairs, ..self.clone() }
    }

    #[must_use]
    pub fn scope(&self) -> RollbackScope {
        RollbackScope {
            symbols: (!self.symbols.is_empty()).then(|| self.symbols.clone()),
            pairs: (!self.pairs.is_empty()).then(|| self.pairs.clone()),
            ..RollbackScope::default()
        }
    }

    /// The same with a pair more, or less.
    #[must_use]
    pub fn with_pair(&self, pair: &ValuePair, taken: bool) -> Self {
        let mut next = self.clone();
        next.pairs.retain(|p| p != pair);
        if taken {
            next.pairs.push(pair.clone());
        }
        next
    }

    /// Rows that the rollback would write.
    #[must_use]
    pub const fn writes(&self, counts: &RollbackCounts) -> i64 {
        match self.on_conflict {
            ConflictPolicy::Force => counts.restorable + counts.changed_since,
            ConflictPolicy::Skip | ConflictPolicy::Stop => counts.restorable,
        }
    }

    /// Why it would do nothing, in a sentence.
    #[must_use]
    pub fn pointless(&self, counts: &RollbackCounts) -> Option<String> {
        if self.on_conflict == ConflictPolicy::Stop && counts.changed_since > 0 {
            return Some(
                "You chose to stop if rows changed since, and some did. Leave them, or put them back too.".into(),
            );
        }
        (self.writes(counts) == 0).then(|| "No row would be put back with these choices.".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: RollbackCounts = RollbackCounts { restorable: 5, original: 1, changed_since: 2, deleted: 1 };

    #[test]
    fn the_wizard_survives_the_url() {
        let wish = Wish {
            step: Step::Confirm,
            on_conflict: ConflictPolicy::Force,
            from: RollbackSource::Snapshot,
            symbols: vec!["BTC-USD".into(), "a&b".into()],
            pairs: vec![
                ValuePair { old: None, new: Some("STOCK".into()) },
                ValuePair { old: Some("=a & ~\u{1f}b".into()), new: Some(String::new()) },
            ],
        };
        let href = wish.href(&RunId::from_trusted("r-1"));
        assert_eq!(Wish::read(href.split_once('?').map_or("", |(_, q)| q)), Ok(wish));
        assert_eq!(Wish::default().href(&RunId::from_trusted("r-1")), "/rollback/r-1");
    }

    #[test]
    fn a_wish_for_the_snapshot_drops_its_pairs() {
        let wish = Wish { pairs: vec![ValuePair { old: None, new: None }], ..Wish::default() };
        assert_eq!(wish.with_source(RollbackSource::Journal), wish);
        let snapshot = wish.with_source(RollbackSource::Snapshot);
        assert!(snapshot.scope().is_whole() && snapshot.from == RollbackSource::Snapshot);
    }

    #[test]
    fn force_writes_what_changed_since_too() {
        let with = |on_conflict| Wish { on_conflict, ..Wish::default() };
        assert_eq!(with(ConflictPolicy::Skip).writes(&COUNTS), 5);
        assert_eq!(with(ConflictPolicy::Force).writes(&COUNTS), 7);
        assert!(with(ConflictPolicy::Stop).pointless(&COUNTS).is_some());
        assert!(with(ConflictPolicy::Skip).pointless(&COUNTS).is_none());
    }
}
