//! Builds the HTTP client: whom it trusts, how it keeps connections, and everything that it must not do by itself.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder};

use super::client::ClientOptions;
use crate::error::Error;

/// A kept connection is dropped after this long. Servers drop theirs from 5 s on, and a request that meets a connection
/// at the moment of its closing has an uncertain outcome; a new connection costs a row nothing that anyone would notice.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// The longest that making a connection may take, within the exchange's own timeout.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The HTTP client for these options.
pub(super) fn build(options: &ClientOptions) -> Result<reqwest::Client, Error> {
    // An error means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let extra = match &options.ca_pem {
        Some(pem) => extra_authorities(pem)?,
        None => Vec::new(),
    };
    let with_system_roots = builder(options).tls_certs_merge(extra.clone()).build();
    with_system_roots
        // A machine without certificate authorities (a bare container) gets Mozilla's.
        .or_else(|_| {
            builder(options)
                .tls_certs_only(bundled_roots().chain(extra))
                .build()
        })
        .map_err(|error| unusable(options, &error))
}

fn builder(options: &ClientOptions) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(&options.user_agent)
        .redirect(Policy::none())
        .referer(false)
        // By default the library sends a POST again when an HTTP/2 server refuses the stream.
        .retry(reqwest::retry::never())
        .https_only(options.base_url.is_https())
        .connect_timeout((options.timeout / 2).min(CONNECT_MAX))
        .pool_max_idle_per_host(options.concurrency)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_nodelay(true);
    if options.base_url.is_loopback() {
        // What stays on this machine has no business at a proxy.
        builder.no_proxy()
    } else {
        builder
    }
}

fn extra_authorities(pem: &[u8]) -> Result<Vec<Certificate>, Error> {
    let unusable = |what: &str| {
        Error::unusable(
            "ca_unusable",
            format!("The extra certificate authority {what}."),
        )
        .hint("VLENS_CA_FILE names a PEM file, with one or more blocks of -----BEGIN CERTIFICATE-----.")
    };
    match Certificate::from_pem_bundle(pem) {
        Ok(certificates) if certificates.is_empty() => Err(unusable("holds no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(unusable("is not a readable PEM file")),
    }
}

/// Mozilla's certificate authorities, as of the build.
pub(super) fn bundled_roots() -> impl Iterator<Item = Certificate> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|root| Certificate::from_der(root).ok())
}

fn unusable(options: &ClientOptions, error: &reqwest::Error) -> Error {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let cause = cause.unwrap_or_else(|| "no cause given".to_owned());
    if options.ca_pem.is_some() {
        return Error::unusable(
            "ca_unusable",
            format!("The extra certificate authority cannot be used: {cause}."),
        )
        .hint("Ask for the certificate in PEM form once more, or leave VLENS_CA_FILE unset.");
    }
    Error::unexpected(
        "tls_unavailable",
        format!("No secure connection can be set up: {cause}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_no_authority() {
        for pem in [
            "",
            "not a certificate",
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        ] {
            let complaint = extra_authorities(pem.as_bytes()).expect_err(pem);
            assert_eq!(complaint.code, "ca_unusable");
        }
    }

    #[test]
    fn the_bundled_roots_make_a_client() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        assert!(bundled_roots().count() > 50);
        let client = reqwest::Client::builder()
            .tls_certs_only(bundled_roots())
            .build();
        assert!(client.is_ok());
    }
}
