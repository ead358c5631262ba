//! The client over TLS and HTTP/2: whom it trusts, and that a gated body passes there as well.

use std::cell::Cell;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

/// A port with TLS and HTTP/2 under a certificate authority of its own. Yields that authority's certificate too.
async fn listen() -> (TcpListener, TlsAcceptor, Vec<u8>) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");

    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .and_then(|params| params.signed_by(&key, &authority))
        .expect("a certificate");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a configuration");
    config.alpn_protocols = vec![b"h2".to_vec()];

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let tls = TlsAcceptor::from(Arc::new(config));
    (listener, tls, authority.pem().into_bytes())
}

/// Serves the one call. Yields the address and the authority's certificate.
async fn serve() -> (SocketAddr, Vec<u8>) {
    let (listener, tls, authority) = listen().await;
    let address = listener.local_addr().expect("an address");
    tokio::spawn(accept(listener, tls));
    (address, authority)
}

async fn accept(listener: TcpListener, tls: TlsAcceptor) {
    let path = "/api/IdentityUserSession/CreateAuthSession";
    let echo = |body: String| async move { format!(r#"{{"data":"{body}"}}"#) };
    let router = Router::new().route(path, post(echo));
    while let Ok((stream, _)) = listener.accept().await {
        if let Ok(stream) = tls.accept(stream).await {
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }
}

async fn create(address: SocketAddr, ca_pem: Option<Vec<u8>>) -> Outcome {
    let options = ClientOptions {
        base_url: BaseUrl::parse(&format!("https://{address}"), false).expect("a url"),
        api_key: Secret::new("key-1"),
        tenancy_name: "acme".to_owned(),
        timeout: Duration::from_secs(10),
        ca_pem,
        concurrency: 4,
        user_agent: "vlens-batch/test".to_owned(),
    };
    let client = Client::new(options).expect("a client");
    let answer = client
        .create_auth_session(Bytes::from_static(b"body"))
        .await;
    answer.outcome
}

#[tokio::test]
async fn an_extra_authority_is_trusted_and_http_2_is_spoken() {
    let (address, authority) = serve().await;
    match create(address, Some(authority)).await {
        Outcome::Created { token } => assert_eq!(token.expose(), "body"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted_and_nothing_leaves() {
    let (address, _) = serve().await;
    match create(address, None).await {
        Outcome::NotCreated(NotCreated::Unreachable { message }) => {
            assert!(message.contains("VLENS_CA_FILE"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

/// HTTP/2's "refused stream" says that the request was not handled, and HTTP libraries like to repeat it by themselves.
#[tokio::test]
async fn a_refused_stream_is_not_sent_again() {
    let (listener, tls, authority) = listen().await;
    let address = listener.local_addr().expect("an address");
    let streams = Cell::new(0);
    let mut refusing = pin!(async {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = tls.accept(stream).await.expect("a handshake");
            let _ = refuse_streams(stream, &streams).await;
        }
    });
    let outcome = tokio::select! {
        outcome = create(address, Some(authority)) => outcome,
        () = &mut refusing => panic!("the server went away"),
    };
    assert!(!matches!(outcome, Outcome::Created { .. }), "{outcome:?}");
    let _ = tokio::time::timeout(Duration::from_millis(100), refusing).await;
    assert_eq!(streams.get(), 1);
}

/// Speaks just enough HTTP/2 to refuse every request, and counts them.
async fn refuse_streams(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    streams: &Cell<usize>,
) -> std::io::Result<()> {
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const ACK: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    stream
        .write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0])
        .await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        stream.read_exact(&mut vec![0; length]).await?;
        let [.., kind, flags, s1, s2, s3, s4] = head;
        if kind == SETTINGS && flags != ACK {
            stream
                .write_all(&[0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0])
                .await?;
        }
        if kind == HEADERS {
            streams.set(streams.get() + 1);
            // RST_STREAM, REFUSED_STREAM.
            stream
                .write_all(&[0, 0, 4, 3, 0, s1, s2, s3, s4, 0, 0, 0, 7])
                .await?;
        }
        stream.flush().await?;
    }
}
