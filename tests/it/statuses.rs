//! Every status, reached through every kind of answer; the sandbox's magic recipients give them.

use std::collections::HashMap;

use crate::support::{Customer, Promise, Serve, World, sheet};

/// The recipient, the status its row ends with, and the requests it takes.
const ENDS: &[(&str, &str, u64)] = &[
    ("+201000000001", "created", 1),
    ("+201555000400", "rejected", 1),
    ("+201555000409", "rejected", 1),
    ("+201555000422", "rejected", 1),
    ("+201555000700", "rejected", 1), // an error_code in a 200
    ("+201555000707", "rejected", 1), // the framework's own error
    ("+201555000408", "uncertain", 1),
    ("+201555000500", "uncertain", 1),
    ("+201555000501", "uncertain", 1),
    ("+201555000502", "uncertain", 1),
    ("+201555000503", "uncertain", 1),
    ("+201555000504", "uncertain", 1),
    ("+201555000600", "uncertain", 1), // hangs
    ("+201555000601", "uncertain", 1), // reset
    ("+201555000602", "uncertain", 1),
    ("+201555000603", "uncertain", 1),
    ("+201555000604", "uncertain", 1), // cut within the headers
    ("+201555000605", "uncertain", 1), // cut within the body
    ("+201555000606", "uncertain", 1), // drips past the timeout
    ("+201555000701", "uncertain", 1), // a web page
    ("+201555000702", "uncertain", 1), // half a JSON
    ("+201555000703", "uncertain", 1), // data null
    ("+201555000704", "uncertain", 1), // an empty body
    ("+201555000705", "uncertain", 1), // an empty token
    ("+201555000706", "uncertain", 1), // over 1 MiB
    ("+201555000429", "created", 2),   // 429 once, with seconds
    ("+201555000430", "created", 2),   // with a date
    ("+201555000431", "created", 2),   // without a hint
    ("+201555000513", "created", 2),   // 503 with Retry-After once
    ("+201555000411", "created", 2),   // 401 once
    ("+201555000413", "created", 2),   // error_code 401 once
    ("+201555000433", "failed", 1),    // to come back in two hours
    ("+201555000514", "failed", 3),    // 503 with Retry-After, max_attempts times
    ("+201555000432", "failed", 10),   // no end of 429
];

#[test]
fn every_answer_ends_in_its_status() {
    let world = World::with_server();
    world.config("[limits]\ntimeout_seconds = 2\nmax_attempts = 3\n");
    let rows = || {
        (0..)
            .zip(ENDS)
            .map(|(n, (phone, ..))| Customer::new(n).phone(phone))
    };
    let mut rows: Vec<Customer> = rows().collect();
    rows.push(Customer::new(0).phone("12"));
    rows.push(rows[0].clone());
    world.file("customers.csv", sheet(&rows));
    let patient = ["--max-consecutive-failures", "1000"];
    let summary = world
        .send("customers.csv")
        .args(patient)
        .run()
        .expect(3)
        .json();
    let exported = world.export();
    let by_phone: HashMap<&str, _> = exported
        .iter()
        .take(ENDS.len())
        .map(|row| (row["source"]["phoneNumber"].as_str().unwrap(), row))
        .collect();
    for (phone, status, attempts) in ENDS {
        let row = by_phone[phone];
        assert_eq!(row["status"], *status, "{phone}: {row}");
        assert_eq!(row["attempts"], *attempts, "{phone}: {row}");
    }
    assert_eq!(exported[ENDS.len()]["status"], "invalid");
    assert_eq!(exported[ENDS.len() + 1]["status"], "duplicate");
    let requests: u64 = ENDS.iter().map(|(.., attempts)| attempts).sum();
    assert_eq!(summary["requests"], requests);
    assert_eq!(summary["throttled"], 3 + 1 + 10);
    world.check_invariants(&Promise::default());
}

/// The recipient that stops the run, and how its own row stands then.
const STOPS: &[(&str, &str)] = &[
    ("+201555000401", "pending"),
    ("+201555000412", "pending"),
    ("+201555000403", "pending"),
    ("+201555000404", "pending"),
    ("+201555000405", "pending"),
    ("+201555000302", "uncertain"),
];

#[test]
fn an_answer_that_speaks_for_all_rows_stops_the_run_and_leaves_the_others_pending() {
    for (phone, status) in STOPS {
        let world = World::with_server();
        let rows = [
            Customer::new(1),
            Customer::new(2).phone(phone),
            Customer::new(3),
        ];
        world.file("customers.csv", sheet(&rows));
        let one = ["--concurrency", "1"];
        let summary = world.send("customers.csv").args(one).run().expect(6).json();
        assert_eq!(summary["stopped"], "refused", "{phone}");
        assert_eq!(world.statuses(), ["created", *status, "pending"], "{phone}");
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn a_connection_closed_after_an_answer_costs_no_other_row_its_invitation() {
    let world = World::with_server();
    let mut rows = vec![Customer::new(0).phone("+201555000607")];
    rows.extend((1..20).map(Customer::new));
    world.file("customers.csv", sheet(&rows));
    let one = ["--concurrency", "1"];
    let finished = world.send("customers.csv").args(one).run();
    let summary = finished.json();
    let counts = &summary["counts"];
    let dealt = counts["created"].as_u64().unwrap() + counts["uncertain"].as_u64().unwrap();
    assert_eq!(dealt, 20, "{finished}");
    world.check_invariants(&Promise::default());
}

#[test]
fn nobody_reached_is_failed_and_goes_again() {
    let world = World::with_server();
    world.config("[session]\nkind = \"auth\"\n[limits]\nmax_attempts = 2\n");
    world.file(
        "customers.csv",
        "phoneNumber,contractTypeId\n01012345678,414\n",
    );
    world.kill_server();
    world.send("customers.csv").run().expect(3);
    assert_eq!(world.statuses(), ["failed"]);
    assert_eq!(world.export()[0]["attempts"], 2);
    world.start_server();
    world.send("customers.csv").run().expect(0);
    assert_eq!(world.statuses(), ["created"]);
    world.check_invariants(&Promise::default());
}

#[test]
fn faults_at_random_break_no_promise() {
    let faults = "500_after=0.05,reset_after=0.1,reset_before=0.05,503_after=0.02,429=0.02,401=0.05,null=0.05,error_200=0.05,\
                  close_keepalive=0.1";
    let world = World::with(
        Serve::default()
            .latency("0..10")
            .token_life("2s")
            .fault(faults),
    );
    world.customers("customers.csv", 150);
    for _ in 0..3 {
        let patient = ["--max-consecutive-failures", "1000"];
        let finished = world.send("customers.csv").args(patient).run();
        // A row may meet two 401 in a row, which ends a run.
        assert!(matches!(finished.code(), Some(0 | 3 | 6)), "{finished}");
        world.check_invariants(&Promise::default());
    }
}
