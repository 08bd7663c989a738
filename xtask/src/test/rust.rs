//! Tests of the crates, through nextest where it is installed.

use crate::postgres::Cluster;
use crate::process;

use super::summary::{self, Counts};

/// Runs the tests of some packages. With a cluster, its address is in `AMEND_TEST_POSTGRES`.
pub fn tests(packages: &[&str], cluster: Option<&Cluster>) -> anyhow::Result<Counts> {
    let nextest = has_nextest();
    let mut cargo = process::cargo();
    if nextest {
        // Always the whole workspace, filtered: which features a dependency has depends on what is
        // selected, and another selection would compile half of the tree once more.
        cargo.args(["nextest", "run", "--workspace", "--exclude=frontend", "--no-fail-fast"]);
        cargo.args(["--no-tests=warn", "--filterset", &filter(packages)]);
    } else {
        cargo.args(["test", "--no-fail-fast"]);
        cargo.args(packages.iter().map(|package| format!("--package={package}")));
        if packages.contains(&"amend-app") {
            cargo.arg("--features=amend-app/ssr");
        }
    }
    cargo.env("CARGO_TERM_COLOR", "never");
    match cluster {
        Some(cluster) => cargo.env("AMEND_TEST_POSTGRES", cluster.url()),
        None => cargo.env_remove("AMEND_TEST_POSTGRES"),
    };
    let watched = process::watch(&mut cargo)?;
    let counts = if nextest {
        summary::of_nextest(&watched.text).unwrap_or_default()
    } else {
        summary::of_libtest(&watched.text)
    };
    Ok(counts.with_exit(watched.status.success()))
}

fn has_nextest() -> bool {
    process::output(process::cargo().args(["nextest", "--version"])).is_ok()
}

fn filter(packages: &[&str]) -> String {
    let packages: Vec<String> = packages.iter().map(|package| format!("package(={package})")).collect();
    packages.join(" + ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn packages_are_named_exactly() {
        assert_eq!(super::filter(&["a", "b-c"]), "package(=a) + package(=b-c)");
    }
}
