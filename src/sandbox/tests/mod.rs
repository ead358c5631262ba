//! The sandbox from outside, over real sockets. This file is the harness; the sentences are in its submodules.

mod endpoints;
mod failing;
mod limits;
mod logging;

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Faults, LatencyRange, Sandbox, SandboxOptions};

const LOGIN: &str = "/api/credentials/Login";
const REFRESH: &str = "/api/credentials/RefreshToken";
const INVITE: &str = "/api/IdentityUserSession/CreateInvitation";
const AUTH: &str = "/api/IdentityUserSession/CreateAuthSession";
const TYPES: &str = "/api/BusinessRequest/GetAllRequestTypes";
const FIELDS: &str = "/api/BusinessRequest/GetBusinessRequestTypeTemplateFields";

/// One client for all tests: building one is slow.
static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .no_proxy()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        // Each test has a runtime of its own, which a pooled connection would not survive.
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
});

/// An answer as a client sees it.
#[derive(Debug)]
struct Answer {
    status: u16,
    retry_after: Option<String>,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    fn data(&self) -> Value {
        self.json()["data"].clone()
    }

    /// Status and error code.
    fn verdict(&self) -> (u16, Option<i64>) {
        (self.status, self.json()["error_code"].as_i64())
    }
}

/// A sandbox without limits, its log, and an admin who is logged in.
struct Scene {
    sandbox: Sandbox,
    token: String,
    folder: TempDir,
}

impl Scene {
    async fn plain() -> Self {
        Scene::with(|_| {}).await
    }

    async fn with_faults(spec: &str) -> Self {
        Scene::with(|options| options.faults = Faults::parse(spec).unwrap()).await
    }

    async fn with(change: impl FnOnce(&mut SandboxOptions)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut options = SandboxOptions {
            per_second: None,
            per_minute: None,
            log: Some(folder.path().join("log.jsonl")),
            ..SandboxOptions::default()
        };
        change(&mut options);
        let sandbox = Sandbox::start(options).await.unwrap();
        let mut scene = Scene {
            sandbox,
            token: String::new(),
            folder,
        };
        if let Some(token) = scene.log_in().await.data()["accessToken"].as_str() {
            scene.token = token.to_owned();
        }
        scene
    }

    async fn log_in(&self) -> Answer {
        self.post(LOGIN, &[("TenancyName", "sandbox")], &login_body())
            .await
    }

    async fn invite(&self, body: &Value) -> Answer {
        self.post(
            INVITE,
            &[("Authorization", &format!("Bearer {}", self.token))],
            body,
        )
        .await
    }

    async fn invite_phone(&self, phone: &str) -> Answer {
        self.invite(&invitation(phone)).await
    }

    async fn get(&self, path: &str) -> Answer {
        let request = CLIENT
            .get(format!("{}{path}", self.sandbox.base_url()))
            .header("ApiKey", "sandbox-api-key")
            .bearer_auth(&self.token);
        answer(request).await
    }

    /// With the right `ApiKey` and kind of body, unless `headers` bring their own.
    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let defaults = [
            ("ApiKey", "sandbox-api-key"),
            ("Content-Type", "application/json"),
        ];
        let missing = defaults
            .iter()
            .filter(|(name, _)| headers.iter().all(|(given, _)| given != name));
        let request = CLIENT.post(format!("{}{path}", self.sandbox.base_url()));
        let request = headers
            .iter()
            .chain(missing)
            .fold(request, |request, (name, value)| {
                request.header(*name, *value)
            });
        answer(request.body(body.to_string())).await
    }

    /// Sends an invitation over a bare connection and leaves the reading to the test.
    fn send_raw(&self, phone: &str) -> TcpStream {
        use std::io::Write as _;
        let mut stream = TcpStream::connect(self.sandbox.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        stream
            .write_all(self.raw_invitation(phone).as_bytes())
            .unwrap();
        stream
    }

    fn raw_invitation(&self, phone: &str) -> String {
        let (body, token) = (invitation(phone).to_string(), &self.token);
        format!(
            "POST {INVITE} HTTP/1.1\r\nHost: sandbox\r\nApiKey: sandbox-api-key\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log.jsonl")
    }

    fn log(&self) -> Vec<Value> {
        read_log(&self.log_path())
    }

    /// The log's last line, which is the last request's.
    fn last_line(&self) -> Value {
        self.log().pop().unwrap()
    }
}

fn read_log(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let retry_after = response.headers().get("Retry-After");
    Answer {
        status: response.status().as_u16(),
        retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
        text: response.text().await.unwrap(),
    }
}

fn login_body() -> Value {
    json!({
        "tenancyName": "sandbox",
        "userNameOrEmailAddress": "admin@sandbox.example",
        "password": "sandbox-password",
    })
}

fn invitation(phone: &str) -> Value {
    json!({"SessionInput": {
        "phoneNumber": phone,
        "email": "mona@example.com",
        "sessionPermissions": {
            "allowedContractTypeIds": [414], "minimalSignatureFlow": true, "DigitalIdentityOnly": false,
        },
        "RequestFieldsValues": {"414": {"fullName": "منى عادل", "monthlyIncome": "5000"}},
    }})
}

const MONA: &str = "+201012345678";
