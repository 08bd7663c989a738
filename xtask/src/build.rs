//! `cargo xtask build`: the web assets, then the server with the assets inside it.

use std::path::PathBuf;

use crate::{paths, process, setup, web};

/// How much work goes into making things small and fast.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Dev,
    Release,
}

/// What happens when the assets are larger than their budget.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    Enforced,
    Reported,
}

pub fn build(mode: Mode) -> anyhow::Result<()> {
    let program = everything(mode, Budget::Enforced)?;
    println!("Built {}", program.display());
    Ok(())
}

/// Builds all and returns where the program lies.
pub fn everything(mode: Mode, budget: Budget) -> anyhow::Result<PathBuf> {
    setup::for_build()?;
    web::assets(mode)?;
    if mode == Mode::Release {
        web::report_sizes(budget)?;
    }
    server(mode)
}

fn server(mode: Mode) -> anyhow::Result<PathBuf> {
    let (folder, flags): (_, &[&str]) = match mode {
        Mode::Dev => ("debug", &[]),
        Mode::Release => ("release", &["--release"]),
    };
    process::step("server", || {
        process::run(process::cargo().args(["build", "--package", "amend-server"]).args(flags))
    })?;
    Ok(paths::target().join(folder).join("amend"))
}

/// The program with which browser tests look into a database by plain SQL.
pub fn probe() -> anyhow::Result<PathBuf> {
    process::step("amend-probe", || {
        process::run(process::cargo().args(["build", "--package", "amend-store-testkit", "--bin", "amend-probe"]))
    })?;
    Ok(paths::target().join("debug/amend-probe"))
}
