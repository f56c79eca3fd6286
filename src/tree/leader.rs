//! The main process of a worker, and what its pid proves about other processes.

use crate::linux::process::{self, Found};

/// The main process, as a proof: its pid is also the number of its session and its group.
#[derive(Clone, Copy, Debug)]
pub enum Leader<'a> {
    /// Our child, not yet reaped.
    Unreaped,
    /// Our child, already reaped.
    Reaped,
    /// A child of a previous owner of the run.
    Stranger(&'a Found),
}

impl Leader<'_> {
    /// Whether no other session or group can have its number now.
    pub(super) fn pins(self) -> bool {
        match self {
            Self::Unreaped => true,
            Self::Stranger(Found::Ours(pidfd)) => {
                !process::has_ended(pidfd) || process::group_lives(pidfd) == Some(true)
            }
            Self::Reaped | Self::Stranger(Found::Gone | Found::Unverifiable) => false,
        }
    }

    /// Whether it can be the parent of a process.
    pub(super) fn is_there(self) -> bool {
        match self {
            Self::Unreaped => true,
            Self::Stranger(found @ Found::Ours(_)) => !found.has_ended(),
            Self::Reaped | Self::Stranger(Found::Gone | Found::Unverifiable) => false,
        }
    }
}
