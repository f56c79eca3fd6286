//! Making and opening the files of a run, by their names in its directory.
//!
//! Links are never followed, opening never waits for the other end of a FIFO, and workers inherit
//! none of the descriptors.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, posix_fallocate, renameat};
use nix::sys::stat::{Mode, fchmod, fstat, fstatat, umask};
use nix::unistd::{UnlinkatFlags, pipe2, unlinkat};

use crate::linux::sys::WritablePart;

/// How every file is opened.
const ALWAYS: OFlag = OFlag::O_NOFOLLOW
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_CLOEXEC);

/// How often we try to open a file while others keep changing its mode.
const TRIES: u32 = 100;

/// The name of a file while it is being put back.
pub const ASIDE: &str = ".aside";

/// 0444: everybody can read it, and nobody changes it by accident.
pub const READ_ONLY: Mode = Mode::S_IRUSR.union(Mode::S_IRGRP).union(Mode::S_IROTH);

/// Makes the file `name` in `dir`, with exactly this mode no matter what the umask is, and with
/// storage for `length` bytes.
///
/// # Errors
///
/// As open(2) and `posix_fallocate(3)`: if the file system is full, this fails, rather than raising
/// SIGBUS later.
pub fn make(dir: impl AsFd, name: &str, mode: Mode, length: u64) -> io::Result<File> {
    let flags = ALWAYS | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR;
    let file: File = retried(|| openat(dir.as_fd(), name, flags, mode))?.into();
    retried(|| fchmod(&file, mode))?;
    let length = i64::try_from(length).map_err(|_| Errno::EFBIG)?;
    retried(|| posix_fallocate(&file, 0, length))?;
    Ok(file)
}

/// Runs `make`, which makes a directory or a FIFO, under the usual umask. Those are opened after they
/// are made: if the umask of our caller takes the rights of the owner away, we could not do that, nor
/// could another process of the same user until the mode is set.
pub fn under_usual_umask<T>(make: impl FnOnce() -> T) -> T {
    let ours = umask(Mode::S_IWGRP | Mode::S_IWOTH);
    let result = make();
    umask(ours);
    result
}

/// Opens the file `name` in `dir` with the flags `access`.
///
/// # Errors
///
/// As open(2).
pub fn open(dir: impl AsFd, name: &(impl NixPath + ?Sized), access: OFlag) -> io::Result<File> {
    Ok(retried(|| openat(dir.as_fd(), name, ALWAYS | access, Mode::empty()))?.into())
}

/// Opens a file of ours for reading and writing although its mode is read-only for everybody. Root
/// may do that; other users give themselves the permission while they open it.
///
/// # Errors
///
/// As open(2) and fchmod(2).
pub fn open_read_only(dir: impl AsFd, name: &str) -> io::Result<File> {
    let mut tries = 0..TRIES;
    loop {
        // Our own reads must not count as looks of the worker.
        match open(dir.as_fd(), name, OFlag::O_RDWR | OFlag::O_NOATIME) {
            // Another process that opens it may remove the permission again in between.
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied && tries.next().is_some() =>
            {
                let file = open(dir.as_fd(), name, OFlag::O_RDONLY)?;
                retried(|| fchmod(&file, READ_ONLY | Mode::S_IWUSR))?;
            }
            Ok(file) if tries.start > 0 => {
                retried(|| fchmod(&file, READ_ONLY))?;
                return Ok(file);
            }
            opened => return opened,
        }
    }
}

/// Overwrites what a file contains at `place`, even beyond the limit that this process has for the
/// length of files (`RLIMIT_FSIZE`): a process that takes over a run has inherited that limit from
/// somebody else.
///
/// # Errors
///
/// As pwrite(2); above the limit, as mmap(2), and `EFAULT` if the file is not that long.
pub fn overwrite(file: &File, bytes: &[u8], place: u64) -> io::Result<()> {
    let written = file.write_all_at(bytes, place);
    let is_limited = |error: &io::Error| error.raw_os_error() == Some(Errno::EFBIG as i32);
    if written.as_ref().is_err_and(is_limited) {
        return fill(file, bytes, place);
    }
    written
}

/// Makes the kernel copy the bytes into a mapping of the file, to which the limit does not apply. A
/// store of our own would raise SIGBUS if somebody truncated the file.
fn fill(file: &File, bytes: &[u8], place: u64) -> io::Result<()> {
    /// What a pipe takes at once on any machine.
    const PIECE: usize = 4096;
    let (end, feed) = pipe2(OFlag::O_CLOEXEC)?;
    let mut feed = File::from(feed);
    let mut place = place;
    for piece in bytes.chunks(PIECE) {
        feed.write_all(piece)?;
        let copied = WritablePart::map(file, place, piece.len())?.fill(end.as_fd())?;
        if copied < piece.len() {
            return Err(Errno::EFAULT.into());
        }
        place += piece.len() as u64;
    }
    // A write through a mapping wakes no watcher of the file; this does (inotify(7), IN_MODIFY).
    file.set_len(file.metadata()?.len())
}

/// Whether the name still leads to this very file, and not to a link to it.
pub fn is_at(dir: impl AsFd, name: &(impl NixPath + ?Sized), file: impl AsFd) -> bool {
    let there = fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok();
    let ours = fstat(file.as_fd()).ok();
    there
        .zip(ours)
        .is_some_and(|(a, b)| (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
}

/// Whether anything has this name.
pub fn is_any(dir: impl AsFd, name: &(impl NixPath + ?Sized)) -> bool {
    fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok()
}

/// Whether the file of this name has been read since its access time was set to zero.
pub fn was_read(dir: impl AsFd, name: &str) -> bool {
    let there = fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW);
    there.is_ok_and(|there| (there.st_atime, there.st_atime_nsec) != (0, 0))
}

/// The present path of a directory, which may have had another name when it was opened. `None` if it
/// was deleted, or if the kernel does not tell.
pub fn path_of(dir: impl AsFd) -> Option<PathBuf> {
    let link = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd());
    let path = std::fs::read_link(link).ok()?;
    // `/proc` may be of another pid namespace, and for a deleted directory the link is not a path.
    is_at(AT_FDCWD, &path, dir).then_some(path)
}

/// Copies `from` to this name in `dir`, and replaces whatever has the name.
///
/// # Errors
///
/// As open(2), pread(2) and rename(2).
pub fn copy(dir: impl AsFd, name: &str, from: &File, mode: Mode) -> io::Result<()> {
    let mut bytes = vec![0; usize::try_from(from.metadata()?.len()).unwrap_or(0)];
    from.read_exact_at(&mut bytes, 0)?;
    clear_aside(dir.as_fd());
    let copy = make(dir.as_fd(), ASIDE, mode, bytes.len() as u64)?;
    copy.write_all_at(&bytes, 0)?;
    publish(dir, name)
}

/// Gives the file that was made aside its name, and replaces whatever has that name: everything in
/// the directory of a run belongs to the run.
///
/// # Errors
///
/// As rename(2): a directory is not replaced.
pub fn publish(dir: impl AsFd, name: &str) -> io::Result<()> {
    Ok(renameat(dir.as_fd(), ASIDE, dir.as_fd(), name)?)
}

/// Removes a file that was made aside and never got its name.
pub fn clear_aside(dir: impl AsFd) {
    // Nearly always there is no such file.
    let _ = unlinkat(dir, ASIDE, UnlinkatFlags::NoRemoveDir);
}

/// Repeats a call as long as signals interrupt it.
fn retried<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}
