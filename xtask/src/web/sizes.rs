//! What a browser has to load, held against a budget.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::{compress, stamp};

/// Bytes of the WebAssembly module, compressed. A kB is 1000 bytes throughout. The goal is 450 kB;
/// the budget holds what is reached, so that it cannot grow on the way there.
const MODULE_BUDGET: u64 = 600_000;
/// Bytes of all that a first visit loads, charts and fonts included, compressed. The goal is 650 kB.
const FIRST_LOAD_BUDGET: u64 = 680_000;

pub struct Sizes(Vec<Asset>);

struct Asset {
    name: String,
    raw: u64,
    /// As sent; the same as `raw` for what is not compressed, such as fonts.
    sent: u64,
}

impl Sizes {
    /// Measures everything below `pkg/`, and all fonts.
    pub fn of(site: &Path) -> anyhow::Result<Self> {
        let mut assets = Vec::new();
        for file in stamp::files_below(site)? {
            let name = file.strip_prefix(site)?.to_string_lossy().into_owned();
            let is_font = name.ends_with(".woff2");
            let is_code = name.starts_with("pkg/") && !name.ends_with(".br");
            if !is_font && !is_code {
                continue;
            }
            let raw = size(&file)?;
            let packed = compress::sibling(&file);
            let sent = if packed.is_file() { size(&packed)? } else { raw };
            assets.push(Asset { name, raw, sent });
        }
        assets.sort_by_key(|asset| std::cmp::Reverse(asset.sent));
        Ok(Self(assets))
    }

    pub fn table(&self) -> String {
        let width = self.0.iter().map(|asset| asset.name.len()).max().unwrap_or(0).max(10);
        let mut table = format!("    {:width$} {:>10} {:>10}\n", "web asset", "kB raw", "kB brotli");
        for Asset { name, raw, sent } in &self.0 {
            let _infallible = writeln!(table, "    {name:width$} {:>10} {:>10}", kb(*raw), kb(*sent));
        }
        let raw = self.0.iter().map(|asset| asset.raw).sum();
        let _infallible = writeln!(table, "    {:width$} {:>10} {:>10}", "first load", kb(raw), kb(self.first_load()));
        table
    }

    fn first_load(&self) -> u64 {
        self.0.iter().map(|asset| asset.sent).sum()
    }

    fn module(&self) -> u64 {
        let modules = self.0.iter().filter(|asset| asset.name.ends_with(".wasm"));
        modules.map(|asset| asset.sent).sum()
    }

    /// What is too large, in words; nothing when all is within the budget.
    pub fn over_budget(&self) -> Option<String> {
        let limits = [
            ("the WebAssembly module", self.module(), MODULE_BUDGET),
            ("the first load", self.first_load(), FIRST_LOAD_BUDGET),
        ];
        let complaints: Vec<String> = limits
            .into_iter()
            .filter(|(_, size, budget)| size > budget)
            .map(|(what, size, budget)| {
                format!("{what} is {} kB compressed, above its budget of {} kB", kb(size), kb(budget))
            })
            .collect();
        (!complaints.is_empty()).then(|| complaints.join("; "))
    }
}

fn size(file: &Path) -> anyhow::Result<u64> {
    let about = std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(about.len())
}

/// Kilobytes with one decimal, rounded up, so that nothing above a budget looks equal to it.
fn kb(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::{Asset, FIRST_LOAD_BUDGET, MODULE_BUDGET, Sizes};

    fn sizes(assets: &[(&str, u64, u64)]) -> Sizes {
        let asset = |(name, raw, sent): &(&str, u64, u64)| Asset { name: (*name).to_owned(), raw: *raw, sent: *sent };
        Sizes(assets.iter().map(asset).collect())
    }

    #[test]
    fn exactly_the_budget_is_within_it() {
        let all = sizes(&[
            ("pkg/a.wasm", 2_000_000, MODULE_BUDGET),
            ("pkg/a.js", 900_000, FIRST_LOAD_BUDGET - MODULE_BUDGET),
        ]);
        assert_eq!(all.over_budget(), None);
    }

    #[test]
    fn a_module_one_byte_too_large_is_named() {
        let complaint = sizes(&[("pkg/a.wasm", 2_000_000, MODULE_BUDGET + 1)]).over_budget();
        let complaint = complaint.expect("above the budget");
        assert!(complaint.starts_with("the WebAssembly module is"), "{complaint}");
    }

    #[test]
    fn fonts_count_toward_the_first_load() {
        let all = sizes(&[("pkg/a.wasm", 1, MODULE_BUDGET), ("fonts/f.woff2", FIRST_LOAD_BUDGET, FIRST_LOAD_BUDGET)]);
        let complaint = all.over_budget().expect("above the budget");
        assert!(complaint.starts_with("the first load is"), "{complaint}");
    }

    #[test]
    fn the_table_ends_with_the_sum() {
        let table = sizes(&[("pkg/a.wasm", 1500, 700), ("pkg/a.js", 500, 50)]).table();
        let last = table.lines().last().expect("a line");
        assert_eq!(last.split_whitespace().collect::<Vec<_>>(), ["first", "load", "2.0", "0.8"]);
    }
}
