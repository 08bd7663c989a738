//! How a run goes through its table: chosen from what can be seen of it, with the reason in words.

use amend_domain::{BatchSize, RollbackOptions, RunOptions, Strategy, Walk, number::grouped};

use crate::{
    config::EngineConfig,
    store::{Places, TableFacts},
};

/// A snapshot of this age keeps so many dead rows from being pruned that stripes gain nothing.
const OLD_SNAPSHOT_S: f64 = 60.0;

/// Below this, reading in the order of the key reads most blocks many times.
const SCATTERED: f64 = 0.5;

/// Ranges that a lane rotates over when it is not alone: a stripe's dead rows make room only once no
/// statement of another lane is as old as they are.
pub(crate) const PARTS: i64 = 4;

/// Stripes of a ladder. A power of two: the first stripe needs room elsewhere for its new versions,
/// the others find it where it was, so an eighth of the rows is what cannot be heap-only.
const STRIPES: u32 = 8;

/// Chooses the walk of a correction.
pub(crate) fn choose(facts: &TableFacts, options: &RunOptions, config: &EngineConfig) -> Walk {
    let key = by_key;
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
        return key(format!("In the order of the key: the table is small ({} blocks).", grouped(blocks)));
    }
    let workers = config.workers(facts.busy_sessions);
    let walk = |strategy, stripes, reason: String| Walk {
        strategy,
        reason: format!("{reason}{}", notes(facts, blocks, workers, config)),
        workers,
        stripes,
        most_blocks: facts.cache_blocks.map(|cache| most_blocks(cache, workers)),
    };
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
            "By ranges of {} blocks{leaves}, each in {STRIPES} stripes: the first make room, the rest fit in \
             it and touch no index.",
            grouped(blocks)
        ),
    )
}

fn by_key(reason: String) -> Walk {
    Walk { strategy: Strategy::Key, reason, workers: 1, stripes: 1, most_blocks: None }
}

/// Every lane comes back to its ranges once for each stripe. They should still be in the cache then,
/// and leave half of it to everybody else.
fn most_blocks(cache: i64, workers: u32) -> i64 {
    cache / 2 / (i64::from(workers.max(1)) * PARTS)
}

/// What else was seen and what follows from it, as sentences for people.
fn notes(facts: &TableFacts, blocks: i64, workers: u32, config: &EngineConfig) -> String {
    let mut notes = String::new();
    let most = config.workers(None);
    if let Some(busy) = facts.busy_sessions.filter(|_| workers < most) {
        notes.push_str(&format!(" {workers} of {most} workers: other sessions at work are {}.", grouped(busy)));
    }
    if let Some(c) = facts.key_correlation.filter(|c| *c < SCATTERED) {
        notes.push_str(&format!(" In the order of the key it would jump about the disk (correlation {c:.2})."));
    }
    if let Some(cache) = facts.cache_blocks.filter(|cache| *cache < blocks) {
        notes.push_str(&format!(
            " The table is larger than the database's cache of {} blocks, so ranges stay small enough to be found \
             there again.",
            grouped(cache)
        ));
    }
    notes
}

/// Chooses the walk of a rollback.
pub(crate) fn choose_undo(
    facts: &TableFacts,
    places: Places,
    options: &RollbackOptions,
    config: &EngineConfig,
) -> Walk {
    let key = |why: &str| by_key(format!("The newest entries of the journal first, by the key of each row: {why}."));
    let Some(blocks) = facts.blocks else {
        return key(facts.no_blocks_because.as_deref().unwrap_or("its rows cannot be addressed by block"));
    };
    if options.dry_run {
        return key("a dry run rehearses one chunk after the other");
    }
    if matches!(options.batch_size, BatchSize::Fixed(_)) {
        return key("the batch size is a fixed number of rows");
    }
    if options.scope.symbols.is_some() || options.scope.rows.is_some() {
        return key("only some rows or symbols are asked for");
    }
    if blocks < config.blocks_from {
        return key(&format!("the table is small ({} blocks)", grouped(blocks)));
    }
    if places.placed == 0 || places.placed * 2 < places.rows {
        return key("the journal does not say where most of the rows were left");
    }
    Walk {
        strategy: Strategy::Blocks,
        reason: format!(
            "Chunk by chunk in the order in which they were written, so that the rows fit where they were; {} rows are \
             looked for where they were left, all others by their key.",
            grouped(places.placed)
        ),
        workers: config.workers(facts.busy_sessions),
        stripes: 1,
        most_blocks: None,
    }
}

#[cfg(test)]
mod tests {
    use amend_domain::{RollbackScope, Scope};

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
    fn ranges_are_so_small_that_those_in_turn_fit_into_half_the_cache() {
        let config = EngineConfig::default();
        let facts = TableFacts { cache_blocks: Some(16_384), key_correlation: Some(0.02), ..large() };
        let walk = choose(&facts, &RunOptions::default(), &config);
        let most = walk.most_blocks.unwrap();
        assert!(most * PARTS * i64::from(walk.workers) <= 16_384 / 2 && most > 0, "{walk:?}");
        assert!(walk.reason.contains("cache of 16,384 blocks"), "{walk:?}");
        assert!(walk.reason.contains("(correlation 0.02)"), "{walk:?}");
        let roomy = TableFacts { cache_blocks: Some(1_000_000), key_correlation: Some(0.99), ..large() };
        let walk = choose(&roomy, &RunOptions::default(), &config);
        assert!(!walk.reason.contains("cache") && !walk.reason.contains("correlation"), "{walk:?}");
    }

    #[test]
    fn load_is_a_reason_only_where_it_takes_workers_away() {
        let busy = TableFacts { busy_sessions: Some(100), ..large() };
        let set = EngineConfig { workers: 3, ..EngineConfig::default() };
        let walk = choose(&busy, &RunOptions::default(), &set);
        assert_eq!((walk.workers, walk.reason.contains("at work")), (3, false), "{walk:?}");
        let own = EngineConfig::default();
        let walk = choose(&busy, &RunOptions::default(), &own);
        assert_eq!((walk.workers, walk.reason.contains("at work")), (1, own.workers(None) > 1), "{walk:?}");
    }

    #[test]
    fn a_rollback_goes_by_places_where_most_rows_have_them() {
        let chosen = |facts: &TableFacts, placed: i64, options: &RollbackOptions| {
            let walk = choose_undo(facts, Places { rows: 100, placed }, options, &EngineConfig::default());
            assert!(walk.reason.ends_with('.') && walk.workers >= 1, "{walk:?}");
            walk.strategy
        };
        let all = RollbackOptions::default();
        assert_eq!(chosen(&large(), 50, &all), Strategy::Blocks);
        assert_eq!(chosen(&large(), 49, &all), Strategy::Key);
        assert_eq!(chosen(&TableFacts { blocks: None, ..large() }, 100, &all), Strategy::Key);
        assert_eq!(chosen(&TableFacts { blocks: Some(9), ..large() }, 100, &all), Strategy::Key);
        let part = |scope| RollbackOptions { scope, ..RollbackOptions::default() };
        let of_values = RollbackScope { old_values: Some(vec![None]), ..RollbackScope::default() };
        assert_eq!(chosen(&large(), 100, &part(of_values)), Strategy::Blocks);
        for options in [
            part(RollbackScope { symbols: Some(vec!["A".into()]), ..RollbackScope::default() }),
            part(RollbackScope { rows: Some(vec!["1".into()]), ..RollbackScope::default() }),
            RollbackOptions { dry_run: true, ..RollbackOptions::default() },
            RollbackOptions { batch_size: BatchSize::Fixed(10), ..RollbackOptions::default() },
        ] {
            assert_eq!(chosen(&large(), 100, &options), Strategy::Key);
        }
        let empty = choose_undo(&large(), Places::default(), &all, &EngineConfig::default());
        assert_eq!(empty.strategy, Strategy::Key);
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
