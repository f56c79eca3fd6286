//! The signals that suspend: that of Ctrl-Z, and the two that a terminal sends to a process that
//! reads or writes it in the background.
//!
//! They stay blocked, a descriptor tells that one is pending, and it has its default effect when
//! everything is ready for it. So the kernel decides as it does for any program: a SIGCONT that
//! arrived in between has cancelled the signal, and a process is not stopped if no shell could
//! continue it (setpgid(2), an orphaned process group).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use libc::{SIGTSTP, SIGTTIN, SIGTTOU};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{self, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::linux::sys::{self, Disposition};

/// The signals that suspend, except those that were ignored when we started or are passed on.
#[derive(Debug)]
pub struct Suspend {
    signals: SigSet,
    pending: SignalFd,
    /// The signal that the rest of our process group still has to get.
    for_group: Option<Signal>,
}

impl Suspend {
    /// The caller has blocked them, and never unblocks them.
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

    /// The set of these signals.
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

    /// Sends `signal` to us alone.
    pub fn raise(&self, signal: Signal) {
        let _ = signal::raise(signal);
    }

    /// Sends `signal` to our whole process group, as the terminal does: to us now, and to the others
    /// when we are ready.
    pub fn raise_in_group(&mut self, signal: Signal) {
        self.for_group = Some(signal).filter(|one| self.signals.contains(*one));
        self.raise(signal);
    }

    /// The signal that the rest of our group has to get now, before we obey. A SIGCONT that arrived
    /// in between has cancelled it for all of them.
    pub fn take_for_group(&mut self) -> Option<i32> {
        let for_group = self.for_group.take().filter(|_| self.is_pending());
        for_group.map(|signal| signal as i32)
    }

    /// Lets the pending signal have its default effect, and returns when we are continued: at once
    /// if no signal is pending any more, or if nobody would continue us.
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
