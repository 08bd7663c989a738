//! The demonstration's own randomness: the same numbers for a seed, on every machine and for good.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). The
//! generators of the `rand` crate may change between its releases.

#[derive(Debug, Clone)]
pub struct Prng(u64);

impl Prng {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to and without `n`; 0 for 0.
    pub fn below(&mut self, n: usize) -> usize {
        // The high half of the product: no division, and a bias of n/2^64.
        let product = u128::from(self.next()) * n as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// From `low` to `high`, both possible.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u128::from(high.abs_diff(low)) + 1;
        let offset = (u128::from(self.next()) * width) >> 64;
        low.saturating_add(i64::try_from(offset).unwrap_or(0))
    }

    /// Whether an event of probability `parts` in [`Prng::ONE`] happens.
    pub fn happens(&mut self, parts: u64) -> bool {
        self.next() >> 44 < parts
    }

    /// Probability 1, in parts.
    pub const ONE: u64 = 1 << 20;

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(from.len());
        from.get(at)
    }

    /// A UUID as text, with the version and variant of random ones.
    pub fn uuid(&mut self) -> String {
        let bytes = ((u128::from(self.next()) << 64) | u128::from(self.next())).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut prng = Prng::new(1_234_567);
        let first = [prng.next(), prng.next(), prng.next()];
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn bounds_hold() {
        let mut prng = Prng::new(7);
        for _ in 0..10_000 {
            assert!(prng.below(3) < 3);
            assert!((-2..=2).contains(&prng.between(-2, 2)));
        }
        assert_eq!(prng.below(0), 0);
        assert!(prng.happens(Prng::ONE));
        assert!(!prng.happens(0));
    }
}
