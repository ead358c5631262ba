//! Every endpoint: what it gives, and what it refuses.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_login_gives_a_token_that_invites() {
    let scene = Scene::plain().await;
    let grant = scene.log_in().await.data();
    assert_eq!(grant["expireInSeconds"], 86_400);
    assert_eq!(grant["refreshTokenExpireInSeconds"], 604_800);
    let first = scene.invite_phone(MONA).await;
    assert_eq!(first.verdict(), (200, None));
    let second = scene.invite_phone(MONA).await;
    assert_eq!(second.verdict(), (200, None), "a repetition is accepted");
    assert!(first.data().as_str().is_some_and(|token| token.len() >= 32));
    assert_ne!(first.data(), second.data());
}

#[tokio::test]
async fn a_login_needs_everything_to_be_right() {
    let scene = Scene::plain().await;
    let tenant = ("TenancyName", "sandbox");
    let with = |member: &str, value: Value| {
        let mut body = login_body();
        body[member] = value;
        body
    };
    let long = "x".repeat(33);
    for (headers, body, verdict) in [
        (
            vec![tenant],
            with("password", json!("wrong")),
            (401, Some(2001)),
        ),
        (
            vec![tenant],
            with("userNameOrEmailAddress", json!("eve")),
            (401, Some(2001)),
        ),
        (
            vec![tenant],
            with("tenancyName", json!("acme")),
            (401, Some(2002)),
        ),
        (
            vec![("TenancyName", "acme")],
            login_body(),
            (401, Some(2002)),
        ),
        (vec![], login_body(), (401, Some(2002))),
        (
            vec![tenant, ("ApiKey", "wrong")],
            login_body(),
            (401, Some(401)),
        ),
        (
            vec![tenant],
            with("password", json!(long)),
            (400, Some(400)),
        ),
        (
            vec![tenant],
            with("Password", json!("sandbox-password")),
            (400, Some(400)),
        ),
        (vec![tenant], json!({}), (400, Some(400))),
    ] {
        let answer = scene.post(LOGIN, &headers, &body).await;
        assert_eq!(answer.verdict(), verdict, "{headers:?} {body}");
    }
}

#[tokio::test]
async fn a_refresh_token_works_once_and_is_replaced() {
    let scene = Scene::plain().await;
    let refresh = async |token: &Value| {
        scene
            .post(REFRESH, &[], &json!({"refreshToken": token}))
            .await
    };
    let first = scene.log_in().await.data()["refreshToken"].clone();
    let grant = refresh(&first).await.data();
    assert_eq!(grant["refreshToken"], first, "the used one is echoed");
    assert_eq!(
        refresh(&first).await.verdict(),
        (401, Some(2003)),
        "used up"
    );
    let second = refresh(&grant["newRefreshToken"]).await;
    assert_eq!(second.verdict(), (200, None));
    let mut scene = scene;
    second.data()["accessToken"]
        .as_str()
        .unwrap()
        .clone_into(&mut scene.token);
    assert_eq!(scene.invite_phone(MONA).await.verdict(), (200, None));
}

#[tokio::test]
async fn an_admin_token_is_needed_and_expires() {
    let mut scene = Scene::with(|options| options.token_life = Duration::from_millis(1_500)).await;
    assert_eq!(scene.invite_phone(MONA).await.verdict(), (200, None));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(
        scene.invite_phone(MONA).await.verdict(),
        (401, Some(401)),
        "expired"
    );
    assert_eq!(
        scene.get(TYPES).await.verdict(),
        (401, Some(401)),
        "expired"
    );
    scene.token = "admin-made-up".to_owned();
    assert_eq!(
        scene.invite_phone(MONA).await.verdict(),
        (401, Some(401)),
        "made up"
    );
    let without = scene.post(INVITE, &[], &invitation(MONA)).await;
    assert_eq!(without.verdict(), (401, Some(401)), "absent");
    assert!(
        scene.log()[2..]
            .iter()
            .all(|line| line["accepted"] == false)
    );
}

#[tokio::test]
async fn an_invitation_is_judged_strictly() {
    let scene = Scene::plain().await;
    let with = |pointer: &str, member: &str, value: Value| {
        let mut body = invitation(MONA);
        body.pointer_mut(pointer).unwrap()[member] = value;
        body
    };
    let (session, permissions) = ("/SessionInput", "/SessionInput/sessionPermissions");
    let fields = "/SessionInput/RequestFieldsValues";
    for (body, code) in [
        (json!([]), 400),
        (json!({}), 400),
        (
            json!({"sessionInput": invitation(MONA)["SessionInput"]}),
            400,
        ),
        (with("", "Extra", json!(1)), 400),
        (with(session, "PhoneNumber", json!(MONA)), 400),
        (with(session, "requestFieldsValues", json!({})), 400),
        (with(permissions, "digitalIdentityOnly", json!(true)), 400),
        (
            with(permissions, "minimalSignatureFlow", json!("true")),
            400,
        ),
        (
            with(permissions, "allowedContractTypeIds", json!(["414"])),
            400,
        ),
        (with("", "RequestFieldsValues", json!({})), 400),
        (
            json!({"SessionInput": {"sessionPermissions": {"allowedContractTypeIds": [414]}}}),
            1001,
        ),
        (with(session, "phoneNumber", json!("01012345678")), 1002),
        (with(session, "email", json!("mona")), 1003),
        (with(permissions, "allowedContractTypeIds", json!([])), 1004),
        (
            with(permissions, "allowedContractTypeIds", json!([414, 999])),
            1004,
        ),
        (with(fields, "415", json!({})), 1005),
        (with(fields, "414", json!("Mona")), 1005),
        (with(fields, "414", json!({"fullname": "Mona"})), 1005),
        (with(fields, "414", json!({"monthlyIncome": 5000})), 1006),
    ] {
        let answer = scene.invite(&body).await;
        assert_eq!(answer.verdict(), (400, Some(code)), "{body}");
        assert_eq!(scene.last_line()["accepted"], false);
    }
    let named = scene
        .invite(&with(fields, "414", json!({"monthlyIncome": 5000})))
        .await
        .json();
    assert_eq!(
        named["error_descriptions"][0]["field"],
        "RequestFieldsValues.414.monthlyIncome"
    );
}

#[tokio::test]
async fn every_form_of_a_good_invitation_is_accepted() {
    let scene = Scene::plain().await;
    let permissions = json!({"allowedContractTypeIds": [414, 415]});
    let values =
        json!({"414": {"fullName": "Mona", "spouseName": "Adel"}, "415": {"mileageKm": "9"}});
    for body in [
        json!({"SessionInput": {"phoneNumber": MONA, "sessionPermissions": permissions}}),
        json!({"SessionInput": {"email": "a@b.eg", "sessionPermissions": permissions, "RequestFieldsValues": values}}),
        json!({"SessionInput": {"email": "a@b.eg", "sessionPermissions": permissions}, "RequestFieldsValues": values}),
        json!({"SessionInput": {"email": "a@b.eg", "userPublicKey": "MIIB", "sessionPermissions": permissions}}),
    ] {
        assert_eq!(scene.invite(&body).await.verdict(), (200, None), "{body}");
    }
}

#[tokio::test]
async fn an_auth_session_needs_no_admin_and_takes_no_fields() {
    let scene = Scene::plain().await;
    let mut body = invitation(MONA)["SessionInput"].clone();
    assert_eq!(
        scene.post(AUTH, &[], &body).await.verdict(),
        (400, Some(400))
    );
    body.as_object_mut().unwrap().remove("RequestFieldsValues");
    assert_eq!(scene.post(AUTH, &[], &body).await.verdict(), (200, None));
    assert_eq!(scene.last_line()["key"], MONA);
    let wrong_key = scene.post(AUTH, &[("ApiKey", "x")], &body).await;
    assert_eq!(wrong_key.verdict(), (401, Some(401)));
}

#[tokio::test]
async fn contract_types_are_listed_and_described() {
    let scene = Scene::plain().await;
    let list = scene.get(TYPES).await.data();
    assert_eq!(
        (&list[0]["id"], &list[0]["name"]),
        (&json!(414), &json!("Personal loan"))
    );
    assert_eq!(
        (&list[1]["id"], &list[1]["name"]),
        (&json!(415), &json!("Car lease"))
    );
    let form = scene
        .get(&format!("{FIELDS}?requestTypeId=415&isLocalized=false"))
        .await
        .data();
    assert_eq!(form["requestsFields"][0]["displayArText"], "الاسم بالكامل");
    let unknown = scene
        .get(&format!("{FIELDS}?requestTypeId=9&isLocalized=false"))
        .await;
    assert_eq!(
        unknown.verdict(),
        (200, Some(1004)),
        "an error within HTTP 200"
    );
    assert_eq!(scene.get(FIELDS).await.verdict(), (400, Some(400)));
}

#[tokio::test]
async fn the_wrong_address_method_or_kind_of_body_is_refused() {
    let scene = Scene::plain().await;
    assert_eq!(scene.get("/api/Nothing").await.verdict(), (404, Some(404)));
    assert_eq!(scene.get(INVITE).await.verdict(), (405, Some(405)));
    assert_eq!(
        scene.post(TYPES, &[], &json!({})).await.verdict(),
        (405, Some(405))
    );
    let form = scene
        .post(INVITE, &[("Content-Type", "text/plain")], &json!({}))
        .await;
    assert_eq!(form.verdict().0, 415);
    let huge = json!("x".repeat(1024 * 1024));
    assert_eq!(scene.invite(&huge).await.verdict(), (413, Some(413)));
    assert_eq!(scene.last_line()["status"], 413);
}
