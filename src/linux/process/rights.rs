//! Whose rights this process has.

use std::fmt;
use std::path::Path;

use nix::unistd::{Gid, Uid};

use crate::linux::sys;

/// Rights that this process has from its program's file, and not from whoever started it. That one
/// would choose by arguments and environment what is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Borrowed {
    /// Those of a user, the second of the two; the first started it.
    User(Uid, Uid),
    /// Those of a group.
    Group(Gid, Gid),
    /// Single ones (capabilities(7)).
    Capabilities,
}

impl Borrowed {
    /// Those that we have, if there are any.
    #[must_use]
    pub fn get() -> Option<Self> {
        // The kernel compares who asks with whose rights that gives, and says so for nothing.
        if !sys::is_secure_exec() {
            return None;
        }
        let (user, group) = (Uid::current(), Gid::current());
        if user != Uid::effective() {
            Some(Self::User(user, Uid::effective()))
        } else if group != Gid::effective() {
            Some(Self::Group(group, Gid::effective()))
        } else {
            // A security module may call an exec secure, too, that borrows nothing.
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
