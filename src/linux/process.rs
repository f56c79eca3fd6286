//! Processes: which ones they are, how they ended, and signalling them.
//!
//! A process is signalled only through something that proves that it is ours: it is our own child
//! and has not been reaped, so that no other process can have its pid, or we have a pidfd that was
//! opened while it was known to be ours.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{Id, WaitPidFlag};
use nix::unistd::{self, getpgid, getpid, getppid, getsid};

use crate::linux::sys::{self, Whom};
use crate::words::ended::Ended;
use crate::words::pid::Pid;

pub use found::{Found, find, named, own_identity, pidfs_inode};
pub use identity::{Identity, UNKNOWN};
pub use rights::Borrowed;
pub use stat::{SignalSet, Stat, is_executing, own_start};

mod found;
mod identity;
mod rights;
mod stat;

/// A process that is proven to be ours.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Our own child, not yet reaped: no other process can have its pid.
    Child(Pid),
    /// The process group of our own child, not yet reaped: no other group can have its number.
    GroupOf(Pid),
    /// The process that this pidfd names.
    Pidfd(BorrowedFd<'a>),
    /// Our own process group: it gets the signal of a key that the terminal sent to a worker's group
    /// instead.
    OwnGroup,
}

/// What became of a signal that was sent.
#[derive(Debug)]
pub enum Sent {
    /// It was sent.
    Yes,
    /// The process no longer exists: during a stop that is a success.
    Nobody,
    /// The kernel refused: the process may belong to another user, for example.
    Refused(io::Error),
}

/// Sends a signal. Other processes get signals only from here; a control group can also be killed as
/// a whole.
#[must_use = "a refusal has to be reported"]
pub fn signal(target: Target<'_>, number: i32) -> Sent {
    let result = match target {
        // Whoever is in our session may be sent SIGCONT by anybody in it (kill(2)). A process to which we
        // may not send anything else is not ours; signal 0 is sent to nobody.
        Target::Pidfd(pidfd) if number == libc::SIGCONT => {
            let may_signal = sys::pidfd_signal(pidfd, 0, Whom::Process);
            may_signal.and_then(|()| sys::pidfd_signal(pidfd, number, Whom::Process))
        }
        Target::Pidfd(pidfd) => sys::pidfd_signal(pidfd, number, Whom::Process),
        // Never init, and never ourselves.
        Target::Child(pid) | Target::GroupOf(pid) if pid == Pid::FIRST || pid == own_pid() => {
            Err(io::ErrorKind::InvalidInput.into())
        }
        Target::Child(pid) => sys::kill(pid, number),
        Target::GroupOf(leader) => sys::kill_group(leader, number),
        Target::OwnGroup => sys::kill_own_group(number),
    };
    match result {
        Ok(()) => Sent::Yes,
        Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => Sent::Nobody,
        Err(error) => Sent::Refused(error),
    }
}

/// Our own pid.
///
/// # Panics
///
/// Never: a process always has a number in its own pid namespace.
#[must_use]
pub fn own_pid() -> Pid {
    Pid::new(getpid().as_raw()).expect("every process has a pid")
}

/// The pid of our parent; `None` if that is in another pid namespace.
#[must_use]
pub fn parent_pid() -> Option<Pid> {
    Pid::new(getppid().as_raw())
}

/// The session of a process, by its leader; `None` if there is no such process, or if the session is
/// of another pid namespace.
#[must_use]
pub fn session_of(pid: Pid) -> Option<Pid> {
    Pid::new(getsid(Some(known_to_nix(pid))).ok()?.as_raw())
}

/// Whether a process is in a group that it does not lead.
#[must_use]
pub fn is_in_anothers_group(pid: Pid) -> bool {
    let pid = known_to_nix(pid);
    getpgid(Some(pid)).is_ok_and(|group| group != pid)
}

fn known_to_nix(pid: Pid) -> unistd::Pid {
    unistd::Pid::from_raw(pid.get())
}

/// Opens a pidfd to a process that the caller knows to be ours during the call.
///
/// # Errors
///
/// As `pidfd_open(2)`.
pub fn open(pid: Pid) -> io::Result<OwnedFd> {
    sys::pidfd_open(pid)
}

/// Whether the kernel gives us pidfds and lets us send signals through them.
#[must_use]
pub fn has_pidfds() -> bool {
    // Signal 0 is sent to nobody.
    let works = |pidfd: OwnedFd| sys::pidfd_signal(pidfd.as_fd(), 0, Whom::Process).is_ok();
    open(own_pid()).is_ok_and(works)
}

/// Whether the process that `pidfd` names has ended: its pidfd is readable then (`pidfd_open(2)`).
/// `/proc` would show a process as dead although its other threads still run.
#[must_use]
pub fn has_ended(pidfd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO) != Ok(0)
}

/// Sleeps until the process that `pidfd` names has ended, for at most `timeout`.
pub fn wait_for_end(pidfd: &OwnedFd, timeout: Duration) {
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    // The result does not matter: the caller checks again.
    let _ = poll(&mut fds, timeout);
}

/// Whether any process lives in the group that the process behind `pidfd` leads or led. `None` if the
/// kernel cannot tell (before 6.9).
#[must_use]
pub fn group_lives(pidfd: &OwnedFd) -> Option<bool> {
    match sys::pidfd_signal(pidfd.as_fd(), 0, Whom::Group) {
        Ok(()) => Some(true),
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ESRCH) => Some(false),
            Some(Errno::EPERM) => Some(true),
            Some(_) | None => None,
        },
    }
}

/// A dead child that has not been reaped, if there is one.
#[must_use]
pub fn peek_dead_child() -> Option<Pid> {
    loop {
        match sys::dead_child(None, true) {
            Ok(dead) => return dead.map(|(pid, _, _)| pid),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Whether we have any child, including one that has ended (waitid(2), `ECHILD`).
#[must_use]
pub fn has_child() -> bool {
    is_there(None)
}

/// Whether `pid` is still our child, ended or not: other code in this process may have waited for it.
#[must_use]
pub fn is_child(pid: Pid) -> bool {
    is_there(Some(pid))
}

fn is_there(child: Option<Pid>) -> bool {
    let error = sys::dead_child(child, true).err();
    error.and_then(|error| error.raw_os_error()) != Some(Errno::ECHILD as i32)
}

/// Reaps our child `pid`; `None` if its status is lost because other code has waited for it.
#[must_use]
pub fn reap(pid: Pid) -> Option<Ended> {
    loop {
        match sys::dead_child(Some(pid), false) {
            Ok(dead) => return dead.map(|(_, code, status)| ended(code, status)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Waits for our child `pid`, which is about to end, and reaps it; `None` if its status was lost.
#[must_use]
pub fn wait_for(pid: Pid) -> Option<Ended> {
    // A child that is dying needs nothing from us, so this cannot block for long, and is not a second
    // event loop.
    while let Err(nix::Error::EINTR) = nix::sys::wait::waitid(
        Id::Pid(known_to_nix(pid)),
        WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT,
    ) {}
    reap(pid)
}

/// The descriptors that are open in this process.
pub fn open_descriptors() -> impl Iterator<Item = RawFd> {
    let entries = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let numbers: Vec<RawFd> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.into_iter()
}

/// How many descriptors are kept free for files that are opened briefly.
const SPARE: RawFd = 64;

/// Whether we can keep this descriptor and still open more: the kernel hands out the lowest number
/// that is free.
#[must_use]
pub fn may_keep(fd: &OwnedFd) -> bool {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    let number = fd.as_raw_fd().saturating_add(SPARE);
    u64::try_from(number).is_ok_and(|number| number < limit)
}

/// Allows this process as many descriptors as it may allow itself. Only for a process that executes
/// no program: some programs have a loop up to that number.
pub fn raise_open_files() {
    let limits = getrlimit(Resource::RLIMIT_NOFILE).ok();
    if let Some((_, hard)) = limits.filter(|(soft, hard)| soft < hard) {
        // If that is refused, we make do with fewer.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Translates what waitid(2) tells.
fn ended(code: i32, status: i32) -> Ended {
    if code == libc::CLD_EXITED {
        Ended::Exited(u8::try_from(status & 0xff).unwrap_or(u8::MAX))
    } else {
        Ended::Signalled(status)
    }
}

/// The next child that was stopped, with the signal that stopped it, or that was continued (`None`).
#[must_use]
pub fn next_stopped_or_continued() -> Option<(Pid, Option<i32>)> {
    loop {
        match sys::stopped_child(None) {
            Ok(child) => {
                return child.map(|(pid, code, signal)| {
                    (pid, (code != libc::CLD_CONTINUED).then_some(signal))
                });
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Whether our child `pid` was stopped since the last call.
#[must_use]
pub fn is_newly_stopped(pid: Pid) -> bool {
    let news = sys::stopped_child(Some(pid)).ok().flatten();
    news.is_some_and(|(_, code, _)| code != libc::CLD_CONTINUED)
}

/// Ends this process by `signal`, as if it had never had a handler; returns only if that signal does
/// not end a process. Leaves no core file: it would show the wrong program.
pub fn die_of(signal: i32) {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = sys::set_disposition(signal, sys::Disposition::Default);
    // Once unblocked, it arrives before kill(2) returns: there is no other thread. Only this signal is
    // unblocked, so that we do not die of another one that arrived too late to be read; a real-time
    // signal cannot be put into a set, so for those all are unblocked.
    let only = Signal::try_from(signal).map(|signal| SigSet::from_iter([signal]));
    let _ = only.map_or_else(
        |_| SigSet::empty().thread_set_mask(),
        |only| only.thread_unblock(),
    );
    let _ = sys::kill(own_pid(), signal);
}

/// The pid of a child that a test has started.
#[cfg(test)]
pub(crate) fn pid_of(child: &std::process::Child) -> Pid {
    Pid::new(i32::try_from(child.id()).unwrap()).expect("a child has a pid")
}

#[cfg(test)]
mod tests {
    use super::{Pid, Sent, Target, own_pid, signal};

    /// The numbers that kill(2) gives a meaning of their own are no pids.
    #[test]
    fn k1n_numbers_that_name_no_child_are_never_signalled() {
        for number in [-7, -1, 0] {
            assert_eq!(Pid::new(number), None);
        }
        for pid in [Pid::FIRST, own_pid()] {
            for target in [Target::Child(pid), Target::GroupOf(pid)] {
                // Even a signal that would be sent to nobody.
                assert!(matches!(signal(target, 0), Sent::Refused(_)), "{target:?}");
            }
        }
    }
}
