//! As many requests as `concurrency` are under way, never more, and each that is recorded leaves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::support::{Promise, Rude, World, is_any_repeated, polite};

const PLACES: usize = 16;

fn with_places(world: &World) {
    world.config(&format!("[limits]\nconcurrency = {PLACES}\n"));
}

#[test]
fn no_more_requests_than_places_are_under_way_as_the_server_sees_it() {
    let under_way = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, peak) = (Arc::clone(&under_way), Arc::clone(&most));
    // The first wait for each other, so that all are under way at once however slow they come; then there is time for one too many.
    let all = Barrier::new(PLACES);
    let rude = Rude::serve(move |wire, before| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        if before < PLACES {
            all.wait();
        }
        std::thread::sleep(Duration::from_millis(50));
        // Before the answer: with it, the next may come.
        now.fetch_sub(1, Ordering::SeqCst);
        polite(wire, before)
    });
    let world = World::new();
    with_places(&world);
    world.customers("customers.csv", 160);
    world.send("customers.csv").envs(rude.variables()).ends(0);
    assert_eq!(most.load(Ordering::SeqCst), PLACES);
    assert_eq!(rude.invitations(), 160);
    assert!(!is_any_repeated(&rude.bodies()));
}

#[test]
fn a_pause_leaves_no_intent_without_its_request() {
    let world = World::with("--fault 429=.05 --seed 7 --latency 5");
    with_places(&world);
    world.customers("customers.csv", 60);
    world.sent("customers.csv", 0);
    assert_eq!(world.count("created"), 60);
    let (requests, open) = world.requests_on_paper();
    assert_eq!((requests, open), (world.invitations().len(), 0));
    world.check_invariants(&Promise::default());
}
