//! The command line: one file a command, each thin over one call of the engine.
//!
//! Standard output has the answer and nothing else; everything for people while they wait goes to
//! standard error. Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused.

mod active;
mod analyze;
mod assign;
mod backups;
mod cancel;
mod context;
mod demo;
mod doctor;
mod failed;
mod import;
mod init;
mod logging;
mod output;
mod people;
mod prevent;
mod preview;
mod progress;
mod purge;
mod rollback;
mod run;
mod runs;
mod serve;
mod show;
mod steer;
mod text;
mod token;
mod user;
mod validate;
mod watch;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use amend_domain::{ErrorCode, Problem};
use amend_engine::store::StoreError;
use clap::{Args, Parser, Subcommand};

use self::{context::Context, output::Format};
use crate::open::told;

/// Finds reference-derived values that are wrong, corrects them in reversible batches, and proves it.
#[derive(Debug, Parser)]
#[command(name = "amend", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME [AMEND_DATABASE_URL, or the file;
    /// otherwise sqlite://amend-data/amend.db]
    #[arg(long, global = true, value_name = "URL")]
    pub database: Option<String>,
    /// The settings file [default: amend.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "AMEND_CONFIG")]
    pub config: Option<PathBuf>,
    /// How to answer
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the dashboard and the REST API
    Serve(serve::ServeArgs),
    /// Fill an empty database with demonstration data
    Demo(demo::DemoArgs),
    /// Load a CSV or CSV.gz file into one of the two tables
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Look at the database and write a commented amend.toml
    Init(init::InitArgs),
    /// Count what is right and what is wrong, in one pass over the table
    Analyze(analyze::AnalyzeArgs),
    /// Show what a run would change
    Preview(preview::PreviewArgs),
    /// Correct the table, in batches that can be undone
    Run(run::RunArgs),
    /// List runs
    Runs(runs::RunsArgs),
    /// Show one run with its history
    Show(show::ShowArgs),
    /// List the rows that a run could not correct, each with its error
    Failed(failed::FailedArgs),
    /// Correct the rows that a run could not, and those alone
    Retry(failed::FailedArgs),
    /// Check the table as it stands
    Validate(validate::ValidateArgs),
    /// Undo a run: restore the rows that still have the value it wrote, by its journal or its snapshot
    Rollback(rollback::RollbackArgs),
    /// List the copies that runs made before their first write
    Backups(backups::BackupsArgs),
    /// Drop journals, lists of failed rows and copies of runs whose retention is over
    Purge(purge::PurgeArgs),
    /// List symbols that the reference cannot decide, with suggestions
    Unresolved(assign::UnresolvedArgs),
    /// Decide such a symbol: it is another spelling, or one of the reference's values holds
    Assign(assign::AssignArgs),
    /// Take an assignment back
    Unassign(assign::UnassignArgs),
    /// List what is assigned, by whom, and what it gives now
    Assignments(assign::AssignmentsArgs),
    /// Keep the fault from being made again: what fills or refuses wrong values as they are written
    #[command(subcommand)]
    Prevent(prevent::PreventCommand),
    /// Ask a run to end after the chunk in flight
    Cancel(cancel::CancelArgs),
    /// Ask a run to pause after the chunk in flight
    Pause(steer::SteerArgs),
    /// Go on with a paused run, in a process of its own
    Resume(steer::SteerArgs),
    /// Set the share of the time that a run may spend working, in percent; 0 holds it
    Pace(steer::PaceArgs),
    /// Drive a queued run to its end (what `run --detach` starts)
    #[command(hide = true)]
    Work(work::WorkArgs),
    /// Check database, rights, indexes, clock and space, and say what to do
    Doctor,
    /// Bearer tokens for the REST API
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Accounts
    #[command(subcommand)]
    User(user::UserCommand),
}

/// How a command ended that did not end in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// It answered, and the answer is that something failed.
    Failed,
    /// It answered, and the answer is a refusal.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Refused => Self::from(3),
        }
    }
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_use(&error),
    };
    let format = cli.global.format;
    match start(cli) {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error, format),
    }
}

fn start(cli: Cli) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(dispatch(cli));
    // A blocking read of standard input must not hold up the end.
    runtime.shutdown_background();
    ended
}

async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let Cli { global, command } = cli;
    match command {
        Command::Init(args) => init::command(global, args).await,
        Command::Serve(args) => serve::command(Context::for_server(global, args.addr.clone())?, args).await,
        command => with_settings(Context::new(global)?, command).await,
    }
}

async fn with_settings(context: Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Serve(_) | Command::Init(_) => unreachable!("dispatched before"),
        Command::Demo(args) => demo::command(context, args).await,
        Command::Import(args) => import::command(context, args).await,
        Command::Analyze(args) => analyze::command(context, args).await,
        Command::Preview(args) => preview::command(context, args).await,
        Command::Run(args) => run::command(context, args).await,
        Command::Runs(args) => runs::command(context, args).await,
        Command::Show(args) => show::command(context, args).await,
        Command::Failed(args) => failed::list(context, args).await,
        Command::Retry(args) => failed::retry(context, args).await,
        Command::Validate(args) => validate::command(context, args).await,
        Command::Rollback(args) => rollback::command(context, args).await,
        Command::Backups(args) => backups::command(context, args).await,
        Command::Purge(args) => purge::command(context, args).await,
        Command::Unresolved(args) => assign::unresolved(context, args).await,
        Command::Assign(args) => assign::assign(context, args).await,
        Command::Unassign(args) => assign::unassign(context, args).await,
        Command::Assignments(args) => assign::assignments(context, args).await,
        Command::Prevent(args) => prevent::command(context, args).await,
        Command::Cancel(args) => cancel::command(context, args).await,
        Command::Pause(args) => steer::pause(context, args).await,
        Command::Resume(args) => steer::resume(context, args).await,
        Command::Pace(args) => steer::pace(context, args).await,
        Command::Work(args) => work::command(context, args).await,
        Command::Doctor => doctor::command(context).await,
        Command::Token(args) => token::command(context, args).await,
        Command::User(args) => user::command(context, args).await,
    }
}

/// Prints an error: the sentence to standard error, and in JSON mode the object to standard output.
fn failed(error: &anyhow::Error, format: Format) -> ExitCode {
    let problem = problem_of(error);
    eprintln!("amend: {problem}");
    if format == Format::Json {
        // When even this cannot be written, the exit code still says it.
        let _ = output::json(&serde_json::json!({ "error": problem }));
    }
    ExitCode::from(problem.code.exit_code())
}

fn problem_of(error: &anyhow::Error) -> Problem {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return problem.clone();
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return told(error);
    }
    Problem::new(ErrorCode::Internal, format!("{error:#}."))
}

fn wrong_use(error: &clap::Error) -> ExitCode {
    // Help and version are no errors; clap knows where each text belongs.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if asks_for_json(std::env::args()) {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let problem = Problem::new(ErrorCode::InvalidOptions, message).advice("See amend --help.");
        let _ = output::json(&serde_json::json!({ "error": problem }));
    }
    ExitCode::from(2)
}

fn asks_for_json(arguments: impl Iterator<Item = String>) -> bool {
    let arguments: Vec<String> = arguments.collect();
    arguments.iter().any(|a| a == "--format=json")
        || arguments.windows(2).any(|pair| matches!(pair, [flag, value] if flag == "--format" && value == "json"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_contract_of_the_commands_parses() {
        for line in [
            "amend serve --addr 127.0.0.1:8080 --database sqlite://a.db --config amend.toml",
            "amend serve --demo-if-empty",
            "amend serve --demo-if-empty 5000 --addr 127.0.0.1:0",
            "amend demo --rows 1000 --symbols 50 --seed 7 --bad-share 0.4",
            "amend demo --rows 1000 --symbols-from symbols.csv.gz",
            "amend import symbols FILE",
            "amend import market-data FILE --format json",
            "amend analyze --rule asset-class-correction --format csv",
            "amend preview --mode overwrite --limit 5 --symbols A,B",
            "amend run --mode fill --batch-size auto --max-records 10 --symbols A,B --dry-run --detach",
            "amend run --batch-size 500 --format json",
            "amend rollback r-1 --reason why --on-conflict stop --dry-run",
            "amend rollback r-1 --old-null --old-value a,b --old-value c --new-value X --chunk 1,2 --row 7 --row 8",
            "amend rollback r-1 --from snapshot --on-conflict force --dry-run",
            "amend run --backup snapshot",
            "amend backups --format csv",
            "amend purge --dry-run",
            "amend failed r-1 --format csv",
            "amend retry r-1",
            "amend unresolved --limit 20 --format csv",
            "amend assign --rule asset-class-correction aapl --as AAPL",
            "amend assign DUAL --value ETF --dry-run",
            "amend unassign aapl",
            "amend assignments --format json",
            "amend prevent on --rule asset-class-correction --kind refuse --check",
            "amend prevent on --show-sql",
            "amend prevent off --show-sql --format json",
            "amend prevent status --format csv",
            "amend pause r-1",
            "amend resume r-1 --format json",
            "amend pace r-1 40",
            "amend token create --role viewer --name ci --expires 30",
            "amend token revoke ci",
            "amend user set-password admin",
            "amend doctor --format json",
        ] {
            let parsed = Cli::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }

    #[test]
    fn wrong_use_is_refused_by_the_parser() {
        for line in [
            "amend run --mode repair",
            "amend run --batch-size 0",
            "amend run --backup none",
            "amend rollback r-1 --chunk 0",
            "amend run --max-records 0",
            "amend rollback",
            "amend retry",
            "amend pause",
            "amend assign aapl",
            "amend assign aapl --as AAPL --value ETF",
            "amend unresolved --limit 0",
            "amend prevent",
            "amend prevent on --kind guess",
            "amend pace r-1",
            "amend pace r-1 101",
            "amend demo",
            "amend demo --rows 10 --symbols 50 --symbols-from x.csv",
            "amend token create --role king",
            "amend analyze --rule Not_A_Slug",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn json_is_recognised_before_anything_is_parsed() {
        let ask = |line: &str| asks_for_json(line.split(' ').map(String::from));
        assert!(ask("amend run --format json --mode x"));
        assert!(ask("amend run --format=json"));
        assert!(!ask("amend run --format table"));
    }
}
