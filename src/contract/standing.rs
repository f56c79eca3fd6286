//! The standing of a run: whether anybody enforces its ladder, and whether that can be known at all.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};

use crate::contract::base::Storage;
use crate::contract::owner::{self, OwnerSeen};
use crate::linux::process::{self, Found, Identity, Stat};
use crate::words::pid::Pid;

/// Who enforces the ladder of a run.
#[derive(Debug)]
pub enum Standing {
    /// An owner that is alive.
    Owned(Owned),
    /// A process is taking over at this moment, and the kernel was not allowed to watch it.
    Changing,
    /// Nobody, and anybody may take over.
    Orphaned(Orphaned),
    /// What its owner wrote cannot be compared with anything here: nobody here may signal a process of
    /// this run, or remove it.
    Unverifiable(Unverifiable),
    /// The run has no owner file, or one of a version that this program does not know.
    Unreadable,
}

/// An owner that is alive.
#[derive(Debug)]
pub struct Owned {
    /// Who it is.
    pub owner: Identity,
    /// Names its process.
    pub pidfd: OwnedFd,
    /// The owner word.
    pub word: u32,
    /// Whether the kernel will mark its death in that word; if not, libraries cannot see that it died.
    pub watched: bool,
}

/// An owner of which nobody here can tell whether it is alive.
#[derive(Debug)]
pub struct Unverifiable {
    /// Who it is, by the numbers of its own namespaces.
    pub owner: Identity,
    /// Why we cannot know.
    pub why: Doubt,
}

/// Why nobody here can tell which processes, or which times, the numbers in the files of a run mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The run may be of another boot or machine, or of this one.
    Boot,
    /// Its pids are those of another pid namespace.
    PidNamespace,
    /// The owner or we could not read our own pid namespace.
    Namespace,
    /// The owner's start was counted by the clock of another time namespace.
    TimeNamespace,
    /// The kernel does not tell enough of its process.
    Process,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boot => "it may be of another boot or machine",
            Self::PidNamespace => "it is of another pid namespace",
            Self::Namespace => {
                "nobody can tell of which pid namespace it is (no /proc there or here)"
            }
            Self::TimeNamespace => "it is of another time namespace",
            Self::Process => "the kernel does not tell enough of its process",
        })
    }
}

/// An owner that is gone.
#[derive(Debug)]
pub struct Orphaned {
    /// Who it was.
    pub owner: Identity,
    /// The owner word.
    pub word: u32,
    /// Whether no process of the run can be left: it is of another boot, or its owner was the first
    /// process of a pid namespace, which does not outlive that process.
    pub is_past: bool,
}

impl Standing {
    /// The standing of the run in `dir`.
    #[must_use]
    pub fn of(dir: impl AsFd) -> Self {
        let us = process::own_identity();
        let (owner, word, watched) = match owner::see(dir.as_fd()) {
            OwnerSeen::Unreadable | OwnerSeen::Spoilt => return Self::Unreadable,
            OwnerSeen::Changing { before, word } => return taken(dir, before, word, &us),
            OwnerSeen::Died { owner, word } => return died(dir, owner, word, &us),
            OwnerSeen::Alive {
                owner,
                word,
                watched,
            } => (owner, word, watched),
        };
        let found = if watched {
            // The kernel itself says that it is alive, so its start is not compared: in another time
            // namespace that is another number.
            Numbers::of(&dir, &owner, &us).ours(|| process::named(owner.pid))
        } else {
            find(&dir, &owner, &us)
        };
        match found {
            // A zombie still has its pid.
            Ok(Found::Ours(pidfd)) if process::has_ended(&pidfd) => died(dir, owner, word, &us),
            Ok(Found::Ours(pidfd)) => Self::Owned(Owned {
                owner,
                pidfd,
                word,
                watched,
            }),
            // It died unmarked, because the kernel was not allowed to watch it or it is of another
            // boot.
            Ok(Found::Gone) => died(dir, owner, word, &us),
            Ok(Found::Unverifiable) => Self::unverifiable(owner, Doubt::Process),
            Err(why) => Self::unverifiable(owner, why),
        }
    }

    fn unverifiable(owner: Identity, why: Doubt) -> Self {
        Self::Unverifiable(Unverifiable { owner, why })
    }
}

/// The standing if a process has taken over and has not signed. Only the word names it, and as long as
/// the kernel does not mark the word, that thread is alive. It is in the same namespaces as the owner
/// before.
fn taken(dir: impl AsFd, before: Identity, word: u32, us: &Identity) -> Standing {
    let pid = Pid::new(owner::tid(word));
    let find = || pid.map_or(Found::Unverifiable, process::named);
    let watched = word & libc::FUTEX_WAITERS != 0;
    match (Numbers::of(&dir, &before, us).ours(find), pid) {
        (Ok(Found::Ours(pidfd)), Some(pid)) if watched => Standing::Owned(Owned {
            owner: Identity {
                pid,
                start: Stat::of(pid).map_or(0, |stat| stat.start),
                ..us.clone()
            },
            pidfd,
            word,
            watched,
        }),
        (Ok(Found::Gone), _) => died(dir, before, word, us),
        (Ok(Found::Ours(_) | Found::Unverifiable), _) => Standing::Changing,
        (Err(why), _) => Standing::unverifiable(before, why),
    }
}

/// Finds an owner whose death the kernel may not mark, by its line in `dir`; `us` is
/// [`process::own_identity`].
///
/// # Errors
///
/// If the line cannot be compared with anything here.
pub fn find(dir: impl AsFd, owner: &Identity, us: &Identity) -> Result<Found, Doubt> {
    let numbers = Numbers::of(dir, owner, us);
    if numbers == Numbers::Ours && owner.shares_clock(us) == Some(false) {
        return Err(Doubt::TimeNamespace);
    }
    numbers.ours(|| process::find(owner.pid, owner.start, None))
}

/// Whether the pids in the record in `dir`, of a run that `owner` began, mean the same here.
///
/// # Errors
///
/// If they do not, or if nobody here can tell.
pub fn means_the_same(dir: impl AsFd, owner: &Identity) -> Result<(), Doubt> {
    let us = process::own_identity();
    match Numbers::of(dir, owner, &us) {
        Numbers::Ours if owner.shares_clock(&us) == Some(false) => Err(Doubt::TimeNamespace),
        Numbers::Ours => Ok(()),
        Numbers::Past => Err(Doubt::Boot),
        Numbers::Others(why) => Err(why),
    }
}

/// The standing of a run whose owner is gone.
fn died(dir: impl AsFd, owner: Identity, word: u32, us: &Identity) -> Standing {
    let is_past = match Numbers::of(dir, &owner, us) {
        Numbers::Past => true,
        Numbers::Ours => false,
        // When the first process of a pid namespace ends, the kernel kills all others in it. In our
        // own namespace it has executed another program instead, since we are alive.
        Numbers::Others(Doubt::PidNamespace) if owner.pid == Pid::FIRST => true,
        Numbers::Others(why) => return Standing::unverifiable(owner, why),
    };
    Standing::Orphaned(Orphaned {
        owner,
        word,
        is_past,
    })
}

/// What the pids in the files of a run mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// The same processes as here.
    Ours,
    /// Processes of an earlier boot: all of them are gone.
    Past,
    /// Nobody here can tell which processes.
    Others(Doubt),
}

impl Numbers {
    /// What they mean in the run in `dir`, which `owner` has signed.
    fn of(dir: impl AsFd, owner: &Identity, us: &Identity) -> Self {
        let storage = Storage::of(dir);
        match owner.is_of_boot(us) {
            Some(true) => {}
            // What is in memory is lost at each boot.
            None if storage.in_memory => {}
            Some(false) if storage.on_disk => return Self::Past,
            // Two machines may share one directory; and memory that was restored with a machine or a
            // container may be from another one.
            Some(false) | None => return Self::Others(Doubt::Boot),
        }
        match owner.is_of_namespace(us) {
            Some(true) => Self::Ours,
            Some(false) => Self::Others(Doubt::PidNamespace),
            None => Self::Others(Doubt::Namespace),
        }
    }

    fn ours(self, find: impl FnOnce() -> Found) -> Result<Found, Doubt> {
        match self {
            Self::Ours => Ok(find()),
            Self::Past => Ok(Found::Gone),
            Self::Others(why) => Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::process::Command;

    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    use nix::unistd;

    use super::{Doubt, Identity, Numbers, Orphaned, Pid, Standing, find};
    use crate::linux::process::{Found, Stat, own_identity, pid_of};

    /// The standing of a run in memory whose file `owner` says this.
    fn standing(word: u32, owner: &Identity) -> Standing {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut bytes = word.to_ne_bytes().to_vec();
        bytes.resize(64, b'\n');
        bytes.extend(owner.to_string().bytes());
        bytes.resize(256, b'\n');
        fs::write(dir.path().join("owner"), bytes).unwrap();
        Standing::of(File::open(dir.path()).unwrap())
    }

    /// Its parent has not reaped it, so it still has its pid; and the kernel has not marked its death.
    #[test]
    fn k1q_an_owner_that_is_a_zombie_is_dead() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = pid_of(&child);
        let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(unistd::Pid::from_raw(pid.get())), ended).unwrap();
        let owner = Identity {
            pid,
            start: Stat::of(pid).unwrap().start,
            ..own_identity()
        };
        for bit in [0, libc::FUTEX_WAITERS] {
            let stands = standing(child.id() | bit, &owner);
            assert!(matches!(stands, Standing::Orphaned(_)), "{stands:?}");
        }
        child.wait().unwrap();
    }

    #[test]
    fn k1r_the_first_process_takes_another_namespace_with_it_and_not_ours() {
        let us = own_identity();
        let first = |pid_namespace, pid| Identity {
            pid,
            pid_namespace,
            ..us.clone()
        };
        let died = |owner| standing(libc::FUTEX_OWNER_DIED, &owner);
        let past = |owner| match died(owner) {
            Standing::Orphaned(Orphaned { is_past, .. }) => Some(is_past),
            Standing::Owned(_)
            | Standing::Changing
            | Standing::Unverifiable(_)
            | Standing::Unreadable => None,
        };
        assert_eq!(past(first(us.pid_namespace, Pid::FIRST)), Some(false));
        assert_eq!(past(first(us.pid_namespace + 1, Pid::FIRST)), Some(true));
        assert_eq!(past(first(us.pid_namespace + 1, us.pid)), None);
        // It may be ours.
        assert_eq!(past(first(0, Pid::FIRST)), None);
    }

    #[test]
    fn k1s_a_start_that_another_clock_has_counted_is_not_compared() {
        let us = own_identity();
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let dir = File::open(dir.path()).unwrap();
        assert!(matches!(find(&dir, &us, &us), Ok(Found::Ours(_))));
        let other = Identity {
            time_namespace: us.time_namespace + 1,
            ..us.clone()
        };
        let found = find(&dir, &other, &us);
        assert!(matches!(found, Err(Doubt::TimeNamespace)), "{found:?}");
        let other = Identity {
            pid_namespace: us.pid_namespace + 1,
            ..us.clone()
        };
        let found = find(&dir, &other, &us);
        assert!(matches!(found, Err(Doubt::PidNamespace)), "{found:?}");
    }

    fn identity(boot: &str, pid_namespace: u64) -> Identity {
        Identity {
            pid: Pid::new(7).unwrap(),
            start: 8,
            boot_id: boot.to_owned(),
            pid_namespace,
            time_namespace: 1,
            clock_offset: Some(0),
        }
    }

    /// It is neither on a disk nor in memory, so it may be from another machine.
    fn shared() -> File {
        File::open("/proc").unwrap()
    }

    #[test]
    fn k1c_numbers_are_ours_if_nothing_that_counts_differs() {
        let us = identity("a", 1);
        let numbers = |boot, namespace| Numbers::of(shared(), &identity(boot, namespace), &us);
        assert_eq!(numbers("a", 1), Numbers::Ours);
        assert_eq!(numbers("a", 2), Numbers::Others(Doubt::PidNamespace));
        assert_eq!(numbers("a", 0), Numbers::Others(Doubt::Namespace));
        assert_eq!(numbers("b", 1), Numbers::Others(Doubt::Boot));
        assert_eq!(numbers("-", 1), Numbers::Others(Doubt::Boot));
        // Neither knows its namespace: that does not mean that they are the same.
        let blind = identity("-", 0);
        let nobody = Numbers::of(shared(), &blind, &blind);
        assert_eq!(nobody, Numbers::Others(Doubt::Boot));
        let blind = identity("a", 0);
        let nobody = Numbers::of(shared(), &blind, &blind);
        assert_eq!(nobody, Numbers::Others(Doubt::Namespace));
    }

    #[test]
    fn k1d_memory_is_of_this_boot_unless_it_says_that_it_is_of_another_one() {
        let us = identity("a", 1);
        let doubt = Numbers::Others(Doubt::Boot);
        for (place, boot, expected) in [
            ("/dev/shm", "-", Numbers::Ours),
            ("/dev/shm", "b", doubt),
            ("/proc", "-", doubt),
            ("/proc", "b", doubt),
        ] {
            let place = File::open(place).unwrap();
            assert_eq!(Numbers::of(place, &identity(boot, 1), &us), expected);
        }
    }
}
