//! Any short life of a batch: run, crash, edit, re-sort, retry, settle, resume, in any order. The model is what the server saw;
//! after every step the promise holds.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::{Customer, Promise, World, customers, rows, sheet};

#[derive(Debug, Clone)]
enum Step {
    Run,
    /// Killed at this place, when it is passed for the n-th time.
    Crash(&'static str, u8),
    Limit(u8),
    /// What a person types.
    Tell(&'static str),
    /// Another name for the n-th customer.
    Edit(u8),
    Reverse,
    Shorten,
    Extend,
    /// The first customer again, at the end.
    Repeat,
    ResendUncertain,
}

/// What a person may type. Whoever resumes does it more often than others.
const TOLD: [&str; 6] = [
    "resume --rate unlimited",
    "resume --rate unlimited",
    "retry --failed --rate unlimited",
    "retry --rejected --rate unlimited",
    "settle --all --as created",
    NOT_CREATED,
];
const NOT_CREATED: &str = "settle --all --as not-created";

impl Step {
    /// Whether a person says with it that a second invitation is all right.
    fn may_resend(&self) -> bool {
        matches!(self, Step::Tell(NOT_CREATED) | Step::ResendUncertain)
    }
}

fn step() -> impl Strategy<Value = Step> {
    let places = prop::sample::select(rows("failpoints.places"));
    prop_oneof![
        3 => Just(Step::Run),
        4 => (places, 1..6_u8).prop_map(|(place, nth)| Step::Crash(place, nth)),
        1 => (1..5_u8).prop_map(Step::Limit),
        6 => prop::sample::select(&TOLD[..]).prop_map(Step::Tell),
        2 => (0..12_u8).prop_map(Step::Edit),
        1 => Just(Step::Reverse),
        1 => Just(Step::Shorten),
        1 => Just(Step::Extend),
        1 => Just(Step::Repeat),
        1 => Just(Step::ResendUncertain),
    ]
}

struct Life {
    world: World,
    sheet: Vec<Customer>,
    born: usize,
    promise: Promise,
}

impl Life {
    fn new(seed: u64) -> Life {
        let faults = "error_200=.08,500_after=.06,500=.04,reset_after=.06,401=.03,504=.04";
        let world = World::with(&format!("--fault {faults} --seed {seed}"));
        let life = Life {
            world,
            sheet: customers(8),
            born: 8,
            promise: Promise::default(),
        };
        life.write();
        life
    }

    fn write(&self) {
        self.world.file("customers.csv", sheet(&self.sheet));
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Run => self.send("", ""),
            Step::Crash(place, nth) => self.send("", &format!("{place}:{nth}")),
            Step::Limit(rows) => self.send(&format!(" --limit {rows}"), ""),
            Step::ResendUncertain => self.send(" --resend-uncertain", ""),
            Step::Tell(line) => {
                let ended = self.world.line(line).run();
                assert!(ended.code().is_some_and(|code| code != 1), "{ended}");
            }
            Step::Edit(n) => {
                let n = usize::from(*n) % self.sheet.len();
                let name = format!("{} again", self.sheet[n].name);
                self.sheet[n] = self.sheet[n].clone().name(&name);
                self.write();
            }
            Step::Reverse => {
                self.sheet.reverse();
                self.write();
            }
            Step::Shorten if self.sheet.len() > 2 => {
                self.sheet.pop();
                self.write();
            }
            Step::Shorten => {}
            Step::Extend => {
                self.sheet.push(Customer::new(self.born));
                self.born += 1;
                self.write();
            }
            Step::Repeat => {
                self.sheet.push(self.sheet[0].clone());
                self.write();
            }
        }
    }

    /// May end in any way, and dies at a place if one is named.
    fn send(&self, how: &str, place: &str) {
        let run = self.world.send(&format!("customers.csv{how}"));
        run.env("VLENS_BATCH_FAILPOINT", place).run();
    }

    fn broken(&self) -> Vec<String> {
        if self.world.line("runs").run().code() != Some(0) {
            let accepted = self.world.accepted();
            return accepted
                .iter()
                .map(|key| format!("{key}: no ledger"))
                .collect();
        }
        self.world.broken_promises(&self.promise)
    }
}

#[test]
fn any_short_life_of_a_batch_keeps_the_promise() {
    let config = Config {
        cases: 24,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let random = proptest::test_runner::TestRng::from_seed(
        proptest::test_runner::RngAlgorithm::ChaCha,
        &[7; 32],
    );
    let lives = (0..1_000_u64, prop::collection::vec(step(), 2..8));
    let lived = TestRunner::new_with_rng(config, random).run(&lives, |(seed, steps)| {
        let mut life = Life::new(seed);
        for (n, step) in steps.iter().enumerate() {
            if step.may_resend() {
                life.promise = life.promise.clone().resending_was_asked_for();
            }
            life.take(step);
            let broken = life.broken();
            if !broken.is_empty() {
                return Err(TestCaseError::fail(format!(
                    "after step {n}, {step:?}: {broken:?}"
                )));
            }
        }
        Ok(())
    });
    if let Err(error) = lived {
        panic!("{error}");
    }
}
