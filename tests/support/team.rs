//! Several computers, one tenant: each with a ledger of its own, and one register in a real PostgreSQL.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Finished, Postgres, Vlens, World, customers, sheet, until_done};

pub struct Team {
    pub world: World,
    pub postgres: Postgres,
}

impl Team {
    /// With limits that hold nobody up, and a server that does not.
    pub fn fast() -> Option<Team> {
        Team::new("", FAST)
    }

    /// None where PostgreSQL is not installed.
    pub fn new(options: &str, limits: &str) -> Option<Team> {
        let postgres = Postgres::start()?;
        let world = World::with(options);
        world.config(limits);
        let team = Team { world, postgres };
        team.make_schema("register init --new-key team.key");
        Some(team)
    }

    /// The owner makes the schema, and lets the clerk in.
    pub fn make_schema(&self, init: &str) {
        let owner = self.postgres.url_of("owner", self.postgres.port());
        let made = self.line("owner", init).env("VLENS_REGISTER", owner);
        made.ends(0);
        self.sql("GRANT USAGE ON SCHEMA vlens_batch TO clerk");
    }

    pub fn sql(&self, statements: &str) -> Vec<String> {
        self.postgres.sql(statements)
    }

    /// A command on one of the computers, known by the name of its ledger.
    pub fn line(&self, computer: &str, line: &str) -> Vlens {
        let line = self.world.line(line);
        line.env("VLENS_LEDGER", self.world.path(format!("{computer}.db")))
            .env("VLENS_REGISTER", self.postgres.url())
            .env("VLENS_REGISTER_KEY_FILE", "team.key")
    }

    #[track_caller]
    pub fn ran(&self, computer: &str, line: &str, code: i32) -> Finished {
        self.line(computer, line).ends(code)
    }

    /// The computer's own sheet.
    pub fn run(&self, computer: &str) -> Vlens {
        let line = format!("run {computer}.csv --json --rate unlimited");
        self.line(computer, &line)
    }

    pub fn export(&self, computer: &str) -> Vec<Value> {
        let export = self.ran(computer, "export --format jsonl", 0);
        export.json_lines()
    }

    pub fn statuses(&self, computer: &str) -> Vec<String> {
        let rows = self.export(computer).into_iter();
        let status = |row: Value| row["status"].as_str().expect("a status").to_owned();
        rows.map(status).collect()
    }

    /// How often each customer was asked for, as the vendor saw it.
    pub fn posts(&self) -> BTreeMap<String, usize> {
        let mut posts = BTreeMap::new();
        for record in self.world.invitations() {
            *posts.entry(record.key.unwrap_or_default()).or_default() += 1;
        }
        posts
    }

    /// No request was refused for coming too soon.
    #[track_caller]
    pub fn no_window_is_exceeded(&self) {
        let log = self.world.server_log();
        assert!(log.iter().all(|record| record.status != Some(429)));
    }

    /// A person says that what the register lost is brought back.
    pub fn goes_on_at_once(&self) {
        self.sql("UPDATE vlens_batch.tenants SET paused_until = 'epoch'");
    }

    #[track_caller]
    pub fn nobody_twice(&self) {
        let twice: Vec<_> = self.posts().into_iter().filter(|(_, n)| *n > 1).collect();
        assert!(twice.is_empty(), "asked for more than once: {twice:?}");
    }

    /// Requests that nobody tells of any more are older than any lease now, as if an hour had passed.
    pub fn an_hour_passes(&self) {
        self.sql("UPDATE vlens_batch.attempts SET opened = opened - interval '1 hour' WHERE closed IS NULL");
    }

    /// Requests that a computer's own ledger has recorded.
    pub fn attempts(&self, computer: &str) -> i64 {
        let ledger = rusqlite::Connection::open(self.world.path(format!("{computer}.db")));
        let count = "SELECT count(*) FROM attempts WHERE register_id IS NOT NULL AND event IS NOT 'elsewhere'";
        let count = ledger.and_then(|ledger| ledger.query_row(count, [], |row| row.get(0)));
        count.expect("a count")
    }

    pub fn claims(&self) -> Vec<String> {
        self.sql("SELECT encode(key, 'hex'), status FROM vlens_batch.claims ORDER BY 1")
    }

    /// Runs the sheet until nothing is due on this computer.
    #[track_caller]
    pub fn done(&self, computer: &str) -> Finished {
        until_done(|| self.run(computer).run(), || self.an_hour_passes())
    }
}

pub const COMPUTERS: [&str; 4] = ["mona", "omar", "sara", "adam"];

/// Limits that hold nobody up.
pub const FAST: &str = "[limits]\nper_second = 1000\nper_minute = 60000\ntimeout_seconds = 5\n";

pub fn people(team: &Team, computer: &str, from: usize, to: usize) {
    team.world
        .file(format!("{computer}.csv"), sheet(&customers(to)[from..]));
}
