//! Descriptors that become readable when something happens to a file (inotify(7), eventfd(2)).

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// A descriptor that watches nothing yet (`inotify_init1(2)`).
pub(crate) fn inotify() -> io::Result<OwnedFd> {
    // SAFETY: takes a number.
    owned(unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })
}

/// Makes it readable when one of these events happens to the file (`inotify_add_watch(2)`).
pub(crate) fn add_watch(inotify: &OwnedFd, path: &Path, events: u32) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the kernel reads the path, which outlives the call.
    let watch = unsafe { libc::inotify_add_watch(inotify.as_raw_fd(), path.as_ptr(), events) };
    if watch == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A descriptor that is readable until it is read (eventfd(2)).
pub(crate) fn readable() -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers.
    owned(unsafe { libc::eventfd(1, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

/// Reads once, and forgets what; returns whether there was anything.
pub(crate) fn discard(descriptor: BorrowedFd<'_>) -> bool {
    let mut bytes = [0_u8; 4096];
    // SAFETY: the kernel writes no more bytes than there are.
    let read = unsafe {
        libc::read(
            descriptor.as_raw_fd(),
            bytes.as_mut_ptr().cast(),
            bytes.len(),
        )
    };
    read > 0
}

/// The descriptor that a call has just made.
fn owned(result: libc::c_int) -> io::Result<OwnedFd> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}
