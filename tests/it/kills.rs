//! SIGKILL at any moment of any work on a ledger: nobody is invited twice unless a person asked for it, no row is lost, and no lost memory is told of.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use fastrand::Rng;

use crate::support::{
    DATA_FOLDER, Finished, Promise, World, customers, damage, kills, rows, sheet,
};

/// The two sheets, sent.
const RUNS: [&str; 2] = [
    "run customers.csv --rate unlimited --json --concurrency 4",
    "run giza.csv --rate unlimited --json --concurrency 4",
];

const ROWS: usize = 30;
/// Of one world, as it goes on until all its rows are dealt with.
const KILLS: usize = 12;
const HUNDRED_DAYS_MS: u64 = 100 * 86_400_000;

/// The life of a ledger under kills, told so that a failure can be followed.
struct Life {
    world: World,
    random: Rng,
    promise: Promise,
    /// Whether a person may ask in it for a second invitation.
    may_ask: bool,
    clock_ms: u64,
    told: Vec<String>,
    killed: BTreeMap<&'static str, usize>,
}

impl Life {
    fn new(seed: u64) -> Life {
        let faults = "error_200=.08,500=.03,reset_after=.03";
        let options = format!("--latency 0..8 --fault {faults} --seed {seed}");
        let world = World::with(&options);
        let all = customers(2 * ROWS);
        world.file("customers.csv", sheet(&all[..ROWS]));
        world.file("giza.csv", sheet(&all[ROWS..]));
        world.file("clock", "0");
        Life {
            world,
            random: Rng::with_seed(seed),
            promise: Promise::default(),
            may_ask: seed.is_multiple_of(4),
            clock_ms: 0,
            told: vec![format!("seed {seed}")],
            killed: BTreeMap::new(),
        }
    }

    fn kills(&self) -> usize {
        self.killed.values().sum()
    }

    /// One command or two, each killed at a random moment unless it ends before, and what is found after.
    fn go_on(&mut self) {
        // A ledger without a sheet, as a kill may leave it, knows of no run.
        let runs = self.world.line("runs --json").run();
        let begun = runs.code() == Some(0) && runs.json() != serde_json::json!([]);
        if !begun && self.kills() > 2 {
            self.world.sent("customers.csv --limit 10", 4);
            return;
        }
        let works = rows::<(&str, &str)>("kills.works");
        let (name, line) = match works[self.random.usize(..works.len())] {
            _ if !begun => ("first import", RUNS[0]),
            (_, line) if line.contains("not-created") && !self.may_ask => works[1],
            work => work,
        };
        if line.contains("not-created") {
            self.promise = self.promise.clone().resending_was_asked_for();
        }
        if name == "purge" {
            self.clock_ms += HUNDRED_DAYS_MS;
            self.world.file("clock", self.clock_ms.to_string());
            self.promise = self.promise.clone().purging_was_asked_for();
        }
        let mut lives = vec![(name, line)];
        if ["backup", "export"].contains(&name) {
            let run = RUNS[self.random.usize(..2)];
            lives.push(("run beside", run));
        }
        let clock = self.world.path("clock");
        let start = |(name, line): (&'static str, &'static str)| {
            let life = self.world.vlens(line.split(' '));
            let life = life.env("VLENS_BATCH_TEST_CLOCK", &clock).start();
            (name, line, life)
        };
        let mut running: Vec<_> = lives.into_iter().rev().map(start).collect();
        while let Some((name, line, life)) = running.pop() {
            // Within the start, within the work, or when that is all but done.
            let within_us = [15_000, 40_000, 150_000][self.random.usize(..3)];
            let after_us = self.random.u64(..within_us);
            std::thread::sleep(Duration::from_micros(after_us));
            let ended = life.kill();
            let code = ended.code();
            self.told
                .push(format!("{name} ({line}) after {after_us} us: {code:?}"));
            match code {
                None => *self.killed.entry(name).or_default() += 1,
                Some(_) => self.ended_well(&ended),
            }
        }
        self.check();
    }

    /// Whatever ended before its kill found nothing wrong.
    fn ended_well(&self, ended: &Finished) {
        let is_well = !matches!(ended.code(), Some(1 | 5)) && !is_alarm(ended);
        assert!(is_well, "{:#?}\n{ended}", self.told);
    }

    fn check(&self) {
        let (world, told) = (&self.world, &self.told);
        let runs = world.line("runs").run();
        if runs.code() == Some(0) {
            let broken = world.broken_promises(&self.promise);
            assert!(broken.is_empty(), "{told:#?}\n{broken:#?}");
        } else {
            assert!(world.accepted().is_empty(), "{told:#?}\n{runs}");
            assert!(!is_alarm(&runs), "{told:#?}\n{runs}");
        }
        if let Ok(results) = std::fs::read_to_string(world.path("results.csv")) {
            assert_eq!(results.lines().count(), ROWS + 1, "half a file: {told:#?}");
        }
        let copy = world.path("copy.db");
        if copy.exists() {
            assert_eq!(damage(&copy), Vec::<String>::new(), "{told:#?}");
        }
    }

    /// Without kills, all is done; and nothing unfinished is left. Gives how many were created, and how many are uncertain.
    fn end(&self) -> (usize, usize) {
        let mut statuses = Vec::new();
        for file in ["customers.csv", "giza.csv"] {
            self.ended_well(&self.world.run_until_done(file));
            statuses.extend(self.world.statuses());
        }
        let count = |status: &str| statuses.iter().filter(|one| *one == status).count();
        assert_eq!((statuses.len(), count("pending")), (2 * ROWS, 0));
        let folder = self.world.path("");
        for left in unfinished(&folder) {
            // Nobody works on it for long by now.
            let ago = SystemTime::now() - Duration::from_mins(5);
            self.world.set_time(left, ago);
        }
        self.world
            .ran("export --format csv --output results.csv", 0);
        self.world.ran("backup copy.db", 0);
        self.check();
        let data = self.world.path(DATA_FOLDER);
        let left = [unfinished(&folder), unfinished(&data)].concat();
        assert_eq!(left, Vec::<String>::new(), "{:#?}", self.told);
        (count("created"), count("uncertain"))
    }
}

/// Whether it says that memory was lost.
fn is_alarm(ended: &Finished) -> bool {
    ended.to_string().contains("--assume-sent")
}

/// The names of what is put in place only once it is whole.
fn unfinished(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let names = entries.flatten().map(|entry| entry.file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let is_unfinished = |name: &String| name.starts_with(".vlens-batch-") || name.contains(".new");
    names.filter(is_unfinished).collect()
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "whoever runs the long form by hand wants to know"
)]
fn whatever_is_killed_at_random_moments_keeps_the_promise_and_raises_no_alarm() {
    let kills = kills(24);
    let (seeds, reached) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let sums = Mutex::new((0, 0, BTreeMap::new()));
    let live = || {
        while reached.load(Ordering::Relaxed) < kills {
            let mut life = Life::new(seeds.fetch_add(1, Ordering::Relaxed) as u64);
            // A machine so fast that nothing lives to be killed would do no harm.
            for _ in 0..3 * KILLS {
                if life.kills() < KILLS {
                    life.go_on();
                }
            }
            let (created, uncertain) = life.end();
            reached.fetch_add(life.kills(), Ordering::Relaxed);
            let mut sums = sums.lock().expect("sums");
            sums.0 += created;
            sums.1 += uncertain;
            for (name, n) in life.killed {
                *sums.2.entry(name).or_insert(0) += n;
            }
            let (created, uncertain, by) = &*sums;
            let reached = reached.load(Ordering::Relaxed);
            println!("{reached} kills: {created} created, {uncertain} uncertain; {by:?}");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(live);
        scope.spawn(live);
    });
}
