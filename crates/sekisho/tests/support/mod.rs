//! Runs the program as an operator would: in a folder, with commands, and with a server that is
//! stopped.
//!
//! Everything has a time limit: a command or server that does not end is killed, and the test
//! fails.

pub(crate) mod shell;

use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sekisho_ambient::LOCALHOST;
use serde_json::Value;
use tempfile::TempDir;

/// How often a child process is checked, and the pause between: one minute in all.
const LOOKS: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);

/// The tenant of the tests.
pub(crate) const TENANT: &str = "7900000000002";
/// The operator of the GPU service.
pub(crate) const OPERATOR: &str = "8900000000001";

/// A folder in which the program runs.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("LANG", "C.UTF-8")
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env_remove("SEKISHO_CONFIG")
            .env_remove("SEKISHO_LOG")
            .env("TMPDIR", self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, "")
    }

    /// Runs a command to its end, with `typed` as its input.
    pub(crate) fn run_with(&self, arguments: &[&str], typed: &str) -> Done {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped());
        Self::finish(command, typed)
    }

    /// The same for a command that the test has made.
    pub(crate) fn finish(mut command: Command, typed: &str) -> Done {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        // Its output is read while it runs, because a full pipe would stop it.
        let stdout = read_all(child.stdout.take().unwrap());
        let stderr = read_all(child.stderr.take().unwrap());
        let status = wait(&mut child);
        Done { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
    }

    /// Runs a command that must succeed, and reads its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(done.code(), 0, "{arguments:?}: {done:?}");
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// Runs `init` on a free port and returns the origin.
    pub(crate) fn init(&self) -> String {
        let origin = format!("http://localhost:{}", free_port());
        let made = self.json(&["init", "--origin", &origin]);
        assert_eq!(made["issuer"], origin);
        origin
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn serve(&self) -> Running {
        self.start(&["serve", "--json"])
    }

    /// Starts a server or demonstration and waits until it says that it is ready.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_command(self.command(arguments))
    }

    /// The same for a command that the test has changed.
    pub(crate) fn start_command(&self, mut command: Command) -> Running {
        let log = self.path("log");
        let file = std::fs::File::create(&log).unwrap();
        let mut child = command.stderr(file).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let log = || std::fs::read_to_string(&log).unwrap();
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}\n{}", log()));
        assert!(ready["error"].is_null(), "{ready}\n{}", log());
        Running { child: Some(child), _stdout: stdout, ready }
    }
}

/// An HTTP client with the settings that all tests share.
pub(crate) fn http() -> reqwest::ClientBuilder {
    // A machine without authorities must be able to run the tests.
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    client.resolve_to_addrs("localhost", &LOCALHOST)
}

fn read_all(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    })
}

/// A port that is free and stays so: below those that the system gives to the connections of other
/// tests (proc(5), `ip_local_port_range`), and no other test of this run gets it.
pub(crate) fn free_port() -> u16 {
    // Another run beside this one begins elsewhere.
    static NEXT: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(()) >> 1));
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % 20_000;
        let port = 10_000 + u16::try_from(next).unwrap();
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }
}

/// A running program that serves.
pub(crate) struct Running {
    child: Option<Child>,
    /// Held open, so that the program can still print.
    _stdout: BufReader<ChildStdout>,
    /// The line with which the program said that it is ready.
    pub(crate) ready: Value,
}

impl Running {
    pub(crate) fn text(&self, name: &str) -> String {
        self.ready[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.ready)).to_owned()
    }

    /// Sends SIGTERM and returns the exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        wait(&mut child).code().unwrap_or(-1)
    }

    /// The program's process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// The memory that the program uses, in bytes (proc(5), `VmRSS`).
    pub(crate) fn resident(&self) -> usize {
        let id = self.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    for _ in 0..LOOKS {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(PAUSE);
    }
    child.kill().unwrap();
    panic!("the program did not end");
}

/// The mode of a file, in octal digits.
pub(crate) fn mode(path: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    format!("{:03o}", std::fs::metadata(path).unwrap().permissions().mode() & 0o777)
}
