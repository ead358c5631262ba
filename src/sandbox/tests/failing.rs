//! Magic recipients and random faults, on the wire.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    time::Duration,
};

use super::*;
use crate::sandbox::{Behaviour, MAGIC, Times};

fn phone_of(behaviour: Behaviour) -> &'static str {
    MAGIC
        .iter()
        .find(|magic| magic.behaviour == behaviour)
        .unwrap()
        .phone
}

/// All that comes until the connection ends, and how it ended.
fn read_to_end(mut stream: TcpStream) -> (String, Result<(), ErrorKind>) {
    let mut bytes = Vec::new();
    let end = stream
        .read_to_end(&mut bytes)
        .map(drop)
        .map_err(|error| error.kind());
    (String::from_utf8(bytes).unwrap(), end)
}

/// The part of a test that blocks, away from the sandbox's thread.
async fn raw(scene: &Scene, behaviour: Behaviour) -> (String, Result<(), ErrorKind>) {
    let stream = scene.send_raw(phone_of(behaviour));
    tokio::task::spawn_blocking(move || read_to_end(stream))
        .await
        .unwrap()
}

#[tokio::test]
async fn every_magic_recipient_that_answers_does_so_as_told() {
    let scene = Scene::plain().await;
    for magic in MAGIC {
        if is_on_the_wire(magic.behaviour) {
            continue;
        }
        let name = magic.behaviour.name();
        let expected = magic.behaviour.reply(&"t".into());
        let first = scene.invite_phone(magic.phone).await;
        assert_eq!(first.status, expected.status.as_u16(), "{name}");
        let line = scene.last_line();
        assert_eq!(
            (&line["fault"], &line["accepted"]),
            (&name.into(), &magic.behaviour.accepts().into())
        );
        let second = scene.invite_phone(magic.phone).await;
        match magic.times {
            Times::Once => assert_eq!(second.verdict(), (200, None), "{name}"),
            Times::Always => assert_eq!(second.status, first.status, "{name}"),
        }
    }
}

fn is_on_the_wire(behaviour: Behaviour) -> bool {
    behaviour.reply(&"t".into()).delivery
        != crate::sandbox::envelope::Delivery::Wire(crate::sandbox::wire::Order::Serve)
}

#[tokio::test]
async fn the_bodies_of_strange_answers_are_strange() {
    let scene = Scene::plain().await;
    let body = async |behaviour| scene.invite_phone(phone_of(behaviour)).await.text;
    assert!(body(Behaviour::Html).await.starts_with("<!DOCTYPE html>"));
    assert_eq!(body(Behaviour::EmptyBody).await, "");
    assert!(body(Behaviour::NullData).await.contains(r#""data":null"#));
    assert!(body(Behaviour::EmptyToken).await.contains(r#""data":"""#));
    let cut = body(Behaviour::CutJson).await;
    assert!(
        cut.starts_with('{') && serde_json::from_str::<Value>(&cut).is_err(),
        "{cut}"
    );
    assert!(body(Behaviour::Huge).await.len() > 2 * 1024 * 1024);
}

#[tokio::test]
async fn retry_after_comes_as_seconds_as_a_date_or_not_at_all() {
    let scene = Scene::plain().await;
    let retry_after = async |behaviour| scene.invite_phone(phone_of(behaviour)).await.retry_after;
    assert_eq!(
        retry_after(Behaviour::Throttled).await.as_deref(),
        Some("1")
    );
    assert_eq!(
        retry_after(Behaviour::ThrottledLong).await.as_deref(),
        Some("7200")
    );
    assert_eq!(
        retry_after(Behaviour::UnavailableAfter).await.as_deref(),
        Some("1")
    );
    assert_eq!(retry_after(Behaviour::ThrottledBare).await, None);
    assert_eq!(retry_after(Behaviour::Unavailable).await, None);
    let date = retry_after(Behaviour::ThrottledDate).await.unwrap();
    let ahead = httpdate::parse_http_date(&date)
        .unwrap()
        .duration_since(std::time::SystemTime::now());
    assert!(
        ahead.is_ok_and(|ahead| ahead <= Duration::from_secs(2)),
        "{date}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_break_as_told_and_the_log_knows() {
    let scene = Scene::plain().await;
    for (behaviour, end, accepted) in [
        (Behaviour::ResetAfter, Err(ErrorKind::ConnectionReset), true),
        (
            Behaviour::ResetBefore,
            Err(ErrorKind::ConnectionReset),
            false,
        ),
        (Behaviour::CloseBefore, Ok(()), false),
    ] {
        assert_eq!(
            raw(&scene, behaviour).await,
            (String::new(), end),
            "{}",
            behaviour.name()
        );
        let line = scene.last_line();
        assert_eq!(
            (&line["accepted"], &line["status"]),
            (&accepted.into(), &Value::Null)
        );
    }
    let (half, end) = raw(&scene, Behaviour::HalfHeaders).await;
    assert_eq!(end, Ok(()));
    assert!(
        half.starts_with("HTTP/1.1 200 OK\r\n") && !half.contains("\r\n\r\n"),
        "{half}"
    );
    let (cut, end) = raw(&scene, Behaviour::Truncated).await;
    assert_eq!(end, Ok(()));
    let (headers, body) = cut.split_once("\r\n\r\n").unwrap();
    assert!(
        body.starts_with(r#"{"data":"#) && !body.ends_with('}'),
        "{body}"
    );
    assert!(
        !headers.contains(&format!("content-length: {}\r\n", body.len())),
        "{headers}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_never_answers_and_a_drip_takes_its_time() {
    let scene = Scene::plain().await;
    let read_once = async |behaviour, patience_s| {
        let mut stream = scene.send_raw(phone_of(behaviour));
        stream
            .set_read_timeout(Some(Duration::from_secs(patience_s)))
            .unwrap();
        let mut bytes = vec![0; 1_000];
        let read = move || stream.read(&mut bytes).map_err(|error| error.kind());
        tokio::task::spawn_blocking(read).await.unwrap()
    };
    assert_eq!(
        read_once(Behaviour::Hang, 1).await,
        Err(ErrorKind::WouldBlock)
    );
    assert_eq!(scene.last_line()["accepted"], true);
    let dripped = read_once(Behaviour::Drip, 5).await;
    assert!(
        dripped.is_ok_and(|bytes| (1..10).contains(&bytes)),
        "{dripped:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_connection_is_closed_unannounced() {
    let scene = Scene::plain().await;
    let (answer, end) = raw(&scene, Behaviour::CloseKeepalive).await;
    assert_eq!(end, Ok(()));
    assert!(
        answer.ends_with('}') && !answer.to_lowercase().contains("connection:"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swallowed_request_is_neither_answered_nor_logged() {
    let scene = Scene::with_faults("swallow_next=1").await;
    let request = scene.raw_invitation(MONA);
    let mut stream = scene.send_raw(MONA);
    let rest = tokio::task::spawn_blocking(move || {
        let mut buffer = [0; 4_096];
        assert!(
            stream.read(&mut buffer).unwrap() > 0,
            "the first is answered"
        );
        stream.write_all(request.as_bytes()).unwrap();
        read_to_end(stream)
    });
    assert_eq!(rest.await.unwrap(), (String::new(), Ok(())));
    assert_eq!(scene.log().len(), 2, "the login and the first");
}

#[tokio::test]
async fn ordinary_connections_serve_many_requests() {
    let scene = Scene::plain().await;
    let mut stream = tokio::net::TcpStream::connect(scene.sandbox.address())
        .await
        .unwrap();
    for _ in 0..3 {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        stream
            .write_all(scene.raw_invitation(MONA).as_bytes())
            .await
            .unwrap();
        let mut buffer = [0; 4_096];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn random_faults_hit_valid_invitations_and_nothing_else() {
    let scene = Scene::with_faults("500=0.5").await;
    for _ in 0..40 {
        scene.invite_phone(MONA).await;
    }
    let log = scene.log();
    let hit = log.iter().filter(|line| line["fault"] == "500").count();
    assert!((5..35).contains(&hit), "{hit}");
    assert!(
        log.iter()
            .all(|line| line["fault"].is_null() || line["accepted"] == false)
    );
    assert_eq!(
        scene.invite_phone("0100").await.verdict(),
        (400, Some(1002))
    );
    assert_eq!(scene.log_in().await.status, 200);
}

#[tokio::test]
async fn refresh_and_login_have_faults_of_their_own() {
    let scene = Scene::with_faults("refresh_refused=1,login_refused_after=2").await;
    let refresh = scene.log_in().await.data()["refreshToken"].clone();
    let refused = scene
        .post(REFRESH, &[], &serde_json::json!({"refreshToken": refresh}))
        .await;
    assert_eq!(refused.verdict(), (401, Some(2001)));
    assert_eq!(
        scene.log_in().await.verdict(),
        (401, Some(2001)),
        "the third login"
    );
    assert_eq!(
        scene.invite_phone(MONA).await.status,
        200,
        "the token still holds"
    );
}

#[tokio::test]
async fn a_login_can_lack_its_token() {
    let scene = Scene::with_faults("login_empty_token=1").await;
    let grant = scene.log_in().await;
    assert_eq!(
        (grant.status, &grant.data()["accessToken"]),
        (200, &"".into())
    );
}
