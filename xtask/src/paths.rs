//! Where things are, seen from the root of the project.

use std::path::{Path, PathBuf};

/// The root of the project: the folder above this crate.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the project's root")
}

/// Where cargo puts what it builds; `CARGO_TARGET_DIR` or `target`.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The web assets. The server crate embeds this folder by its place beside the crate, so
/// `CARGO_TARGET_DIR` does not move it.
pub fn site() -> PathBuf {
    root().join("target/site")
}

/// Where the program named `name` is found on `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}
