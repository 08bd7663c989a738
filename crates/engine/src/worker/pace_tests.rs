//! The controller against a simulated database.
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a simulation")]

use proptest::prelude::*;

use super::*;

const TARGET: f64 = 400.0;

/// A database: so many microseconds a row, so many milliseconds a transaction, and noise.
struct Database {
    us: f64,
    overhead_ms: f64,
    /// Half the width of the noise, as a share.
    noise: f64,
    random: u64,
}

impl Database {
    fn new(us: f64, overhead_ms: f64, noise: f64, seed: u64) -> Self {
        Self { us, overhead_ms, noise, random: seed }
    }

    /// From -1 to 1 (splitmix64).
    fn random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// Without noise.
    fn true_ms(&self, size: i64) -> f64 {
        self.overhead_ms + size as f64 * self.us / 1_000.0
    }

    fn chunk(&mut self, pace: &mut Pace) {
        // The sum of two is a triangle: small deviations are the common ones.
        let noise = 1.0 + self.noise * (self.random() + self.random()) / 2.0;
        let ms = self.true_ms(pace.size()) * noise;
        pace.observe(ms as i64);
    }

    fn chunks(&mut self, pace: &mut Pace, n: usize) -> Vec<i64> {
        (0..n)
            .map(|_| {
                self.chunk(pace);
                pace.size()
            })
            .collect()
    }

    /// Until ten chunks in a row left the size alone.
    fn settle(&mut self, pace: &mut Pace) {
        let mut sizes = vec![pace.size()];
        while sizes.len() < 11 || sizes[sizes.len() - 11..].iter().any(|s| *s != pace.size()) {
            sizes.extend(self.chunks(pace, 1));
            assert!(sizes.len() < 200, "{sizes:?}");
        }
    }

    /// Whether chunks take about what they should, or the bounds allow no better.
    fn is_right(&self, pace: &Pace) -> bool {
        let share = self.true_ms(pace.size()) / TARGET;
        (0.6..=1.4).contains(&share)
            || (pace.size() == Pace::MAX && share < 1.0)
            || (pace.size() == Pace::MIN && share > 1.0)
    }
}

fn pace() -> Pace {
    Pace::new(Pace::START, Duration::from_millis(400))
}

/// The widest way out and back again, as a share. A size that only draws nearer to the right one does not
/// swing, however late it does.
fn swing(sizes: &[i64]) -> f64 {
    let ratio = |a: i64, b: i64| a.max(b) as f64 / a.min(b) as f64 - 1.0;
    let there = |turn: usize, end: Option<&i64>| end.map_or(0.0, |end| ratio(sizes[turn], *end));
    (0..sizes.len())
        .map(|turn| {
            let (before, after) = sizes.split_at(turn);
            let peak = there(turn, before.iter().min()).min(there(turn, after.iter().min()));
            let trough = there(turn, before.iter().max()).min(there(turn, after.iter().max()));
            let (is_peak, is_trough) =
                (before.iter().all(|s| *s <= sizes[turn]), before.iter().all(|s| *s >= sizes[turn]));
            match (is_peak, is_trough) {
                (true, false) => peak,
                (false, true) => trough,
                _ => 0.0,
            }
        })
        .fold(0.0, f64::max)
}

#[test]
fn going_out_and_back_swings_and_drawing_nearer_does_not() {
    assert!(swing(&[100, 110, 125, 125]) < 1e-9);
    assert!((swing(&[100, 130, 120]) - 130.0 / 120.0 + 1.0).abs() < 1e-9);
    assert!((swing(&[100, 130, 100, 130]) - 0.3).abs() < 1e-9);
    assert!((swing(&[130, 100, 100, 130]) - 0.3).abs() < 1e-9);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn within_ten_chunks_of_a_step_it_is_right_again_and_then_holds_still(
        seed: u64,
        overhead in 0.0..60.0_f64,
        noise in 0.0..0.15_f64,
        speeds in prop::collection::vec(10.0..200.0_f64, 1..6),
    ) {
        let mut pace = pace();
        for us in speeds {
            let mut database = Database::new(us, overhead, noise, seed);
            database.chunks(&mut pace, 10);
            prop_assert!(database.is_right(&pace), "{us} us: {} rows take {} ms", pace.size(), database.true_ms(pace.size()));
            // The last correction may come when the window is full.
            database.chunks(&mut pace, 15);
            let sizes = database.chunks(&mut pace, 200);
            prop_assert!(swing(&sizes) <= 0.2, "{sizes:?}");
        }
    }

    #[test]
    fn a_ramp_is_followed(
        seed: u64,
        from in 10.0..200.0_f64,
        to in 10.0..200.0_f64,
        chunks in 40_usize..200,
        noise in 0.0..0.15_f64,
    ) {
        let mut pace = pace();
        let mut database = Database::new(from, 10.0, noise, seed);
        database.chunks(&mut pace, 20);
        let step = (to / from).powf(1.0 / chunks as f64);
        for _ in 0..chunks {
            database.us *= step;
            database.chunk(&mut pace);
            let ms = database.true_ms(pace.size());
            prop_assert!((0.4..=1.8).contains(&(ms / TARGET)) || pace.size() == Pace::MAX, "{ms} ms");
        }
    }

    #[test]
    fn a_lone_spike_moves_little_and_an_alarm_is_forgotten_in_ten_chunks(
        seed: u64,
        us in 10.0..200.0_f64,
        noise in 0.0..0.1_f64,
        spike in 1.5..4.5_f64,
    ) {
        let mut pace = pace();
        let mut database = Database::new(us, 10.0, noise, seed);
        database.settle(&mut pace);
        let settled = pace.size();
        pace.observe((TARGET * spike) as i64);
        // Where the size was at the edge of its band, the spike may tip it; it never weighs in itself.
        prop_assert!(pace.size() as f64 >= settled as f64 * 0.85, "{settled} became {}", pace.size());
        database.settle(&mut pace);
        let settled = pace.size();
        pace.observe((TARGET * 6.0) as i64);
        prop_assert_eq!(pace.size(), (settled / 10).max(Pace::MIN));
        database.chunks(&mut pace, 10);
        prop_assert!(database.is_right(&pace), "{} rows take {} ms", pace.size(), database.true_ms(pace.size()));
    }

    #[test]
    fn no_duration_leads_out_of_the_bounds_or_grows_faster_than_allowed(
        durations in prop::collection::vec(0_i64..5_000, 1..200),
    ) {
        let mut pace = pace();
        for ms in durations {
            let before = pace.size();
            let change = pace.observe(ms);
            prop_assert!((Pace::MIN..=Pace::MAX).contains(&pace.size()));
            prop_assert!(pace.size() as f64 <= before as f64 * GROWTH);
            // Every change is told, and nothing else is.
            prop_assert_eq!(change.map_or(before, |c| c.size), pace.size());
        }
    }
}

#[test]
fn a_very_slow_chunk_cuts_to_a_tenth() {
    let mut pace = Pace::new(20_000, Duration::from_millis(400));
    let change = pace.observe(2_001).expect("a cut");
    assert_eq!(change.size, 2_000);
    assert!(change.reason.contains("over five times the target of 400 ms"), "{}", change.reason);
}

#[test]
fn a_database_that_gets_slower_is_noticed_at_its_third_slow_chunk_at_the_latest() {
    let mut pace = pace();
    Database::new(40.0, 0.0, 0.05, 1).chunks(&mut pace, 30);
    let before = pace.size();
    let sizes = Database::new(120.0, 0.0, 0.05, 2).chunks(&mut pace, 3);
    assert!(sizes[2] < before / 2, "{before}: {sizes:?}");
}

#[test]
fn a_chunk_that_ran_out_of_time_cuts_to_a_tenth_and_below_the_least_where_that_is_too_much() {
    let limit = Duration::from_secs(2);
    let mut pace = Pace::new(10_000, Duration::from_millis(400));
    let mut sizes = Vec::new();
    while let Some(change) = pace.ran_out(limit) {
        assert_eq!(change.reason, "a chunk ran into its time limit of 2000 ms");
        sizes.push(change.size);
    }
    assert_eq!(sizes, [1_000, 500, 50, 5, 1]);
}

#[test]
fn after_a_slow_moment_chunks_grow_again_from_a_single_row() {
    let mut pace = Pace::new(500, Duration::from_millis(400));
    while pace.ran_out(Duration::from_secs(2)).is_some() {}
    for _ in 0..60 {
        pace.observe(10);
    }
    assert!(pace.size() > Pace::MIN, "{}", pace.size());
    // From there on the usual least holds.
    for _ in 0..3 {
        pace.observe(10_000);
    }
    assert_eq!(pace.size(), Pace::MIN);
}
