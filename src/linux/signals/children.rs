//! The news of children (SIGCHLD).
//!
//! It has a descriptor of its own, because a process that starts a child waits for news of that
//! child, and must neither lose news of the others nor be woken by another signal.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Whether any children have ended, were stopped, or were continued.
#[derive(Debug)]
pub struct Children {
    pending: SignalFd,
    /// Whether there is news that has not been acted on.
    news: Cell<bool>,
}

impl Children {
    /// The caller has blocked SIGCHLD, and never unblocks it.
    pub(super) fn new() -> io::Result<Self> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let pending = SignalFd::with_flags(&SigSet::from(Signal::SIGCHLD), flags)?;
        let news = Cell::new(false);
        Ok(Self { pending, news })
    }

    /// Notes what has arrived, so that the descriptor is no longer readable.
    ///
    /// That is one signal, no matter how often it was sent, and at most one more that was redirected
    /// here. If somebody sends it without end, it is read no more often than that.
    pub fn note(&self) {
        for _ in 0..2 {
            if let Ok(Some(_)) = self.pending.read_signal() {
                self.news.set(true);
            }
        }
    }

    /// Whether there has been news since the last call.
    pub fn take(&self) -> bool {
        self.note();
        self.news.take()
    }

    /// Keeps the news: not everything that it calls for has been done.
    pub fn keep(&self) {
        self.news.set(true);
    }

    /// Whether there is news that was noted before; does not read the descriptor.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.news.get()
    }
}

impl AsFd for Children {
    /// Readable while there is news that has not been noted.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pending.as_fd()
    }
}
