//! The project's own tasks: `cargo xtask run | test | build | bench | dist | setup`.
//!
//! What it is: the one place that knows in which order things are built, which tools that takes
//! and how tests get their databases. What it is not: part of the product; nothing depends on it.
//! To add a task, add an arm to [`dispatch`] and a line to [`USAGE`], and a file of its own.

#![forbid(unsafe_code)]

mod bench;
mod build;
mod dist;
mod paths;
mod postgres;
mod process;
mod run;
mod setup;
mod test;
mod wasm_target;
mod web;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask TASK

  run [-- ARGS]     set up, build, and start the dashboard on http://127.0.0.1:8080
                    over ./amend-data/amend.db; ARGS go to `amend serve`
  test [PART...]    set up and run the tests; parts: lint, unit, store, api, e2e (default: all)
  build [--dev]     web assets and target/release/amend, one file with the assets inside it;
                    fails when the assets are above their size budget
                    --dev: unoptimised, target/debug/amend reading target/site from disk
  bench NAME        a measured comparison on a throw-away database: correct-pg, rollback-pg,
                    correct-sqlite, analyze, neighbours; --rows N, --pairs N; the result
                    goes into bench/RESULTS.md
  dist              build, then pack the stripped program into target/dist
  setup             only install what the other tasks need; says nothing when all is there

Environment:
  AMEND_CHROMIUM      browser for the browser tests, when it is not found by itself
  AMEND_TEST_SYMBOLS  CSV or CSV.gz of symbols to run the browser tests over
  AMEND_E2E_ROWS      rows of demonstration data in the browser tests
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if process::interrupted() { 130 } else { 1 })
        }
    }
}

fn dispatch(arguments: &[String]) -> anyhow::Result<ExitCode> {
    process::catch_interrupts()?;
    let Some((task, rest)) = arguments.split_first() else {
        return Ok(wrong_use("no task given"));
    };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (task.as_str(), rest.as_slice()) {
        ("help" | "--help" | "-h", _) | (_, ["--help" | "-h"]) => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        ("run", _) => run::run(rest.strip_prefix(&["--"]).unwrap_or(&rest)),
        ("test", names) => match names.iter().map(|name| test::Part::parse(name)).collect() {
            Some(parts) => test::test(parts),
            None => Ok(wrong_use(&format!("unknown part in: {}", names.join(" ")))),
        },
        ("build", []) => done(build::build(build::Mode::Release)),
        ("build", ["--dev"]) => done(build::build(build::Mode::Dev)),
        ("bench", [_, ..]) => done(bench::bench(&rest)),
        ("dist", []) => done(dist::dist()),
        ("setup", []) => done(setup::everything()),
        _ => Ok(wrong_use(&format!("unknown: {}", arguments.join(" ")))),
    }
}

fn done(result: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

fn wrong_use(what: &str) -> ExitCode {
    eprintln!("error: {what}\n\n{USAGE}");
    ExitCode::from(2)
}
