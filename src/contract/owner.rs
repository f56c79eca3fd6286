//! The file `owner`: who enforces the ladder of a run, and whether that thread still lives.
//!
//! Its first word is a robust futex: the kernel itself marks it when the owner dies. So there is no
//! heartbeat, no lock file and no guessing by pid. It must never be used to signal a process: what
//! it says about a pid has to be verified first.

#[cfg(feature = "cli")]
mod file;
#[cfg(feature = "cli")]
mod robust;

#[cfg(feature = "cli")]
pub use file::{OwnerFile, OwnerSeen, parse, resign, see, see_open, tid};

/// The file's name in the run's directory.
pub const FILE: &str = "owner";

/// Whether this owner word says that its thread has died (`get_robust_list(2)`, `FUTEX_OWNER_DIED`).
#[must_use]
pub const fn has_died(word: u32) -> bool {
    word & libc::FUTEX_OWNER_DIED != 0
}

/// Whether this owner word says that `thread` is alive and the owner.
#[must_use]
pub const fn is_owned_by(word: u32, thread: u32) -> bool {
    word & !libc::FUTEX_WAITERS == thread
}
