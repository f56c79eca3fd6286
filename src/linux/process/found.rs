//! Finding the process that an identity names, with proof: without proof it gets no signal.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, fstatfs};

use super::identity::{Identity, UNKNOWN};
use super::stat::{Stat, is_thread, own_start};
use super::{Sent, Target, has_ended, own_pid, signal};
use crate::linux::sys;
use crate::words::pid::Pid;

/// The identity of this process.
#[must_use]
pub fn own_identity() -> Identity {
    Identity {
        pid: own_pid(),
        start: own_start(&mut [0; 1024]),
        boot_id: own_boot().unwrap_or_else(|| UNKNOWN.to_owned()),
        pid_namespace: own_namespace("pid", sys::pid_namespace),
        time_namespace: own_namespace("time", sys::time_namespace),
        clock_offset: own_clock_offset(),
    }
}

/// How far our clock is ahead of the machine's own (`time_namespaces(7)`); `None` if that cannot be
/// known. A kernel without time namespaces has only that one clock.
fn own_clock_offset() -> Option<i64> {
    match fs::read_to_string("/proc/self/timens_offsets") {
        Ok(offsets) => monotonic(&offsets),
        Err(_) if fs::metadata("/proc/self/stat").is_ok() => Some(0),
        Err(_) => None,
    }
}

/// The offset in the line of the monotonic clock, which has whole seconds and nanoseconds.
fn monotonic(offsets: &str) -> Option<i64> {
    let line = offsets
        .lines()
        .find_map(|line| line.strip_prefix("monotonic"))?;
    let mut words = line.split_ascii_whitespace().map(str::parse::<i64>);
    let (Some(Ok(seconds)), Some(Ok(rest))) = (words.next(), words.next()) else {
        return None;
    };
    seconds.checked_mul(1_000_000_000)?.checked_add(rest)
}

/// The id that the kernel gave this boot. A container may have mounted a file of its own over it,
/// which would make every container look like another boot.
fn own_boot() -> Option<String> {
    let mut file = fs::File::open("/proc/sys/kernel/random/boot_id").ok()?;
    let is_proc = file.metadata().ok()?.dev() == fs::metadata("/proc/self").ok()?.dev();
    if !is_proc || sys::is_mounted_over(file.as_fd()) {
        return None;
    }
    let mut buffer = [0; 64];
    let length = file.read(&mut buffer).ok()?;
    let boot_id = String::from_utf8_lossy(&buffer[..length]);
    let boot_id = boot_id.trim();
    (!boot_id.is_empty()).then(|| boot_id.to_owned())
}

/// The inode of a namespace of ours; 0 if neither `/proc` nor the kernel itself tells it.
fn own_namespace(kind: &str, told: fn(BorrowedFd<'_>) -> io::Result<OwnedFd>) -> u64 {
    let shown = fs::metadata(format!("/proc/self/ns/{kind}"));
    shown.map_or_else(|_| namespace_inode(told).unwrap_or(0), |data| data.ino())
}

fn namespace_inode(told: fn(BorrowedFd<'_>) -> io::Result<OwnedFd>) -> Option<u64> {
    let us = sys::pidfd_open(own_pid()).ok()?;
    // A kernel that does not know this request has no pidfs either, and may return anything.
    pidfs_inode(&us)?;
    let namespace = told(us.as_fd()).ok()?;
    fstat(namespace).map(|data| data.st_ino).ok()
}

/// What has become of the process that an identity names.
#[derive(Debug)]
pub enum Found {
    /// It exists, and this descriptor names it and no other process.
    Ours(OwnedFd),
    /// It has ended; if a process has its pid now, that is another one.
    Gone,
    /// It cannot be told: it is in another pid namespace, or the kernel does not say enough.
    Unverifiable,
}

impl Found {
    /// Whether it is known to have ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Ours(pidfd) => has_ended(pidfd),
            Self::Gone => true,
            Self::Unverifiable => false,
        }
    }

    /// Sends it a signal. A process that is not proven to be the right one gets none.
    #[must_use = "a refusal has to be reported"]
    pub fn signal(&self, number: i32) -> Sent {
        match self {
            Self::Ours(pidfd) => signal(Target::Pidfd(pidfd.as_fd()), number),
            Self::Gone => Sent::Nobody,
            Self::Unverifiable => {
                Sent::Refused(io::Error::other("it cannot be verified to be the worker"))
            }
        }
    }
}

/// Finds the process that had this pid, started at `start`, and had the inode `inode` in pidfs if
/// that is known. The caller knows that the three are from this boot, and were read in our own pid
/// and time namespaces.
#[must_use]
pub fn find(pid: Pid, start: u64, inode: Option<u64>) -> Found {
    // ORDER: the descriptor first, then the checks: what it names cannot change in between.
    let pidfd = match named(pid) {
        Found::Ours(pidfd) => pidfd,
        other @ (Found::Gone | Found::Unverifiable) => return other,
    };
    let same = match (inode, pidfs_inode(&pidfd)) {
        // An inode is never used twice before the next boot, but two processes may have started in
        // the same tick of 10 ms.
        (Some(then), Some(now)) => Some(then == now),
        (Some(_) | None, _) if start == 0 => None,
        (Some(_) | None, _) => Stat::of(pid).map(|stat| stat.start == start),
    };
    match same {
        Some(true) => Found::Ours(pidfd),
        Some(false) => Found::Gone,
        // It ended in the meantime, or `/proc` does not show it.
        None if has_ended(&pidfd) => Found::Gone,
        None => Found::Unverifiable,
    }
}

/// The process that has this pid, for a caller that knows which process that is.
#[must_use]
pub fn named(pid: Pid) -> Found {
    match sys::pidfd_open(pid) {
        Ok(pidfd) => Found::Ours(pidfd),
        Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => Found::Gone,
        // Processes and threads share one set of numbers, and the kernel refuses a pidfd for a thread
        // with an error that differs between versions. Then no process has the pid.
        Err(_) if is_thread(pid) => Found::Gone,
        Err(_) => Found::Unverifiable,
    }
}

/// A number that no other process has or had since boot: the inode of its pidfd, if pidfds have a
/// file system of their own (since Linux 6.9).
#[must_use]
pub fn pidfs_inode(pidfd: &OwnedFd) -> Option<u64> {
    /// `PID_FS_MAGIC` of `<linux/magic.h>`.
    const PIDFS: FsType = FsType(0x5049_4446);
    let is_own = fstatfs(pidfd).is_ok_and(|fs| fs.filesystem_type() == PIDFS);
    is_own
        .then(|| fstat(pidfd).map(|data| data.st_ino).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use nix::unistd::gettid;

    use super::{Found, Stat, find, monotonic, named, namespace_inode, own_identity, pidfs_inode};
    use crate::linux::sys;
    use crate::words::pid::Pid;

    #[test]
    fn k1a_whoever_has_the_pid_and_another_start_or_number_is_somebody_else() {
        let us = own_identity();
        let Found::Ours(pidfd) = named(us.pid) else {
            return;
        };
        assert!(matches!(find(us.pid, us.start, None), Found::Ours(_)));
        assert!(matches!(find(us.pid, us.start - 1, None), Found::Gone));
        // Its start is unknown.
        assert!(matches!(find(us.pid, 0, None), Found::Unverifiable));
        if let Some(inode) = pidfs_inode(&pidfd) {
            // The inode is enough: the start may have been counted by another clock.
            assert!(matches!(find(us.pid, 0, Some(inode)), Found::Ours(_)));
            assert!(matches!(
                find(us.pid, us.start, Some(inode + 1)),
                Found::Gone
            ));
        }
    }

    #[test]
    fn k1e_how_far_a_clock_is_ahead_is_read_with_its_sign() {
        let offset = |text| monotonic(text);
        let both = "monotonic       86400         5\nboottime            7         0\n";
        assert_eq!(offset(both), Some(86_400_000_000_005));
        // The nanoseconds are never negative.
        assert_eq!(offset("monotonic  -20  500000000"), Some(-19_500_000_000));
        for text in [
            "",
            "boottime 1 0",
            "monotonic 1",
            "monotonic 9223372036854775807 0",
        ] {
            assert_eq!(offset(text), None, "{text:?}");
        }
    }

    /// Without `/proc` we ask the kernel.
    #[test]
    fn k1b_the_kernel_tells_the_same_namespaces_as_proc() {
        let us = own_identity();
        for (told, shown) in [
            (namespace_inode(sys::pid_namespace), us.pid_namespace),
            (namespace_inode(sys::time_namespace), us.time_namespace),
        ] {
            assert!(told.is_none_or(|told| told == shown), "{told:?} {shown}");
        }
    }

    #[test]
    fn a_pid_that_a_thread_has_by_now_is_no_process() {
        let us = own_identity();
        assert!(matches!(find(us.pid, us.start, None), Found::Ours(_)));
        thread::scope(|scope| {
            scope.spawn(|| {
                let pid = Pid::new(gettid().as_raw()).unwrap();
                // Even if both were started in the same tick.
                let start = Stat::of(pid).unwrap().start;
                assert!(matches!(find(pid, start, None), Found::Gone));
            });
        });
    }
}
