//! The address of the API: checked once, so that no secret goes out over a wire that anyone can read.

use std::fmt;

use url::{Host, Url};

use crate::error::Error;

/// The address of the API, without a trailing slash; a path before `/api` is kept.
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
        let url = Url::parse(text.trim()).map_err(|error| {
            // The text is not shown: a mistyped address may hold a password.
            invalid(&format!("is not a web address: {error}"))
        })?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(invalid("does not begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("holds a user name or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("holds a query (?) or a fragment (#)"));
        }
        let is_https = url.scheme() == "https";
        let is_loopback = is_loopback(&url);
        if !(is_https || is_loopback || allow_insecure_http) {
            return Err(Error::unusable(
                "base_url_insecure",
                format!(
                    "The API's address http://{} is not encrypted: everyone on the way could read the password and the \
                     customers' data.",
                    url.host_str().unwrap_or_default()
                ),
            )
            .hint("Write https://, or pass --allow-insecure-http if you know that the way is safe."));
        }
        Ok(BaseUrl {
            text: url.as_str().trim_end_matches('/').to_owned(),
            is_https,
            is_loopback,
        })
    }

    /// The address as it is shown and compared: lower-case host, no default port, no trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the address is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Whether requests to it are encrypted.
    pub fn is_https(&self) -> bool {
        self.is_https
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn invalid(what: &str) -> Error {
    Error::unusable("base_url_invalid", format!("The API's address {what}."))
        .hint("Write it as https://api.vlenseg.com, in VLENS_BASE_URL or as base_url under [api].")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_are_taken_in_one_spelling() {
        for (text, spelt, is_loopback) in [
            ("https://api.vlenseg.com", "https://api.vlenseg.com", false),
            (
                " https://API.vlenseg.com/ ",
                "https://api.vlenseg.com",
                false,
            ),
            (
                "https://api.vlenseg.com:443//",
                "https://api.vlenseg.com",
                false,
            ),
            (
                "https://gate.example/vlens/",
                "https://gate.example/vlens",
                false,
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", true),
            ("http://127.9.8.7", "http://127.9.8.7", true),
            ("http://[::1]:9/", "http://[::1]:9", true),
            ("http://LOCALHOST:80", "http://localhost", true),
            ("https://localhost", "https://localhost", true),
        ] {
            let url = BaseUrl::parse(text, false).expect(text);
            assert_eq!(url.as_str(), spelt);
            assert_eq!(url.is_loopback(), is_loopback, "{text}");
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        for (text, code) in [
            ("", "base_url_invalid"),
            ("api.vlenseg.com", "base_url_invalid"),
            ("localhost:8080", "base_url_invalid"),
            ("ftp://api.vlenseg.com", "base_url_invalid"),
            ("https://", "base_url_invalid"),
            ("https://mona:hunter2@api.vlenseg.com", "base_url_invalid"),
            ("https://api.vlenseg.com?tenant=acme", "base_url_invalid"),
            ("https://api.vlenseg.com/#top", "base_url_invalid"),
            ("http://api.vlenseg.com", "base_url_insecure"),
            ("http://localhost.example", "base_url_insecure"),
            ("http://128.0.0.1", "base_url_insecure"),
            ("http://0.0.0.0", "base_url_insecure"),
        ] {
            let complaint = BaseUrl::parse(text, false).expect_err(text);
            assert_eq!(complaint.code, code, "{text}");
            assert!(!complaint.message.contains("hunter2"));
        }
    }

    #[test]
    fn plain_http_elsewhere_takes_a_word_of_permission() {
        let url = BaseUrl::parse("http://10.0.0.5:8080", true).expect("allowed");
        assert_eq!(url.as_str(), "http://10.0.0.5:8080");
        assert!(!url.is_https());
        assert!(!url.is_loopback());
    }
}
