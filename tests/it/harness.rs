//! The harness itself: that it sees a broken promise when there is one.

use crate::support::{Promise, World};

#[test]
fn an_invitation_behind_the_ledgers_back_is_noticed() {
    let world = World::with_created(3);
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
    let world = World::with_created(30);
    let broken = world.broken_promises(&Promise::default().limits(1_000, 2));
    assert_eq!(broken.len(), 1, "{broken:?}");
}
