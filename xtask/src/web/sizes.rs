//! What a browser has to load, held against a budget.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::split::Parts;
use super::{compress, stamp};

/// Bytes of the main WebAssembly module, compressed. A kB is 1000 bytes throughout.
const MODULE_BUDGET: u64 = 450_000;
/// Bytes of all that a first visit loads, whichever page it is of: the main module, the part that
/// the page is in, scripts, styles, charts and fonts, compressed.
const FIRST_LOAD_BUDGET: u64 = 650_000;

const MODULE: &str = "pkg/amend_bg.wasm";

pub struct Sizes {
    assets: Vec<Asset>,
    /// By part, as file names among the assets.
    parts: BTreeMap<String, BTreeSet<String>>,
}

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
        Ok(Self::new(assets, super::parts_in(site)?))
    }

    fn new(mut assets: Vec<Asset>, parts: Parts) -> Self {
        assets.sort_by_key(|asset| std::cmp::Reverse(asset.sent));
        let names = |files: Vec<String>| files.into_iter().map(|file| format!("pkg/{file}.wasm")).collect();
        Self { assets, parts: parts.into_iter().map(|(part, files)| (part, names(files))).collect() }
    }

    /// Every file, then what a first visit loads that begins in each part, the largest last.
    pub fn table(&self) -> String {
        let width = self.assets.iter().map(|asset| asset.name.len()).max().unwrap_or(0).max(24);
        let mut table = format!("    {:width$} {:>10} {:>10}\n", "web asset", "kB raw", "kB brotli");
        let mut line = |name: &str, raw: u64, sent: u64| {
            let _infallible = writeln!(table, "    {name:width$} {:>10} {:>10}", kb(raw), kb(sent));
        };
        for Asset { name, raw, sent } in &self.assets {
            line(name, *raw, *sent);
        }
        for (part, raw, sent) in self.first_loads() {
            line(&format!("first load, {part}"), raw, sent);
        }
        table
    }

    /// What a first visit loads that begins in each part or in none, raw and as sent, the smallest first.
    fn first_loads(&self) -> Vec<(&str, u64, u64)> {
        let anyones: BTreeSet<&String> = self.parts.values().flatten().collect();
        let none = BTreeSet::new();
        let parts = self.parts.iter().map(|(part, files)| (part.as_str(), files)).chain([("the main module", &none)]);
        let mut loads: Vec<_> = parts
            .map(|(part, files)| {
                let loaded = |asset: &&Asset| !anyones.contains(&asset.name) || files.contains(&asset.name);
                let sums = self.assets.iter().filter(loaded);
                let (raw, sent) = sums.fold((0, 0), |(raw, sent), asset| (raw + asset.raw, sent + asset.sent));
                (part, raw, sent)
            })
            .collect();
        loads.sort_by_key(|(_, _, sent)| *sent);
        loads
    }

    /// What is too large, in words; nothing when all is within the budget.
    pub fn over_budget(&self) -> Option<String> {
        let module = self.assets.iter().find(|asset| asset.name == MODULE);
        let module = module.map(|asset| ("the main WebAssembly module".to_owned(), asset.sent, MODULE_BUDGET));
        let largest = self.first_loads().pop();
        let largest = largest.map(|(part, _, sent)| (format!("the first load of {part}"), sent, FIRST_LOAD_BUDGET));
        let complaints: Vec<String> = [module, largest]
            .into_iter()
            .flatten()
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
    use super::{Asset, FIRST_LOAD_BUDGET, MODULE, MODULE_BUDGET, Sizes};

    fn sizes(assets: &[(&str, u64, u64)]) -> Sizes {
        let parts = [("watch", vec!["shared", "watch"]), ("correct", vec!["shared", "correct"])];
        let owned =
            |(part, files): (&str, Vec<&str>)| (part.to_owned(), files.into_iter().map(str::to_owned).collect());
        let asset = |(name, raw, sent): &(&str, u64, u64)| Asset { name: (*name).to_owned(), raw: *raw, sent: *sent };
        Sizes::new(assets.iter().map(asset).collect(), parts.map(owned).into())
    }

    #[test]
    fn exactly_the_budget_is_within_it() {
        let all =
            sizes(&[(MODULE, 2_000_000, MODULE_BUDGET), ("pkg/amend.js", 900_000, FIRST_LOAD_BUDGET - MODULE_BUDGET)]);
        assert_eq!(all.over_budget(), None);
    }

    #[test]
    fn a_main_module_one_byte_too_large_is_named() {
        let complaint = sizes(&[(MODULE, 2_000_000, MODULE_BUDGET + 1)]).over_budget();
        let complaint = complaint.expect("above the budget");
        assert!(complaint.starts_with("the main WebAssembly module is"), "{complaint}");
    }

    #[test]
    fn fonts_count_toward_the_first_load() {
        let all = sizes(&[(MODULE, 1, MODULE_BUDGET), ("fonts/f.woff2", FIRST_LOAD_BUDGET, FIRST_LOAD_BUDGET)]);
        let complaint = all.over_budget().expect("above the budget");
        assert!(complaint.starts_with("the first load of"), "{complaint}");
    }

    #[test]
    fn a_visit_loads_the_part_it_begins_in_and_no_other() {
        let all = sizes(&[
            (MODULE, 1000, 400),
            ("pkg/shared.wasm", 100, 50),
            ("pkg/watch.wasm", 200, 80),
            ("pkg/correct.wasm", 500, 90),
        ]);
        let expected = [("the main module", 1000, 400), ("watch", 1300, 530), ("correct", 1600, 540)];
        assert_eq!(all.first_loads(), expected);
        let table = all.table();
        let last = table.lines().last().expect("a line");
        assert_eq!(last.split_whitespace().collect::<Vec<_>>(), ["first", "load,", "correct", "1.6", "0.6"]);
    }
}
