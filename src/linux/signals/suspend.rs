//! The signals that suspend: Ctrl-Z's, and the two that a terminal sends to who reads or writes it
//! from the background.
//!
//! They stay blocked, a descriptor tells that one is pending, and it does its default when everything
//! is ready for it. So the kernel decides what it decides for any
//! program: a SIGCONT that came in between has taken the signal back, and nobody is stopped whom
//! no shell could continue (setpgid(2), an orphaned process group).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use libc::{SIGTSTP, SIGTTIN, SIGTTOU};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{self, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::linux::sys::{self, Disposition};

/// The signals that suspend, but for those that were ignored when we started, or are passed on.
#[derive(Debug)]
pub struct Suspend {
    signals: SigSet,
    pending: SignalFd,
    /// What the rest of our group is to have as well.
    for_group: Option<Signal>,
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
        Ok(Self {
            signals,
            pending,
            for_group: None,
        })
    }

    /// Which they are.
    #[must_use]
    pub(super) fn signals(&self) -> &SigSet {
        &self.signals
    }

    /// Whether one is pending.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let mut fds = [PollFd::new(self.pending.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO) == Ok(1)
    }

    /// Asks us alone.
    pub fn raise(&self, signal: Signal) {
        let _ = signal::raise(signal);
    }

    /// Asks everybody of our group, as the terminal does: us now, and the others when we are ready.
    pub fn raise_in_group(&mut self, signal: Signal) {
        self.for_group = Some(signal).filter(|one| self.signals.contains(*one));
        self.raise(signal);
    }

    /// What the rest of our group is to have now, before we obey. A SIGCONT that came in between has
    /// taken it back from all of them.
    pub fn take_for_group(&mut self) -> Option<i32> {
        let for_group = self.for_group.take().filter(|_| self.is_pending());
        for_group.map(|signal| signal as i32)
    }

    /// Lets what is pending do what it does to any process, and comes back when that was continued:
    /// at once if nothing is pending any more, or if nobody would continue it.
    pub fn obey(&self) {
        for signal in &self.signals {
            let _ = sys::set_disposition(signal as i32, Disposition::Default);
        }
        let _ = self.signals.thread_unblock();
        let _ = self.signals.thread_block();
        for signal in &self.signals {
            let _ = sys::redirect_to_main_thread(signal as i32);
        }
    }
}

impl AsFd for Suspend {
    /// Readable while one is pending.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pending.as_fd()
    }
}
