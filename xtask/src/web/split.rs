//! Cuts the linked module into the main module and the parts that pages fetch when they are opened.
//!
//! `app` marks the functions to cut along (`pages::lazy`). What can be reached without passing one
//! stays in the main module; what only one of them needs becomes its part, and what several need
//! becomes chunks. The parts borrow memory and function table of the main module, so parts of two
//! builds never fit together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

/// The script that fetches parts; it imports the bindings, and the bindings import it.
pub const LOADER: &str = "parts.js";
const BINDINGS: &str = "./amend.js";

/// For each part, the files that it takes, without their ending; chunks stand in several.
pub type Parts = BTreeMap<String, Vec<String>>;

/// What came out.
pub struct Split {
    /// The main module, for wasm-bindgen.
    pub main: PathBuf,
    /// All other modules, ready but for optimisation.
    pub modules: Vec<PathBuf>,
    pub parts: Parts,
}

/// Writes the parts and their loader into `pkg`, and the main module beside the whole one.
pub fn split(whole: &Path, pkg: &Path) -> anyhow::Result<Split> {
    let main = whole.with_extension("main.wasm");
    let bytes = std::fs::read(whole).with_context(|| format!("cannot read {}", whole.display()))?;
    let link_name = format!("./{LOADER}");
    let mut options = wasm_split_cli_support::Options::new(&bytes);
    options.output_dir = pkg;
    options.main_out_path = &main;
    options.link_name = &link_name;
    options.main_module = BINDINGS;
    let split =
        wasm_split_cli_support::transform(options).map_err(|error| anyhow!("cannot cut the module: {error:#}"))?;
    if split.prefetch_map.is_empty() {
        bail!("the module has nothing to cut along: was it linked without relocations?");
    }
    let parts = split.prefetch_map.into_iter().collect();
    Ok(Split { main, modules: split.split_modules, parts })
}
