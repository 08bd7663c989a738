//! The web assets are embedded from `target/site`, which `cargo xtask build` fills. A plain
//! `cargo check` comes before that; the folder must exist then too, even if it is empty.

use std::{env, fs, path::PathBuf};

fn main() {
    let manifest = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let site = PathBuf::from(manifest).join("../target/site");
    fs::create_dir_all(&site).unwrap_or_else(|e| panic!("cannot create {}: {e}", site.display()));
    println!("cargo::rerun-if-changed={}", site.display());
    println!("cargo::rerun-if-changed=build.rs");
}
