//! Which process an identity names: proven, or not signalled.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, fstatfs};
use nix::unistd::getpid;

use super::stat::{Stat, is_thread, own_start};
use super::{Sent, Target, has_ended, signal};
use crate::owner::Identity;
use crate::sys;

/// Who this process is.
#[must_use]
pub fn own_identity() -> Identity {
    let mut buffer = [0; 64];
    let file = fs::File::open("/proc/sys/kernel/random/boot_id");
    let read = file.and_then(|mut file| file.read(&mut buffer));
    let boot_id = String::from_utf8_lossy(&buffer[..read.unwrap_or(0)]);
    let boot_id = boot_id.trim();
    Identity {
        pid: getpid().as_raw(),
        start: own_start(&mut [0; 1024]),
        boot_id: if boot_id.is_empty() { "-" } else { boot_id }.to_owned(),
        pid_namespace: fs::metadata("/proc/self/ns/pid").map_or(0, |data| data.ino()),
    }
}

/// What became of the process that an identity names.
#[derive(Debug)]
pub enum Found {
    /// It is there, and this names it for ever.
    Ours(OwnedFd),
    /// It has ended; whoever has its pid now is somebody else.
    Gone,
    /// Nobody can tell: it is of another pid namespace, or the kernel does not say enough.
    Unverifiable,
}

impl Found {
    /// Whether it has ended, as far as that can be told.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Ours(pidfd) => has_ended(pidfd),
            Self::Gone => true,
            Self::Unverifiable => false,
        }
    }

    /// Sends it a signal; nobody gets one who cannot be proven to be meant.
    #[must_use = "a refusal has to be told"]
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

/// Looks for the process that `identity` names, and that had the inode `inode` in pidfs, if that is
/// known; `us` is [`own_identity`].
#[must_use]
pub fn find(identity: &Identity, inode: Option<u64>, us: &Identity) -> Found {
    match identity.is_of_boot(us) {
        Some(true) if identity.pid > 0 => {}
        Some(true) | None => return Found::Unverifiable,
        Some(false) => return Found::Gone,
    }
    if us.pid_namespace != identity.pid_namespace {
        return Found::Unverifiable;
    }
    // ORDER: the descriptor first, then the looks: what it names cannot change under us.
    let pidfd = match named(identity.pid) {
        Found::Ours(pidfd) => pidfd,
        other @ (Found::Gone | Found::Unverifiable) => return other,
    };
    let same = match (inode, pidfs_inode(&pidfd)) {
        (Some(then), Some(now)) if then != now => Some(false),
        // Never used twice before the next boot, while two starts may share a tick of 10 ms.
        (Some(_), Some(_)) if us.knows_boot() => Some(true),
        (Some(_) | None, _) if identity.start == 0 => None,
        (Some(_) | None, _) => Stat::of(identity.pid)
            .map(|stat| stat.start == identity.start)
            .filter(|&same| same || counts_as_we_do(identity.pid)),
    };
    match same {
        Some(true) => Found::Ours(pidfd),
        Some(false) => Found::Gone,
        // It ended while we looked, or `/proc` does not show it.
        None if has_ended(&pidfd) => Found::Gone,
        None => Found::Unverifiable,
    }
}

/// The process that has this pid, for a caller who knows whose it is.
#[must_use]
pub fn named(pid: i32) -> Found {
    match sys::pidfd_open(pid) {
        Ok(pidfd) => Found::Ours(pidfd),
        Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => Found::Gone,
        // The kernel gives processes and threads numbers of one kind, and refuses a pidfd for a
        // thread with an error that differs by version. No process has the pid then.
        Err(_) if is_thread(pid) => Found::Gone,
        Err(_) => Found::Unverifiable,
    }
}

/// Whether the start of `pid` is counted from the same moment as ours. In another time namespace the
/// same start is another number (`time_namespaces(7)`).
fn counts_as_we_do(pid: i32) -> bool {
    let inode = |path: String| fs::metadata(path).map(|data| data.ino());
    let ours = inode("/proc/self/ns/time".to_owned());
    let theirs = inode(format!("/proc/{pid}/ns/time"));
    // Without such namespaces there is one clock; those of another user's process are not shown.
    !matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours != theirs)
}

/// The number that no other process has or had since boot: the inode of its pidfd, where pidfds
/// have a file system of their own (since Linux 6.9).
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

    use super::{Found, Identity, Stat, find, named, own_identity, pidfs_inode};

    #[test]
    fn who_cannot_tell_one_boot_from_another_goes_by_the_start_too() {
        let us = Identity {
            boot_id: "-".to_owned(),
            ..own_identity()
        };
        let inode = named_inode(us.pid);
        assert!(matches!(find(&us, inode, &us), Found::Ours(_)));
        let other = Identity {
            start: us.start - 1,
            ..us.clone()
        };
        assert!(matches!(find(&other, inode, &us), Found::Gone));
        let unknown = Identity {
            start: 0,
            ..us.clone()
        };
        assert!(matches!(find(&unknown, inode, &us), Found::Unverifiable));
        // One that could read it, and one that cannot: nobody knows.
        assert!(matches!(
            find(&own_identity(), inode, &us),
            Found::Unverifiable
        ));
    }

    fn named_inode(pid: i32) -> Option<u64> {
        match named(pid) {
            Found::Ours(pidfd) => pidfs_inode(&pidfd),
            Found::Gone | Found::Unverifiable => None,
        }
    }

    #[test]
    fn a_pid_that_a_thread_has_by_now_is_no_process() {
        let us = own_identity();
        assert!(matches!(find(&us, None, &us), Found::Ours(_)));
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut ended = us.clone();
                ended.pid = gettid().as_raw();
                // Even one that was started in the same tick.
                ended.start = Stat::of(ended.pid).unwrap().start;
                assert!(matches!(find(&ended, None, &us), Found::Gone));
            });
        });
    }
}
