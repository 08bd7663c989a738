//! The real program.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::database::Database;

/// What a command answered.
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Answer {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// The answer as JSON: nothing else may be on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// It ended like this.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }
}

/// A command that knows nothing of the surroundings of the test.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amend"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AMEND_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

pub fn answer(command: &mut Command) -> Answer {
    Answer::of(command.output().expect("the program starts"))
}

impl Database {
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.folder, arguments);
        command.env("AMEND_DATABASE_URL", &self.url);
        command
    }

    /// Runs a command to its end.
    pub fn amend(&self, arguments: &[&str]) -> Answer {
        answer(&mut self.command(arguments))
    }

    /// Runs a command that has to be done, and gives its JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--format", "json"]].concat();
        self.amend(&arguments).ends(0).json()
    }

    /// Starts a command and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.env("AMEND_ENGINE_LEASE_S", "3");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// Fills it.
    #[track_caller]
    pub fn demo(&self, rows: u32) {
        self.amend(&["demo", "--rows", &rows.to_string()]).ends(0);
    }
}

/// The end of a started command.
pub fn ended(child: Child) -> Answer {
    Answer::of(child.wait_with_output().expect("the program ends"))
}

pub fn int(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_else(|| panic!("{field} of {value}"))
}

pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}"))
}
