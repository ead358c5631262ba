//! The log: complete, truthful, and there before the answer.

use std::{io::Write as _, net::Shutdown};

use serde_json::json;

use super::*;
use crate::sandbox::log::sha256_hex;

#[tokio::test]
async fn a_line_tells_everything_about_an_invitation() {
    let scene = Scene::plain().await;
    let token = scene.invite_phone(MONA).await.data();
    let body = invitation(MONA).to_string();
    let mut line = scene.last_line();
    assert!(line["at_ms"].take().as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!(
        line,
        json!({
            "at_ms": null, "seq": 2, "path": INVITE, "key": MONA, "types": [414], "accepted": true, "token": token,
            "status": 200, "fault": null, "error_code": null,
            "body_sha256": sha256_hex(body.as_bytes()), "body": body,
        })
    );
}

#[tokio::test]
async fn a_login_leaves_no_password_and_no_token() {
    let scene = Scene::plain().await;
    let text = std::fs::read_to_string(scene.log_path()).unwrap();
    assert!(
        !text.contains("sandbox-password") && !text.contains(&scene.token),
        "{text}"
    );
}

#[tokio::test]
async fn what_was_read_is_dealt_with_though_the_client_is_gone() {
    let scene = Scene::with(|options| {
        options.latency = LatencyRange {
            min_ms: 500,
            max_ms: 500,
        };
    })
    .await;
    drop(scene.send_raw(MONA));
    // The request is on its way still, and there is nobody to answer when it arrives.
    while scene.log().len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let line = scene.last_line();
    assert_eq!(
        (&line["accepted"], &line["key"]),
        (&json!(true), &json!(MONA))
    );
}

#[tokio::test]
async fn stopping_frees_the_port_and_ends_what_hangs() {
    let scene = Scene::with_faults("hang=1").await;
    let hanging = scene.send_raw(MONA);
    while scene.log().len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let port = scene.sandbox.address().port();
    scene.sandbox.stop().await;
    let again = SandboxOptions {
        port,
        ..SandboxOptions::default()
    };
    assert!(Sandbox::start(again).await.is_ok());
    drop(hanging);
}

#[tokio::test]
async fn half_a_request_never_arrived() {
    let scene = Scene::plain().await;
    let mut stream = TcpStream::connect(scene.sandbox.address()).unwrap();
    let request = scene.raw_invitation(MONA);
    stream
        .write_all(&request.as_bytes()[..request.len() - 1])
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.log().len(), 1, "the login alone");
}

#[tokio::test]
async fn a_log_is_appended_to_and_private() {
    let scene = Scene::plain().await;
    let path = scene.log_path();
    let again = Sandbox::start(SandboxOptions {
        log: Some(path),
        ..SandboxOptions::default()
    })
    .await
    .unwrap();
    again.stop().await;
    assert_eq!(scene.log().len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(scene.log_path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_sandbox_that_cannot_start_says_why() {
    let scene = Scene::plain().await;
    let taken = SandboxOptions {
        port: scene.sandbox.address().port(),
        ..SandboxOptions::default()
    };
    assert_eq!(
        Sandbox::start(taken).await.err().unwrap().code,
        "sandbox_port"
    );
    let nowhere = SandboxOptions {
        log: Some("/nonexistent/log".into()),
        ..SandboxOptions::default()
    };
    assert_eq!(
        Sandbox::start(nowhere).await.err().unwrap().code,
        "sandbox_log"
    );
}
