//! `cargo xtask dist`: the archive that is handed to others.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::build::{self, Budget, Mode};
use crate::{paths, process};

const DOCUMENTS: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

pub fn dist() -> anyhow::Result<()> {
    for document in DOCUMENTS {
        if !paths::root().join(document).is_file() {
            bail!("{document} is missing, and the archive must have it");
        }
    }
    let program = build::everything(Mode::Release, Budget::Enforced)?;
    let name = format!("amend-{}-{}", env!("CARGO_PKG_VERSION"), host()?);
    let folder = paths::target().join("dist");
    let content = folder.join(&name);
    if content.exists() {
        std::fs::remove_dir_all(&content)?;
    }
    std::fs::create_dir_all(&content)?;
    let packed = content.join("amend");
    std::fs::copy(&program, &packed).with_context(|| format!("cannot copy {}", program.display()))?;
    process::run(process::command("strip").arg(&packed))?;
    for document in DOCUMENTS {
        std::fs::copy(paths::root().join(document), content.join(document))?;
    }
    let archive = folder.join(format!("{name}.tar.gz"));
    process::run(
        process::command("tar")
            .args(["--create", "--gzip", "--owner=0", "--group=0", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(&folder)
            .arg(&name),
    )?;
    println!("Packed {} ({} MB)", archive.display(), megabytes(&archive)?);
    Ok(())
}

fn host() -> anyhow::Result<String> {
    let printed = process::output(process::command("rustc").arg("-vV"))?;
    let host = printed.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

fn megabytes(file: &Path) -> anyhow::Result<String> {
    let tenths = std::fs::metadata(file)?.len() / 100_000;
    Ok(format!("{}.{}", tenths / 10, tenths % 10))
}
