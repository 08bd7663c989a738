//! Prices that walk at random, in whole ticks, so that they are the same on every machine.

use super::prng::Prng;

/// A candle as decimal texts.
pub struct Candle {
    pub open: String,
    pub high: String,
    pub low: String,
    pub close: String,
    pub volume: String,
}

/// Where one symbol's price stands.
#[derive(Debug, Clone)]
pub struct Price {
    ticks: i64,
    /// Digits after the point: a tick is `10^-decimals`.
    decimals: u32,
    ceiling: i64,
}

impl Price {
    /// A first price that suits the class.
    pub fn start(class: &str, prng: &mut Prng) -> Self {
        let (decimals, low, high) = match class {
            "FOREX" => (5, 50_000, 15_000_000),
            "CRYPTO" => (8, 1_000, 6_000_000_000_000),
            "INDEX" => (2, 50_000, 4_000_000),
            "BOND" => (4, 800_000, 1_200_000),
            "FUND" | "ETF" => (4, 80_000, 5_000_000),
            _ => (2, 150, 60_000),
        };
        // Small prices are as likely as large ones: halve the range a few times at random.
        let mut top = high;
        for _ in 0..prng.below(4) {
            top = (top / 4).max(low * 2);
        }
        Self { ticks: prng.between(low, top), decimals, ceiling: high * 8 }
    }

    /// The next candle: opens where the last one closed.
    pub fn step(&mut self, prng: &mut Prng) -> Candle {
        let open = self.ticks;
        // Up to 1.5 percent up or down, and at least one tick of room.
        let reach = (open * 15 / 1_000).max(1);
        let close = (open + prng.between(-reach, reach)).clamp(1, self.ceiling);
        let wick = (reach / 4).max(1);
        let high = open.max(close) + prng.between(0, wick);
        let low = (open.min(close) - prng.between(0, wick)).max(1);
        self.ticks = close;
        let volume = match self.decimals {
            8 => decimal(prng.between(1, 5_000_000_000_000), 8),
            _ => prng.between(100, 9_000_000).to_string(),
        };
        Candle {
            open: decimal(open, self.decimals),
            high: decimal(high, self.decimals),
            low: decimal(low, self.decimals),
            close: decimal(close, self.decimals),
            volume,
        }
    }
}

/// `ticks` of size `10^-decimals` as a text: 12345 with 2 is "123.45".
fn decimal(ticks: i64, decimals: u32) -> String {
    let unit = 10_i64.pow(decimals);
    format!("{}.{:0width$}", ticks / unit, ticks % unit, width = decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_written_as_decimals() {
        assert_eq!(decimal(12_345, 2), "123.45");
        assert_eq!(decimal(5, 8), "0.00000005");
    }

    #[test]
    fn a_candle_opens_where_the_last_one_closed() {
        let mut prng = Prng::new(1);
        let mut price = Price::start("CRYPTO", &mut prng);
        let mut last: Option<String> = None;
        for _ in 0..5_000 {
            let candle = price.step(&mut prng);
            assert!(last.is_none_or(|close| close == candle.open));
            last = Some(candle.close);
        }
    }
}
