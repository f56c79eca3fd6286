//! The signals that suspend: Ctrl-Z's, and the two that a terminal sends to who reads or writes it
//! from the background.
//!
//! They have no handler. They stay blocked, a descriptor tells that one is pending, and it does its
//! default when everything is ready for it. So the kernel decides what it decides for any
//! program: a SIGCONT that came in between has taken the signal back, and nobody is stopped whom
//! no shell could continue (setpgid(2), an orphaned process group).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use libc::{SIGTSTP, SIGTTIN, SIGTTOU};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::sys;

/// The signals that suspend, but for those that were ignored when we started, or are passed on.
#[derive(Debug)]
pub struct Suspend {
    signals: SigSet,
    pending: SignalFd,
}

impl Suspend {
    /// The caller has them blocked, and never lets them through.
    pub(super) fn new(passed_on: &[i32]) -> io::Result<Self> {
        let all = [
            (SIGTSTP, Signal::SIGTSTP),
            (SIGTTIN, Signal::SIGTTIN),
            (SIGTTOU, Signal::SIGTTOU),
        ];
        let heeded = all.iter().filter(|(number, _)| !passed_on.contains(number));
        let heeded = heeded.filter(|(number, _)| !sys::is_ignored(*number));
        let signals: SigSet = heeded.map(|&(_, signal)| signal).collect();
        let pending = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { signals, pending })
    }

    /// Which they are.
    #[must_use]
    pub(super) fn signals(&self) -> &SigSet {
        &self.signals
    }

    /// Whether one is pending.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        let mut fds = [PollFd::new(self.pending.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO) == Ok(1)
    }

    /// Asks as the terminal does.
    pub fn ask(&self, signal: Signal) {
        let _ = raise(signal);
    }

    /// Lets what is pending do what it does to any process, and comes back when that was continued:
    /// at once if nothing is pending any more, or if nobody would continue it.
    pub fn obey(&self) {
        let _ = self.signals.thread_unblock();
        let _ = self.signals.thread_block();
    }
}

impl AsFd for Suspend {
    /// Readable while one is pending.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pending.as_fd()
    }
}
