//! Installs what building and testing need, and only what is not there yet.
//!
//! Each need is looked for first. A missing one is installed where that takes no more rights than
//! we have; otherwise the error names the command that installs it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, bail};

use crate::{paths, postgres, process, wasm_target};

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// All that any task needs.
pub fn everything() -> anyhow::Result<()> {
    for_build()?;
    npm_packages("end2end")?;
    postgres_server()?;
    browser().map(drop)
}

/// What the web assets and the server are built with.
pub fn for_build() -> anyhow::Result<()> {
    wasm_target::ensure()?;
    npm_packages("frontend")
}

/// The npm packages of one folder, exactly as its lock file has them.
pub fn npm_packages(folder: &str) -> anyhow::Result<()> {
    let folder = paths::root().join(folder);
    let lock_file = folder.join("package-lock.json");
    let lock = std::fs::read(&lock_file).with_context(|| format!("cannot read {}", lock_file.display()))?;
    let wanted = blake3::hash(&lock).to_string();
    let stamp = folder.join("node_modules/.amend-lock");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    for program in ["node", "npm"] {
        if paths::find_program(program).is_none() {
            bail!("{program} is missing; install Node.js 20 or later with npm: sudo apt-get install -y nodejs npm");
        }
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    process::step(&format!("npm packages of {name}/"), || {
        process::run(
            process::command("npm")
                .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(&folder)
                .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"),
        )?;
        std::fs::write(&stamp, &wanted).with_context(|| format!("cannot write {}", stamp.display()))
    })
}

/// The browser that the browser tests drive.
pub fn browser() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("AMEND_CHROMIUM") {
        let named = PathBuf::from(named);
        if !named.is_file() {
            bail!("AMEND_CHROMIUM names {}, which is not a file", named.display());
        }
        return Ok(named);
    }
    let find = || BROWSERS.iter().find_map(|name| paths::find_program(name));
    if find().is_none() {
        apt_install("chromium", "Chromium for the browser tests")?;
    }
    find().context("chromium was installed, but is not on PATH")
}

/// The folder that holds `initdb` and `postgres`.
pub fn postgres_server() -> anyhow::Result<PathBuf> {
    if postgres::find_binaries().is_none() {
        apt_install("postgresql", "PostgreSQL's server programs for the tests")?;
    }
    postgres::find_binaries().context("postgresql was installed, but initdb is nowhere to be found")
}

/// Whether this process may install packages and change users.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn apt_install(package: &str, purpose: &str) -> anyhow::Result<()> {
    if !is_root() || !Path::new("/usr/bin/apt-get").exists() {
        bail!("missing: {purpose}. Install it with: sudo apt-get install -y {package}");
    }
    let apt = |arguments: &[&str]| {
        process::run(process::command("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    // One look at the package lists is enough for all that this process installs.
    static UPDATED: OnceLock<()> = OnceLock::new();
    process::step(&format!("installing {package}"), || {
        if UPDATED.set(()).is_ok() {
            apt(&["update", "-qq"])?;
        }
        apt(&["install", "-y", "-qq", "--no-install-recommends", package])
    })
    .with_context(|| format!("cannot install {purpose}; try by hand: apt-get install -y {package}"))
}
