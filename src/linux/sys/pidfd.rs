//! Descriptors that name a process, and what can be asked and done through them.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;

use super::checked;
use crate::words::pid::Pid;

/// A descriptor that names this one process for as long as it is open (`pidfd_open(2)`);
/// close-on-exec.
pub(crate) fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers.
    let fd = checked(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.get(), 0) })?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The pid namespace of a process (`PIDFD_GET_PID_NAMESPACE` of `<linux/pidfd.h>`, since Linux 6.11).
pub(crate) fn pid_namespace(pidfd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    namespace(pidfd, 5)
}

/// The time namespace of a process (`PIDFD_GET_TIME_NAMESPACE`).
pub(crate) fn time_namespace(pidfd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    namespace(pidfd, 7)
}

fn namespace(pidfd: BorrowedFd<'_>, which: libc::Ioctl) -> io::Result<OwnedFd> {
    /// The requests are `_IO(PIDFS_IOCTL_MAGIC, which)`: they take no argument.
    const PIDFS_IOCTL_MAGIC: libc::Ioctl = 0xff << 8;
    let (fd, request) = (pidfd.as_raw_fd(), PIDFS_IOCTL_MAGIC | which);
    // SAFETY: the kernel reads and writes no memory of ours for it.
    let fd = checked(unsafe { libc::ioctl(fd, request, 0) }.into())?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Who gets a signal that is sent through a pidfd.
#[derive(Clone, Copy)]
pub(crate) enum Whom {
    /// The process that the pidfd names.
    Process = 0,
    /// The process group that this process leads or led (`PIDFD_SIGNAL_PROCESS_GROUP`, since Linux
    /// 6.9).
    Group = 1 << 2,
}

/// Sends a signal through a pidfd (`pidfd_send_signal(2)`). Signal 0 is sent to nobody: the result
/// tells whether the process exists.
pub(crate) fn pidfd_signal(pidfd: BorrowedFd<'_>, signal: i32, whom: Whom) -> io::Result<()> {
    let (fd, none) = (pidfd.as_raw_fd(), ptr::null::<libc::siginfo_t>());
    let call = libc::SYS_pidfd_send_signal;
    // SAFETY: a null siginfo is allowed, and stands for what kill(2) would fill in.
    checked(unsafe { libc::syscall(call, fd, signal, none, whom as libc::c_uint) }).map(drop)
}
