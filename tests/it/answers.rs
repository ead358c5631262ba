//! Every answer of the table: each alone, by the sandbox's magic recipients, and all mixed at random over a large batch.

use crate::support::{Promise, World, is_any_repeated, of_each, rows};

fn alone(&(phone, status, exit, requests): &(&str, &str, i32, u64)) {
    let world = World::with_server();
    // Nobody waits long for what never comes whole; every other answer has the time that it takes.
    let is_endless = ["+201555000600", "+201555000606"].contains(&phone);
    let patience = if is_endless { 3 } else { 30 };
    world.config(&format!("[limits]\ntimeout_seconds = {patience}\n"));
    world.phones("one.csv", [phone]);
    let ended = world.sent("one.csv", exit);
    assert_eq!(world.statuses(), [status], "{phone}\n{ended}");
    assert_eq!(ended.json()["requests"], requests, "{phone}\n{ended}");
    world.check_invariants(&Promise::default());
    // The same file again repeats nothing that may have happened.
    let accepted = world.accepted().len();
    let again = world.send("one.csv --max-duration 1s").run();
    let is_end = matches!(again.code(), Some(0 | 3 | 4 | 6));
    assert!(is_end, "{phone}\n{again}");
    if accepted > 0 {
        assert_eq!(world.accepted().len(), accepted, "{phone}\n{again}");
    }
    world.check_invariants(&Promise::default());
}

#[test]
fn every_answer_alone_is_read_as_the_table_says() {
    of_each(&rows("answers.alone"), alone);
}

#[test]
fn all_answers_mixed_at_random_keep_the_promise() {
    const FAULTS: &str = "400=.02,401=.01,401_in_200=.01,408=.01,409=.01,422=.01,error_200=.02,framework_400=.01,\
        429=.002,429_bare=.002,500=.02,500_after=.02,502=.01,503=.01,503_after=.002,504=.02,reset_after=.02,\
        reset_before=.02,close_before=.02,half_headers=.02,truncated=.02,html=.01,cut=.01,null=.01,empty=.01,\
        empty_token=.01,huge=.003,close_keepalive=.05,swallow_next=.03,hang=.002,drip=.002";
    for seed in [1, 2] {
        let world = World::serving(
            &format!("--fault {FAULTS} --seed {seed} --latency 0..5"),
            1_000,
        );
        world.config("[limits]\ntimeout_seconds = 3\nmax_consecutive_failures = 200\n");
        let last = world.run_until_done("customers.csv");
        world.check_invariants(&Promise::default());
        let statuses = world.statuses();
        assert!(!statuses.iter().any(|status| status == "pending"), "{last}");
        for kind in ["created", "rejected", "uncertain"] {
            assert!(world.count(kind) > 20, "too few {kind}: {last}");
        }
        // What was closed at the moment of reuse is uncertain at worst, and never sent again behind our back.
        let accepted = world.accepted();
        assert!(!is_any_repeated(&accepted), "somebody was accepted twice");
    }
}
