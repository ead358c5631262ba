//! The way to an address: which addresses are taken, whose certificates are believed, through which proxy, and what the HTTP library
//! must not do by itself.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use url::{Host, Url};

use crate::error::Error;

const USER_AGENT: &str = concat!("vlens-batch/", env!("CARGO_PKG_VERSION"));

/// A kept connection is dropped after this long. Servers drop theirs from 5 s on, and a request that meets a connection
/// at the moment of its closing has an uncertain outcome; a new connection costs a row nothing that anyone would notice.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// The longest that making a connection may take, within the exchange's own timeout.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What a company's network asks for.
#[derive(Debug, Clone, Default)]
pub struct Way {
    pub proxy: Option<String>,
    /// More certificate authorities to trust, in PEM form.
    pub ca_pem: Option<Vec<u8>>,
}

/// The HTTP client, kept from everything that it must not do by itself.
pub(super) fn http_client(
    base_url: &BaseUrl,
    timeout: Duration,
    concurrency: usize,
    way: &Way,
) -> Result<reqwest::Client, Error> {
    // An error means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ca_pem = way.ca_pem.as_deref();
    let extra = ca_pem.map_or(Ok(Vec::new()), extra_authorities)?;
    let proxy = way.proxy.as_deref().map(proxy).transpose()?;
    let builder = || builder(base_url, timeout, concurrency, proxy.clone());
    // Who names the authorities to trust means these and no others.
    let are_named = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let built = match builder().tls_certs_merge(extra.clone()).build() {
        // A bare container has none.
        Err(_) if !are_named => {
            if base_url.is_https() {
                tracing::warn!(
                    "this system has no certificate authorities: Mozilla's, as of this program's build, are trusted"
                );
            }
            let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
            let roots = roots.filter_map(|root| Certificate::from_der(root).ok());
            builder().tls_certs_only(roots.chain(extra)).build()
        }
        built => built,
    };
    built.map_err(|error| {
        let cause = std::error::Error::source(&error)
            .map_or_else(|| "no cause given".to_owned(), ToString::to_string);
        if ca_pem.is_some() {
            return ca_unusable(&format!("cannot be used: {cause}"));
        }
        let message = format!("No secure connection can be set up: {cause}.");
        if are_named {
            return Error::unusable("ca_unusable", message).hint(
                "Look at the files that SSL_CERT_FILE and SSL_CERT_DIR name, or leave both unset.",
            );
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

fn builder(
    base_url: &BaseUrl,
    timeout: Duration,
    concurrency: usize,
    proxy: Option<Proxy>,
) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        // By default the library sends a POST again when an HTTP/2 server refuses the stream.
        .retry(reqwest::retry::never())
        .https_only(base_url.is_https())
        .connect_timeout((timeout / 2).min(CONNECT_MAX))
        .pool_max_idle_per_host(concurrency)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_nodelay(true);
    if base_url.is_loopback() {
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

/// The address of the API, without a trailing slash; a path before `/api` is kept. Checked once, so that no secret goes out over
/// a wire that anyone can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

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
        let base_url = BaseUrl(url);
        if base_url.is_https() || base_url.is_loopback() || allow_insecure_http {
            return Ok(base_url);
        }
        let message = format!(
            "The API's address http://{} is not encrypted: everyone on the way could read the password and the \
             customers' data.",
            base_url.0.host_str().unwrap_or_default()
        );
        let hint =
            "Write https://, or pass --allow-insecure-http if you know that the way is safe.";
        Err(Error::unusable("base_url_insecure", message).hint(hint))
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }

    /// The address as it is shown and compared: lower-case host, no default port, no trailing slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The address of something below it.
    pub(super) fn below(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
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
        assert!(!allowed.is_https() && !allowed.is_loopback());
    }
}
