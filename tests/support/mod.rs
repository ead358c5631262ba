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
mod tables;
mod team;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;
use serde_json::Value;
use tempfile::TempDir;
use vlens_batch::model::meaning;

pub use command::{Finished, GONE, HANGS_AFTER, ON_ITS_OWN_TERMINAL, Running, Vlens};
pub use customers::{Customer, customers, sheet};
pub use invariants::{Promise, damage};
pub use log::{Record, uses_up_the_quota};
pub use postgres::Postgres;
pub use recipe::{Recipe, as_saved, cases, parts, zipped};
pub use rude::{Http2, Rude, Wire, answer, answer_with, polite};
pub use tables::rows;
pub use team::{COMPUTERS, FAST, Team, people};

/// Where the binary keeps ledgers in a world, whose home is its folder.
pub const DATA_FOLDER: &str = ".local/share/vlens-batch";

/// The variables of an account.
pub const NAMES: [&str; 5] = [
    "VLENS_BASE_URL",
    "VLENS_API_KEY",
    "VLENS_TENANCY_NAME",
    "VLENS_USERNAME",
    "VLENS_PASSWORD",
];

pub const FORM_414: &str = include_str!("../../src/sandbox/forms/414.json");
pub const FORM_415: &str = include_str!("../../src/sandbox/forms/415.json");

/// The codes of problems with what each means, in the reference's order.
pub fn problem_codes() -> Vec<(String, &'static str)> {
    let codes = include_str!("../../src/model/faults.toml").parse::<toml::Table>();
    let codes = codes.expect("codes in TOML").into_iter();
    codes
        .filter_map(|(code, _)| Some((code.clone(), meaning(&code, false)?)))
        .collect()
}

/// How many kills a test of kills makes: `VLENS_KILLS=2000` for the long form.
pub fn kills(usual: usize) -> usize {
    let asked = std::env::var("VLENS_KILLS").ok();
    asked.map_or(usual, |text| text.parse().expect("a number of kills"))
}

/// Some members of a document, side by side.
pub fn pick<const N: usize>(document: &Value, names: [&str; N]) -> Value {
    names.map(|name| document[name].clone()).into()
}

/// The counts of a run's document that are not 0.
pub fn counts(document: &Value) -> Value {
    let counts = document["counts"].as_object().into_iter().flatten();
    let counts = counts.filter(|(_, n)| **n != 0);
    let counts = counts.map(|(status, n)| (status.clone(), n.clone()));
    counts.collect()
}

/// One member of each of a list's documents.
pub fn each(list: &Value, name: &str) -> Vec<Value> {
    let list = list.as_array().expect("a list").iter();
    list.map(|document| document[name].clone()).collect()
}

/// Whether anything is there twice.
pub fn is_any_repeated<T: Ord>(all: &[T]) -> bool {
    all.iter().collect::<BTreeSet<_>>().len() < all.len()
}

/// What `work` gives of each, some worked on at a time, in their order.
pub fn of_each<T: Sync, R: Send>(all: &[T], work: fn(&T) -> R) -> Vec<R> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(4).build();
    let work = || all.par_iter().map(work).collect();
    threads.expect("threads").install(work)
}

/// One test's own world. Dropped, its server is killed and its folder removed.
pub struct World {
    // Dropped first, so that the server does not write into a folder that is being removed.
    server: RefCell<Option<server::Server>>,
    options: String,
    folder: TempDir,
}

/// Runs again and again until nothing is due; what happens in between, once a run has stopped early.
#[track_caller]
pub fn until_done(run: impl Fn() -> Finished, meanwhile: impl Fn()) -> Finished {
    for _ in 0..50 {
        let finished = run();
        match finished.code() {
            Some(0 | 3) => return finished,
            Some(4 | 6) => meanwhile(),
            _ => panic!("not a way in which a run may end\n{finished}"),
        }
    }
    panic!("fifty runs, and still rows are due");
}

impl World {
    /// A folder, and no server.
    pub fn new() -> World {
        World {
            server: RefCell::new(None),
            options: String::new(),
            folder: tempfile::Builder::new()
                .prefix("vlens-batch-test-")
                .tempdir()
                .expect("a temporary folder"),
        }
    }

    /// A folder, and a server without limits, latency or faults.
    pub fn with_server() -> World {
        World::with("")
    }

    /// A folder, and a server with these options of `sandbox`.
    pub fn with(options: &str) -> World {
        let world = World {
            options: options.to_owned(),
            ..World::new()
        };
        world.start_server();
        world
    }

    /// The same, and `customers.csv` with so many valid customers.
    pub fn serving(options: &str, n: usize) -> World {
        let world = World::with(options);
        world.customers("customers.csv", n);
        world
    }

    pub fn with_customers(n: usize) -> World {
        World::serving("", n)
    }

    /// A world whose customers are all created.
    pub fn with_created(n: usize) -> World {
        let world = World::with_customers(n);
        world.sent("customers.csv", 0);
        world
    }

    /// A folder, a server, and `customers.csv` with these phones.
    pub fn with_phones<const N: usize>(phones: [&str; N]) -> World {
        let world = World::with_server();
        world.phones("customers.csv", phones);
        world
    }

    /// Starts the server, again at its old address if it had one.
    pub fn start_server(&self) {
        let mut server = self.server.borrow_mut();
        let port = server.as_ref().map_or(0, server::Server::port);
        // The old one must be gone before its port is free.
        drop(server.take());
        *server = Some(server::Server::start(
            &self.options,
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
        let server = self.server.borrow();
        server.as_ref().expect("a server").base_url().to_owned()
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

    pub fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// What others may do with a file.
    pub fn mode(&self, name: impl AsRef<Path>) -> u32 {
        let metadata = std::fs::metadata(self.path(name)).expect("a file");
        std::os::unix::fs::MetadataExt::mode(&metadata) & 0o777
    }

    /// When a file was saved last, as whoever saves it has it.
    pub fn set_time(&self, name: impl AsRef<Path>, time: SystemTime) {
        let file = std::fs::File::options().append(true).open(self.path(name));
        let set = file.and_then(|file| file.set_modified(time));
        set.expect("a file of another time");
    }

    /// The cells of a workbook's sheet, row by row.
    pub fn cells(&self, book: impl AsRef<Path>, sheet: usize) -> Vec<Vec<calamine::Data>> {
        let mut book: calamine::Xlsx<_> =
            calamine::open_workbook(self.path(book)).expect("a workbook");
        let range = calamine::Reader::worksheet_range_at(&mut book, sheet).expect("a sheet");
        let range = range.expect("a readable sheet");
        range.rows().map(<[_]>::to_vec).collect()
    }

    /// Stores the sandbox's form of a contract type, as `contract-types pull` does.
    pub fn form(&self, id: u32) {
        let form = if id == 414 { FORM_414 } else { FORM_415 };
        self.file(format!("contract-types/{id}.json"), form);
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

    /// Writes a sheet of customers with these phones; an empty one stands for a customer's own.
    pub fn phones<const N: usize>(&self, name: &str, phones: [&str; N]) -> Vec<Customer> {
        let mut customers = customers(N);
        for (customer, phone) in customers.iter_mut().zip(phones) {
            if !phone.is_empty() {
                phone.clone_into(&mut customer.phone);
            }
        }
        self.file(name, sheet(&customers));
        customers
    }

    /// The server's account, as variables.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let server = self.server.borrow();
        server.as_ref().expect("a server").variables().clone()
    }

    /// The real binary with these arguments, in the folder, with an environment that holds nothing but the server's account.
    pub fn vlens<I>(&self, args: I) -> Vlens
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let vlens = Vlens::new(self.folder.path()).args(args);
        match &*self.server.borrow() {
            Some(server) => {
                let variables = server.variables().iter();
                vlens.envs(variables.map(|(name, value)| (name.as_str(), value)))
            }
            None => vlens,
        }
    }

    /// The same of a command line: words parted by spaces, but for those within single quotes.
    pub fn line(&self, line: &str) -> Vlens {
        let mut is_quoted = false;
        let parts = line.split(|c| {
            is_quoted ^= c == '\'';
            c == ' ' && !is_quoted
        });
        self.vlens(parts.map(|word| word.replace('\'', "")))
    }

    /// `run LINE --rate unlimited --json`
    pub fn send(&self, line: &str) -> Vlens {
        self.line(&format!("run {line} --rate unlimited --json"))
    }

    /// A sender, from the moment at which more than `n` invitations were accepted.
    pub fn begun(&self, sender: Vlens, n: usize) -> Running {
        let mut sender = sender.start();
        sender.until("the first rows", || self.accepted().len() > n);
        sender
    }

    /// A command line, run to its end with this exit code.
    #[track_caller]
    pub fn ran(&self, line: &str, code: i32) -> Finished {
        self.line(line).ends(code)
    }

    /// The same of `run LINE --rate unlimited --json`.
    #[track_caller]
    pub fn sent(&self, line: &str, code: i32) -> Finished {
        self.send(line).ends(code)
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

    /// Requests for invitations in the ledger: all, and those without an answer.
    pub fn requests_on_paper(&self) -> (usize, usize) {
        let counts = self.query(
            "SELECT count(*), count(*) - count(closed_ms) FROM attempts WHERE invitation_id IS NOT NULL",
        );
        let [all, open] = counts.map(|n| usize::try_from(n).expect("a count"));
        (all, open)
    }

    /// The numbers in the one row that a query of the ledger gives.
    pub fn query<const N: usize>(&self, sql: &str) -> [i64; N] {
        let ledger = rusqlite::Connection::open(self.ledger()).expect("a ledger");
        let row = ledger.query_row(sql, [], |row| {
            (0..N)
                .map(|at| row.get(at))
                .collect::<Result<Vec<i64>, _>>()
        });
        row.expect("one row").try_into().expect("as many numbers")
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
        let export = self.line("export --format jsonl").args(run);
        export.ends(0).json_lines()
    }

    /// The statuses of the newest run's rows, in the order of the sheet.
    pub fn statuses(&self) -> Vec<String> {
        let status = |row: &Value| row["status"].as_str().expect("a status").to_owned();
        self.export().iter().map(status).collect()
    }

    /// Runs the file again and again, as cron would, until nothing is due; fails when that takes too many runs.
    #[track_caller]
    pub fn run_until_done(&self, file: &str) -> Finished {
        until_done(|| self.send(file).run(), || ())
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

    /// Those of them that asked for an invitation or a session.
    pub fn invitations(&self) -> Vec<Record> {
        let mut log = self.server_log();
        log.retain(Record::is_invitation);
        log
    }

    /// The bodies of those.
    pub fn bodies(&self) -> Vec<String> {
        let records = self.server_log().into_iter();
        records.filter_map(|record| record.body).collect()
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
