//! Every call as it goes out and as its answer comes back, and what is refused before anything goes out.

use std::net::SocketAddr;

use super::test_server::{Server, client, http, invite, options, why};
use super::*;

#[tokio::test]
async fn an_invitation_goes_out_as_documented_and_its_token_comes_back() {
    let server = Server::answering(http(
        "200 OK",
        "date: Sat, 21 Nov 2026 12:00:00 GMT\r\n",
        r#"{"data":"tok-1","error_code":null}"#,
    ));
    let answer = invite(server.address).await;
    match &answer.outcome {
        Outcome::Created { token } => assert_eq!(token.expose(), "tok-1"),
        other => panic!("{other:?}"),
    }
    assert_eq!(answer.http_status, Some(200));
    assert_eq!(answer.server_date, Some(Timestamp(1_795_262_400_000)));

    let seen = server.seen();
    let [request] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("POST /prefix/api/IdentityUserSession/CreateInvitation HTTP/1.1\r\n"));
    for header in [
        "apikey: key-1",
        "authorization: Bearer admin-1",
        "content-type: application/json",
        "content-length: 19",
        "user-agent: vlens-batch/test",
    ] {
        assert!(
            head.lines().any(|line| line == header),
            "{header} in {head}"
        );
    }
    assert_eq!(body, r#"{"SessionInput":{}}"#);
}

#[tokio::test]
async fn a_session_goes_out_without_an_admins_token() {
    let server = Server::answering(http("200 OK", "", r#"{"data":"tok-1"}"#));
    let answer = client(server.address)
        .create_auth_session(Bytes::from_static(b"{}"))
        .await;
    assert_eq!(why(&answer), "created");
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].starts_with("POST /prefix/api/IdentityUserSession/CreateAuthSession "));
    assert!(!seen[0].contains("authorization"));
}

#[tokio::test]
async fn a_login_names_the_tenant_and_yields_a_token() {
    let server = Server::answering(http(
        "200 OK",
        "",
        r#"{"data":{"accessToken":"jwt","expireInSeconds":86400,"refreshToken":"again"}}"#,
    ));
    let client = client(server.address);
    let token = client.login("admin", &Secret::new("pass\"word")).await;
    let token = token.expect("a token");
    assert_eq!(token.access.expose(), "jwt");
    assert_eq!(token.expires_in, Duration::from_hours(24));
    let seen = server.seen();
    assert!(seen[0].starts_with("POST /prefix/api/credentials/Login "));
    assert!(seen[0].contains("tenancyname: acme\r\n"));
    assert!(seen[0].ends_with(
        r#"{"tenancyName":"acme","userNameOrEmailAddress":"admin","password":"pass\"word"}"#
    ));

    let refreshed = client.refresh(&token.refresh.expect("one")).await;
    assert_eq!(refreshed.expect("a token").access.expose(), "jwt");
    let seen = server.seen();
    assert!(seen[0].starts_with("POST /prefix/api/credentials/RefreshToken "));
    assert!(seen[0].ends_with(r#"{"refreshToken":"again"}"#));
}

#[tokio::test]
async fn a_login_that_fails_says_who_must_act() {
    for (status, headers, body, expected) in [
        (
            "200 OK",
            "",
            r#"{"error_code":1,"error_message":"Wrong"}"#,
            "Refused",
        ),
        ("200 OK", "", r#"{"data":{"accessToken":""}}"#, "Refused"),
        ("400 Bad", "", "", "Refused"),
        ("401 No", "", "", "Refused"),
        ("403 No", "", "", "Refused"),
        ("404 No", "", "", "NotTheApi"),
        ("302 Found", "location: /\r\n", "", "NotTheApi"),
        ("429 Slow", "retry-after: 3\r\n", "", "Busy"),
        ("500 Oh", "", "", "ServerError"),
        ("200 OK", "", "<html>", "ServerError"),
    ] {
        let server = Server::answering(http(status, headers, body));
        let result = client(server.address)
            .login("admin", &Secret::new("p"))
            .await;
        let error = format!("{:?}", result.expect_err(status));
        assert!(error.starts_with(expected), "{status} {body}: {error}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn contract_types_and_their_forms_are_read() {
    let server = Server::answering(http("200 OK", "", r#"{"data":[{"id":414,"name":"Loan"}]}"#));
    let client = client(server.address);
    let bearer = Secret::new("admin-1");
    let (raw, types) = client.contract_types(&bearer).await.expect("types");
    assert!(raw.starts_with(r#"{"data""#));
    assert_eq!(
        types,
        [ContractTypeEntry {
            id: ContractTypeId(414),
            name: "Loan".into()
        }]
    );
    let raw = client.template_fields(&bearer, ContractTypeId(414)).await;
    assert!(raw.expect("a form").contains("414"));
    let seen = server.seen();
    assert!(seen[0].starts_with("GET /prefix/api/BusinessRequest/GetAllRequestTypes HTTP"));
    assert!(seen[1].starts_with(
        "GET /prefix/api/BusinessRequest/GetBusinessRequestTypeTemplateFields?requestTypeId=414&isLocalized=false HTTP"
    ));
    assert!(seen[1].contains("authorization: Bearer admin-1\r\n"));
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_not_sent() {
    let server = Server::answering(http("200 OK", "", "{}"));
    let bearer = Secret::new("two\nlines");
    let answer = client(server.address)
        .create_invitation(&bearer, Bytes::from_static(b"{}"))
        .await;
    assert!(matches!(
        answer.outcome,
        Outcome::NotCreated(NotCreated::Unauthorized { .. })
    ));
    assert!(server.seen().is_empty());
}

#[test]
fn options_that_no_request_can_carry_are_refused() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let code = |change: fn(&mut ClientOptions)| {
        let mut options = options(address);
        change(&mut options);
        Client::new(options).err().map(|complaint| complaint.code)
    };
    assert_eq!(code(|_| ()), None);
    let with_key = |key: &str| {
        let mut options = options(address);
        options.api_key = Secret::new(key);
        Client::new(options).err().map(|complaint| complaint.code)
    };
    for key in ["", " ", "one\ntwo", "one two", "key\u{200b}"] {
        assert_eq!(with_key(key), Some("api_key_invalid"), "{key:?}");
    }
    assert_eq!(
        code(|o| o.tenancy_name = String::new()),
        Some("tenancy_name_invalid")
    );
    assert_eq!(
        code(|o| o.tenancy_name = "a\nb".into()),
        Some("tenancy_name_invalid")
    );
    assert_eq!(code(|o| o.tenancy_name = "شركة".into()), None);
    assert_eq!(
        code(|o| o.ca_pem = Some(b"none".to_vec())),
        Some("ca_unusable")
    );
    let no_certificate = b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let mut options = options(address);
    options.ca_pem = Some(no_certificate.to_vec());
    let complaint = Client::new(options).err().expect("a complaint");
    assert_eq!(complaint.code, "ca_unusable", "{complaint}");

    assert!(code(|o| o.user_agent = "a\nb".into()).is_some());
}
