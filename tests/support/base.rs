//! A base directory of one test, and what must be true of it at the end.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::examples::zoo;
use super::processes;
use super::scenario::Scenario;
use super::started::{Ended, Started};

/// How long a killed process may take until the kernel has cleared it away.
const CLEARED: Duration = Duration::from_secs(2);

/// Two directories of a test's own: `runs` is its `STOPCTL_DIR`, `work` its current directory.
///
/// When it is dropped, nothing may be left: no file in `runs`, no process that was started with
/// it. What is left all the same is killed by pid, so that one failure does not cause others.
pub(crate) struct Base {
    runs: PathBuf,
    work: PathBuf,
    left_on_purpose: bool,
    for_every_user: bool,
    /// Both directories lie in it. What the tests start carries its path in the environment
    /// (HOME, `STOPCTL_DIR`, `STOPCTL_FLAG`), and is found by it.
    root: TempDir,
}

impl Base {
    pub(crate) fn new() -> Self {
        Self::below("/dev/shm")
    }

    /// With both directories elsewhere: for tests that mount something over /dev/shm.
    pub(crate) fn below(directory: &str) -> Self {
        let root = tempfile::Builder::new()
            .prefix("stopctl-test-")
            .tempdir_in(directory)
            .expect("a directory for tests");
        // Workers of another uid read their flags here.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        let work = root.path().join("work");
        fs::create_dir(&work).expect("a directory for files");
        Self {
            runs: root.path().join("runs"),
            work,
            left_on_purpose: false,
            for_every_user: false,
            root,
        }
    }

    /// With `STOPCTL_DIR` elsewhere: for base directories that are wrong, deep, or on another
    /// file system.
    pub(crate) fn with_runs_at(mut self, runs: impl Into<PathBuf>) -> Self {
        self.runs = runs.into();
        self
    }

    /// With copies of both programs that every user can run: this clone may be in the home directory
    /// of one who lets nobody else in.
    pub(crate) fn for_every_user(mut self) -> Self {
        for (program, copy) in [(Self::program().into(), "stopctl"), (zoo(), "zoo")] {
            fs::copy::<PathBuf, _>(program, self.root().join(copy)).expect("a copy");
        }
        self.for_every_user = true;
        self
    }

    /// The fixture program with the rights of the user who runs the tests (its set-uid bit), which
    /// `/dev/shm` ignores: this base has to be elsewhere.
    pub(crate) fn set_uid_zoo(&self) -> PathBuf {
        let program = self.root().join("set-uid-zoo");
        fs::copy(zoo(), &program).expect("a copy");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("chmod");
        program
    }

    /// The program under test, for whoever is to run it.
    pub(crate) fn stopctl_path(&self) -> PathBuf {
        if self.for_every_user {
            return self.root().join("stopctl");
        }
        Self::program().into()
    }

    /// The fixture program, for whoever is to run it.
    pub(crate) fn zoo_path(&self) -> PathBuf {
        if self.for_every_user {
            return self.root().join("zoo");
        }
        zoo()
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// `STOPCTL_DIR`.
    pub(crate) fn runs(&self) -> &Path {
        &self.runs
    }

    /// The current directory of everything the test starts.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// The test shows that something *cannot* be ended: the base does not check it, and ends it.
    pub(crate) fn leaves_something(&mut self) {
        self.left_on_purpose = true;
    }

    /// The program under test.
    pub(crate) fn program() -> &'static str {
        env!("CARGO_BIN_EXE_stopctl")
    }

    /// Copies a program that is to be run. cp(1) has the copy open, and not we: a child that another test
    /// forks just then would inherit the descriptor for a moment, and a file that somebody may write
    /// cannot be run (execve(2), ETXTBSY).
    pub(crate) fn copy_program(from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) {
        let copied = Command::new("cp").arg(from).arg(to).status();
        assert!(copied.expect("cp").success());
    }

    /// Any program with the environment of this base: nothing of stopctl, of a CI runner, of a
    /// service manager or of a terminal is inherited from whoever runs the tests.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", &self.work)
            .env("LC_ALL", "C.UTF-8")
            .env("STOPCTL_DIR", &self.runs)
            .current_dir(&self.work)
            .stdin(Stdio::null());
        command
    }

    /// `stopctl ARGUMENTS`, not started yet.
    pub(crate) fn stopctl(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(Self::program());
        command.args(arguments);
        command
    }

    /// Runs `stopctl ARGUMENTS` to its end.
    pub(crate) fn call(&self, arguments: &[&str]) -> Answer {
        self.answer(self.stopctl(arguments))
    }

    /// Runs a shell script to its end; `$STOPCTL` is the program under test.
    pub(crate) fn sh(&self, script: &str) -> Answer {
        let mut command = self.command("/bin/sh");
        command.args(["-c", script]).env("STOPCTL", Self::program());
        self.answer(command)
    }

    /// Runs a command to its end.
    pub(crate) fn answer(&self, command: Command) -> Answer {
        let end = Started::begin(command, self.root(), None).finish();
        Answer {
            out: end.out(),
            err: end.err(),
            ended: end.ended,
            took: end.took,
        }
    }

    /// Starts `stopctl ARGUMENTS`, to be waited for later.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Started {
        Started::begin(self.stopctl(arguments), self.root(), None)
    }

    /// A `stopctl run` to be described.
    pub(crate) fn scenario(&self) -> Scenario<'_> {
        Scenario::new(self)
    }

    /// A bystander that counts the signals it gets; end it with `close_stdin`.
    pub(crate) fn canary(&self) -> Started {
        let mut command = self.command(zoo());
        // It is not one of ours: nothing of it names the base.
        command
            .arg("canary")
            .env_remove("STOPCTL_DIR")
            .env("HOME", "/")
            .stdin(Stdio::piped());
        let canary = Started::begin(command, self.root(), None);
        canary.wait_for("ready");
        canary
    }

    /// Has `clean` remove what nobody may be left to remove: an owner that is killed while it makes
    /// a directory or removes one leaves it, and a supervisor between the end of its guard and the
    /// removal of the names. Of what still has a name all workers must have ended.
    #[track_caller]
    pub(crate) fn clean(&self) {
        let listed = self.call(&["list", "--json"]).expect(0).json();
        for run in listed["runs"].as_array().expect("runs") {
            assert_eq!(run["state"], "over", "{run}");
        }
        self.call(&["clean"]).expect(0);
        // Whoever was killed before it had signed may still be at work, for a minute.
        for entry in fs::read_dir(&self.runs).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".new-") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Nothing is left: no process, and no file. A process first: who has taken over a run may still be
    /// removing its files.
    pub(crate) fn check(&self) {
        let since = Instant::now();
        loop {
            let left = processes::with_in_environment(self.root());
            if left.is_empty() {
                break;
            }
            assert!(
                since.elapsed() < CLEARED,
                "processes of this base directory are left: {:?}",
                left.iter()
                    .map(|pid| processes::describe(*pid))
                    .collect::<Vec<_>>()
            );
            thread::yield_now();
        }
        let names: Vec<PathBuf> = fs::read_dir(&self.runs)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        assert!(names.is_empty(), "left in the base directory: {names:?}");
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        if !self.left_on_purpose && !thread::panicking() {
            self.check();
        }
        processes::kill_with_in_environment(self.root());
    }
}

/// What a command that was run to its end said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) ended: Ended,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Answer {
    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// Ended with this exit status.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.ended, Ended::Code(code), "{self:?}");
        self
    }

    /// Standard error contains these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) -> &Self {
        assert!(self.err.contains(words), "does not say {words:?}: {self:?}");
        self
    }
}
