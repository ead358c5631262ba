//! The client: one method for each call of the API that this tool makes.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Method, NoProxy, Proxy, Request};
use serde_json::{Value, json};
use url::{Host, Url};

use super::answer::{RawAnswer, read_answer};
use super::calls::{
    AccessToken, AdminToken, CallError, ContractTypeEntry, data_of, read_contract_types,
    read_token, secret_header,
};
use super::transport::{Fence, Reply, exchange};
use crate::error::Error;
use crate::model::{ContractTypeId, Outcome, Secret};

/// An answer to an invitation or a login is a few hundred bytes; past this it is none of the API's.
const ANSWER_MAX_BYTES: usize = 1 << 20;
/// A form lists every choice of every field, and may be long.
const FORM_MAX_BYTES: usize = 8 << 20;
/// A kept connection is dropped after this long. Servers drop theirs from 5 s on, and a request that meets a connection
/// at the moment of its closing has an uncertain outcome; a new connection costs a row nothing that anyone would notice.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// The longest that making a connection may take, within the exchange's own timeout.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Safe to add to any point in time.
const TIMEOUT_MAX: Duration = Duration::from_hours(24);

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    pub base_url: BaseUrl,
    pub api_key: Secret,
    pub tenancy_name: String,
    /// For a whole exchange, from connecting to the answer's last byte, dripping answers too.
    pub timeout: Duration,
    /// The proxy to go through, when it is not the system's that holds.
    pub proxy: Option<String>,
    /// More certificate authorities to trust, in PEM form.
    pub ca_pem: Option<Vec<u8>>,
    /// How many requests may be under way at once: as many connections are kept.
    pub concurrency: usize,
    pub user_agent: String,
}

/// Speaks to the API.
pub struct Client {
    http: reqwest::Client,
    /// Ends with `/api/`.
    api_url: Url,
    /// Of every request.
    headers: HeaderMap,
    tenancy_name: String,
    tenancy_header: HeaderValue,
    timeout: Duration,
}

impl Client {
    /// Checks what cannot be sent (a line break in the API key, say) and prepares everything that requests share.
    /// Connects to nothing.
    pub fn new(options: ClientOptions) -> Result<Client, Error> {
        let mut headers = HeaderMap::new();
        let api_key = api_key_header(&options.api_key)?;
        headers.insert(HeaderName::from_static("apikey"), api_key);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let http = http_client(&options)?;
        let api_url = Url::parse(&format!("{}/api/", options.base_url))
            .map_err(|error| base_url_invalid(&format!("is not a web address: {error}")))?;
        Ok(Client {
            http,
            api_url,
            headers,
            tenancy_header: tenancy_header(&options.tenancy_name)?,
            tenancy_name: options.tenancy_name,
            timeout: options.timeout.min(TIMEOUT_MAX),
        })
    }

    /// Creates one invitation, as the admin whose token this is; without one a session. Sends exactly one request, or none, as the fence
    /// says.
    pub async fn create(&self, bearer: Option<&AccessToken>, body: Bytes, fence: Fence) -> Outcome {
        let path = match bearer {
            Some(_) => "IdentityUserSession/CreateInvitation",
            None => "IdentityUserSession/CreateAuthSession",
        };
        match self
            .post(self.request(Method::POST, path, bearer), body, fence)
            .await
        {
            Ok(answer) => read_answer(&answer),
            Err(outcome) => outcome,
        }
    }

    /// Logs the admin in.
    pub async fn login(&self, username: &str, password: &Secret) -> Result<AdminToken, CallError> {
        let body = json!({
            "tenancyName": self.tenancy_name,
            "userNameOrEmailAddress": username,
            "password": password.expose(),
        });
        let mut request = self.request(Method::POST, "credentials/Login", None);
        let tenancy = self.tenancy_header.clone();
        request
            .headers_mut()
            .insert(HeaderName::from_static("tenancyname"), tenancy);
        read_token(
            self.post(request, body.to_string().into(), None).await,
            None,
        )
    }

    /// Exchanges a refresh token for a new access token.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<AdminToken, CallError> {
        let body = json!({ "refreshToken": refresh_token.expose() });
        let request = self.request(Method::POST, "credentials/RefreshToken", None);
        let reply = self.post(request, body.to_string().into(), None).await;
        read_token(reply, Some(refresh_token))
    }

    /// The tenant's contract types.
    pub async fn contract_types(
        &self,
        bearer: &AccessToken,
    ) -> Result<Vec<ContractTypeEntry>, CallError> {
        let path = "BusinessRequest/GetAllRequestTypes";
        let (_, data) = self
            .read(self.request(Method::GET, path, Some(bearer)))
            .await?;
        read_contract_types(&data)
    }

    /// The raw answer that describes a contract type's form, for [`read_form`](super::read_form).
    pub async fn template_fields(
        &self,
        bearer: &AccessToken,
        id: ContractTypeId,
    ) -> Result<String, CallError> {
        let path = "BusinessRequest/GetBusinessRequestTypeTemplateFields";
        let mut request = self.request(Method::GET, path, Some(bearer));
        request
            .url_mut()
            .query_pairs_mut()
            .append_pair("requestTypeId", &id.to_string())
            .append_pair("isLocalized", "false");
        let (answer, _) = self.read(request).await?;
        Ok(String::from_utf8_lossy(answer.bytes()).into_owned())
    }

    async fn read(&self, request: Request) -> Result<(RawAnswer, Value), CallError> {
        data_of(exchange(&self.http, request, None, self.timeout, FORM_MAX_BYTES).await)
    }

    async fn post(&self, mut request: Request, body: Bytes, fence: Fence) -> Reply {
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let body = Some((body, fence));
        exchange(&self.http, request, body, self.timeout, ANSWER_MAX_BYTES).await
    }

    fn request(&self, method: Method, path: &str, bearer: Option<&AccessToken>) -> Request {
        let mut url = self.api_url.clone();
        url.set_path(&format!("{}{path}", url.path()));
        let mut request = Request::new(method, url);
        request.headers_mut().clone_from(&self.headers);
        if let Some(bearer) = bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        request
    }
}

/// The HTTP client, kept from everything that it must not do by itself.
pub(super) fn http_client(options: &ClientOptions) -> Result<reqwest::Client, Error> {
    // An error means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let extra = options
        .ca_pem
        .as_deref()
        .map_or(Ok(Vec::new()), extra_authorities)?;
    let proxy = options.proxy.as_deref().map(proxy).transpose()?;
    let builder = || builder(options, proxy.clone());
    let with_system_roots = builder().tls_certs_merge(extra.clone()).build();
    // Who names the authorities to trust means these and no others.
    let are_named = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    with_system_roots
        .or_else(|error| {
            if are_named {
                return Err(error);
            }
            let bundled = builder().tls_certs_only(bundled_roots().chain(extra)).build();
            // A bare container has none.
            bundled.inspect(|_| {
                if options.base_url.is_https {
                    tracing::warn!("this system has no certificate authorities: Mozilla's, as of this program's build, are trusted");
                }
            })
        })
        .map_err(|error| {
            let cause = std::error::Error::source(&error)
                .map_or_else(|| "no cause given".to_owned(), ToString::to_string);
            if options.ca_pem.is_some() {
                return ca_unusable(&format!("cannot be used: {cause}"));
            }
            let message = format!("No secure connection can be set up: {cause}.");
            if are_named {
                return Error::unusable("ca_unusable", message)
                    .hint("Look at the files that SSL_CERT_FILE and SSL_CERT_DIR name, or leave both unset.");
            }
            Error::unexpected("tls_unavailable", message)
        })
}

/// Read by us, as the library passes over what it cannot read, and would then go past the proxy.
fn proxy(text: &str) -> Result<Proxy, Error> {
    let unusable = || {
        Error::unusable("proxy_invalid", "The proxy that the environment names cannot be used.").hint(
            "Write HTTPS_PROXY (or HTTP_PROXY, ALL_PROXY) as http://proxy.example:3128, or leave it unset.",
        )
    };
    let text = text.trim();
    let text = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&text).map_err(|_| unusable())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(unusable());
    }
    let proxy = Proxy::all(url).map_err(|_| unusable())?;
    Ok(proxy.no_proxy(NoProxy::from_env()))
}

fn builder(options: &ClientOptions, proxy: Option<Proxy>) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(&options.user_agent)
        .redirect(Policy::none())
        .referer(false)
        // By default the library sends a POST again when an HTTP/2 server refuses the stream.
        .retry(reqwest::retry::never())
        .https_only(options.base_url.is_https)
        .connect_timeout((options.timeout / 2).min(CONNECT_MAX))
        .pool_max_idle_per_host(options.concurrency)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_nodelay(true);
    if options.base_url.is_loopback {
        // What stays on this machine has no business at a proxy.
        builder.no_proxy()
    } else {
        proxy.into_iter().fold(builder, ClientBuilder::proxy)
    }
}

fn extra_authorities(pem: &[u8]) -> Result<Vec<Certificate>, Error> {
    match Certificate::from_pem_bundle(pem) {
        Ok(certificates) if certificates.is_empty() => Err(ca_unusable("holds no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(ca_unusable("is not a readable PEM file")),
    }
}

fn ca_unusable(what: &str) -> Error {
    let message = format!("The extra certificate authority {what}.");
    Error::unusable("ca_unusable", message).hint(
        "VLENS_CA_FILE names a PEM file, with one or more blocks of -----BEGIN CERTIFICATE-----; ask for it once more, or leave \
         the variable unset.",
    )
}

/// Mozilla's certificate authorities, as of the build.
fn bundled_roots() -> impl Iterator<Item = Certificate> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|root| Certificate::from_der(root).ok())
}

fn api_key_header(key: &Secret) -> Result<HeaderValue, Error> {
    secret_header("", key.expose()).ok_or_else(|| {
        let what = if key.expose().trim().is_empty() {
            "is empty"
        } else {
            "holds a space, a line break or another character that no key has"
        };
        Error::unusable("api_key_invalid", format!("The API key {what}.")).hint(
            "Copy it once more from Vlens into VLENS_API_KEY or VLENS_API_KEY_FILE, on one line.",
        )
    })
}

/// The tenant's name need not be ASCII.
fn tenancy_header(name: &str) -> Result<HeaderValue, Error> {
    let header = HeaderValue::from_bytes(name.as_bytes()).ok();
    header.filter(|_| !name.trim().is_empty()).ok_or_else(|| {
        Error::unusable(
            "tenancy_name_invalid",
            "The tenancy name is empty or holds a control character.",
        )
        .hint("Set VLENS_TENANCY_NAME, or tenancy_name under [api], to the tenant's name at Vlens.")
    })
}

/// The address of the API, without a trailing slash; a path before `/api` is kept. Checked once, so that no secret goes out over
/// a wire that anyone can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    is_https: bool,
    is_loopback: bool,
}

impl BaseUrl {
    /// Takes `https` addresses, and `http` ones to this machine (127.0.0.0/8, `::1`, `localhost`) or when
    /// `allow_insecure_http` says so. Credentials, a query or a fragment have no meaning here and are refused.
    pub fn parse(text: &str, allow_insecure_http: bool) -> Result<BaseUrl, Error> {
        // The text is not shown: a mistyped address may hold a password.
        let url = Url::parse(text.trim())
            .map_err(|error| base_url_invalid(&format!("is not a web address: {error}")))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(base_url_invalid("does not begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(base_url_invalid("holds a user name or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(base_url_invalid("holds a query (?) or a fragment (#)"));
        }
        let is_https = url.scheme() == "https";
        let is_loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if !(is_https || is_loopback || allow_insecure_http) {
            let message = format!(
                "The API's address http://{} is not encrypted: everyone on the way could read the password and the \
                 customers' data.",
                url.host_str().unwrap_or_default()
            );
            return Err(Error::unusable("base_url_insecure", message).hint(
                "Write https://, or pass --allow-insecure-http if you know that the way is safe.",
            ));
        }
        Ok(BaseUrl {
            text: url.as_str().trim_end_matches('/').to_owned(),
            is_https,
            is_loopback,
        })
    }

    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The address as it is shown and compared: lower-case host, no default port, no trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn base_url_invalid(what: &str) -> Error {
    Error::unusable("base_url_invalid", format!("The API's address {what}."))
        .hint("Write it as https://api.vlenseg.com, in VLENS_BASE_URL or as base_url under [api].")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Good addresses with the one spelling that they are taken in, and bad ones with their code.
    const ADDRESSES: &str = "
        https://api.vlenseg.com               https://api.vlenseg.com
        https://API.vlenseg.com/              https://api.vlenseg.com
        https://api.vlenseg.com:443//         https://api.vlenseg.com
        https://gate.example/vlens/           https://gate.example/vlens
        http://127.0.0.1:8080                 http://127.0.0.1:8080
        http://127.9.8.7                      http://127.9.8.7
        http://[::1]:9/                       http://[::1]:9
        http://LOCALHOST:80                   http://localhost
        api.vlenseg.com                       base_url_invalid
        localhost:8080                        base_url_invalid
        ftp://api.vlenseg.com                 base_url_invalid
        https://                              base_url_invalid
        https://mona:hunter2@api.vlenseg.com  base_url_invalid
        https://api.vlenseg.com?tenant=acme   base_url_invalid
        https://api.vlenseg.com/#top          base_url_invalid
        http://api.vlenseg.com                base_url_insecure
        http://localhost.example              base_url_insecure
        http://128.0.0.1                      base_url_insecure
        http://0.0.0.0                        base_url_insecure";

    #[test]
    fn only_addresses_that_nobody_on_the_way_can_read_are_taken() {
        for line in ADDRESSES.trim().lines() {
            let (text, expected) = line.trim().split_once(' ').expect("two columns");
            let read = match BaseUrl::parse(text, false) {
                Ok(url) => url.as_str().to_owned(),
                Err(error) => {
                    assert!(!error.message.contains("hunter2"));
                    error.code.to_owned()
                }
            };
            assert_eq!(read, expected.trim(), "{text}");
        }
        let allowed = BaseUrl::parse("http://10.0.0.5:8080", true).expect("allowed");
        assert!(!allowed.is_https && !allowed.is_loopback);
    }
}
