//! How a run goes through its table, and what that did to the table's files.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Row after row in the order of the key (keyset pagination), by one worker.
    Key,
    /// Ranges of heap blocks, each changed in one transaction.
    Blocks,
    /// Ranges of heap blocks, each walked in stripes with a transaction of its own: what the first
    /// stripes leave dead is pruned and takes the new versions of the next ones (heap-only updates).
    Ladder,
}

impl Strategy {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Blocks => "blocks",
            Self::Ladder => "ladder",
        }
    }
}

/// The strategy of a run's walk and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    pub strategy: Strategy,
    /// A sentence for the run's page.
    pub reason: String,
    /// Workers that share the walk.
    pub workers: u32,
    /// Stripes of each range; 1 without a ladder.
    pub stripes: u32,
    /// Blocks of one range at most, so that all ranges between which the workers rotate stay in the
    /// database's cache; `None` where nothing is known of it.
    #[serde(default)]
    pub most_blocks: Option<i64>,
}

/// The target's files and the server's log at one moment. Bytes, and rows since the server's
/// statistics began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    pub heap_bytes: i64,
    pub index_bytes: i64,
    /// Of the whole server: other writers are in it.
    pub wal_bytes: i64,
    pub updated: i64,
    /// Of `updated`, those that touched no index.
    pub hot: i64,
}

/// What a run did to the target's files: the later footprint against the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    pub before: Footprint,
    pub after: Footprint,
    /// What one plain UPDATE of as many rows would have added to the heap, at least: a new version of
    /// each changed row, with no room reused.
    pub plain_heap_bytes: i64,
    /// The same for the indexes: a new entry of each changed row in each.
    pub plain_index_bytes: i64,
}

impl Effect {
    /// `changed` of `rows` rows were written between the two footprints.
    #[must_use]
    pub fn new(before: Footprint, after: Footprint, changed: i64, rows: i64) -> Self {
        let part = |bytes: i64| {
            let share = i128::from(bytes) * i128::from(changed) / i128::from(rows.max(1));
            i64::try_from(share).unwrap_or(i64::MAX)
        };
        Self { before, after, plain_heap_bytes: part(before.heap_bytes), plain_index_bytes: part(before.index_bytes) }
    }

    #[must_use]
    pub const fn heap_growth(&self) -> i64 {
        self.after.heap_bytes - self.before.heap_bytes
    }

    #[must_use]
    pub const fn index_growth(&self) -> i64 {
        self.after.index_bytes - self.before.index_bytes
    }

    #[must_use]
    pub const fn wal(&self) -> i64 {
        self.after.wal_bytes - self.before.wal_bytes
    }

    /// Of 100 updates, those that touched no index; `None` before the server has counted any.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn hot_percent(&self) -> Option<f64> {
        let updated = self.after.updated - self.before.updated;
        (updated > 0).then(|| (self.after.hot - self.before.hot) as f64 * 100.0 / updated as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_update_of_half_the_rows_adds_half_the_bytes() {
        let before = Footprint { heap_bytes: 1_000, index_bytes: 600, updated: 7, hot: 1, ..Footprint::default() };
        let after = Footprint { heap_bytes: 1_100, index_bytes: 650, updated: 17, hot: 9, ..before };
        let effect = Effect::new(before, after, 50, 100);
        assert_eq!((effect.plain_heap_bytes, effect.plain_index_bytes), (500, 300));
        assert_eq!((effect.heap_growth(), effect.index_growth()), (100, 50));
        assert_eq!(effect.hot_percent(), Some(80.0));
    }
}
