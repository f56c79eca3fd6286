//! The news of children (SIGCHLD).
//!
//! It has a descriptor of its own, because whoever starts a child waits for news of that one alone
//! and must neither lose what it hears of others nor be woken by any other signal.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What is known of children that have ended, were stopped, or were continued.
#[derive(Debug)]
pub struct Children {
    pending: SignalFd,
    /// Whether there was news that nobody has acted on.
    news: Cell<bool>,
}

impl Children {
    /// The caller has SIGCHLD blocked, and never lets it through.
    pub(super) fn new() -> io::Result<Self> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let pending = SignalFd::with_flags(&SigSet::from(Signal::SIGCHLD), flags)?;
        let news = Cell::new(false);
        Ok(Self { pending, news })
    }

    /// Takes note of what has come; the descriptor is not readable any more.
    ///
    /// It is one signal, however often it came, and at most one more that was brought here: whoever
    /// sends it without end is read no more often than that.
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

    /// There is more to do about it than was done.
    pub fn keep(&self) {
        self.news.set(true);
    }

    /// Whether there is, as far as is known without a look.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.news.get()
    }
}

impl AsFd for Children {
    /// Readable while there is news that nobody has noted.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pending.as_fd()
    }
}
