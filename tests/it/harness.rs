//! The harness itself: that it sees a broken promise when there is one.

use crate::support::{Promise, World};

#[test]
fn a_batch_goes_through_and_its_promise_is_checked() {
    let world = World::with_server();
    let customers = world.customers("customers.csv", 5);
    let summary = world.sent("customers.csv", 0).json();
    assert_eq!(summary["counts"]["created"], 5);
    let phones: Vec<String> = customers.into_iter().map(|one| one.phone).collect();
    let mut accepted = world.accepted();
    accepted.sort();
    assert_eq!(accepted, phones);
    world.check_invariants(&Promise::default());
}

#[test]
fn an_invitation_behind_the_ledgers_back_is_noticed() {
    let world = World::with_server();
    world.customers("customers.csv", 3);
    world.sent("customers.csv", 0);
    std::fs::remove_file(world.ledger()).unwrap();
    let again = world.send("customers.csv --new-ledger");
    again.ends(0);
    let broken = world.broken_promises(&Promise::default());
    assert_eq!(broken.len(), 3, "{broken:?}");
    assert!(broken[0].contains("accepted 2 times"), "{broken:?}");
    let allowed = Promise::default().resending_was_asked_for();
    assert!(world.broken_promises(&allowed).is_empty());
}

#[test]
fn a_crowded_minute_is_noticed() {
    let world = World::with_server();
    world.customers("customers.csv", 30);
    world.sent("customers.csv", 0);
    let broken = world.broken_promises(&Promise::default().limits(1_000, 2));
    assert_eq!(broken.len(), 1, "{broken:?}");
}
