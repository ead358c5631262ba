//! Tests come in through the front door: a folder of their own, the real binary, and the sandbox as a server in a process of
//! its own, with its log as the witness. Nothing here looks inside the program but [`invariants`], which asks SQLite whether
//! the ledger is whole.

mod command;
mod customers;
mod invariants;
mod log;
mod postgres;
mod recipe;
mod rude;
mod server;

use std::cell::RefCell;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

pub use command::{Finished, Running, Vlens};
pub use customers::{Customer, customers, sheet};
pub use invariants::{Promise, damage};
pub use log::Record;
pub use postgres::Postgres;
pub use recipe::Recipe;
pub use rude::{Http2, Rude, answer};
pub use server::Serve;

/// Where the binary keeps ledgers in a world, whose home is its folder.
pub const DATA_FOLDER: &str = ".local/share/vlens-batch";

/// One test's own world. Dropped, its server is killed and its folder removed.
pub struct World {
    // Dropped first, so that the server does not write into a folder that is being removed.
    server: RefCell<Option<server::Server>>,
    serve: Serve,
    folder: TempDir,
}

impl World {
    /// A folder, and no server.
    pub fn new() -> World {
        World {
            server: RefCell::new(None),
            serve: Serve::default(),
            folder: tempfile::Builder::new()
                .prefix("vlens-batch-test-")
                .tempdir()
                .expect("a temporary folder"),
        }
    }

    /// A folder, and a server without limits, latency or faults.
    pub fn with_server() -> World {
        World::with(Serve::default())
    }

    /// A folder, and a server.
    pub fn with(serve: Serve) -> World {
        let world = World {
            serve,
            ..World::new()
        };
        world.start_server();
        world
    }

    /// Starts the server, again at its old address if it had one.
    pub fn start_server(&self) {
        let mut server = self.server.borrow_mut();
        let port = server.as_ref().map_or(0, server::Server::port);
        // The old one must be gone before its port is free.
        drop(server.take());
        *server = Some(server::Server::start(
            &self.serve,
            port,
            &self.server_log_path(),
        ));
    }

    /// Kills the server; its address stays known, and nobody answers there.
    pub fn kill_server(&self) {
        self.server
            .borrow_mut()
            .as_mut()
            .expect("a server to kill")
            .kill_and_hold();
    }

    /// What `VLENS_BASE_URL` is set to.
    pub fn base_url(&self) -> String {
        self.server
            .borrow()
            .as_ref()
            .expect("a server")
            .variable("VLENS_BASE_URL")
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder, with its own folders.
    pub fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let parent = path.parent().expect("a folder");
        std::fs::create_dir_all(parent).expect("a folder for the file");
        std::fs::write(&path, content).expect("a written file");
        path
    }

    pub fn config(&self, toml: &str) -> PathBuf {
        self.file("vlens-batch.toml", toml)
    }

    /// Writes a sheet of `n` valid customers.
    pub fn customers(&self, name: &str, n: usize) -> Vec<Customer> {
        let customers = customers(n);
        self.file(name, sheet(&customers));
        customers
    }

    /// The server's account, as variables.
    pub fn variables(&self) -> Vec<(String, String)> {
        let server = self.server.borrow();
        let variables = server.as_ref().expect("a server").variables();
        variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The real binary with these arguments, in the folder, with an environment that holds nothing but the server's account.
    pub fn vlens<I>(&self, args: I) -> Vlens
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let vlens = Vlens::new(self.folder.path()).args(args);
        match &*self.server.borrow() {
            Some(server) => vlens.envs(server.variables()),
            None => vlens,
        }
    }

    /// `run FILE --rate unlimited --json`, to which a test adds what it is about.
    pub fn send(&self, file: &str) -> Vlens {
        self.vlens(["run", file, "--rate", "unlimited", "--json"])
    }

    /// A command line, its words parted by spaces, run to its end with this exit code.
    #[track_caller]
    pub fn ran(&self, line: &str, code: i32) -> Finished {
        self.vlens(line.split(' ')).run().expect(code)
    }

    /// The same of `run LINE --rate unlimited --json`.
    #[track_caller]
    pub fn sent(&self, line: &str, code: i32) -> Finished {
        self.ran(&format!("run {line} --rate unlimited --json"), code)
    }

    /// Where the ledger is unless a test puts it elsewhere.
    pub fn ledger(&self) -> PathBuf {
        self.beside_ledger("")
    }

    /// A file beside the ledger, such as its `-wal`.
    pub fn beside_ledger(&self, suffix: &str) -> PathBuf {
        let server = self.server.borrow();
        let port = server.as_ref().map_or(0, server::Server::port);
        self.path(DATA_FOLDER)
            .join(format!("sandbox@127.0.0.1-{port}.db{suffix}"))
    }

    /// The document of `status --json`, whatever the exit code.
    pub fn ledger_status(&self) -> Value {
        self.vlens(["status", "--json"]).run().json()
    }

    /// The rows of `export --format jsonl` for the newest run.
    pub fn export(&self) -> Vec<Value> {
        self.export_run(None)
    }

    fn export_run(&self, run: Option<i64>) -> Vec<Value> {
        let run = run.map(|run| run.to_string());
        self.vlens(["export", "--format", "jsonl"])
            .args(run)
            .run()
            .expect(0)
            .json_lines()
    }

    /// The statuses of the newest run's rows, in the order of the sheet.
    pub fn statuses(&self) -> Vec<String> {
        let status = |row: &Value| row["status"].as_str().expect("a status").to_owned();
        self.export().iter().map(status).collect()
    }

    /// Runs the file again and again, as cron would, until nothing is due; fails when that takes too many runs.
    #[track_caller]
    pub fn run_until_done(&self, file: &str) -> Finished {
        for _ in 0..50 {
            let finished = self.send(file).run();
            match finished.code() {
                Some(0 | 3) => return finished,
                Some(4 | 6) => {}
                _ => panic!("not a way in which a run may end\n{finished}"),
            }
        }
        panic!("fifty runs, and still rows are due");
    }

    /// How many rows of the newest run have this status.
    pub fn count(&self, status: &str) -> usize {
        let statuses = self.statuses();
        statuses.iter().filter(|one| *one == status).count()
    }

    pub fn server_log_path(&self) -> PathBuf {
        self.path("server.log")
    }

    /// Every request that the server saw, in the order of arrival.
    pub fn server_log(&self) -> Vec<Record> {
        log::read(&self.server_log_path())
    }

    /// The keys of the invitations that the server accepted, in the order of arrival.
    pub fn accepted(&self) -> Vec<String> {
        self.server_log()
            .into_iter()
            .filter(|record| record.accepted)
            .filter_map(|record| record.key)
            .collect()
    }
}
