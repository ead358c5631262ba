//! The sandbox in a process of its own, so that neither side's death takes the other along.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Server {
    child: Child,
    variables: BTreeMap<String, String>,
    /// Holds the port of a killed server: nobody listens there, and no other test's server is given it.
    held: Option<tokio::net::TcpSocket>,
}

impl Server {
    /// Starts it with options as `sandbox` has them, and no limits unless they say so; and waits until it says that it listens:
    /// on `port`, or with 0 on a free one.
    pub fn start(options: &str, port: u16, log: &Path) -> Server {
        let server = at_a_port(port, |port| Server::listening(options, port, log));
        server.unwrap_or_else(|said| panic!("not a server's greeting: `{said}`"))
    }

    /// What it says instead, where it cannot listen.
    fn listening(options: &str, port: u16, log: &Path) -> Result<Server, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vlens-batch"));
        command
            .args(["sandbox", "--json", "--port", &port.to_string(), "--log"])
            .arg(log)
            .args(options.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if !options.contains("--per-") {
            command.args(["--per-second", "0", "--per-minute", "0"]);
        }
        let mut child = command.spawn().expect("a sandbox server");
        let stdout = child.stdout.take().expect("its stdout");
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let mut server = Server {
            child,
            variables: BTreeMap::new(),
            held: None,
        };
        let variables = read.ok().and_then(|_| serde_json::from_str(&line).ok());
        server.variables = variables.ok_or(line)?;
        Ok(server)
    }

    /// What a client needs, as environment variables.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    pub fn base_url(&self) -> &str {
        &self.variables["VLENS_BASE_URL"]
    }

    pub fn port(&self) -> u16 {
        let port = self.base_url().rsplit(':').next().expect("a port");
        port.parse().expect("a port")
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        // It may be dead already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The same, and its address stays nobody's.
    pub fn kill_and_hold(&mut self) {
        self.kill();
        let held = tokio::net::TcpSocket::new_v4().expect("a socket");
        // Connections of the dead server may linger; once bound, the port is shared with nobody.
        held.set_reuseaddr(true).expect("an option");
        let address = ([127, 0, 0, 1], self.port()).into();
        if held.bind(address).is_ok() {
            held.set_reuseaddr(false).expect("an option");
            self.held = Some(held);
        }
    }
}

/// Tries to start what listens on `port`, or with 0 on one that the system gives to no outgoing connection, so that it is still
/// there to be had after an end. Tried again: another test's program that is just being started has, until it runs, a copy of
/// each socket of ours, the closed ones too.
pub fn at_a_port<T, E>(port: u16, start: impl Fn(u16) -> Result<T, E>) -> Result<T, E> {
    let one = || match port {
        0 => start(fastrand::u16(10_000..32_000)),
        port => start(port),
    };
    for _ in 1..40 {
        if let Ok(started) = one() {
            return Ok(started);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    one()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
