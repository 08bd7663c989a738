//! `cargo xtask test`: every part on its own feet, one summary at the end.
//!
//! A part that fails, or cannot even start, does not keep the others from running. The last line is
//! always `N passed, N failed`.

mod e2e;
mod hosts;
mod lint;
mod rust;
mod summary;

use std::process::ExitCode;
use std::time::Instant;

use crate::postgres::Cluster;
use crate::{process, setup, web};
use summary::{Counts, Outcome};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Lint,
    Unit,
    Store,
    Api,
    E2e,
}

impl Part {
    const ALL: [Self; 5] = [Self::Lint, Self::Unit, Self::Store, Self::Api, Self::E2e];

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Unit => "unit",
            Self::Store => "store",
            Self::Api => "api",
            Self::E2e => "e2e",
        }
    }
}

/// What the parts share: one database cluster, started by the first part that needs it.
#[derive(Default)]
struct Shared {
    cluster: Option<Cluster>,
}

impl Shared {
    fn cluster(&mut self) -> anyhow::Result<&Cluster> {
        let cluster = match self.cluster.take() {
            Some(running) => running,
            None => Cluster::start()?,
        };
        Ok(self.cluster.insert(cluster))
    }
}

/// Runs the named parts, or all of them when none is named.
pub fn test(parts: Vec<Part>) -> anyhow::Result<ExitCode> {
    let parts = if parts.is_empty() { Part::ALL.to_vec() } else { parts };
    let mut shared = Shared::default();
    let mut outcomes = Vec::new();
    for part in parts {
        if process::interrupted() {
            break;
        }
        println!("\n=== {} ===", part.name());
        let started = Instant::now();
        let (counts, note) = match run(part, &mut shared) {
            Ok(counts) if counts.passed + counts.failed == 0 => {
                (Counts::one_failure(), Some("ran no tests".to_owned()))
            }
            Ok(counts) => (counts, None),
            Err(error) => (Counts::one_failure(), Some(format!("{error:#}"))),
        };
        if let Some(note) = &note {
            eprintln!("error: {}: {note}", part.name());
        }
        outcomes.push(Outcome { name: part.name(), counts, elapsed: started.elapsed(), note });
    }
    // The database goes first, so that nothing is printed after the summary.
    drop(shared);
    print!("{}", summary::text(&outcomes));
    let passed = outcomes.iter().all(|outcome| outcome.counts.failed == 0);
    Ok(match (process::interrupted(), passed) {
        (true, _) => ExitCode::from(130),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

fn run(part: Part, shared: &mut Shared) -> anyhow::Result<Counts> {
    web::ensure_site_folder()?;
    match part {
        Part::Lint => {
            setup::for_build()?;
            setup::npm_packages("end2end")?;
            lint::all()
        }
        Part::Unit => rust::tests(&["amend-domain", "amend-engine", "amend-app", "amend-bench", "xtask"], None),
        Part::Store => {
            let cluster = shared.cluster()?;
            rust::tests(&["amend-store-testkit", "amend-store-sqlite", "amend-store-postgres"], Some(cluster))
        }
        Part::Api => rust::tests(&["amend-server"], Some(shared.cluster()?)),
        Part::E2e => {
            setup::npm_packages("end2end")?;
            let browser = setup::browser()?;
            e2e::all(&browser, shared.cluster()?)
        }
    }
}
