//! Rate limits and latency.

use std::time::{Duration, Instant};

use super::*;

#[tokio::test]
async fn past_the_limit_comes_429_with_seconds_to_wait() {
    let scene = Scene::with(|options| {
        options.per_second = Some(100);
        options.per_minute = Some(3);
    })
    .await;
    // The login was the first of three.
    for expected in [200, 200, 429, 429] {
        assert_eq!(scene.invite_phone(MONA).await.status, expected);
    }
    assert_eq!(
        scene.log_in().await.verdict(),
        (429, Some(429)),
        "logins count"
    );
    let nowhere = scene.get("/api/Nothing").await;
    assert_eq!(nowhere.status, 429, "whatever the address");
    let wait_s: u64 = nowhere.retry_after.unwrap().parse().unwrap();
    assert!((50..=60).contains(&wait_s), "{wait_s}");
    let log = scene.log();
    assert_eq!(log.len(), 7, "the refused are logged as well");
    assert_eq!(
        (&log[3]["key"], &log[3]["types"]),
        (&MONA.into(), &serde_json::json!([414]))
    );
    assert_eq!(
        log.iter().filter(|line| line["accepted"] == true).count(),
        2
    );
}

#[tokio::test]
async fn a_second_later_there_is_a_place_again() {
    let scene = Scene::with(|options| options.per_second = Some(1)).await;
    let refused = scene.invite_phone(MONA).await;
    assert_eq!(
        (refused.status, refused.retry_after.as_deref()),
        (429, Some("1"))
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(scene.invite_phone(MONA).await.status, 200);
}

#[tokio::test]
async fn latency_delays_each_way_and_the_arrival_lies_between() {
    let scene = Scene::with(|options| {
        options.latency = LatencyRange {
            min_ms: 100,
            max_ms: 100,
        };
    })
    .await;
    let before = scene.last_line()["at_ms"].as_u64().unwrap();
    // The login's answer needed 100 ms after its arrival, this request 100 ms to arrive.
    let sent = Instant::now();
    scene.invite_phone(MONA).await;
    assert!(sent.elapsed() >= Duration::from_millis(200));
    let arrived = scene.last_line()["at_ms"].as_u64().unwrap();
    assert!(arrived - before >= 199, "{}", arrived - before);
}
