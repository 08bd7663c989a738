use std::io::{BufRead as _, IsTerminal as _};

use amend_domain::{Act, ErrorCode, Problem};
use anyhow::Context as _;
use clap::Subcommand;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use serde_json::json;

use super::{
    Exit,
    context::Context,
    output::{self, Format},
};
use crate::{
    auth::hash_password,
    open::{Missing, told},
};

const SHORTEST: usize = 8;

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Set a password, read from AMEND_ADMIN_PASSWORD or from the first line of standard input
    SetPassword { name: String },
}

pub async fn command(context: Context, args: UserCommand) -> anyhow::Result<Exit> {
    let UserCommand::SetPassword { name } = args;
    let engine = context.engine(Missing::Refuse).await?;
    engine.permit(&context.who, Act::ManagePeople)?;
    let store = engine.store();
    if store.user(&name).await.map_err(|e| told(&e))?.is_none() {
        return Err(unknown(&name).into());
    }
    let password = read_password()?;
    if password.chars().count() < SHORTEST {
        return Err(Problem::field("password", "must have at least 8 characters").into());
    }
    let hash = tokio::task::spawn_blocking(move || hash_password(&password))
        .await?
        .map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?;
    engine.audit(&context.who, "set_password", &name, "done", json!(null)).await?;
    if !store.set_password(&name, &hash).await.map_err(|e| told(&e))? {
        return Err(unknown(&name).into());
    }
    if context.format() == Format::Json {
        output::json(&json!({ "user": name }))?;
    } else {
        output::line(&format!("The password of {name} is set."))?;
    }
    Ok(Exit::Done)
}

fn unknown(name: &str) -> Problem {
    Problem::new(ErrorCode::NotFound, format!("There is no account {name}."))
        .advice("The first start of `amend serve` makes the account admin.")
}

fn read_password() -> anyhow::Result<String> {
    if let Ok(given) = std::env::var("AMEND_ADMIN_PASSWORD") {
        return Ok(given);
    }
    let terminal = std::io::stdin().is_terminal();
    let quiet = if terminal {
        eprint!("New password: ");
        Some(Quiet::start()?)
    } else {
        None
    };
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("standard input cannot be read")?;
    drop(quiet);
    if terminal {
        eprintln!();
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal does not show what is typed while this lives.
struct Quiet(Termios);

impl Quiet {
    fn start() -> anyhow::Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("the terminal's settings cannot be read")?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(std::io::stdin(), SetArg::TCSANOW, &silent).context("the terminal cannot be made silent")?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.0) {
            tracing::warn!(%error, "the terminal's echo could not be switched on again; `stty echo` does it");
        }
    }
}
