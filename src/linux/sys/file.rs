//! What the kernel knows of a file or directory, and the standard library does not ask.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::checked;

/// Whether the file is open or mapped anywhere but through this descriptor and its copies: a lease
/// for writing is given only to the sole user of a file (fcntl(2), `F_SETLEASE`). `true` if the
/// kernel gives no leases.
pub(crate) fn is_open_elsewhere(file: &File) -> bool {
    // SAFETY: takes numbers. A lease that is given is returned at once.
    let has = |of: i32| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, of) } != -1;
    !(has(libc::F_WRLCK) && has(libc::F_UNLCK))
}

/// Whether something is mounted exactly where `file` was opened (statx(2),
/// `STATX_ATTR_MOUNT_ROOT`). `false` if the kernel does not know.
pub(crate) fn is_mounted_over(file: BorrowedFd<'_>) -> bool {
    // SAFETY: all zeroes is a valid statx.
    let mut data: libc::statx = unsafe { std::mem::zeroed() };
    let (fd, name, flags) = (file.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH);
    // Called by its number: the standard library declares the function weak, and a static program
    // does not contain what is only weak.
    // SAFETY: the name is empty and ends with a zero byte; `data` is a valid place for the answer.
    let asked = unsafe { libc::syscall(libc::SYS_statx, fd, name, flags, 0, &raw mut data) };
    let root = libc::STATX_ATTR_MOUNT_ROOT.unsigned_abs();
    asked == 0 && data.stx_attributes & u64::from(root) != 0
}

/// The value of an extended attribute of the file at `path` (getxattr(2)), cut at 64 bytes.
pub(crate) fn attribute(path: &Path, name: &CStr) -> io::Result<Vec<u8>> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)?;
    let mut value = vec![0_u8; 64];
    let (place, size) = (value.as_mut_ptr().cast(), value.len());
    // SAFETY: both names end with a zero byte, and `value` is a valid place of this size.
    let length = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), place, size) };
    value.truncate(usize::try_from(checked(length as _)?).unwrap_or(0));
    Ok(value)
}

/// Reads the next entries of a directory (getdents(2)) into `bytes`; returns how many bytes they
/// fill, zero after the last one. Allocates nothing.
pub(crate) fn directory_entries(dir: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<usize> {
    let (fd, place, size) = (dir.as_raw_fd(), bytes.as_mut_ptr(), bytes.len());
    // SAFETY: `bytes` is a valid place of this size.
    let length = checked(unsafe { libc::syscall(libc::SYS_getdents64, fd, place, size) })?;
    usize::try_from(length).map_err(io::Error::other)
}

/// Makes the kernel send SIGIO whenever `what` happens in a directory, until the descriptor or one
/// of its copies is closed (fcntl(2), `F_NOTIFY`).
pub(crate) fn signal_changes(dir: BorrowedFd<'_>, what: libc::c_int) -> io::Result<()> {
    // SAFETY: takes numbers.
    checked(unsafe { libc::fcntl(dir.as_raw_fd(), libc::F_NOTIFY, what) }.into()).map(drop)
}
