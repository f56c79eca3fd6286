//! Rights that this process has from the file of its program.

use std::fmt;
use std::path::Path;

use nix::unistd::{Gid, Uid};

use crate::linux::sys;

/// Rights that this process has from its program's file, and not from the user who started it. That
/// user could choose with arguments and the environment what is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Borrowed {
    /// The rights of a user: the first is the one who started it, the second has the rights.
    User(Uid, Uid),
    /// The rights of a group, in the same order.
    Group(Gid, Gid),
    /// Single rights (capabilities(7)).
    Capabilities,
}

impl Borrowed {
    /// The borrowed rights that we have, if any.
    #[must_use]
    pub fn get() -> Option<Self> {
        // The kernel has compared them at the exec, and telling us costs no system call.
        if !sys::is_secure_exec() {
            return None;
        }
        let (user, group) = (Uid::current(), Gid::current());
        if user != Uid::effective() {
            Some(Self::User(user, Uid::effective()))
        } else if group != Gid::effective() {
            Some(Self::Group(group, Gid::effective()))
        } else {
            // A security module may also call an exec secure that borrows no rights.
            let program = Path::new("/proc/self/exe");
            let has_some = || sys::attribute(program, c"security.capability").is_ok();
            has_some().then_some(Self::Capabilities)
        }
    }
}

impl fmt::Display for Borrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(ours, theirs) => write!(
                f,
                "started by uid {ours} with the rights of uid {theirs}, and a run belongs to one: \
                 take the setuid bit from its file, or set both"
            ),
            Self::Group(ours, theirs) => write!(
                f,
                "started by gid {ours} with the rights of gid {theirs}, and a run belongs to one: \
                 take the setgid bit from its file, or set both"
            ),
            Self::Capabilities => f.write_str(
                "started with the capabilities of its file: take them from it (setcap -r)",
            ),
        }
    }
}
