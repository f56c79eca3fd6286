//! How a run is, in one word.

use crate::contract::record::Phase;
use crate::contract::standing::{Doubt, Owned, Standing};
use crate::linux::process::Stat;
use crate::outside::found::Run;
use crate::words::pid::Pid;

/// What can be said of a run as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has asked all of it to stop.
    Running,
    /// All of it was asked to stop.
    Stopping,
    /// Its supervisor is stopped, by Ctrl-Z say, and with it the clocks of its ladders.
    Suspended,
    /// Nobody is left.
    Over,
    /// Its supervisor died, and this process enforces its ladders.
    TakenOver(Pid),
    /// Its supervisor died, and nobody enforces its ladders.
    OwnerDied,
    /// Nobody here can tell who enforces its ladders, for this reason.
    Unverifiable(Doubt),
    /// Its owner file cannot be read.
    Unsigned,
}

impl State {
    /// How this run is, as far as anybody here can tell.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let seen = &run.seen().run;
        match run.standing() {
            _ if seen.phase == Phase::Over => Self::Over,
            Standing::Owned(Owned { owner, .. }) if owner.pid != seen.pid => {
                Self::TakenOver(owner.pid)
            }
            Standing::Owned(owned) if is_suspended(&owned) => Self::Suspended,
            Standing::Owned(_) | Standing::Changing if seen.phase == Phase::Stopping => {
                Self::Stopping
            }
            Standing::Owned(_) | Standing::Changing => Self::Running,
            Standing::Orphaned(_) => Self::OwnerDied,
            // The kernel's mark is true in every pid namespace.
            Standing::Unverifiable(_) if run.owner_died() => Self::OwnerDied,
            Standing::Unverifiable(unknown) => Self::Unverifiable(unknown.why),
            Standing::Unreadable => Self::Unsigned,
        }
    }

    /// The word of the machine-readable output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Suspended => "suspended",
            Self::Over => "over",
            Self::TakenOver(_) => "taken_over",
            Self::OwnerDied => "owner_died",
            Self::Unverifiable(_) | Self::Unsigned => "unverifiable",
        }
    }

    /// Whether somebody may enforce its ladders, for all that is known here.
    #[must_use]
    pub const fn may_have_an_owner(self) -> bool {
        !matches!(self, Self::Over | Self::OwnerDied)
    }
}

/// A tracer stops a process at each system call: that is no suspension.
fn is_suspended(owned: &Owned) -> bool {
    Stat::of(owned.owner.pid).is_some_and(|stat| stat.state == 'T')
}
