//! Chance that can be had again: the same seed, the same rolls.

/// SplitMix64: each seed has a sequence of its own, neighbours included.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to and without `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.next() % sides.max(1)
    }

    /// From `least` to `most`, both included.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        let sides = u64::try_from(most - least + 1).unwrap_or(1);
        least + i64::try_from(self.roll(sides)).unwrap_or(0)
    }

    /// One time in so many.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.roll(times) == 0
    }

    /// One of the await points before this one.
    pub(super) fn wait(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll(u64::try_from(bound).unwrap_or(1))).unwrap_or(0)
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        of.get(self.wait(of.len())).copied()
    }
}
