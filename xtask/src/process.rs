//! Child processes: run, watch, and take along when the task is interrupted.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Makes Ctrl-C, SIGTERM and SIGHUP end the children instead of this process, so that the guards
/// of databases and servers still run. Every wait on a child then returns an error.
pub fn catch_interrupts() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        CHILDREN.lock().expect("no panic while held").iter().copied().for_each(end_group);
    })
    .context("cannot install the handler for Ctrl-C")
}

/// Whether the task was asked to stop.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

fn stop_if_interrupted() -> anyhow::Result<()> {
    if interrupted() {
        bail!("interrupted");
    }
    Ok(())
}

fn end_group(leader: u32) {
    if let Ok(leader) = i32::try_from(leader) {
        let _already_gone = killpg(Pid::from_raw(leader), Signal::SIGTERM);
    }
}

/// Sends a signal to one process; one that has ended meanwhile is no error.
pub fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _already_gone = kill(Pid::from_raw(pid), signal);
    }
}

/// A command that starts in the project's root, with nothing to read from.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate::paths::root()).stdin(Stdio::null());
    command
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The outer cargo describes this crate to us; build scripts that watch such variables (ring's
    // does) would run again at every change between `cargo xtask` and a plain `cargo build`.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name.as_ref());
        }
    }
    cargo
}

/// Runs a command with its output going where ours goes; an error unless it succeeds.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = wait(command)?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a command and returns what it wrote to stdout; an error, with its stderr, unless it succeeds.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    stop_if_interrupted()?;
    let output = command.output().with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}): {}", shown(command), output.status, complaint.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote no UTF-8", shown(command)))
}

fn wait(command: &mut Command) -> anyhow::Result<ExitStatus> {
    stop_if_interrupted()?;
    let mut child = Registered::spawn(command)?;
    let status = child.0.wait().with_context(|| format!("cannot wait for {}", shown(command)))?;
    stop_if_interrupted()?;
    Ok(status)
}

/// What a watched command did: how it ended, and all that it wrote.
pub struct Watched {
    pub status: ExitStatus,
    pub text: String,
}

/// Runs a command, passing on every line that it writes and keeping a copy.
pub fn watch(command: &mut Command) -> anyhow::Result<Watched> {
    stop_if_interrupted()?;
    let mut child = Registered::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stdout = child.0.stdout.take().context("stdout is piped")?;
    let stderr = child.0.stderr.take().context("stderr is piped")?;
    let text = Mutex::new(String::new());
    std::thread::scope(|scope| {
        scope.spawn(|| pass_on(stdout, &text));
        pass_on(stderr, &text);
    });
    let status = child.0.wait().with_context(|| format!("cannot wait for {}", shown(command)))?;
    stop_if_interrupted()?;
    let text = text.into_inner().expect("no panic while held");
    Ok(Watched { status, text })
}

fn pass_on(from: impl Read, copy: &Mutex<String>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        // A closed terminal is no reason to lose the copy.
        let _ = std::io::stdout().write_all(text.as_bytes());
        copy.lock().expect("no panic while held").push_str(&text);
        line.clear();
    }
}

/// A child that an interrupt ends too, for as long as this value lives, with all that it started:
/// it has a process group of its own, since cargo leaves its compilers running when it is killed.
struct Registered(Child);

impl Registered {
    fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.process_group(0).spawn().with_context(|| format!("cannot start {}", shown(command)))?;
        CHILDREN.lock().expect("no panic while held").push(child.id());
        if interrupted() {
            end_group(child.id());
        }
        Ok(Self(child))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let own = self.0.id();
        CHILDREN.lock().expect("no panic while held").retain(|pid| *pid != own);
    }
}

/// Ends a child by `first`, and by force when it has not gone within `patience`.
pub fn end(child: &mut Child, first: Signal, patience: Duration) {
    signal(child.id(), first);
    let started = Instant::now();
    while started.elapsed() < patience {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _already_gone = child.kill();
    let _reaped = child.wait();
}

/// Polls `ready` until it is true, `child` ends or `patience` runs out.
pub fn wait_until(child: &mut Child, patience: Duration, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
    let started = Instant::now();
    while started.elapsed() < patience {
        stop_if_interrupted()?;
        if let Some(status) = child.try_wait()? {
            bail!("it ended at once ({status})");
        }
        if ready() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("it was not ready within {} s", patience.as_secs())
}

/// A TCP port on the loopback address that is free now.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// The last `count` lines of a file, for an error message.
pub fn tail(file: &std::path::Path, count: usize) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A command as one would type it.
pub fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let _infallible = write!(text, " {}", argument.to_string_lossy());
    }
    text
}

/// Announces a step, does it and says how long it took.
pub fn step<T>(name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    stop_if_interrupted()?;
    println!("==> {name}");
    let started = Instant::now();
    let result = work();
    let seconds = started.elapsed().as_secs_f64();
    match &result {
        Ok(_) if seconds >= 1.0 => println!("    {name}: {seconds:.0} s"),
        Ok(_) => {}
        Err(_) => println!("    {name}: failed after {seconds:.0} s"),
    }
    result
}
