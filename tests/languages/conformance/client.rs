//! A client's probe: how it is built, started, and asked.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use super::cases::Kind;
use crate::committed;

/// Far above what any answer takes, on a machine that is busy with other work too.
const HUNG: Duration = Duration::from_secs(50);

/// Somebody who is not root and owns nothing.
const NOBODY: u32 = 65534;

/// A probe that can be started.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    command: Vec<String>,
    /// Its files, where everybody can read them, in the places they have in the repository.
    place: TempDir,
}

impl Client {
    pub(crate) fn new(name: &'static str, kind: Kind) -> Self {
        let place = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary directory");
        Self {
            name,
            kind,
            command: Vec::new(),
            place,
        }
    }

    /// Copies a file of the repository to a place of this name.
    pub(crate) fn file(self, from: &str, to: &str) -> Self {
        self.copy(&committed::path(from), to)
    }

    pub(crate) fn copy(self, from: &Path, to: &str) -> Self {
        let to = self.path(to);
        fs::create_dir_all(to.parent().expect("a directory")).expect("make a directory");
        fs::copy(from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        self
    }

    /// Runs a compiler where the files are; it must have nothing to say.
    pub(crate) fn build(self, command: &[&str]) -> Self {
        let output = Command::new(command[0])
            .args(&command[1..])
            .current_dir(self.place.path())
            // Go keeps what it compiled below the home directory.
            .env("GOFLAGS", "-mod=mod")
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", command[0]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", self.name);
        assert_eq!(said, "", "{} warns", self.name);
        self
    }

    /// How the probe is started: the files' names become paths.
    pub(crate) fn run(mut self, command: &[&str]) -> Self {
        let word = |word: &&str| {
            let path = self.path(word);
            if path.exists() {
                path.display().to_string()
            } else {
                (*word).to_owned()
            }
        };
        self.command = command.iter().map(word).collect();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Whether somebody else could start it: an interpreter may lie in a home directory.
    pub(crate) fn runs_as_nobody(&self) -> bool {
        let mut command = Command::new(&self.command[0]);
        let command = command.arg("--version").uid(NOBODY).gid(NOBODY);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        quiet.stderr(Stdio::null()).status().is_ok()
    }

    pub(crate) fn start(&self, flag: Option<&OsStr>, as_nobody: bool) -> Probe {
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .current_dir(self.place.path())
            .env_remove("STOPCTL_FLAG")
            // A SIGBUS is to end a sanitized program as it ends any other.
            .env("ASAN_OPTIONS", "handle_sigbus=0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(flag.map(|path| ("STOPCTL_FLAG", path)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let (sender, answers) = channel();
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        thread::spawn(move || {
            // Ends with the stream, or when nobody listens any more.
            out.lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        let mut err = child.stderr.take().expect("a pipe");
        let said = thread::spawn(move || {
            let mut text = String::new();
            err.read_to_string(&mut text).expect("standard error");
            text
        });
        Probe {
            child,
            answers,
            said,
        }
    }
}

/// A probe that was started.
pub(crate) struct Probe {
    child: Child,
    answers: Receiver<String>,
    said: JoinHandle<String>,
}

impl Probe {
    pub(crate) fn ask(&mut self, question: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        // One that has died says so by having no answer.
        let _ = writeln!(stdin, "{question}");
    }

    /// Its next answer; `None` if it ended instead.
    pub(crate) fn answer(&mut self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match self.answers.recv_timeout(HUNG) {
            Ok(line) => Some(line),
            Err(Disconnected) => None,
            Err(Timeout) => {
                let _ = self.child.kill();
                panic!("it hangs");
            }
        }
    }

    /// Lets it end; how it did, and what it wrote to standard error.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        drop(self.child.stdin.take());
        let status = self.child.wait().expect("our own child");
        (status, self.said.join().expect("standard error was read"))
    }
}
