//! The web assets in `target/site`: what the browser loads, small, compressed and named by content.
//!
//! Everything is made in a folder beside it and then takes its place, so that a failed build leaves
//! the last good assets. A stamp over all inputs skips the work when nothing has changed.

mod compress;
mod sizes;
mod split;
mod stamp;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::json;
use wasm_bindgen_cli_support::Bindgen;

use crate::build::{Budget, Mode};
use crate::wasm_target::TARGET;
use crate::{paths, process};

/// Chromium refuses a module that uses more than these; without them some of ours would be undone.
const WASM_OPT_FLAGS: [&str; 7] = [
    "-Oz",
    "--enable-bulk-memory",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
    "--enable-mutable-globals",
];

/// Makes the folder that the server crate embeds, empty if need be: without it the crate does not
/// even pass a check.
pub fn ensure_site_folder() -> anyhow::Result<()> {
    let site = paths::site();
    std::fs::create_dir_all(&site).with_context(|| format!("cannot create {}", site.display()))
}

/// Brings `target/site` up to date.
pub fn assets(mode: Mode) -> anyhow::Result<()> {
    let _held = lock()?;
    let site = paths::site();
    let stamp = stamp::of_inputs(paths::root(), mode)?;
    let stamp_file = paths::root().join("target/site.stamp");
    if site.join("manifest.json").is_file() && std::fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
        println!("==> web assets: nothing has changed");
        return Ok(());
    }
    let fresh = paths::root().join("target/site.new");
    remove(&fresh)?;
    std::fs::create_dir_all(fresh.join("pkg"))?;

    let module = process::step("web assets: WebAssembly module", || compile(mode))?;
    let pkg = fresh.join("pkg");
    let cut = process::step("web assets: parts", || split::split(&module, &pkg))?;
    process::step("web assets: bindings", || bind(&cut.main, &pkg, mode))?;
    if mode == Mode::Release {
        process::step("web assets: wasm-opt", || {
            cut.modules.iter().chain([&pkg.join("amend_bg.wasm")]).try_for_each(|module| optimise(module))
        })?;
    }
    process::step("web assets: scripts and styles", || bundle(&fresh, mode))?;
    copy_folder(&paths::root().join("style/static"), &fresh)?;
    let hash = stamp::of_folder(&fresh)?;
    process::step("web assets: brotli", || compress::folder(&fresh, mode))?;
    let manifest = json!({ "hash": &hash[..8], "parts": cut.parts });
    std::fs::write(fresh.join("manifest.json"), format!("{manifest:#}\n"))?;

    remove(&site)?;
    std::fs::rename(&fresh, &site).context("cannot put the new web assets in place")?;
    std::fs::write(&stamp_file, stamp).with_context(|| format!("cannot write {}", stamp_file.display()))
}

/// The parts that the manifest of a built site names.
fn parts_in(site: &Path) -> anyhow::Result<split::Parts> {
    let file = site.join("manifest.json");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let manifest: serde_json::Value = serde_json::from_str(&text)?;
    serde_json::from_value(manifest["parts"].clone()).with_context(|| format!("{} names no parts", file.display()))
}

/// Two builds at once would make the same folder; the second waits, and mostly finds the work done.
fn lock() -> anyhow::Result<File> {
    ensure_site_folder()?;
    let file = File::create(paths::root().join("target/site.lock")).context("cannot create target/site.lock")?;
    if file.try_lock().is_err() {
        println!("==> waiting for another build of the web assets");
        file.lock().context("cannot lock target/site.lock")?;
    }
    Ok(file)
}

/// Prints what a browser has to load, and fails above the budget where that is enforced.
pub fn report_sizes(budget: Budget) -> anyhow::Result<()> {
    let sizes = sizes::Sizes::of(&paths::site())?;
    print!("{}", sizes.table());
    match (sizes.over_budget(), budget) {
        (None, _) => Ok(()),
        (Some(complaint), Budget::Enforced) => bail!(complaint),
        (Some(complaint), Budget::Reported) => {
            eprintln!("warning: {complaint}");
            Ok(())
        }
    }
}

fn compile(mode: Mode) -> anyhow::Result<PathBuf> {
    let profile = match mode {
        Mode::Dev => "dev",
        Mode::Release => "wasm-release",
    };
    process::run(
        process::cargo()
            .args(["build", "--package=frontend", "--lib"])
            .args([format!("--target={TARGET}"), format!("--profile={profile}")])
            // Cargo adds these to the flags in `.cargo/config.toml`; the environment would replace them.
            .args(["--config".to_owned(), format!("build.rustflags={}", json!(without_local_paths()))]),
    )?;
    let folder = if mode == Mode::Dev { "debug" } else { profile };
    Ok(paths::target().join(TARGET).join(folder).join("frontend.wasm"))
}

/// Panic messages name source files; where those lie on this machine is nobody's business, and two
/// machines are to build the same bytes.
fn without_local_paths() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let home = std::env::home_dir()?;
        Some(home.join(".cargo"))
    });
    let registry = home.map(|home| home.join("registry/src")).unwrap_or_default();
    let mut sources: Vec<PathBuf> =
        std::fs::read_dir(registry).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    // Cargo builds anew when the flags come in another order.
    sources.sort();
    sources.iter().map(|folder| format!("--remap-path-prefix={}=crates", folder.display())).collect()
}

fn bind(module: &Path, pkg: &Path, mode: Mode) -> anyhow::Result<()> {
    let module = std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    Bindgen::new()
        .input_bytes("amend", module)
        .out_name("amend")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        // The parts import memory, table and stack pointer.
        .keep_lld_exports(true)
        .debug(mode == Mode::Dev)
        .remove_name_section(mode == Mode::Release)
        .remove_producers_section(mode == Mode::Release)
        .generate(pkg)
        .context("wasm-bindgen failed")
}

fn optimise(module: &Path) -> anyhow::Result<()> {
    process::run(
        process::command("node")
            .arg("frontend/node_modules/binaryen/bin/wasm-opt")
            .args(WASM_OPT_FLAGS)
            .arg(module)
            .arg("-o")
            .arg(module),
    )
}

fn bundle(site: &Path, mode: Mode) -> anyhow::Result<()> {
    let styles = style_sheets(&paths::root().join("style"))?;
    let pkg = site.join("pkg");
    let [glue, loader] = ["amend.js", split::LOADER].map(|name| pkg.join(name));
    let mut node = process::command("node");
    node.arg("frontend/bundle.mjs");
    if mode == Mode::Dev {
        node.arg("--dev");
    }
    node.args(["charts", "frontend/js/charts.ts"])
        .arg(pkg.join("charts.js"))
        .args(["--", "js"])
        .args([&glue, &glue])
        .args(["--", "js"])
        .args([&loader, &loader])
        .args(["--", "css"])
        .arg(pkg.join("amend.css"))
        .args(styles);
    process::run(&mut node)
}

/// All style sheets in the order of their weight: tokens, the base, then the others by name.
fn style_sheets(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = stamp::files_below(folder)?
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "css"))
        .filter(|file| !file.starts_with(folder.join("static")))
        .collect();
    if files.is_empty() {
        bail!("{} holds no style sheet", folder.display());
    }
    let first = [folder.join("tokens.css"), folder.join("base.css")];
    files.sort_by_key(|file| {
        let place = first.iter().position(|one| one == file).unwrap_or(first.len());
        (place, file.clone())
    });
    Ok(files)
}

fn copy_folder(from: &Path, into: &Path) -> anyhow::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    for file in stamp::files_below(from)? {
        let target = into.join(file.strip_prefix(from)?);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::copy(&file, &target).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
