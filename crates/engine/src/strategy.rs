//! How a run goes through its table: chosen from what can be seen of it, with the reason in words.

use amend_domain::{BatchSize, RunOptions, Strategy, Walk};

use crate::{config::EngineConfig, store::TableFacts};

/// A snapshot of this age keeps so many dead rows from being pruned that stripes gain nothing.
const OLD_SNAPSHOT_S: f64 = 60.0;

/// Stripes of a ladder. A power of two: the first stripe needs room elsewhere for its new versions,
/// the others find it where it was, so an eighth of the rows is what cannot be heap-only.
const STRIPES: u32 = 8;

/// Chooses the walk of a correction.
pub(crate) fn choose(facts: &TableFacts, options: &RunOptions, config: &EngineConfig) -> Walk {
    let key = |reason: String| Walk { strategy: Strategy::Key, reason, workers: 1, stripes: 1 };
    let Some(blocks) = facts.blocks else {
        let why = facts.no_blocks_because.as_deref().unwrap_or("its rows cannot be addressed by block");
        return key(format!("Row after row in the order of the key: {why}."));
    };
    if options.dry_run {
        return key("In the order of the key: a dry run rehearses one chunk after the other.".into());
    }
    if options.max_records.is_some() {
        return key("In the order of the key, so that the limit of rows is kept to the row.".into());
    }
    if matches!(options.batch_size, BatchSize::Fixed(_)) {
        return key("In the order of the key, because the batch size is a fixed number of rows.".into());
    }
    if options.scope.symbols.is_some() {
        return key("In the order of the key, because only some symbols are asked for.".into());
    }
    if options.scope.failed_of.is_some() {
        return key("In the order of the key, because only rows that failed before are asked for.".into());
    }
    if blocks < config.blocks_from {
        return key(format!("In the order of the key: the table is small ({blocks} blocks)."));
    }
    let workers = config.workers();
    let walk = |strategy, stripes, reason| Walk { strategy, reason, workers, stripes };
    let plain = |why: String| walk(Strategy::Blocks, 1, format!("By ranges of blocks: {why}."));
    if facts.value_is_indexed {
        return plain("an index holds the corrected column, so no update of it can stay out of the indexes".into());
    }
    if let Some(age) = facts.oldest_snapshot_s.filter(|age| *age > OLD_SNAPSHOT_S) {
        return plain(format!(
            "another session's snapshot is {age:.0} s old and keeps dead rows from making room for new ones"
        ));
    }
    let leaves = match facts.leaves {
        1 => String::new(),
        n => format!(" of {n} partitions"),
    };
    walk(
        Strategy::Ladder,
        STRIPES,
        format!(
            "By ranges of {blocks} blocks{leaves}, each in {STRIPES} stripes: the first make room, the rest fit in \
             it and touch no index."
        ),
    )
}

#[cfg(test)]
mod tests {
    use amend_domain::Scope;

    use super::*;

    fn large() -> TableFacts {
        TableFacts { blocks: Some(100_000), leaves: 1, ..TableFacts::default() }
    }

    fn chosen(facts: &TableFacts, options: &RunOptions) -> Strategy {
        let walk = choose(facts, options, &EngineConfig::default());
        assert!(walk.reason.ends_with('.') && walk.workers >= 1 && walk.stripes >= 1, "{walk:?}");
        walk.strategy
    }

    #[test]
    fn a_large_heap_is_walked_by_a_ladder() {
        assert_eq!(chosen(&large(), &RunOptions::default()), Strategy::Ladder);
    }

    #[test]
    fn what_keeps_updates_from_being_heap_only_makes_stripes_useless() {
        let indexed = TableFacts { value_is_indexed: true, ..large() };
        let held = TableFacts { oldest_snapshot_s: Some(600.0), ..large() };
        let fresh = TableFacts { oldest_snapshot_s: Some(1.0), ..large() };
        let options = RunOptions::default();
        assert_eq!(chosen(&indexed, &options), Strategy::Blocks);
        assert_eq!(chosen(&held, &options), Strategy::Blocks);
        assert_eq!(chosen(&fresh, &options), Strategy::Ladder);
    }

    #[test]
    fn what_needs_an_order_of_rows_goes_by_key() {
        let scope = Scope { symbols: Some(vec!["A".into()]), failed_of: None };
        for options in [
            RunOptions { dry_run: true, ..RunOptions::default() },
            RunOptions { max_records: Some(5), ..RunOptions::default() },
            RunOptions { batch_size: BatchSize::Fixed(100), ..RunOptions::default() },
            RunOptions { scope, ..RunOptions::default() },
        ] {
            assert_eq!(chosen(&large(), &options), Strategy::Key);
        }
        let small = TableFacts { blocks: Some(3), ..large() };
        assert_eq!(chosen(&small, &RunOptions::default()), Strategy::Key);
        let none = TableFacts { no_blocks_because: Some("it is a file".into()), ..TableFacts::default() };
        assert_eq!(chosen(&none, &RunOptions::default()), Strategy::Key);
    }
}
