//! How a run is described: the options in words, then the worker, then `start`.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::base::Base;
use super::started::Started;

/// A `stopctl run` that records its events, unless told otherwise.
pub(crate) struct Scenario<'b> {
    base: &'b Base,
    options: Vec<OsString>,
    worker: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    wrapper: Option<String>,
    events: Option<PathBuf>,
    is_job: bool,
    stdin: Stdio,
    stderr: Stdio,
}

impl<'b> Scenario<'b> {
    pub(crate) fn new(base: &'b Base) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            base,
            options: Vec::new(),
            worker: Vec::new(),
            environment: Vec::new(),
            wrapper: None,
            events: Some(base.file(&format!("events.{number}"))),
            is_job: false,
            stdin: Stdio::piped(),
            stderr: Stdio::piped(),
        }
    }

    pub(crate) fn name(self, name: &str) -> Self {
        self.options(&["--name", name])
    }

    pub(crate) fn workers(self, number: usize) -> Self {
        self.options(&["-n", &number.to_string()])
    }

    /// The two times of the ladder.
    pub(crate) fn times(self, grace: &str, kill_after: &str) -> Self {
        self.options(&["--grace", grace, "--kill-after", kill_after])
    }

    pub(crate) fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(OsString::from));
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().into()));
        self
    }

    /// The worker is a fixture program.
    pub(crate) fn zoo(self, arguments: &[&str]) -> Self {
        let program = self.base.zoo_path();
        self.command(&[program.to_str().expect("a path in UTF-8")])
            .arguments(arguments)
    }

    /// The worker is a shell script.
    pub(crate) fn sh(self, script: &str) -> Self {
        self.command(&["/bin/sh", "-c", script])
    }

    /// The script finds the fixture program as `$0`.
    pub(crate) fn zoo_as_argument(mut self) -> Self {
        self.worker.push(self.base.zoo_path().into());
        self
    }

    pub(crate) fn command(mut self, command: &[&str]) -> Self {
        self.worker = command.iter().map(OsString::from).collect();
        self
    }

    fn arguments(mut self, arguments: &[&str]) -> Self {
        self.worker.extend(arguments.iter().map(OsString::from));
        self
    }

    /// Starts stopctl from a shell script that ends in `exec "$@"`: for what it inherits.
    pub(crate) fn through(mut self, script: &str) -> Self {
        self.wrapper = Some(script.into());
        self
    }

    /// It has a process group of its own, as a job of a shell has. The group that the tests were
    /// started in may be orphaned, and then nothing in it can be suspended (setpgid(2)).
    pub(crate) fn in_its_own_group(mut self) -> Self {
        self.is_job = true;
        self
    }

    pub(crate) fn without_events(mut self) -> Self {
        self.events = None;
        self
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin = stdin.into();
        self
    }

    pub(crate) fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = stderr.into();
        self
    }

    pub(crate) fn start(self) -> Started {
        let mut command = match &self.wrapper {
            Some(script) => {
                let mut shell = self.base.command("/bin/sh");
                shell.args(["-c", script, "sh"]);
                shell.arg(self.base.stopctl_path());
                shell
            }
            None => self.base.command(self.base.stopctl_path()),
        };
        command.arg("run");
        if let Some(events) = &self.events {
            command.arg("--events").arg(events);
        }
        command
            .args(self.options)
            .arg("--")
            .args(self.worker)
            .envs(self.environment)
            .stdin(self.stdin)
            .stdout(Stdio::piped());
        if self.is_job {
            command.process_group(0);
        }
        begin(command, self.stderr, self.base, self.events)
    }
}

fn begin(mut command: Command, stderr: Stdio, base: &Base, events: Option<PathBuf>) -> Started {
    command.stderr(stderr);
    Started::begin_as_is(command, base.root(), events)
}
