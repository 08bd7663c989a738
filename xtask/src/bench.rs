//! The measured comparisons of `bench/`, each on a throw-away database.

use crate::{paths, postgres::Cluster, process};

/// Builds the comparisons and runs one; its result lands in `bench/RESULTS.md`.
pub fn bench(arguments: &[&str]) -> anyhow::Result<()> {
    let mut build = process::cargo();
    build.args(["build", "--release", "--package", "amend-bench"]);
    process::run(&mut build)?;
    let cluster = match arguments.first() {
        Some(&("correct-sqlite" | "rollback-sqlite")) => None,
        _ => Some(Cluster::start_durable()?),
    };
    let mut program = process::command(paths::target().join("release/amend-bench"));
    program.args(arguments).env("AMEND_BENCH_RESULTS", paths::root().join("bench/RESULTS.md"));
    if let Some(cluster) = &cluster {
        program.env("AMEND_BENCH_POSTGRES", cluster.url());
    }
    process::run(&mut program)
}
