//! `cargo xtask run`: from a fresh checkout to the dashboard.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::build::{self, Budget, Mode};
use crate::{paths, process};

/// Builds, then becomes `amend serve`, so that Ctrl-C and the exit code are the server's own.
pub fn run(arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let program = build::everything(Mode::Release, Budget::Reported)?;
    let mut server = Command::new(&program);
    server.current_dir(paths::root()).arg("serve");
    if !names_a_database(arguments, std::env::var_os("AMEND_DATABASE_URL").is_some()) {
        server.arg("--demo-if-empty");
    }
    server.args(arguments);
    println!("==> {}", process::shown(&server));
    Err(server.exec()).with_context(|| format!("cannot start {}", program.display()))
}

/// Demonstration data goes into our own default file alone, never into a database someone named.
fn names_a_database(arguments: &[&str], by_environment: bool) -> bool {
    by_environment
        || arguments.iter().any(|argument| {
            ["--database", "--config"]
                .iter()
                .any(|flag| argument.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
        })
}

#[cfg(test)]
mod tests {
    use super::names_a_database;

    #[test]
    fn only_the_default_database_gets_demonstration_data() {
        assert!(!names_a_database(&[], false));
        assert!(!names_a_database(&["--addr", "127.0.0.1:9000"], false));
        assert!(names_a_database(&["--database", "sqlite://mine.db"], false));
        assert!(names_a_database(&["--database=postgres://there/mine"], false));
        assert!(names_a_database(&["--config", "amend.toml"], false));
        assert!(names_a_database(&[], true));
    }
}
