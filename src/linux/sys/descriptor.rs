//! Descriptors known by their number: closed, taken over, or asked about.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use super::checked;

/// Closes the descriptor `number` if it is not close-on-exec: then it is not ours, but inherited.
pub(crate) fn close_inherited(number: RawFd) {
    // SAFETY: changes nothing; for a number that is not open the answer is EBADF.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags != -1 && flags & libc::FD_CLOEXEC == 0 {
        // SAFETY: nothing of ours refers to it: all our descriptors are close-on-exec.
        unsafe { libc::close(number) };
    }
}

/// Closes the descriptor `number`, whatever it was for: in a process that was forked to do something
/// else, and never returns to what its parent had open.
pub(crate) fn close_abandoned(number: RawFd) {
    // SAFETY: the caller never uses the value that owned it, and ends by `exit_now`, which drops
    // nothing.
    unsafe { libc::close(number) };
}

/// The file of a descriptor that was received (unix(7), `SCM_RIGHTS`).
pub(crate) fn received(number: RawFd) -> File {
    // SAFETY: the caller has this number from a control message: the kernel has just made the
    // descriptor for us, and nothing else owns it.
    unsafe { File::from_raw_fd(number) }
}

/// A descriptor of our own for the file that the inherited descriptor `number` has open; both are
/// close-on-exec from now on (fcntl(2)).
pub(crate) fn take_descriptor(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers; for one that is not open the answer is EBADF.
    let own = checked(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) }.into())?;
    // SAFETY: as above.
    checked(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }.into())?;
    let own = RawFd::try_from(own).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}

/// The rows and columns of a terminal (`TIOCGWINSZ`, `ioctl_tty(2)`); zero means unknown.
pub(crate) fn window_size(fd: BorrowedFd<'_>) -> io::Result<(u16, u16)> {
    // SAFETY: all zeroes is a valid winsize.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: `size` is a valid place for the answer.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) }.into())?;
    Ok((size.ws_row, size.ws_col))
}

/// How many bytes are in a pipe, not read yet (`FIONREAD`, pipe(7)).
pub(crate) fn unread(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: `bytes` is a valid place for the answer.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut bytes) }.into())?;
    usize::try_from(bytes).map_err(io::Error::other)
}
