//! Random histories: whatever happens in whatever order, the kept sums equal a recount.

use proptest::prelude::*;

use super::*;

/// Something that can happen to a ledger.
#[derive(Debug, Clone)]
enum Deed {
    /// A sheet of (customer, content) rows comes; customer 0 stands for an invalid row.
    Enrol(Vec<(usize, usize)>),
    /// So many due rows are sent, with answers from this seed.
    Send(usize, usize),
    /// A request leaves and the process is killed.
    Crash,
    Settle(bool),
    MakeDue(usize),
    RunAgain,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let rows = proptest::collection::vec((0..6usize, 0..3usize), 0..8);
    let deed = prop_oneof![
        3 => rows.prop_map(Deed::Enrol),
        4 => (1..6usize, 0..5usize).prop_map(|(n, seed)| Deed::Send(n, seed)),
        2 => Just(Deed::Crash),
        1 => any::<bool>().prop_map(Deed::Settle),
        2 => (0..4usize).prop_map(Deed::MakeDue),
        1 => Just(Deed::RunAgain),
    ];
    proptest::collection::vec(deed, 1..14)
}

const WHO: [&str; 6] = ["", "1", "2", "3", "4", "5"];
const CONTENT: [&str; 3] = ["a", "b", "c"];
const ANSWERS: [(Event, Option<Status>); 5] = [
    CREATED,
    REJECTED,
    UNCERTAIN,
    (Event::Unreachable, Some(Status::Failed)),
    (Event::Throttled, None),
];

/// Does one deed; the ledger is opened afresh after a crash.
fn perform(desk: &Desk, ledger: Ledger, run: &mut RunId, deed: &Deed) -> Ledger {
    let mut ledger = ledger;
    match deed {
        Deed::Enrol(rows) => {
            let lines: Vec<Line> = rows
                .iter()
                .map(|(who, content)| {
                    if *who == 0 {
                        Invalid("x")
                    } else {
                        Valid(WHO[*who], CONTENT[*content])
                    }
                })
                .collect();
            *run = enrol(&mut ledger, &lines, usual_plan, &desk.now);
            ledger
                .begin_process(Work::Sending(*run), "run", "mona", &desk.now)
                .unwrap();
        }
        Deed::Send(n, seed) => {
            for (index, row) in ledger
                .due(*run, RowNumber(0), *n)
                .unwrap()
                .iter()
                .enumerate()
            {
                let (event, status) = ANSWERS[(seed + index) % ANSWERS.len()];
                let attempt = ledger
                    .write(|books| books.open_attempt(Some(row.invitation), 1))
                    .unwrap();
                ledger
                    .write(|books| books.close_attempt(attempt, &closing(event, status), 2))
                    .unwrap();
            }
        }
        Deed::Crash => {
            if let Some(row) = ledger.due(*run, RowNumber(0), 1).unwrap().first() {
                ledger
                    .write(|books| books.open_attempt(Some(row.invitation), 1))
                    .unwrap();
            }
            drop(ledger);
            ledger = desk.open();
            ledger.recover(&desk.now).unwrap();
            ledger
                .begin_process(Work::Sending(*run), "resume", "mona", &desk.now)
                .unwrap();
        }
        Deed::Settle(created) => {
            ledger.settle(*run, None, *created, &desk.now).unwrap();
        }
        Deed::MakeDue(which) => {
            let statuses = vec![
                [
                    Status::Rejected,
                    Status::Failed,
                    Status::Uncertain,
                    Status::Created,
                ][*which],
            ];
            let which = Due {
                statuses,
                changed_created: *which == 3,
                rows: None,
                by_person: true,
            };
            ledger.make_due(*run, &which, &desk.now).unwrap();
        }
        Deed::RunAgain => {
            let sheet = ledger.newest_sheet().unwrap().unwrap();
            *run = ledger
                .begin_run_on(sheet.id, "customers.csv", &desk.now)
                .unwrap();
            ledger
                .begin_process(Work::Sending(*run), "run", "mona", &desk.now)
                .unwrap();
        }
    }
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sums_equal_a_recount_after_any_history(deeds in deeds()) {
        let desk = Desk::new();
        let (mut ledger, mut run) = desk.enrolled(&[Valid("1", "a"), Valid("2", "a")]);
        for deed in &deeds {
            ledger = perform(&desk, ledger, &mut run, deed);
            assert_sound(&desk.path());
            let summary = desk.summary(run);
            prop_assert_eq!(summary.counts.total(), summary.rows);
        }
    }
}
