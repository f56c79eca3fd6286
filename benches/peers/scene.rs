//! One supervisor that was started, and what its workers write.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::Program;

/// What follows a start is over by then: all workers sleep, and the supervisor waits.
const SETTLES: Duration = Duration::from_millis(50);

/// What a worker told.
pub(crate) struct Told {
    pub(crate) pid: i32,
    /// On `CLOCK_MONOTONIC`, in nanoseconds.
    pub(crate) at: u64,
}

/// A supervisor, until its end.
pub(crate) struct Scene {
    child: Child,
    told: ChildStdout,
}

/// Now, in nanoseconds, on the clock of the workers.
pub(crate) fn now() -> u64 {
    stopctl::now().nanos()
}

/// A program in the environment that all of them get.
pub(crate) fn command(program: &Program, place: &Path) -> Command {
    let mut command = Command::new(&program.words[0]);
    command
        .args(&program.words[1..])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("STOPCTL_DIR", place.join("runs"))
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

impl Scene {
    pub(crate) fn start(program: &Program, place: &Path) -> Self {
        // A group of its own: GNU timeout signals its group.
        let mut command = command(program, place);
        let mut child = command
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a supervisor");
        let told = child.stdout.take().expect("a pipe");
        Self { child, told }
    }

    /// One of `workers` workers, when what follows its start is over.
    pub(crate) fn settled(program: &Program, workers: u32, place: &Path) -> (Self, Vec<Told>) {
        let mut scene = Self::start(program, place);
        let told = scene.next(workers);
        thread::sleep(SETTLES);
        (scene, told)
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// What the next `count` workers tell.
    pub(crate) fn next(&mut self, count: u32) -> Vec<Told> {
        let told = (0..count).map(|_| self.one().expect("a worker's record"));
        told.collect()
    }

    fn one(&mut self) -> Option<Told> {
        let mut bytes = [0; 16];
        self.told.read_exact(&mut bytes).ok()?;
        let (words, at) = bytes.split_at(8);
        Some(Told {
            pid: i32::from_ne_bytes(words[4..].try_into().ok()?),
            at: u64::from_ne_bytes(at.try_into().ok()?),
        })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("our own child");
    }

    /// What else is told until nobody is left, and when the supervisor was gone, too.
    pub(crate) fn end(mut self) -> (Vec<Told>, u64) {
        let told = std::iter::from_fn(|| self.one()).collect();
        let _ = self.child.wait().expect("our own child");
        (told, now())
    }
}
