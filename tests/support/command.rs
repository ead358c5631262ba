//! The real binary: built up, run to its end or started and left running, and looked at afterwards.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Longer than any test may take: a command that hangs fails its test, and never the whole suite.
pub const HANGS_AFTER: Duration = Duration::from_secs(300);

/// What a shell does instead to have the command on a terminal of its own, which goes when the process is killed. Needs `script` of
/// util-linux; the arguments may hold nothing that a shell would read otherwise.
pub const ON_ITS_OWN_TERMINAL: &str =
    "TERM=xterm exec script --quiet --return --command \"$0 $*\" /dev/null";

/// What a shell does first so that whoever read all output has gone, as when a pager has been left.
pub const GONE: &str = "[ -p gone ] || mkfifo gone; : < gone & exec > gone 2>&1; wait";

static HEARS: Once = Once::new();

/// Whoever starts the tests may have them ignore signals (`nohup`, `cargo test &` in a script), and then so would all that they start:
/// a signal that is handled here is none that is ignored there.
fn hear_signals() {
    // The last digit has both.
    if status_of(std::process::id(), "SigIgn:").ends_with('0') {
        return;
    }
    let runtime = Builder::new_current_thread().enable_io().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    for kind in [SignalKind::interrupt(), SignalKind::hangup()] {
        drop(signal(kind).expect("a signal to handle"));
    }
}

#[must_use = "a command does nothing until it is run or started"]
pub struct Vlens {
    command: Command,
    stdin: Option<Vec<u8>>,
}

impl Vlens {
    /// The binary, in this folder, with an empty environment.
    pub fn new(folder: &Path) -> Vlens {
        HEARS.call_once(hear_signals);
        let mut command = Command::new(env!("CARGO_BIN_EXE_vlens-batch"));
        command
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .env("TMPDIR", std::env::temp_dir());
        // The second is for measuring coverage.
        for name in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Vlens {
            command,
            stdin: None,
        }
    }

    pub fn args<I>(mut self, args: I) -> Vlens
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.command.args(args);
        self
    }

    /// It stops where it passes this place, until it is thawed.
    pub fn stopping_at(self, place: &str) -> Vlens {
        self.env("VLENS_BATCH_FAILPOINT", place)
            .env("VLENS_BATCH_FAILPOINT_STOPS", "1")
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Vlens {
        self.command.env(name, value);
        self
    }

    pub fn envs<'a, V>(self, variables: impl IntoIterator<Item = (&'a str, V)>) -> Vlens
    where
        V: AsRef<OsStr>,
    {
        let set = |vlens: Vlens, (name, value)| vlens.env(name, value);
        variables.into_iter().fold(self, set)
    }

    pub fn without_env(self, name: &str) -> Vlens {
        self.without_envs([name])
    }

    pub fn without_envs<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Vlens {
        for name in names {
            self.command.env_remove(name);
        }
        self
    }

    /// What it reads from standard input; nothing otherwise.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Vlens {
        self.stdin = Some(text.into());
        self
    }

    /// The same through a shell that first does `preparation`, such as setting limits.
    pub fn after_shell(mut self, preparation: &str) -> Vlens {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("{preparation}; exec \"$0\" \"$@\""))
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .current_dir(self.command.get_current_dir().expect("a folder"))
            .env_clear()
            .envs(
                self.command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        self.command = shell;
        self
    }

    pub fn run(self) -> Finished {
        self.start().wait()
    }

    /// Runs it to its end with this exit code.
    #[track_caller]
    pub fn ends(self, code: i32) -> Finished {
        self.run().expect(code)
    }

    /// Runs it on a terminal, with `keys` typed as soon as it asks a question, and returns its exit code with all that the
    /// terminal showed.
    pub fn on_a_terminal(self, keys: &str) -> (i32, String) {
        let timeout_ms = HANGS_AFTER.as_secs() * 1_000;
        let mut terminal =
            rexpect::session::spawn_command(self.command, Some(timeout_ms)).expect("a terminal");
        let mut screen = String::new();
        if !keys.is_empty() {
            screen = terminal.exp_string("?").expect("a question");
            terminal.send(keys).expect("a typed key");
            terminal.flush().expect("a typed key");
        }
        screen.push_str(&terminal.exp_eof().expect("its end"));
        match terminal.process().wait() {
            Ok(rexpect::process::WaitStatus::Exited(_, code)) => (code, screen),
            other => panic!("it did not exit: {other:?}\n{screen}"),
        }
    }

    /// Starts it. Dropped before its end, it is killed.
    pub fn start(mut self) -> Running {
        let stdin = match self.stdin {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        };
        let typed = self.command.get_args().map(OsStr::to_owned).collect();
        let mut child = self
            .command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary to start");
        if let (Some(text), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            std::thread::spawn(move || {
                // Whoever stops reading has its reasons; the test looks at the exit code.
                let _ = pipe.write_all(&text);
            });
        }
        Running {
            stdout: Output::of(child.stdout.take()),
            stderr: Output::of(child.stderr.take()),
            child,
            typed,
        }
    }
}

/// What a pipe has brought so far, and who reads it.
#[derive(Default)]
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Output {
        let mut output = Output::default();
        let (mut pipe, text) = (pipe.expect("a pipe"), Arc::clone(&output.text));
        output.reader = Some(std::thread::spawn(move || {
            let mut piece = vec![0; 1 << 16];
            while let Ok(length @ 1..) = pipe.read(&mut piece) {
                text.lock().expect("output").extend(&piece[..length]);
            }
        }));
        output
    }

    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("output");
        }
        let bytes = std::mem::take(&mut *self.text.lock().expect("output"));
        String::from_utf8(bytes).expect("output in UTF-8")
    }
}

pub struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
    typed: Vec<OsString>,
}

impl Running {
    /// Ends it as `kill -9` does.
    pub fn kill(mut self) -> Finished {
        self.child.kill().expect("a process to kill");
        self.wait()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("a process to signal");
    }

    /// Waits until it has been stopped, by itself or by a signal.
    pub fn wait_until_stopped(&mut self) {
        let stat = format!("/proc/{}/stat", self.child.id());
        self.until("it was stopped", || {
            let stat = std::fs::read_to_string(&stat).unwrap_or_default();
            stat.rsplit(')')
                .next()
                .is_some_and(|rest| rest.trim_start().starts_with('T'))
        });
    }

    /// Stops it as it is, with all that it holds, until it is thawed.
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
        self.wait_until_stopped();
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits until it says this on standard error or output.
    pub fn until_it_says(&mut self, words: &str) {
        let (told, shown) = (Arc::clone(&self.stderr.text), Arc::clone(&self.stdout.text));
        self.until(words, || {
            [&told, &shown]
                .into_iter()
                .any(|text| String::from_utf8_lossy(&text.lock().expect("output")).contains(words))
        });
    }

    /// Its most memory so far, in KiB, as Linux tells it. Until it is what it is to become, it is told with this process's memory.
    pub fn peak_kib(&self) -> u64 {
        let program = |of: &str| std::fs::read_link(format!("/proc/{of}/exe")).ok();
        if program(&self.child.id().to_string()) == program("self") {
            return 0;
        }
        let peak = status_of(self.child.id(), "VmHWM:");
        peak.trim_end_matches(" kB").parse().unwrap_or(0)
    }

    /// Tells whether it watches for a signal by now.
    pub fn watches(&self, signal: Signal) -> impl Fn() -> bool + use<> {
        let process = self.child.id();
        let watched = move || u64::from_str_radix(&status_of(process, "SigCgt:"), 16);
        move || watched().unwrap_or(0) >> (signal.as_raw() - 1) & 1 == 1
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a process").is_none()
    }

    /// Waits until `happened`, and says what it waited for when that never comes, or the command ends before.
    pub fn until(&mut self, what: &str, mut happened: impl FnMut() -> bool) {
        let began = Instant::now();
        while !happened() {
            assert!(
                self.is_running() || happened(),
                "it ended before {what}: {:?}",
                self.typed
            );
            assert!(began.elapsed() < HANGS_AFTER, "{what} never happened");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn wait(mut self) -> Finished {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a process") {
                break status;
            }
            assert!(began.elapsed() < HANGS_AFTER, "it hangs: {:?}", self.typed);
            std::thread::sleep(Duration::from_millis(2));
        };
        Finished {
            status,
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
            typed: std::mem::take(&mut self.typed),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
pub struct Finished {
    status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    typed: Vec<OsString>,
}

impl Finished {
    /// The exit code; none when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Finished {
        assert_eq!(self.code(), Some(code), "exit code\n{self}");
        self
    }

    /// The one JSON document on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document: {error}\n{self}"))
    }

    /// One JSON document a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON: {error}\n{self}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// Asserts that standard error tells this, however its lines are broken.
    #[track_caller]
    pub fn complains_of(&self, text: &str) -> &Finished {
        self.has(&self.stderr, text)
    }

    /// The same of standard output.
    #[track_caller]
    pub fn shows(&self, text: &str) -> &Finished {
        self.has(&self.stdout, text)
    }

    #[track_caller]
    fn has(&self, told: &str, text: &str) -> &Finished {
        let in_one_line = || told.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_told = told.contains(text) || in_one_line().contains(text);
        assert!(is_told, "`{text}` is not told\n{self}");
        self
    }

    /// Asserts that neither of the two tells this.
    #[track_caller]
    pub fn hides(&self, text: &str) -> &Finished {
        let is_told = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!is_told, "`{text}` is told\n{self}");
        self
    }

    /// Asserts that the document of `--json` is an error with this code, and tells what to do.
    #[track_caller]
    pub fn fails_with(&self, code: &str) -> &Finished {
        let error = &self.json()["error"];
        let is_whole = error["message"].is_string() && error["hint"].is_string();
        assert!(error["code"] == code && is_whole, "not `{code}`\n{self}");
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "command: {:?}\n{}\nstdout:\n{}\nstderr:\n{}",
            self.typed, self.status, self.stdout, self.stderr
        )
    }
}

/// What Linux tells of a process under this name.
fn status_of(process: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mut lines = status.lines();
    let told = lines.find_map(|line| line.strip_prefix(name));
    told.unwrap_or_default().trim().to_owned()
}
