//! A TLS connection to PostgreSQL by rustls, the server's certificate always verified.

use std::io;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::{TlsConnector, client};

use crate::error::{Error, Result};

#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts Mozilla's certificate authorities, and these.
    pub(super) fn new(authorities: &[CertificateDer<'static>]) -> Result<Tls> {
        let mut roots = RootCertStore::empty();
        let all = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        roots.add_parsable_certificates(all.chain(authorities).cloned());
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::of("tls_unavailable", &[&error]))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Tls(Arc::new(config)))
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Pin<Stream>;
    type TlsConnect = Connect;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Connect, Self::Error> {
        let host = ServerName::try_from(host)?.to_owned();
        Ok(Connect(TlsConnector::from(Arc::clone(&self.0)), host))
    }
}

pub(super) struct Connect(TlsConnector, ServerName<'static>);

impl TlsConnect<Socket> for Connect {
    type Stream = Pin<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let stream = self.0.connect(self.1, socket).await?;
            Ok(Pin::new(Stream(stream)))
        })
    }
}

/// Pinned, it is read and written as the stream within: tokio does so with whatever leads to one.
pub(super) struct Stream(client::TlsStream<Socket>);

impl Deref for Stream {
    type Target = client::TlsStream<Socket>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Stream {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl TlsStream for Pin<Stream> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
