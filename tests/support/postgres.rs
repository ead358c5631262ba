//! A PostgreSQL server of a test's own: made in a temporary folder, on a port of loopback, crashed and started at will.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use tempfile::TempDir;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::server::at_a_port;

/// `nobody`: the server does not start as root.
const NOBODY: u32 = 65_534;

pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// None, and a word about it, where it is not installed.
    #[expect(clippy::print_stdout, reason = "whoever runs the tests wants to know")]
    pub fn start() -> Option<Postgres> {
        let Some(programs) = programs() else {
            println!("PostgreSQL is not installed: passed over");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("vlens-batch-pg-").tempdir();
        let folder = folder.expect("a temporary folder");
        if rustix::process::geteuid().is_root() {
            let nobody = Some(NOBODY);
            std::os::unix::fs::chown(folder.path(), nobody, nobody).expect("a folder to give away");
        }
        let mut server = Postgres {
            programs,
            folder,
            port: 0,
        };
        server.run("initdb", &["--no-sync", "-A", "trust", "-U", "owner"]);
        server.port = server.started_at(0);
        server.sql("CREATE ROLE clerk LOGIN");
        Some(server)
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn command(&self, program: &str, args: &[&str]) -> ExitStatus {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(args)
            .args(["-D", &self.data()])
            .current_dir("/");
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().expect("a program of PostgreSQL")
    }

    fn run(&self, program: &str, args: &[&str]) {
        let status = self.command(program, args);
        assert!(status.success(), "{program} {args:?}: {status}");
    }

    /// A crash: nothing is written that is not written yet.
    pub fn crash(&self) {
        self.run("pg_ctl", &["-m", "immediate", "-w", "stop"]);
    }

    pub fn start_again(&self) {
        self.started_at(self.port);
    }

    /// The port: the same, or with 0 a free one.
    fn started_at(&self, port: u16) -> u16 {
        let folder = self.folder.path().display();
        let log = format!("{folder}/log");
        let started = at_a_port(port, |port| {
            let options = format!(
                "-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=50"
            );
            let start = ["-o", &options, "-l", &log, "-w", "start"];
            let status = self.command("pg_ctl", &start);
            status.success().then_some(port).ok_or(status)
        });
        started.expect("a server that listens")
    }

    /// As clerk, who may use the register and no more.
    pub fn url(&self) -> String {
        self.url_of("clerk", self.port)
    }

    pub fn url_of(&self, user: &str, port: u16) -> String {
        format!("postgres://{user}@127.0.0.1:{port}/postgres")
    }

    /// The folder of its socket, as an address names it.
    pub fn socket(&self) -> String {
        self.folder.path().to_string_lossy().replace('/', "%2F")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Has it speak TLS with this certificate and key, in PEM form.
    pub fn speak_tls(&self, certificate: &str, key: &str) {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = Path::new(&self.data()).join(name);
            std::fs::write(&path, text).expect("a written file");
            let is_private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, is_private).expect("a private file");
            if rustix::process::geteuid().is_root() {
                std::os::unix::fs::chown(&path, Some(NOBODY), Some(NOBODY))
                    .expect("a file to give away");
            }
        }
        self.sql("ALTER SYSTEM SET ssl = on");
        self.crash();
        self.start_again();
    }

    /// As its owner; the rows' texts, columns parted by `|`.
    pub fn sql(&self, statements: &str) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let url = self.url_of("owner", self.port);
            let (client, connection) = tokio_postgres::connect(&url, NoTls)
                .await
                .expect("a connection");
            tokio::spawn(connection);
            let messages = client.simple_query(statements).await;
            let messages = messages.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
            let text = |message| match message {
                SimpleQueryMessage::Row(row) => {
                    let cells: Vec<&str> =
                        (0..row.len()).map(|at| row.get(at).unwrap_or("")).collect();
                    Some(cells.join("|"))
                }
                _ => None,
            };
            messages.into_iter().filter_map(text).collect()
        })
    }

    /// A copy of the server's files, as a snapshot makes it.
    pub fn copy(&self) -> PathBuf {
        let copy = self.folder.path().join("copy");
        self.crash();
        // Nothing there is as good.
        let _ = std::fs::remove_dir_all(&copy);
        copy_folder(Path::new(&self.data()), &copy);
        self.start_again();
        copy
    }

    /// Puts a copy in the place of what is there.
    pub fn put_back(&self, copy: &Path) {
        self.crash();
        std::fs::remove_dir_all(self.data()).expect("a folder to remove");
        copy_folder(copy, Path::new(&self.data()));
        self.start_again();
    }

    /// What was a standby is the server from now on.
    pub fn fail_over(&self) {
        self.run("pg_ctl", &["-m", "fast", "-w", "stop"]);
        let signal = Path::new(&self.data()).join("standby.signal");
        std::fs::write(signal, "").expect("a written file");
        self.start_again();
        self.run("pg_ctl", &["-w", "promote"]);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("a copy").success());
}

/// Where the server's programs are: of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut folders: Vec<PathBuf> = debian
        .chain(elsewhere)
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    folders.sort();
    folders.pop()
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may be down already, which is as good.
        self.command("pg_ctl", &["-m", "immediate", "-w", "stop"]);
    }
}
