//! The standard library for `wasm32-unknown-unknown`.
//!
//! `rustup` has it. Where rustup is missing or may not fetch, a Debian machine can still build it:
//! the suite named below carries the sources of exactly this compiler's library.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::process;

pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian suites that carry newer compilers than a stable release, nearest first.
const SUITES: [&str; 3] = ["trixie-backports", "testing", "unstable"];

/// Installs the target unless it is there.
pub fn ensure() -> anyhow::Result<()> {
    let sysroot = sysroot()?;
    if is_installed(&sysroot) {
        return Ok(());
    }
    let first = process::step(&format!("Rust target {TARGET}"), || {
        process::run(process::command("rustup").args(["target", "add", TARGET]))
    });
    let Err(first) = first else { return Ok(()) };
    eprintln!("    {first:#}; building it from Debian's rust-src instead");
    let second = process::step("Rust target from sources", || from_debian_sources(&sysroot));
    match second {
        Ok(()) => Ok(()),
        Err(second) => bail!(
            "cannot install the Rust target {TARGET} ({first:#}; {second:#}). Install it by hand: rustup target add {TARGET}"
        ),
    }
}

fn sysroot() -> anyhow::Result<PathBuf> {
    let printed = process::output(process::command("rustc").args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(printed.trim()))
}

fn libraries(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

fn is_installed(sysroot: &Path) -> bool {
    std::fs::read_dir(libraries(sysroot))
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

fn from_debian_sources(sysroot: &Path) -> anyhow::Result<()> {
    let work = std::env::temp_dir().join(format!("amend-rust-src-{}", std::process::id()));
    std::fs::create_dir_all(&work)?;
    let result = fetch_sources(&work, sysroot).and_then(|()| build_library(&work, sysroot));
    std::fs::remove_dir_all(&work)?;
    result
}

/// Puts the library's sources where the compiler looks for them. apt gets a state of its own, so
/// that the machine's package sources stay as they are.
fn fetch_sources(work: &Path, sysroot: &Path) -> anyhow::Result<()> {
    let mirrors = process::output(process::command("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]))?;
    let mirror = mirrors
        .lines()
        .find(|line| line.trim_end_matches('/').ends_with("/debian"))
        .context("apt has no Debian mirror")?;
    let version = process::output(process::command("rustc").arg("--version"))?;
    let version = version.split_whitespace().nth(1).context("rustc names no version")?;
    for suite in SUITES {
        let apt = PrivateApt::new(work, mirror, suite)?;
        if process::run(apt.command("apt-get").args(["update", "-qq"])).is_err() {
            continue;
        }
        let known = process::output(apt.command("apt-cache").args(["madison", "rust-src"]))?;
        let package = known
            .lines()
            .filter_map(|line| line.split('|').nth(1).map(str::trim))
            .find(|found| found.starts_with(&format!("{version}+")) || found.starts_with(&format!("{version}-")));
        let Some(package) = package else { continue };
        process::run(
            apt.command("apt-get").args(["download", "-qq", &format!("rust-src={package}")]).current_dir(work),
        )?;
        return unpack(work, version, sysroot);
    }
    bail!("no Debian suite has rust-src {version}")
}

struct PrivateApt(Vec<String>);

impl PrivateApt {
    fn new(work: &Path, mirror: &str, suite: &str) -> anyhow::Result<Self> {
        let folder = work.join(suite);
        for name in ["lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(folder.join(name))?;
        }
        let list = folder.join("sources.list");
        std::fs::write(&list, format!("deb {mirror} {suite} main\n"))?;
        let folder = folder.display();
        Ok(Self(vec![
            format!("Dir::Etc::sourcelist={}", list.display()),
            "Dir::Etc::sourceparts=/dev/null".into(),
            format!("Dir::State::lists={folder}/lists"),
            format!("Dir::Cache={folder}/cache"),
            // The download is read by us, in a folder that apt's own user may not see.
            "APT::Sandbox::User=root".into(),
        ]))
    }

    fn command(&self, program: &str) -> std::process::Command {
        let mut command = process::command(program);
        for option in &self.0 {
            command.args(["-o", option]);
        }
        command
    }
}

fn unpack(work: &Path, version: &str, sysroot: &Path) -> anyhow::Result<()> {
    let package = std::fs::read_dir(work)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt downloaded no package")?;
    let unpacked = work.join("unpacked");
    process::run(process::command("dpkg").arg("-x").arg(package).arg(&unpacked))?;
    let source = unpacked.join(format!("usr/src/rustc-{version}/library"));
    let place = sysroot.join("lib/rustlib/src/rust");
    std::fs::create_dir_all(&place)?;
    process::run(process::command("cp").arg("-r").arg(source).arg(place))
}

/// Builds the library through an empty crate and puts the results in the sysroot.
fn build_library(work: &Path, sysroot: &Path) -> anyhow::Result<()> {
    let empty = work.join("empty");
    std::fs::create_dir_all(empty.join("src"))?;
    std::fs::write(
        empty.join("Cargo.toml"),
        "[package]\nname = \"amend-empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n",
    )?;
    std::fs::write(empty.join("src/lib.rs"), "#![no_std]\n")?;
    process::run(
        process::cargo()
            .args(["build", "--release", "-Zbuild-std=std,panic_abort,proc_macro", "--target", TARGET])
            .current_dir(&empty)
            .env("CARGO_TARGET_DIR", empty.join("target"))
            .env("RUSTC_BOOTSTRAP", "1"),
    )?;
    let into = libraries(sysroot);
    std::fs::create_dir_all(&into)?;
    for entry in std::fs::read_dir(empty.join("target").join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libamend_empty") {
            std::fs::copy(&path, into.join(name))?;
        }
    }
    if !is_installed(sysroot) {
        bail!("the build left no standard library in {}", into.display());
    }
    Ok(())
}
