//! How a run stands: whether somebody enforces its ladder, and whether that can be told at all.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};

use crate::contract::base::Storage;
use crate::contract::owner::{self, OwnerSeen};
use crate::linux::process::{self, Found, Identity, Stat};

/// Who enforces the ladder of a run.
#[derive(Debug)]
pub enum Standing {
    /// Somebody does.
    Owned(Owned),
    /// Somebody is taking over at this moment, and the kernel was not allowed to watch over it.
    Changing,
    /// Nobody does, and whoever wants to may take over.
    Orphaned(Orphaned),
    /// What its owner wrote cannot be compared with anything here: nobody here may signal anything of
    /// this run, or remove it.
    Unverifiable(Unverifiable),
    /// It has no owner file, or one of a version that this program does not know.
    Unreadable,
}

/// An owner that lives.
#[derive(Debug)]
pub struct Owned {
    /// Who it is.
    pub owner: Identity,
    /// Names its process.
    pub pidfd: OwnedFd,
    /// What stands in the owner word.
    pub word: u32,
    /// Whether the kernel marks its death in that word; without, libraries cannot see it.
    pub watched: bool,
}

/// An owner of which nobody here can tell whether it lives.
#[derive(Debug)]
pub struct Unverifiable {
    /// Who it is, as it counts itself.
    pub owner: Identity,
    /// What keeps us from knowing.
    pub why: Doubt,
}

/// Why nobody here can tell whom the numbers in the files of a run mean, or when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It may be of another boot or machine, or of this one.
    Boot,
    /// Its pids are of another pid namespace.
    PidNamespace,
    /// It, or we, could not read which pid namespace that is.
    Namespace,
    /// Its start was counted by the clock of another time namespace.
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

/// An owner that is no more.
#[derive(Debug)]
pub struct Orphaned {
    /// Who it was.
    pub owner: Identity,
    /// What stands in the owner word.
    pub word: u32,
    /// Whether nothing of the run can be left: it is of another boot, or its owner was the first
    /// process of a pid namespace, which does not outlive it.
    pub is_past: bool,
}

impl Standing {
    /// Looks at the owner of the run in `dir`.
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
            // The kernel itself says that it lives, so its start is not compared: in a time namespace
            // that is another number.
            Numbers::of(&dir, &owner, &us).ours(|| process::named(owner.pid))
        } else {
            find(&dir, &owner, &us)
        };
        match found {
            // A zombie is still named by its pid.
            Ok(Found::Ours(pidfd)) if process::has_ended(&pidfd) => died(dir, owner, word, &us),
            Ok(Found::Ours(pidfd)) => Self::Owned(Owned {
                owner,
                pidfd,
                word,
                watched,
            }),
            // A death that the kernel was not allowed to mark, or of another boot.
            Ok(Found::Gone) => died(dir, owner, word, &us),
            Ok(Found::Unverifiable) => Self::unverifiable(owner, Doubt::Process),
            Err(why) => Self::unverifiable(owner, why),
        }
    }

    fn unverifiable(owner: Identity, why: Doubt) -> Self {
        Self::Unverifiable(Unverifiable { owner, why })
    }
}

/// Finds who has taken over and has not signed: the word alone tells, and as long as the kernel does
/// not mark it, that thread lives. Whoever takes over is of the namespace of the one before.
fn taken(dir: impl AsFd, before: Identity, word: u32, us: &Identity) -> Standing {
    let pid = owner::tid(word).cast_signed();
    let watched = word & libc::FUTEX_WAITERS != 0;
    match Numbers::of(&dir, &before, us).ours(|| process::named(pid)) {
        Ok(Found::Ours(pidfd)) if watched => Standing::Owned(Owned {
            owner: Identity {
                pid,
                start: Stat::of(pid).map_or(0, |stat| stat.start),
                ..us.clone()
            },
            pidfd,
            word,
            watched,
        }),
        Ok(Found::Gone) => died(dir, before, word, us),
        Ok(Found::Ours(_) | Found::Unverifiable) => Standing::Changing,
        Err(why) => Standing::unverifiable(before, why),
    }
}

/// Looks for an owner whose death nobody may mark, by what its line in `dir` says; `us` is
/// [`process::own_identity`].
///
/// # Errors
///
/// If what the line says cannot be compared with anything here.
pub fn find(dir: impl AsFd, owner: &Identity, us: &Identity) -> Result<Found, Doubt> {
    let numbers = Numbers::of(dir, owner, us);
    if numbers == Numbers::Ours && owner.shares_clock(us) == Some(false) {
        return Err(Doubt::TimeNamespace);
    }
    numbers.ours(|| process::find(owner.pid, owner.start, None))
}

/// Whether the pids on record in `dir`, of a run that `owner` began, mean the same here.
///
/// # Errors
///
/// If nobody here can tell, or they do not.
pub fn means_the_same(dir: impl AsFd, owner: &Identity) -> Result<(), Doubt> {
    let us = process::own_identity();
    match Numbers::of(dir, owner, &us) {
        Numbers::Ours if owner.shares_clock(&us) == Some(false) => Err(Doubt::TimeNamespace),
        Numbers::Ours => Ok(()),
        Numbers::Past => Err(Doubt::Boot),
        Numbers::Others(why) => Err(why),
    }
}

/// How it stands with a run whose owner is no more.
fn died(dir: impl AsFd, owner: Identity, word: u32, us: &Identity) -> Standing {
    let is_past = match Numbers::of(dir, &owner, us) {
        Numbers::Past => true,
        Numbers::Ours => false,
        // With the first process of a pid namespace the kernel kills all of it. In our own it has
        // executed another program instead: we are there.
        Numbers::Others(Doubt::PidNamespace) if owner.pid == 1 => true,
        Numbers::Others(why) => return Standing::unverifiable(owner, why),
    };
    Standing::Orphaned(Orphaned {
        owner,
        word,
        is_past,
    })
}

/// What the pids mean that stand in the files of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// The same as here.
    Ours,
    /// Processes of an older boot: all of them are gone.
    Past,
    /// Nobody here can tell whom.
    Others(Doubt),
}

impl Numbers {
    /// What they mean in the run in `dir`, which `owner` has signed.
    fn of(dir: impl AsFd, owner: &Identity, us: &Identity) -> Self {
        let storage = Storage::of(dir);
        match owner.is_of_boot(us) {
            Some(true) => {}
            // Memory forgets at each boot.
            None if storage.in_memory => {}
            Some(false) if storage.on_disk => return Self::Past,
            // Two machines may share one directory; and what memory was restored with a machine or a
            // container may be of another one.
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
    use nix::unistd::Pid;

    use super::{Doubt, Identity, Numbers, Orphaned, Standing, find};
    use crate::linux::process::{Found, Stat, own_identity};

    /// How it stands with a run in memory whose file `owner` says this.
    fn standing(word: u32, owner: &Identity) -> Standing {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut bytes = word.to_ne_bytes().to_vec();
        bytes.resize(64, b'\n');
        bytes.extend(owner.to_string().bytes());
        bytes.resize(256, b'\n');
        fs::write(dir.path().join("owner"), bytes).unwrap();
        Standing::of(File::open(dir.path()).unwrap())
    }

    /// Its parent has not reaped it, so its pid still names it; and the kernel did not mark its death.
    #[test]
    fn k1q_an_owner_that_is_a_zombie_is_dead() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id().cast_signed();
        let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(Pid::from_raw(pid)), ended).unwrap();
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
        assert_eq!(past(first(us.pid_namespace, 1)), Some(false));
        assert_eq!(past(first(us.pid_namespace + 1, 1)), Some(true));
        assert_eq!(past(first(us.pid_namespace + 1, 2)), None);
        // It may be ours.
        assert_eq!(past(first(0, 1)), None);
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
            pid: 7,
            start: 8,
            boot_id: boot.to_owned(),
            pid_namespace,
            time_namespace: 1,
            clock_offset: Some(0),
        }
    }

    /// Neither a disk nor memory: it may be of another machine.
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
        // Neither knows anything: that is no agreement.
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
