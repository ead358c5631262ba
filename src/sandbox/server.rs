//! The accept loop: one HTTP/1.1 connection after another, each under the hand of its own handler.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    Credentials, SandboxOptions,
    exchange::exchange,
    shared::Shared,
    wire::{Switch, Wire},
};
use crate::error::Error;

/// How long to wait when the system has no connection to give (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running sandbox. Dropped, it ends with all its connections.
pub struct Sandbox {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    tasks: TaskTracker,
    stopping: DropGuard,
}

impl Sandbox {
    /// Starts serving on loopback.
    pub async fn start(options: SandboxOptions) -> Result<Sandbox, Error> {
        let port = options.port;
        let cannot_listen = |error: std::io::Error| {
            Error::unusable(
                "sandbox_port",
                format!("The sandbox cannot listen on 127.0.0.1:{port}: {error}."),
            )
            .hint("Choose another port, or 0 for any free one.")
        };
        let shared = Arc::new(Shared::new(options)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let tasks = shared.tasks.clone();
        let stop = CancellationToken::new();
        let accepting = tokio::spawn(accept_all(listener, shared, stop.clone()));
        Ok(Sandbox {
            address,
            accepting,
            tasks,
            stopping: stop.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for a client.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The one account it knows.
    pub fn credentials(&self) -> Credentials {
        Credentials::of_the_sandbox()
    }

    /// Serves until the process or the surrounding task ends.
    pub async fn serve_forever(self) {
        // The accept loop ends only when it is told to, which nobody can while `self` is here.
        let _ = self.accepting.await;
    }

    /// Closes every connection and waits until each request that was read has been dealt with and logged.
    pub async fn stop(self) {
        drop(self.stopping);
        // It cannot have failed: it catches every error of its own.
        let _ = self.accepting.await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept_all(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let tasks = shared.tasks.clone();
    let router = Router::new().fallback(exchange).with_state(shared);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(
                    stop.clone()
                        .run_until_cancelled_owned(serve(stream, router.clone())),
                );
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    // Without it every answer would wait for the client's acknowledgement; a socket that cannot do so serves as well.
    let _ = stream.set_nodelay(true);
    let switch = Switch::default();
    let wire = TokioIo::new(Wire::new(stream, switch.clone()));
    let service = TowerToHyperService::new(router.layer(Extension(switch)));
    // A broken connection is the client's doing or an ordered fault: nothing to report either way.
    let _ = Builder::new(TokioExecutor::new())
        .http1_only()
        .serve_connection(wire, service)
        .await;
}
