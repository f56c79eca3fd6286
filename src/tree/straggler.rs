//! One process of a worker's tree besides its main process, held so that no other can be mistaken
//! for it.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use super::census;
use crate::linux::process::{self, Found, Sent, Stat, Target};
use crate::words::pid::Pid;

/// A process of a worker's tree that still exists after the worker's main process has ended.
///
/// While the main process lives, it is part of the rest of the tree; it becomes a straggler by
/// outliving the main process.
#[derive(Debug)]
pub struct Straggler {
    /// Its pid.
    pub pid: Pid,
    /// Its program's name, which the process sets itself.
    pub program: String,
    pub(super) group: Option<Pid>,
    pub(super) session: Option<Pid>,
    start: u64,
    /// The last signal of the ladder that it was sent.
    sent: Cell<Option<i32>>,
    /// The inode of its pidfd, if pidfds have inodes of their own (since Linux 6.9).
    inode: Option<u64>,
    /// `None` if the kernel has no pidfds, or if there are more processes than descriptors.
    pidfd: Option<OwnedFd>,
}

impl Straggler {
    /// Holds a process if it is `ours`, which is checked once the pid can no longer change hands.
    pub(super) fn take(pid: Pid, ours: impl FnOnce(&Stat) -> bool) -> Option<Self> {
        if pid == process::own_pid() {
            return None;
        }
        let pidfd = process::open(pid).ok();
        let stat = Stat::of(pid)?;
        let ours = ours(&stat);
        // ORDER: first the descriptor, then `/proc`, then that it has not ended: so `/proc` has shown
        // the process that the descriptor names. A process whose main thread has ended while others
        // run looks dead in `/proc`, and is not.
        let is_there = match &pidfd {
            Some(pidfd) => !process::has_ended(pidfd),
            None => !stat.is_dead(),
        };
        (ours && is_there).then(|| Self::of(pid, stat, pidfd))
    }

    fn of(pid: Pid, stat: Stat, pidfd: Option<OwnedFd>) -> Self {
        Self {
            pid,
            program: stat.program,
            group: stat.group,
            session: stat.session,
            start: stat.start,
            sent: Cell::new(None),
            inode: pidfd.as_ref().and_then(process::pidfs_inode),
            pidfd: pidfd.filter(process::may_keep),
        }
    }

    /// Holds a process that was found by an identity: the descriptor names no other one.
    pub(super) fn found(pid: Pid, found: Found) -> Option<Self> {
        let Found::Ours(pidfd) = found else {
            return None;
        };
        let stat = Stat::of(pid)?;
        (!process::has_ended(&pidfd)).then(|| Self::of(pid, stat, Some(pidfd)))
    }

    /// Its pid, its start, and the inode of its pidfd or 0.
    pub(super) fn identity(&self) -> (Pid, u64, u64) {
        (self.pid, self.start, self.inode.unwrap_or(0))
    }

    /// The same pid, but of a process that has ended: if a process has it now, that is a stranger.
    #[cfg(test)]
    pub(super) fn whose_pid_is_anothers(self, ended: OwnedFd) -> Self {
        Self {
            pidfd: Some(ended),
            ..self
        }
    }

    /// The flag that it was given.
    #[must_use]
    pub fn flag(&self) -> Option<PathBuf> {
        census::flag_of(self.pid).filter(|_| self.is_there())
    }

    pub(super) fn is_there(&self) -> bool {
        match &self.pidfd {
            Some(pidfd) => !process::has_ended(pidfd),
            None => match self.open_again() {
                Some(pidfd) => !process::has_ended(&pidfd),
                None => self.stat().is_some_and(|stat| !stat.is_dead()),
            },
        }
    }

    /// Opens its pidfd again, if the one that could not be kept named the same process.
    fn open_again(&self) -> Option<OwnedFd> {
        let pidfd = process::open(self.pid).ok()?;
        let is_same = match (self.inode, process::pidfs_inode(&pidfd)) {
            (Some(then), Some(now)) => then == now,
            // ORDER: it is checked after the descriptor was opened, and still exists after that.
            (Some(_) | None, _) => self.stat().is_some() && !process::has_ended(&pidfd),
        };
        is_same.then_some(pidfd)
    }

    fn stat(&self) -> Option<Stat> {
        Stat::of(self.pid).filter(|stat| stat.start == self.start)
    }

    /// What to poll for reading: readable when it ends.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// Notes that it gets this signal of the ladder; returns whether that is a new one for it. To
    /// some programs a second SIGTERM means "at once".
    #[must_use]
    pub fn mark_sent(&self, number: i32) -> bool {
        self.sent.replace(Some(number)) != Some(number)
    }

    /// Sends it a signal.
    #[must_use = "a refusal has to be reported"]
    pub fn signal(&self, number: i32) -> Sent {
        let again = self.pidfd.is_none().then(|| self.open_again()).flatten();
        let refused = match self.pidfd.as_ref().or(again.as_ref()) {
            Some(pidfd) => match process::signal(Target::Pidfd(pidfd.as_fd()), number) {
                Sent::Refused(error) => error,
                sent @ (Sent::Yes | Sent::Nobody) => return sent,
            },
            None => std::io::ErrorKind::Unsupported.into(),
        };
        // Without pidfds, only a child of ours has a pid that cannot change hands. We are the
        // subreaper, so an orphan of the worker becomes our child.
        match self.stat() {
            Some(stat) if stat.parent == Some(process::own_pid()) => {
                process::signal(Target::Child(self.pid), number)
            }
            Some(_) => Sent::Refused(refused),
            None => Sent::Nobody,
        }
    }
}
