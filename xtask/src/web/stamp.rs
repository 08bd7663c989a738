//! Hashes over files, to know whether anything has changed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::build::Mode;

/// What the web assets are made from.
const INPUTS: [&str; 7] = ["Cargo.lock", "Cargo.toml", "app", "crates/domain", "frontend", "style", "xtask/src"];

/// A hash over everything that decides how the assets come out.
pub fn of_inputs(root: &Path, mode: Mode) -> anyhow::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(if mode == Mode::Dev { b"dev" } else { b"release" });
    for input in INPUTS {
        let path = root.join(input);
        let files = if path.is_dir() { files_below(&path)? } else { vec![path] };
        for file in files {
            add(&mut hasher, root, &file)?;
        }
    }
    Ok(hasher.finalize().to_string())
}

/// A hash over names and contents of all files in a folder.
pub fn of_folder(folder: &Path) -> anyhow::Result<String> {
    let mut hasher = blake3::Hasher::new();
    for file in files_below(folder)? {
        add(&mut hasher, folder, &file)?;
    }
    Ok(hasher.finalize().to_string())
}

fn add(hasher: &mut blake3::Hasher, base: &Path, file: &Path) -> anyhow::Result<()> {
    let content = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = file.strip_prefix(base)?.to_string_lossy();
    // The lengths keep `a` + `bc` apart from `ab` + `c`.
    hasher.update(format!("{}:{name}:{}:", name.len(), content.len()).as_bytes());
    hasher.update(&content);
    Ok(())
}

/// All files in a folder and below, sorted, without what npm installed.
pub fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_name() == "node_modules" {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::{files_below, of_folder};

    #[test]
    fn a_hash_follows_names_and_contents_but_not_installed_packages() {
        let folder = std::env::temp_dir().join(format!("amend-stamp-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("sub/node_modules")).expect("temporary folder");
        std::fs::write(folder.join("sub/a"), "one").expect("write");
        let first = of_folder(&folder).expect("hash");

        std::fs::write(folder.join("sub/node_modules/x"), "x").expect("write");
        assert_eq!(of_folder(&folder).expect("hash"), first);
        std::fs::write(folder.join("sub/a"), "two").expect("write");
        assert_ne!(of_folder(&folder).expect("hash"), first);
        std::fs::write(folder.join("sub/a"), "one").expect("write");
        std::fs::rename(folder.join("sub/a"), folder.join("sub/b")).expect("rename");
        assert_ne!(of_folder(&folder).expect("hash"), first);
        assert_eq!(files_below(&folder).expect("list"), [folder.join("sub/b")]);

        std::fs::remove_dir_all(&folder).expect("clean up");
    }
}
