//! `amend serve` and accounts.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    database::Database,
    program::{ended, int, text},
};

/// Starts a server and reads the line that it says when it is ready.
fn serve(database: &Database, arguments: &[&str]) -> (Child, Value) {
    let arguments = [&["serve", "--addr", "127.0.0.1:0", "--format", "json"], arguments].concat();
    let mut child = database.start(&arguments);
    let mut line = String::new();
    let out = child.stdout.take().expect("standard output");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    (child, ready)
}

fn stop(child: Child) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a number")), Signal::SIGTERM).expect("it runs");
    ended(child).ends(0);
}

#[tokio::test]
async fn a_first_start_fills_an_empty_database_and_tells_the_password_once() {
    let database = Database::sqlite().await;
    let (child, ready) = serve(&database, &["--demo-if-empty", "2000"]);
    let url = text(&ready, "url");
    let health = reqwest::get(format!("{url}/health/live")).await.expect("it answers");
    assert!(health.status().is_success());
    assert_eq!(text(&ready, "user"), "admin");
    assert!(text(&ready, "password").len() >= 12);
    assert_eq!(int(&database.json(&["analyze"]), "total"), 2_000);
    stop(child);

    let (child, ready) = serve(&database, &["--demo-if-empty", "5000"]);
    assert_eq!(ready["password"], Value::Null);
    stop(child);
    assert_eq!(database.number("SELECT count(*) FROM market_data").await, 2_000);

    let hash = database.lines("SELECT password_hash FROM amend_user").await;
    let mut setting = database
        .command(&["user", "set-password", "admin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    setting.stdin.take().expect("standard input").write_all(b"correct horse\n").expect("written");
    ended(setting).ends(0);
    assert_ne!(database.lines("SELECT password_hash FROM amend_user").await, hash);
    database.amend(&["user", "set-password", "nobody"]).ends(2);
    database.destroy().await;
}

#[tokio::test]
async fn a_server_takes_over_what_a_killed_process_left() {
    let database = Database::sqlite().await;
    database.demo(20_000);
    let child = database.start(&["run", "--mode", "overwrite", "--batch-size", "20"]);
    let running = "SELECT id FROM amend_run WHERE changed > 0";
    let id = loop {
        if let Some(id) = database.try_lines(running).await.ok().and_then(|ids| ids.into_iter().next()) {
            break id;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a number")), Signal::SIGKILL).expect("it runs");
    assert_eq!(ended(child).code, -1);
    let (server, _) = serve(&database, &[]);
    let mut shown = Value::Null;
    for _ in 0..300 {
        shown = database.json(&["show", &id]);
        if text(&shown, "state") == "succeeded" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(text(&shown, "state"), "succeeded", "{shown}");
    assert_eq!(database.journalled(&id).await, int(&shown, "changed"));
    stop(server);
    database.destroy().await;
}

#[tokio::test]
async fn a_taken_port_is_said_and_the_first_password_is_not_lost() {
    let database = Database::sqlite().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("an address").to_string();
    let failed = database.amend(&["serve", "--addr", &addr, "--format", "json"]).ends(1);
    assert!(failed.err.contains("--addr") && failed.err.contains("with the password"), "{}", failed.err);
    database.destroy().await;
}
