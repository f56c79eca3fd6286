//! A terminal of a test's own, and a shell in it that does job control.
//!
//! Nothing is echoed, so every line is somebody's output. A key is a byte: the terminal makes the
//! signal of it, for its foreground process group, as for a person.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::tcgetpgrp;

use super::base::Base;
use super::examples::zoo;
use super::pipe::pipe;
use super::started::{End, Started};
use super::transcript::Line;

/// Far above what a shell needs, on a machine that is busy with other work too.
const NEVER_AS_LATE: Duration = Duration::from_secs(20);

/// The two ends of a new terminal: the one that draws, and the one that programs have.
///
/// Both are closed by every exec(2), from the start: other tests of this process start programs at
/// any moment, and a terminal does not hang up while one of them has an end of it.
pub(crate) fn ends() -> (OwnedFd, OwnedFd) {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).expect("a terminal");
    grantpt(&master).expect("the rights to it");
    unlockpt(&master).expect("its other end");
    let mut how = OpenOptions::new();
    how.read(true).write(true).custom_flags(libc::O_NOCTTY);
    let slave = how.open(ptsname_r(&master).expect("its name"));
    (master.into(), slave.expect("its other end").into())
}

/// A key that the terminal itself knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    CtrlC = 0x03,
    CtrlD = 0x04,
    CtrlQ = 0x11,
    CtrlS = 0x13,
    CtrlZ = 0x1a,
    CtrlBackslash = 0x1c,
}

/// A terminal, and the program that leads its session.
#[must_use = "it ends with exit(), which checks the terminal's settings"]
pub(crate) struct Pty {
    leader: Started,
    master: File,
    hang_up: Option<File>,
    before: Termios,
}

impl Pty {
    /// With an interactive bash; `$STOPCTL` and `$ZOO` are the two programs.
    pub(crate) fn bash(base: &Base) -> Self {
        let mut shell = base.command("setsid");
        shell.args([
            "--ctty",
            "bash",
            "--norc",
            "--noprofile",
            "--noediting",
            "-i",
        ]);
        Self::of(base, shell)
    }

    /// With an interactive dash.
    pub(crate) fn dash(base: &Base) -> Self {
        let mut shell = base.command("setsid");
        shell.args(["--ctty", "dash", "-i"]);
        Self::of(base, shell)
    }

    /// With this and no shell, as in `xterm -e`.
    pub(crate) fn without_shell(base: &Base, arguments: &[&str]) -> Self {
        let mut alone = base.command("setsid");
        alone.arg("--ctty").arg(Base::program()).args(arguments);
        Self::of(base, alone)
    }

    fn of(base: &Base, mut command: Command) -> Self {
        let (master, slave) = ends();
        let mut settings = tcgetattr(&slave).expect("its settings");
        settings.local_flags.remove(LocalFlags::ECHO);
        // What a program has said before a key is read, too.
        settings.local_flags.insert(LocalFlags::NOFLSH);
        tcsetattr(&slave, SetArg::TCSANOW, &settings).expect("its settings");
        let before = tcgetattr(&slave).expect("its settings");
        let slave = || slave.try_clone().expect("its other end");
        command
            .env("STOPCTL", Base::program())
            .env("ZOO", zoo())
            .env("TERM", "dumb")
            .env("PS1", "")
            .env("PS2", "")
            .env("ENV", "")
            .stdin(slave())
            .stdout(slave())
            .stderr(slave());
        let leader = Started::begin_as_is(command, base.root(), None);
        let master = File::from(master);
        let (closed, hang_up) = pipe();
        leader.follow(Screen {
            master: master.try_clone().expect("its end"),
            closed,
        });
        Self {
            leader,
            master,
            hang_up: Some(hang_up),
            before,
        }
    }

    pub(crate) fn press(&mut self, key: Key) {
        self.master.write_all(&[key as u8]).expect("the terminal");
    }

    /// Types a line.
    pub(crate) fn line(&mut self, text: &str) {
        self.text(&format!("{text}\n"));
    }

    /// Types this, and nothing behind it.
    pub(crate) fn text(&mut self, text: &str) {
        self.master
            .write_all(text.as_bytes())
            .expect("the terminal");
    }

    /// The first line that contains this text and was not waited for before.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> Line {
        self.leader.wait_for(text)
    }

    #[track_caller]
    pub(crate) fn wait_for_each(&self, text: &str, number: usize) -> Vec<Line> {
        self.leader.wait_for_each(text, number)
    }

    /// The pids of this many fixture workers, in the order of their numbers.
    #[track_caller]
    pub(crate) fn ready(&self, workers: usize) -> Vec<i32> {
        self.leader.ready(workers)
    }

    /// The exit status of the last command, as the shell sees it.
    #[track_caller]
    pub(crate) fn status(&mut self) -> i64 {
        self.line("echo the status was $?.");
        self.wait_for("the status was ").number("was ")
    }

    /// Waits until this process leads the terminal's foreground group: keys reach it from then on.
    #[track_caller]
    pub(crate) fn wait_for_foreground(&self, pid: i32) {
        let since = Instant::now();
        while tcgetpgrp(&self.master)
            .expect("a foreground group")
            .as_raw()
            != pid
        {
            assert!(since.elapsed() < NEVER_AS_LATE, "{pid} is not there");
            std::thread::yield_now();
        }
    }

    pub(crate) fn settings(&self) -> Termios {
        tcgetattr(&self.master).expect("its settings")
    }

    /// The terminal is as it was (O12).
    #[track_caller]
    pub(crate) fn check_settings(&self) {
        assert_eq!(self.settings(), self.before, "O12");
    }

    pub(crate) fn pid(&self) -> i32 {
        self.leader.pid()
    }

    /// Closes the terminal, as a window is closed.
    pub(crate) fn close(mut self) -> End {
        self.hang_up.take();
        drop(self.master);
        self.leader.finish()
    }

    /// Leaves the shell, and waits until nobody has the terminal any more.
    #[track_caller]
    pub(crate) fn exit(mut self) -> End {
        self.check_settings();
        self.line("exit 0");
        self.leader.finish()
    }

    /// Waits until its program has ended, and nobody has the terminal any more.
    #[track_caller]
    pub(crate) fn finish(self) -> End {
        self.leader.finish()
    }
}

/// What the terminal shows, until nobody has its other end open or it is closed.
struct Screen {
    master: File,
    closed: File,
}

impl Read for Screen {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut fds = [
            PollFd::new(self.closed.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.master.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut fds, PollTimeout::NONE)?;
        if fds[0].any().unwrap_or(true) {
            return Ok(0);
        }
        // With nobody at the other end it answers EIO.
        self.master.read(into)
    }
}
