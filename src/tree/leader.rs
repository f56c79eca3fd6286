//! The main process of a worker, as a proof of who else is of it.

use crate::linux::process::{self, Found};

/// The main process, as far as its number proves anything: it is that of its session and its group.
#[derive(Clone, Copy, Debug)]
pub enum Leader<'a> {
    /// Our child, which was not reaped.
    Unreaped,
    /// Our child, which was.
    Reaped,
    /// A child of an owner that is no more.
    Stranger(&'a Found),
}

impl Leader<'_> {
    /// Whether nobody else can have its number now.
    pub(super) fn pins(self) -> bool {
        match self {
            Self::Unreaped => true,
            Self::Stranger(Found::Ours(pidfd)) => {
                !process::has_ended(pidfd) || process::group_lives(pidfd) == Some(true)
            }
            Self::Reaped | Self::Stranger(Found::Gone | Found::Unverifiable) => false,
        }
    }

    /// Whether it can be the parent of anybody.
    pub(super) fn is_there(self) -> bool {
        match self {
            Self::Unreaped => true,
            Self::Stranger(found @ Found::Ours(_)) => !found.has_ended(),
            Self::Reaped | Self::Stranger(Found::Gone | Found::Unverifiable) => false,
        }
    }
}
