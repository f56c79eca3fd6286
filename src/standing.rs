//! How a run stands: whether somebody enforces its ladder, and whether that can be told at all.

use std::os::fd::{AsFd, OwnedFd};

use crate::owner::{self, Identity, OwnerSeen};
use crate::process::{self, Found};

/// Who enforces the ladder of a run.
#[derive(Debug)]
pub enum Standing {
    /// Somebody does.
    Owned(Owned),
    /// Somebody is taking over at this moment.
    Changing,
    /// Nobody does, and whoever wants to may take over.
    Orphaned(Orphaned),
    /// Its owner is of another pid namespace, or the kernel does not tell enough of it: nobody
    /// here may signal anything of this run.
    Unverifiable(Identity),
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
        match owner::see(dir) {
            OwnerSeen::Unreadable | OwnerSeen::Spoilt => Self::Unreadable,
            OwnerSeen::Changing => Self::Changing,
            OwnerSeen::Died { owner, word } => orphaned(owner, word, &us),
            OwnerSeen::Alive {
                owner,
                word,
                watched,
            } => {
                let found = if watched {
                    found_by_kernel(&owner, &us)
                } else {
                    process::find(&owner, None, &us)
                };
                match found {
                    // A zombie is still named by its pid.
                    Found::Ours(pidfd) if process::has_ended(&pidfd) => orphaned(owner, word, &us),
                    Found::Ours(pidfd) => Self::Owned(Owned {
                        owner,
                        pidfd,
                        word,
                        watched,
                    }),
                    // A death that the kernel was not allowed to mark, or of another boot.
                    Found::Gone => orphaned(owner, word, &us),
                    Found::Unverifiable => Self::Unverifiable(owner),
                }
            }
        }
    }
}

/// Finds an owner of which the kernel itself says that it lives. Its start time is not compared:
/// in a time namespace that is another number.
fn found_by_kernel(owner: &Identity, us: &Identity) -> Found {
    match owner.is_of_boot(us) {
        Some(true) if owner.pid_namespace == us.pid_namespace => process::named(owner.pid),
        Some(true) | None => Found::Unverifiable,
        Some(false) => Found::Gone,
    }
}

fn orphaned(owner: Identity, word: u32, us: &Identity) -> Standing {
    let Some(same_boot) = owner.is_of_boot(us) else {
        return Standing::Unverifiable(owner);
    };
    let same_namespace = owner.pid_namespace == us.pid_namespace;
    let was_first = owner.pid == 1 && !same_namespace;
    if same_boot && !same_namespace && !was_first {
        return Standing::Unverifiable(owner);
    }
    let is_past = !same_boot || was_first;
    Standing::Orphaned(Orphaned {
        owner,
        word,
        is_past,
    })
}
