//! What can be said about the code without running it. Every check counts as one test.

use anyhow::bail;

use crate::process;
use crate::wasm_target::TARGET;

use super::hosts;
use super::summary::Counts;

/// What must never come into the browser: databases, runtimes and servers.
const SERVER_SIDE: [&str; 6] = ["sqlx", "tokio", "axum", "hyper", "amend-engine", "amend-store"];

type Check = fn() -> anyhow::Result<()>;

const CHECKS: [(&str, Check); 7] = [
    ("format", || process::run(process::cargo().args(["fmt", "--all", "--check", "--", "-l"]))),
    ("clippy on this machine", || {
        process::run(process::cargo().args([
            "clippy",
            "--workspace",
            "--exclude=frontend",
            "--all-targets",
            "--",
            "--deny=warnings",
        ]))
    }),
    ("clippy for the browser", || {
        process::run(process::cargo().args([
            "clippy",
            "--package=frontend",
            "--package=amend-app",
            "--features=amend-app/hydrate",
            &format!("--target={TARGET}"),
            "--",
            "--deny=warnings",
        ]))
    }),
    ("nothing of the server in the browser", browser_dependencies),
    ("types of frontend/", || types("frontend")),
    ("types of end2end/", || types("end2end")),
    ("no registry host in any file", hosts::check),
];

pub fn all() -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    for (name, check) in CHECKS {
        match process::step(name, check) {
            Ok(()) => counts.passed += 1,
            Err(_) if process::interrupted() => bail!("interrupted"),
            Err(error) => {
                counts.failed += 1;
                eprintln!("error: {name}: {error:#}");
            }
        }
    }
    Ok(counts)
}

fn types(folder: &str) -> anyhow::Result<()> {
    let compiler = format!("{folder}/node_modules/typescript/bin/tsc");
    process::run(process::command("node").args([&compiler, "--noEmit", "--project", folder]))
}

fn browser_dependencies() -> anyhow::Result<()> {
    let tree = process::output(process::cargo().args([
        "tree",
        "--package=frontend",
        "--edges=normal",
        "--prefix=none",
        &format!("--target={TARGET}"),
    ]))?;
    let found = server_side(&tree);
    if !found.is_empty() {
        bail!("the browser's module depends on {}", found.join(", "));
    }
    Ok(())
}

/// The names in a `cargo tree` that belong to the server.
fn server_side(tree: &str) -> Vec<&str> {
    let mut found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| {
            SERVER_SIDE
                .iter()
                .any(|banned| name.strip_prefix(banned).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::server_side;

    #[test]
    fn server_crates_are_found_with_their_families() {
        let tree =
            "frontend v0.1.0\namend-app v0.1.0\naxum-core v0.5.0\nsqlx v0.9.0\nsqlx v0.9.0 (*)\naxumesque v1.0.0\n";
        assert_eq!(server_side(tree), ["axum-core", "sqlx"]);
    }

    #[test]
    fn a_clean_tree_has_none() {
        assert!(server_side("frontend v0.1.0\nleptos v0.8.23\namend-domain v0.1.0\n").is_empty());
    }
}
