//! A PostgreSQL cluster of our own for the tests, gone when they are over.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::Signal;
use nix::unistd::User;

use crate::{paths, process, setup};

/// Nothing in this cluster is worth a wait for the disk.
const HASTY: [&str; 8] = [
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "shared_buffers=256MB",
    "max_wal_size=4GB",
    "jit=off",
];

/// As on a server that means it; what is measured must pay for its durability.
const DURABLE: [&str; 8] = [
    "listen_addresses=127.0.0.1",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "shared_buffers=2GB",
    "max_wal_size=8GB",
    "checkpoint_timeout=30min",
    "autovacuum=off",
];

/// Where `initdb` and `postgres` lie: on `PATH`, where `pg_config` says, or where Debian puts them.
pub fn find_binaries() -> Option<PathBuf> {
    // Followed to where it lies: a link alone has not its sisters beside it.
    let on_path = paths::find_program("initdb").and_then(|file| file.canonicalize().ok()?.parent().map(Path::to_owned));
    let by_config = paths::find_program("pg_config")
        .and_then(|program| process::output(process::command(program).arg("--bindir")).ok())
        .map(|folder| PathBuf::from(folder.trim()));
    on_path
        .into_iter()
        .chain(by_config)
        .chain(debian_folders())
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// `/usr/lib/postgresql/*/bin`, the newest version first.
fn debian_folders() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// A running cluster. Dropping it stops the server and removes its folder.
pub struct Cluster {
    server: Option<Child>,
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    owner: Option<User>,
    settings: &'static [&'static str],
}

impl Cluster {
    /// Makes a cluster for tests and waits until it takes connections.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&HASTY)
    }

    /// Makes one to measure on.
    pub fn start_durable() -> anyhow::Result<Self> {
        Self::start_with(&DURABLE)
    }

    fn start_with(settings: &'static [&'static str]) -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let binaries = setup::postgres_server()?;
        let folder = std::env::temp_dir().join(format!(
            "amend-test-pg-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        let (port, owner) = (process::free_port()?, owner()?);
        let mut cluster = Self { server: None, binaries, folder, port, owner, settings };
        process::step("throw-away PostgreSQL", || cluster.launch())?;
        Ok(cluster)
    }

    /// The address of the maintenance database; tests make databases of their own from it.
    pub fn url(&self) -> String {
        self.database_url("postgres")
    }

    /// The address of a database in this cluster.
    pub fn database_url(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Makes an empty database and returns its address.
    pub fn create_database(&self, name: &str) -> anyhow::Result<String> {
        process::run(self.command("createdb").args([
            "--host=127.0.0.1",
            &format!("--port={}", self.port),
            "--username=postgres",
            name,
        ]))?;
        Ok(self.database_url(name))
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        std::fs::create_dir(&self.folder).with_context(|| format!("cannot create {}", self.folder.display()))?;
        std::fs::set_permissions(&self.folder, Permissions::from_mode(0o700))?;
        if let Some(owner) = &self.owner {
            std::os::unix::fs::chown(&self.folder, Some(owner.uid.as_raw()), Some(owner.gid.as_raw()))?;
        }
        let data = self.folder.join("data");
        self.init(&data)?;
        let log = self.folder.join("log");
        let log_file = std::fs::File::create(&log)?;
        let mut server = self.command("postgres");
        server
            .arg("-D")
            .arg(&data)
            .args(["-c", &format!("port={}", self.port)])
            .args(["-c", &format!("unix_socket_directories={}", self.folder.display())])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::from(log_file.try_clone()?))
            .stderr(Stdio::from(log_file))
            // Ctrl-C in a terminal goes to a whole group; the tests must end before their database.
            .process_group(0);
        let server = server.spawn().context("cannot start postgres")?;
        let server = self.server.insert(server);
        let status = data.join("postmaster.pid");
        process::wait_until(server, Duration::from_secs(60), || is_ready(&status))
            .with_context(|| format!("PostgreSQL: {}", process::tail(&log, 20)))
    }

    fn init(&self, data: &Path) -> anyhow::Result<()> {
        let init = |locale: &str| {
            process::output(
                self.command("initdb")
                    .arg("-D")
                    .arg(data)
                    .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"])
                    .arg(format!("--locale={locale}")),
            )
        };
        // Some systems have no C.UTF-8; only the case of letters outside ASCII depends on it.
        init("C.UTF-8").or_else(|_| init("C")).map(drop)
    }

    /// One of PostgreSQL's programs, run as the owner of the cluster. Client programs may be packed
    /// apart from the server's and lie elsewhere on `PATH`.
    fn command(&self, program: &str) -> Command {
        let beside = self.binaries.join(program);
        let mut command = if beside.is_file() { process::command(beside) } else { process::command(program) };
        command.current_dir(&self.folder).env_remove("LC_ALL").env("LANG", "C.UTF-8");
        if let Some(owner) = &self.owner {
            command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
            process::end(server, Signal::SIGINT, Duration::from_secs(20));
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!("cannot remove {}: {error}", self.folder.display());
        }
    }
}

/// PostgreSQL refuses to run as root; then it runs as its own user.
fn owner() -> anyhow::Result<Option<User>> {
    if !setup::is_root() {
        return Ok(None);
    }
    match User::from_name("postgres").context("cannot look up the user postgres")? {
        Some(user) => Ok(Some(user)),
        None => bail!("there is no user postgres to run the test database as; make one: useradd --system postgres"),
    }
}

/// The eighth line of the server's pid file says when it takes connections.
fn is_ready(pid_file: &Path) -> bool {
    std::fs::read_to_string(pid_file).is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
}
