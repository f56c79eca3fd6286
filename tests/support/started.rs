//! A program that was started: its lines, signals to it, and its end.

use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use signal_hook::flag::register_conditional_default;

use super::events::{self, Events};
use super::transcript::{Line, Lines, Stream, Transcript};
use super::watchdog::Watchdog;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => unreachable!("wait answers an exit code or a signal"),
        }
    }
}

#[must_use = "a scenario ends with finish(), which checks what is true of every run"]
pub(crate) struct Started {
    // Called off before the child is reaped: fields are dropped in this order.
    watchdog: Watchdog,
    child: Child,
    since: Instant,
    transcript: Transcript,
    events: Option<PathBuf>,
    finished: bool,
}

impl Started {
    /// Starts a command with both its streams read.
    pub(crate) fn begin(mut command: Command, root: &Path, events: Option<PathBuf>) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::begin_as_is(command, root, events)
    }

    /// Starts a command whose streams were chosen; those that are pipes are read.
    pub(crate) fn begin_as_is(mut command: Command, root: &Path, events: Option<PathBuf>) -> Self {
        heed_signals();
        let since = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let pid = i32::try_from(child.id()).expect("a pid");
        let watchdog = Watchdog::over(Pid::from_raw(pid), root.into());
        let transcript = Transcript::default();
        if let Some(pipe) = child.stdout.take() {
            transcript.follow(Stream::Out, pipe);
        }
        if let Some(pipe) = child.stderr.take() {
            transcript.follow(Stream::Err, pipe);
        }
        Self {
            watchdog,
            child,
            since,
            transcript,
            events,
            finished: false,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// The first line of either stream that contains this text and was not waited for before.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> Line {
        self.transcript.wait_for(text)
    }

    /// As many such lines.
    #[track_caller]
    pub(crate) fn wait_for_each(&self, text: &str, number: usize) -> Vec<Line> {
        (0..number).map(|_| self.wait_for(text)).collect()
    }

    /// The pids of this many fixture workers, in the order of their numbers.
    #[track_caller]
    pub(crate) fn ready(&self, workers: usize) -> Vec<i32> {
        let mut lines = self.wait_for_each("ready", workers);
        lines.sort_by_key(|line| line.number("worker="));
        lines
            .iter()
            .map(|line| i32::try_from(line.number("pid=")).expect("a pid"))
            .collect()
    }

    /// The lines that came until now.
    pub(crate) fn so_far(&self) -> Vec<Line> {
        self.transcript.so_far()
    }

    /// The events that were written until now.
    pub(crate) fn events_so_far(&self) -> Events {
        Events::read(self.events.as_deref().expect("events are recorded"))
    }

    /// Waits until this many events of this name were written.
    #[track_caller]
    pub(crate) fn wait_for_events(&self, name: &str, number: usize) {
        let path = self.events.as_deref().expect("events are recorded");
        // Counted, not parsed: of thousands of workers that alone would load the machine.
        let name = format!("\"event\":\"{name}\"");
        while std::fs::read_to_string(path).map_or(0, |text| text.matches(&name).count()) < number {
            assert!(
                !self.watchdog.fired(),
                "hung, and the watchdog killed it:\n{}",
                Lines(&self.so_far())
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a signal to the program itself; the moment before it, from which all that follows
    /// can be measured.
    pub(crate) fn signal(&self, signal: Signal) -> Instant {
        let before = Instant::now();
        send(self.pid(), signal);
        before
    }

    /// Reads this too, as if it were its standard output.
    pub(crate) fn follow(&self, stream: impl Read + Send + 'static) {
        self.transcript.follow(Stream::Out, stream);
    }

    pub(crate) fn close_stdin(&mut self) {
        self.child.stdin.take();
    }

    pub(crate) fn stdin(&mut self) -> &mut std::process::ChildStdin {
        self.child.stdin.as_mut().expect("stdin is a pipe")
    }

    /// Waits for its own end only: somebody may hold its streams still.
    #[track_caller]
    pub(crate) fn wait_for_exit(&self) -> Ended {
        // Not reaped here: finish() does that, and until then the pid stays its own.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(Pid::from_raw(self.pid())), flags).expect("our own child") {
            WaitStatus::Exited(_, code) => Ended::Code(code),
            WaitStatus::Signaled(_, signal, _) => Ended::Signal(signal as i32),
            other @ (WaitStatus::Stopped(..)
            | WaitStatus::PtraceEvent(..)
            | WaitStatus::PtraceSyscall(_)
            | WaitStatus::Continued(_)
            | WaitStatus::StillAlive) => panic!("not an end: {other:?}"),
        }
    }

    /// Waits until it has ended and nobody holds its streams any more; then checks what is true
    /// of every run.
    #[track_caller]
    pub(crate) fn finish(self) -> End {
        let end = self.finish_unchecked();
        events::check(&end.events);
        end
    }

    /// The same for a run whose supervisor was killed: its events may break off.
    #[track_caller]
    pub(crate) fn finish_unchecked(mut self) -> End {
        self.close_stdin();
        let lines = self.transcript.wait_for_end();
        let status = self.child.wait().expect("our own child");
        let took = self.since.elapsed();
        self.finished = true;
        assert!(
            !self.watchdog.fired(),
            "hung, and the watchdog killed it:\n{}",
            Lines(&lines)
        );
        assert!(
            !lines.iter().any(|line| line.text.contains("panicked at")),
            "panicked:\n{}",
            Lines(&lines)
        );
        // The number of an error tells nobody more than the sentence before it.
        let is_ours = |line: &&Line| line.text.starts_with("stopctl: ");
        let mut ours = lines.iter().filter(is_ours);
        assert!(
            !ours.any(|line| line.text.contains("(os error ")),
            "the number of an error:\n{}",
            Lines(&lines)
        );
        let events = match &self.events {
            Some(path) => Events::read(path),
            None => Events::default(),
        };
        End {
            ended: status.into(),
            took,
            lines,
            events,
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// How it ended, and all it said.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) ended: Ended,
    pub(crate) took: Duration,
    pub(crate) lines: Vec<Line>,
    pub(crate) events: Events,
}

impl End {
    pub(crate) fn out(&self) -> String {
        self.stream(Stream::Out)
    }

    pub(crate) fn err(&self) -> String {
        self.stream(Stream::Err)
    }

    /// Ended with this exit status.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.ended, Ended::Code(code), "\n{}", Lines(&self.lines));
        self
    }

    /// Died of this signal.
    #[track_caller]
    pub(crate) fn expect_signal(&self, number: i32) -> &Self {
        assert_eq!(
            self.ended,
            Ended::Signal(number),
            "\n{}",
            Lines(&self.lines)
        );
        self
    }

    /// Standard error contains these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) -> &Self {
        assert!(
            self.err().contains(words),
            "does not say {words:?}:\n{}",
            Lines(&self.lines)
        );
        self
    }

    fn stream(&self, stream: Stream) -> String {
        let mut text = String::new();
        for line in self.lines.iter().filter(|line| line.stream == stream) {
            text += &line.text;
            text.push('\n');
        }
        text
    }
}

/// A script's `cargo test &` has us ignore SIGINT and SIGQUIT, and nohup(1) SIGHUP. Whatever we start
/// would inherit that, and not be interrupted. What we handle it does not inherit; and we handle it as
/// if we did not.
fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
            let always = Arc::new(AtomicBool::new(true));
            register_conditional_default(signal, always).expect("a signal with a handler");
        }
    });
}

/// Sends a signal to a process the test knows.
#[track_caller]
pub(crate) fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap_or_else(|error| panic!("{signal} to {pid}: {error}"));
}
