//! Browser tests: the released program over both databases, driven by Playwright.
//!
//! Two servers are started on fresh demonstration data. The tests learn of them, and of what they
//! need to start servers of their own, through the environment; `end2end/playwright.config.ts`
//! says what is there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;

use crate::build::{self, Budget, Mode};
use crate::postgres::Cluster;
use crate::{paths, process};

use super::summary::{self, Counts};

/// Rows over a list of symbols given from outside, and over the program's own invented ones.
const ROWS_OVER_GIVEN_SYMBOLS: &str = "1000000";
const ROWS_OVER_OWN_SYMBOLS: &str = "200000";
/// Where a list of symbols may lie beside the checkout, when `AMEND_TEST_SYMBOLS` names none.
const SYMBOLS_BESIDE_CHECKOUT: &str = "../shared/data/symbols.csv.gz";
/// The servers live as long as the tests and listen on the loopback address alone.
const PASSWORD: &str = "browser-tests-only";

pub fn all(browser: &Path, cluster: &Cluster) -> anyhow::Result<Counts> {
    let program = build::everything(Mode::Release, Budget::Enforced)?;
    let probe = build::probe()?;
    let work = Work::create()?;
    let sqlite_url = format!("sqlite://{}", work.0.join("amend.db").display());
    let postgres_url = cluster.create_database("amend_e2e")?;
    let sqlite = Server::start("sqlite", &program, &sqlite_url, &work.0)?;
    let postgres = Server::start("postgres", &program, &postgres_url, &work.0)?;

    let report = logs().join("results.json");
    let _not_there = std::fs::remove_file(&report);
    let mut playwright = process::command("node");
    playwright
        .args(["node_modules/@playwright/test/cli.js", "test", "--reporter=list,json"])
        .current_dir(paths::root().join("end2end"))
        .env("PLAYWRIGHT_JSON_OUTPUT_NAME", &report)
        .env("AMEND_BIN", &program)
        .env("AMEND_PROBE", &probe)
        .env("AMEND_CHROMIUM", browser)
        .env("AMEND_ADMIN_PASSWORD", PASSWORD)
        .env("AMEND_TEST_POSTGRES", cluster.url())
        .env("AMEND_E2E_SQLITE", &sqlite.address)
        .env("AMEND_E2E_SQLITE_DATABASE", &sqlite_url)
        .env("AMEND_E2E_POSTGRES", &postgres.address)
        .env("AMEND_E2E_POSTGRES_DATABASE", &postgres_url);
    if let Some(symbols) = symbols() {
        playwright.env("AMEND_TEST_SYMBOLS", symbols);
    }
    let watched = process::watch(&mut playwright)?;
    let counts = match std::fs::read_to_string(&report) {
        Ok(report) => summary::of_playwright(&report)?,
        Err(_) => Counts::default(),
    };
    let counts = counts.with_exit(watched.status.success());
    if counts.failed > 0 {
        println!("    the servers' logs are in {}", logs().display());
    }
    Ok(counts)
}

/// A list of symbols from outside, where there is one.
fn symbols() -> Option<PathBuf> {
    match std::env::var_os("AMEND_TEST_SYMBOLS") {
        Some(named) => Some(PathBuf::from(named)),
        None => paths::root().join(SYMBOLS_BESIDE_CHECKOUT).canonicalize().ok(),
    }
}

/// Where logs and reports stay after the tests.
fn logs() -> PathBuf {
    paths::target().join("e2e")
}

/// A folder for the servers' files, removed at the end.
struct Work(PathBuf);

impl Work {
    fn create() -> anyhow::Result<Self> {
        std::fs::create_dir_all(logs())?;
        let folder = std::env::temp_dir().join(format!("amend-e2e-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// A running server, stopped when dropped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(name: &str, program: &Path, database: &str, work: &Path) -> anyhow::Result<Self> {
        process::step(&format!("demonstration data, {name}"), || {
            let symbols = symbols();
            let rows = std::env::var("AMEND_E2E_ROWS").unwrap_or_else(|_| {
                let default = if symbols.is_some() { ROWS_OVER_GIVEN_SYMBOLS } else { ROWS_OVER_OWN_SYMBOLS };
                default.to_owned()
            });
            let mut demo = process::command(program);
            demo.current_dir(work).args(["demo", "--rows", &rows, "--database", database]);
            if let Some(symbols) = symbols {
                demo.arg("--symbols-from").arg(symbols);
            }
            process::run(&mut demo)
        })?;
        process::step(&format!("server, {name}"), || {
            use std::os::unix::process::CommandExt as _;

            let port = process::free_port()?;
            let log = logs().join(format!("{name}.log"));
            let log_file = File::create(&log)?;
            let process = process::command(program)
                .current_dir(work)
                .args(["serve", "--addr", &format!("127.0.0.1:{port}"), "--database", database])
                .env("AMEND_ADMIN_PASSWORD", PASSWORD)
                .stdout(Stdio::from(log_file.try_clone()?))
                .stderr(Stdio::from(log_file))
                .process_group(0)
                .spawn()
                .with_context(|| format!("cannot start {}", program.display()))?;
            let mut server = Self { process, address: format!("http://127.0.0.1:{port}") };
            let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            process::wait_until(&mut server.process, Duration::from_secs(60), listens)
                .with_context(|| format!("amend serve: {}", process::tail(&log, 20)))?;
            Ok(server)
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        process::end(&mut self.process, Signal::SIGTERM, Duration::from_secs(10));
    }
}
