//! The sandbox in a process of its own, so that neither side's death takes the other along.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// How the server is to behave. Without limits, latency and faults unless said otherwise.
#[derive(Debug, Clone, Default)]
pub struct Serve {
    args: Vec<String>,
    has_limits: bool,
}

impl Serve {
    /// Requests admitted in any second and any minute; 0 is no limit.
    pub fn limits(mut self, per_second: u32, per_minute: u32) -> Serve {
        self.has_limits = true;
        self.with("--per-second", per_second.to_string())
            .with("--per-minute", per_minute.to_string())
    }

    /// Milliseconds each way: `20`, or `0..300`.
    pub fn latency(self, ms: &str) -> Serve {
        self.with("--latency", ms)
    }

    /// How long an admin token lives, such as `3s`.
    pub fn token_life(self, time: &str) -> Serve {
        self.with("--token-life", time)
    }

    /// Random faults: `NAME=SHARE,…`.
    pub fn fault(self, faults: &str) -> Serve {
        self.with("--fault", faults)
    }

    /// Keeps the portal's file.
    pub fn portal(self, file: &Path) -> Serve {
        self.with("--portal", file.display().to_string())
    }

    /// Another seed for faults.
    pub fn seed(self, seed: u64) -> Serve {
        self.with("--seed", seed.to_string())
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Serve {
        self.args.extend([name.to_owned(), value.into()]);
        self
    }
}

pub struct Server {
    child: Child,
    variables: Vec<(String, String)>,
    /// Holds the port of a killed server: nobody listens there, and no other test's server is given it.
    held: Option<tokio::net::TcpSocket>,
}

impl Server {
    /// Starts it and waits until it says that it listens: on `port`, or with 0 on one that the system gives to no outgoing connection,
    /// so that it is still there to be had after a kill.
    pub fn start(serve: &Serve, port: u16, log: &Path) -> Server {
        let tries = if port == 0 { 20 } else { 1 };
        let mut said = String::new();
        for _ in 0..tries {
            let port = if port == 0 {
                fastrand::u16(10_000..32_000)
            } else {
                port
            };
            match Server::listening(serve, port, log) {
                Ok(server) => return server,
                Err(line) => said = line,
            }
        }
        panic!("not a server's greeting: `{said}`")
    }

    /// What it says instead, where it cannot listen.
    fn listening(serve: &Serve, port: u16, log: &Path) -> Result<Server, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vlens-batch"));
        command
            .args(["sandbox", "--json", "--port", &port.to_string(), "--log"])
            .arg(log)
            .args(&serve.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if !serve.has_limits {
            command.args(["--per-second", "0", "--per-minute", "0"]);
        }
        let mut child = command.spawn().expect("a sandbox server");
        let stdout = child.stdout.take().expect("its stdout");
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let variables = read.ok().and_then(|_| variables(&line));
        let mut server = Server {
            child,
            variables: Vec::new(),
            held: None,
        };
        server.variables = variables.ok_or(line)?;
        Ok(server)
    }

    /// What a client needs, as environment variables.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    pub fn base_url(&self) -> &str {
        let mut variables = self.variables.iter();
        let found = variables.find(|(name, _)| name == "VLENS_BASE_URL");
        &found.expect("an address").1
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

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn variables(line: &str) -> Option<Vec<(String, String)>> {
    let document: Value = serde_json::from_str(line).ok()?;
    document
        .as_object()?
        .iter()
        .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}
